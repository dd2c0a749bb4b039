/** `table describe`, `table read`, `table history`, `table files`: any Delta table on this machine or in S3. */
import type { Batch } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { stringifyJson } from '../../lib/core/json.ts';
import { formatMillis } from '../../lib/core/time.ts';
import type { Column } from '../../lib/core/types.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { Filter } from '../../lib/delta/filter/filter.ts';
import { oldestEntry, readHistory, type CommitRecord } from '../../lib/delta/snapshot/history.ts';
import { type ReadOptions, readRows, selectColumns } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../lib/delta/snapshot/snapshot-state.ts';
import { expiredOr } from '../../lib/delta/maintain/vacuum.ts';
import { parseFilter } from '../../lib/delta/filter/parse-filter.ts';
import { tableFiles } from '../../lib/store/table-files.ts';
import type { Command } from '../command.ts';
import { describeTable, openLocalTable, tableAsOf, tablePlace, type LocalTable } from '../local-table.ts';
import { given, jsonOption } from '../option-values.ts';
import { printRows, rowsTarget } from '../print-rows.ts';
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
    format: { kind: 'text', value: 'ndjson|csv|parquet|arrow', help: 'default: by the ending of --out, else NDJSON' },
    out: { kind: 'text', value: 'FILE', help: 'write the rows there and print what was written' },
  },
  example: 'lakefold table read ./flights --as-of 3 --limit 10',
  run: async (context) => {
    const { args } = context;
    const target = rowsTarget(context);
    const where = await jsonOption(context, 'where');
    const { deps } = await tablePlace(context, 'open');
    // Of files that hold no such row by their partition the log is not even parsed.
    const filter = where === undefined ? undefined : (all: readonly Column[]): Filter => parseFilter(where, all);
    const snapshot = await loadSnapshot(deps, '', tableAsOf(context), given({ where: filter }));
    const columns = args.names('columns') ?? snapshot.columns.map((column) => column.name);
    const rows = keptRows({ deps, snapshot }, given({ columns, limit: args.integer('limit'), where: filter?.(snapshot.columns) }));
    const chunks = encodeRows(deps.codec, { columns: selectColumns(snapshot, columns), rows }, target.format);
    await printRows(context, chunks, { ...target, version: snapshot.version });
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
    await context.output.rows(ndjson(tableFiles(local.deps, local.table.root, snapshot)));
  },
};

export const tableReadCommands: readonly Command[] = [describe, read, history, files];

/** @throws LakefoldError HISTORY_EXPIRED where a file is gone that only an earlier version has */
async function* keptRows({ deps, snapshot }: { readonly deps: DeltaDeps; readonly snapshot: Snapshot }, options: ReadOptions): AsyncIterable<Batch> {
  try {
    yield* readRows(deps, { root: '', snapshot }, options);
  } catch (error) {
    if (!isLakefoldError(error, 'FILE_MISSING')) throw error;
    throw expiredOr(error, { root: '', location: deps.store.location, snapshot, head: await loadSnapshot(deps, '') });
  }
}

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
  return { version, committedAt: formatMillis(committedAt), ...record, idempotencyKey: null, schemaVersion: null, readable: true };
}

async function* ndjson(lines: AsyncIterable<object>): AsyncIterable<Uint8Array> {
  for await (const line of lines) yield utf8(`${stringifyJson(line)}\n`);
}
