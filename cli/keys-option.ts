/** Keys in the file of `--file`, as NDJSON. */
import { LakefoldError } from '../lib/core/errors.ts';
import { type Json, parseJson, stringifyJson } from '../lib/core/json.ts';
import type { CommandContext } from './command.ts';
import { rowsOption } from './option-values.ts';
import { linesOf } from './output.ts';

/** @throws LakefoldError MALFORMED_FILE naming the line that is no JSON */
export async function keysOption(context: CommandContext): Promise<readonly Json[]> {
  const file = await rowsOption({
    terminal: context.terminal,
    args: { ...context.args, text: (name) => (name === 'format' ? 'ndjson' : context.args.text(name)) },
  });
  const keys: Json[] = [];
  for await (const line of linesOf(oneChunk(file.bytes))) keys.push(parseKey(line, keys.length));
  return keys;
}

async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function parseKey(line: string, row: number): Json {
  try {
    return parseJson(line);
  } catch (cause) {
    throw new LakefoldError('MALFORMED_FILE', `expected a key as JSON in row ${row}, found ${stringifyJson(line.slice(0, 80))}`, { cause, context: { row } });
  }
}
