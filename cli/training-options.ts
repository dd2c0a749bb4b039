/** Options of `td create` as the body of its route. */
import { extname, resolve } from 'node:path';
import { LakefoldError } from '../lib/core/errors.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../lib/core/json.ts';
import { usageError, type OptionSpecs } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { bytesOfFile, given, jsonOption } from './option-values.ts';
import { linesOf } from './output.ts';
import { listOf, text } from './render.ts';

export const TRAINING_OPTIONS = {
  spine: {
    kind: 'text',
    value: 'F|JSON',
    help: "the rows to build for: .parquet, .arrow, .csv, .ndjson, .json, or JSON as the route takes it; without it the view's root",
  },
  'start-time': { kind: 'text', value: 'TIME', help: "of a root's event times, included" },
  'end-time': { kind: 'text', value: 'TIME', help: "of a root's event times, not included" },
  'label-time': { kind: 'text', value: 'COLUMN', help: "another label time than the view's" },
  'as-of-time': { kind: 'text', value: 'TIME', help: 'the groups as they stood at this instant' },
  'known-as-of': { kind: 'text', value: 'labelTime|TIME', help: 'only what had been ingested by then' },
  'expired-history': { kind: 'text', value: 'error|absent', help: 'what a version no longer kept means' },
  pin: { kind: 'list', value: 'GROUP[/V]=VERSION', help: 'read this group at this version' },
  pins: { kind: 'text', value: 'JSON|@FILE', help: 'the same as JSON: {"airport_delays/1":42}' },
  'on-invalid-row': { kind: 'text', value: 'error|null', help: 'what a spine row without label time means' },
  'on-function-error': { kind: 'text', value: 'error|null', help: 'what a function that throws means' },
  'drop-missing': { kind: 'flag', help: 'leave out rows that lack a feature' },
  where: { kind: 'text', value: 'JSON|@FILE', help: 'keep rows that pass a filter' },
  diagnostics: { kind: 'flag', help: "add the age of every join's row" },
  transform: { kind: 'flag', help: "apply the view's transforms (default); --no-transform leaves values as they are" },
  format: { kind: 'text', value: 'parquet|csv|arrow|tfrecord|ndjson', help: 'default parquet' },
  statistics: { kind: 'flag', help: 'with statistics (default)' },
  description: { kind: 'text', value: 'TEXT', help: 'what it is for' },
  split: { kind: 'text', value: 'train=0.8,test=0.2', help: 'random parts, or JSON as the route takes it' },
  'split-by': { kind: 'text', value: 'COLUMN', help: 'keep rows of one value in one part' },
  seed: { kind: 'text', value: 'N', help: 'of the random parts' },
} as const satisfies OptionSpecs;

/** @throws LakefoldError usage errors, INVALID_ARGUMENT for a file that can't be read */
export async function trainingBody(context: CommandContext, view: JsonObject): Promise<JsonObject> {
  const { args } = context;
  return given<Json>({
    spine: await spineOption(context),
    startTime: args.text('start-time'),
    endTime: args.text('end-time'),
    labelTime: args.text('label-time'),
    asOfTime: args.text('as-of-time'),
    knownAsOf: args.text('known-as-of'),
    expiredHistory: args.text('expired-history'),
    pins: await pinsOption(context, view),
    onInvalidRow: args.text('on-invalid-row'),
    onFunctionError: args.text('on-function-error'),
    dropMissing: args.flag('drop-missing'),
    where: await jsonOption(context, 'where'),
    diagnostics: args.flag('diagnostics'),
    transform: args.flag('transform'),
    format: args.text('format'),
    statistics: args.flag('statistics'),
    description: args.text('description'),
    split: await splitOption(context),
  });
}

/** `--spine`: a file read here for a deployment, named to a store of this machine. @throws LakefoldError a usage error, UNSUPPORTED_OPERATION */
export async function spineOption({ args, session, terminal }: CommandContext): Promise<Json | undefined> {
  const spine = args.text('spine');
  if (spine === undefined) return undefined;
  if (spine.startsWith('{')) return jsonOption({ args, terminal }, 'spine');
  const format = extname(spine)
    .slice(1)
    .toLowerCase()
    .replace(/^jsonl$/, 'ndjson');
  if (!['parquet', 'arrow', 'csv', 'ndjson', 'json'].includes(format))
    throw usageError(`expected a spine that ends in .parquet, .arrow, .csv, .ndjson or .json, found ${JSON.stringify(spine)}`);
  const isRemote = /^[a-z][a-z0-9+.-]+:\/\//i.test(spine);
  if (isRemote) return { source: spine, format };
  if (format === 'json') return { rows: listOf(rowsOf(parseJson(await bytesOfFile(terminal.cwd, spine)))) };
  if (session.endpoint === undefined) return { source: resolve(terminal.cwd, spine), format };
  if (format !== 'ndjson')
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a spine as NDJSON or JSON, or one the server can read, found ${spine} on this machine`, {
      context: { field: 'spine' },
    });
  const rows: Json[] = [];
  for await (const line of linesOf(oneChunk(await bytesOfFile(terminal.cwd, spine)))) rows.push(parseJson(line));
  return { rows };
}

function rowsOf(json: Json): Json {
  return isJsonObject(json) ? (json['rows'] ?? []) : json;
}

/** `--pin` or `--pins`. @throws LakefoldError a usage error */
export async function pinsOption(context: CommandContext, view: JsonObject): Promise<Json | undefined> {
  const pairs = context.args.list('pin');
  if (pairs.length === 0) return jsonOption(context, 'pins');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, group = '', version = ''] = /^([^=]+)=(\d{1,15})$/.exec(pair) ?? [];
      if (group === '') throw usageError(`expected --pin GROUP[/V]=VERSION, found ${JSON.stringify(pair)}`);
      return [group.includes('/') ? group : `${group}/${versionInView(view, group)}`, Number(version)];
    }),
  );
}

function versionInView(view: JsonObject, group: string): string {
  const versions = new Set(
    listOf(view['joins'])
      .filter(isJsonObject)
      .filter((join) => join['featureGroup'] === group)
      .map((join) => text(join['version'])),
  );
  const [version] = versions;
  if (version === undefined) throw usageError(`expected a group of the view after --pin, found ${JSON.stringify(group)}`);
  if (versions.size > 1) throw usageError(`expected --pin ${group}/V=VERSION: the view joins versions ${[...versions].join(' and ')}`);
  return version;
}

async function splitOption(context: CommandContext): Promise<Json | undefined> {
  const { args } = context;
  const split = args.text('split');
  const [by, seed] = [args.text('split-by'), args.integer('seed')];
  if (split === undefined) {
    if (by !== undefined || seed !== undefined) throw usageError('expected --split with --split-by and --seed');
    return undefined;
  }
  if (split.startsWith('{') || split.startsWith('@')) return jsonOption(context, 'split');
  const fractions = Object.fromEntries(
    split.split(',').map((part) => {
      const [, name = '', fraction = ''] = /^([a-z][a-z0-9_]*)=(0?\.\d+|1|1\.0+|0)$/.exec(part.trim()) ?? [];
      if (name === '') throw usageError(`expected --split name=fraction,…, found ${JSON.stringify(part)}`);
      return [name, Number(fraction)];
    }),
  );
  return given<Json>({ type: 'random', fractions, by, seed });
}

async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
