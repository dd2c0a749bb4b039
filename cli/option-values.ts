/** Values of options beyond plain words: JSON or `@file`, versions or instants, files of rows. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { isLakefoldError, LakefoldError } from '../lib/core/errors.ts';
import { parseJson, type Json } from '../lib/core/json.ts';
import { parseInstant } from '../lib/core/time.ts';
import { usageError } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { readInput } from './terminal.ts';

export type RowsFormat = 'json' | 'ndjson' | 'csv' | 'parquet' | 'arrow';

const FORMATS: Readonly<Record<string, RowsFormat>> = {
  '.json': 'json',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.csv': 'csv',
  '.parquet': 'parquet',
  '.arrow': 'arrow',
  '.arrows': 'arrow',
};
const MEDIA_TYPES: Readonly<Record<RowsFormat, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
  arrow: 'application/vnd.apache.arrow.stream',
};

/** The JSON of an option, in place or of a file (`@file`). @throws LakefoldError a usage error when it is none */
export async function jsonOption({ args, terminal }: Pick<CommandContext, 'args' | 'terminal'>, name: string): Promise<Json | undefined> {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const json = text.startsWith('@') ? await bytesOfFile(terminal.cwd, text.slice(1)) : text;
  try {
    return parseJson(json);
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    throw usageError(`expected JSON as --${name}: ${error.message}`);
  }
}

/** `3` or `2001-02-01T00:00:00Z`, as routes take it. @throws LakefoldError a usage error */
export function asOfOption(text: string | undefined): { readonly version: number } | { readonly instant: string } | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return { version: Number(text) };
  if (parseInstant(text).kind === 'fault') throw usageError(`expected a version or an RFC 3339 instant with offset as --as-of, found ${JSON.stringify(text)}`);
  return { instant: text };
}

export interface RowsFile {
  readonly format: RowsFormat;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The rows of `--file`, `-` being stdin; the format by `--format` or the name's ending. @throws LakefoldError a usage error, INVALID_ARGUMENT when it can't be read */
export async function rowsOption({ args, terminal }: Pick<CommandContext, 'args' | 'terminal'>): Promise<RowsFile> {
  const file = args.required('file');
  const format = formatOf(args.text('format'), file);
  return { format, mediaType: MEDIA_TYPES[format], bytes: file === '-' ? await readInput(terminal.stdin) : await bytesOfFile(terminal.cwd, file) };
}

function formatOf(given: string | undefined, file: string): RowsFormat {
  if (given !== undefined) {
    const format = Object.values(FORMATS).find((candidate) => candidate === given);
    if (format === undefined) throw usageError(`expected json, ndjson, csv, parquet or arrow as --format, found ${JSON.stringify(given)}`);
    return format;
  }
  const format = FORMATS[extname(file).toLowerCase()];
  if (format === undefined)
    throw usageError(
      file === '-'
        ? 'expected --format with --file -'
        : `expected --format, or a file that ends in ${Object.keys(FORMATS).join(', ')}, found ${JSON.stringify(file)}`,
    );
  return format;
}

/** @throws LakefoldError INVALID_ARGUMENT naming the file when it can't be read */
export async function bytesOfFile(cwd: string, file: string): Promise<Uint8Array> {
  const path = resolve(cwd, file);
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected a file that can be read, found ${path}: ${cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)}`,
      { cause, context: { path } },
    );
  }
}

/** `{ name: value }` of those that are not undefined. */
export function given<Value>(members: Readonly<Record<string, Value | undefined>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
