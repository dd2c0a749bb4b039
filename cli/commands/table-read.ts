/** `table describe`, `table read`, `table history`, `table files`: any Delta table on this machine or in S3. */
import { resolve } from 'node:path';
import { utf8 } from '../../lib/core/bytes.ts';
import { isJsonObject, parseJson, stringifyJson, type Json } from '../../lib/core/json.ts';
import { formatMillis } from '../../lib/core/time.ts';
import type { AddFile } from '../../lib/delta/actions.ts';
import { oldestEntry, readHistory, type CommitRecord } from '../../lib/delta/history.ts';
import { fileRowCount } from '../../lib/delta/live-rows.ts';
import { readRows, selectColumns } from '../../lib/delta/read.ts';
import type { Snapshot } from '../../lib/delta/snapshot-state.ts';
import { parseFilter } from '../../lib/delta/parse-filter.ts';
import { usageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { describeTable, openLocalTable, tableAsOf, type LocalTable } from '../local-table.ts';
import { given, jsonOption } from '../option-values.ts';
import { printRows, rowsFormatOption } from '../print-rows.ts';
import { definitionText } from '../render.ts';
import { encodeRows } from '../table-rows.ts';

const AS_OF = { kind: 'text', value: 'VERSION|TIME', help: 'the table as it stood at a version or an RFC 3339 instant' } as const;
/** Entries of the log read at a time. */
const HISTORY_WINDOW = 64;

const describe: Command = {
  name: 'table describe',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Prints schema, protocol, properties and size of a Delta table.',
  options: { 'as-of': AS_OF },
  example: 'lakefold table describe ./flights',
  run: async (context) => {
    const local = await openLocalTable(context);
    const body = await describeTable(local, await local.table.at(tableAsOf(context)));
    await context.output.value(body, (paint) => definitionText(body, paint));
  },
};

const read: Command = {
  name: 'table read',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Reads rows of a Delta table, now or as they were.',
  options: {
    'as-of': AS_OF,
    columns: { kind: 'text', value: 'A,B', help: 'these columns, in this order' },
    where: { kind: 'text', value: 'JSON|@FILE', help: 'rows that pass a filter: {"column":"n","op":">","value":3}' },
    limit: { kind: 'text', value: 'N', help: 'at most so many rows' },
    format: { kind: 'text', value: 'ndjson|csv|parquet', help: 'default: by the ending of --out, else NDJSON' },
    out: { kind: 'text', value: 'FILE', help: 'write the rows there and print what was written' },
  },
  example: 'lakefold table read ./flights --as-of 3 --limit 10',
  run: async (context) => {
    const { args, terminal } = context;
    const out = args.text('out');
    const format = rowsFormatOption(args.text('format'), out);
    if (format === 'parquet' && out === undefined && terminal.stdout.isTTY === true)
      throw usageError('expected --out with --format parquet: a screen cannot show it');
    const where = await jsonOption(context, 'where');
    const local = await openLocalTable(context);
    const snapshot = await local.table.at(tableAsOf(context));
    const columns = args.names('columns') ?? snapshot.columns.map((column) => column.name);
    const rows = readRows(
      local.deps,
      { root: local.table.root, snapshot },
      given({ columns, limit: args.integer('limit'), where: where === undefined ? undefined : parseFilter(where, snapshot.columns) }),
    );
    await printRows(context, encodeRows(local.deps.codec, { columns: selectColumns(snapshot, columns), rows }, format), {
      format,
      version: snapshot.version,
      out: out === undefined ? undefined : { path: resolve(terminal.cwd, out), shown: out },
    });
  },
};

const history: Command = {
  name: 'table history',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Lists the commits of a Delta table, newest first.',
  options: { limit: { kind: 'text', value: 'N', help: 'at most so many' } },
  example: 'lakefold table history ./flights',
  run: async (context) => {
    const local = await openLocalTable(context);
    const limit = context.args.integer('limit') ?? Number.POSITIVE_INFINITY;
    await context.output.rows(ndjson(historyLines(local, limit)));
  },
};

const files: Command = {
  name: 'table files',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Lists the live files of a Delta table.',
  options: { 'as-of': AS_OF },
  example: 'lakefold table files ./flights',
  run: async (context) => {
    const local = await openLocalTable(context);
    const snapshot = await local.table.at(tableAsOf(context));
    await context.output.rows(ndjson(fileLines(local, snapshot)));
  },
};

export const tableReadCommands: readonly Command[] = [describe, read, history, files];

async function* historyLines({ deps, table }: LocalTable, limit: number): AsyncIterable<object> {
  const oldest = await oldestEntry(deps, table.root);
  let left = limit;
  for (let to: number = (await table.refresh()).version; to >= oldest && left > 0; to -= HISTORY_WINDOW) {
    const records = await readHistory(deps, table.root, { from: Math.max(oldest, to - HISTORY_WINDOW + 1), to });
    for (const record of records.toReversed().slice(0, left)) yield commitLine(record);
    left -= records.length;
  }
}

function commitLine({ requests: _requests, committedAt, version, ...record }: CommitRecord): object {
  return { version, committedAt: formatMillis(committedAt), ...record, idempotencyKey: null, schemaVersion: null, validationReportId: null, readable: true };
}

async function* fileLines({ deps, table }: LocalTable, snapshot: Snapshot): AsyncIterable<object> {
  for (const file of snapshot.files.values()) {
    yield {
      path: file.path,
      size: file.size,
      rows: await fileRowCount(deps, { root: table.root, snapshot, file }),
      partitionValues: partitionValues(snapshot, file),
      stats: statsOf(file),
      deletionVector: file.deletionVector === undefined ? null : { cardinality: file.deletionVector.cardinality },
    };
  }
}

/** By logical names; the log has physical ones. */
function partitionValues(snapshot: Snapshot, file: AddFile): Readonly<Record<string, string | null>> {
  const names = new Set(snapshot.metadata.partitionColumns);
  return Object.fromEntries(
    snapshot.columns.filter(({ name }) => names.has(name)).map(({ name, physicalName }) => [name, file.partitionValues[physicalName] ?? null]),
  );
}

function statsOf(file: AddFile): Json {
  const stats = file.stats === undefined ? null : parseJson(file.stats);
  return isJsonObject(stats) ? stats : {};
}

async function* ndjson(lines: AsyncIterable<object>): AsyncIterable<Uint8Array> {
  for await (const line of lines) yield utf8(`${stringifyJson(line)}\n`);
}
