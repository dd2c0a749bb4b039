/**
 * Every golden table, by name: rows equal to the expected ones, or the code it is refused with. A table that is not in
 * the list is held to what its folder promises, so that tables kept elsewhere need no entry.
 */
import { describe, expect, it } from 'vitest';
import { type ErrorKind, isLakefoldError } from '../../../lib/core/errors.ts';
import type { Batch } from '../../../lib/core/batch.ts';
import { readRows } from '../../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { batchLines } from '../../support/row-lines.ts';
import { expectedRows } from '../expected-rows.ts';
import { allTables, expectedFolder, goldenTable, HAS_GOLDEN_TABLES } from '../golden-tables.ts';

const codec = openParquetCodec();

type Outcome =
  /** Rows equal to the expected ones at the version, but for these columns. */
  | { readonly kind: 'rows'; readonly except?: readonly string[] }
  /** So many rows at the newest version; their values are judged beside other engines. */
  | { readonly kind: 'count'; readonly version: number; readonly rows: number }
  /** So many live files, which are not there. */
  | { readonly kind: 'log'; readonly version: number; readonly files: number }
  | { readonly kind: 'refused'; readonly code: string };

const refused = (code: string): Outcome => ({ kind: 'refused', code });
const count = (version: number, rows: number): Outcome => ({ kind: 'count', version, rows });
const log = (version: number, files: number): Outcome => ({ kind: 'log', version, files });

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  // Written in the zone of its writer, which nothing in the table tells; other engines read it as we do.
  'data-reader-partition-values': { kind: 'rows', except: ['as_timestamp'] },
  // Live files at absolute paths that are not the table's.
  'canonicalized-paths-normal-a': refused('PATH_OUTSIDE_TABLE'),
  'canonicalized-paths-normal-b': refused('PATH_OUTSIDE_TABLE'),
  'canonicalized-paths-special-a': refused('PATH_OUTSIDE_TABLE'),
  'deltalog-invalid-protocol-version': refused('INVALID_PROTOCOL'),
  'deltalog-state-reconstruction-from-checkpoint-missing-protocol': refused('LOG_MISSING_PROTOCOL'),
  'deltalog-state-reconstruction-without-metadata': refused('LOG_MISSING_METADATA'),
  'no-delta-log-folder': refused('TABLE_NOT_FOUND'),
  'versions-not-contiguous': refused('LOG_GAP'),
  checkpoint: log(14, 1),
  'delete-re-add-same-file-different-transactions': log(3, 2),
  'deltalog-commit-info': log(0, 1),
  'update-deleted-directory': log(0, 10),
  '_without_expected/app-txn-checkpoint': count(1, 22),
  '_without_expected/cdf-table': count(3, 9),
  '_without_expected/cdf-table-data-change': count(1, 10),
  '_without_expected/cdf-table-partitioned': count(2, 2),
  '_without_expected/cdf-table-simple': count(2, 0),
  '_without_expected/cdf-table-update-ops': count(2, 10),
  '_without_expected/cdf-table-with-dv': count(6, 10),
  // Spark replays its compaction files forwards and answers 23.
  '_without_expected/compacted-log-files-table': count(25, 5),
  '_without_expected/crc-full': count(0, 0),
  '_without_expected/external-table-different-nullability': count(5, 7),
  '_without_expected/mixed-nulls': count(0, 15),
  '_without_expected/stats-writing-all-types': count(1, 4),
  '_without_expected/table-with-dv-small': count(1, 8),
  '_without_expected/timestamp-truncation-stats': count(2, 6),
  '_without_expected/type-widening': count(2, 2),
  '_without_expected/v1-multi-part-struct-stats-only': count(5, 5),
  '_without_expected/v2-checkpoints-json-with-sidecars': count(6, 1233),
  '_without_expected/v2-checkpoints-parquet-without-sidecars': count(2, 11),
  '_without_expected/v2-classic-checkpoint-json': count(1, 20),
  '_without_expected/v2-json-sidecars-struct-stats-only': count(5, 5),
  '_without_expected/void-column': count(0, 3),
  '_without_expected/with-short-dv': count(0, 7),
};

const BROKEN_NAME = /invalid-protocol|missing-(?:protocol|metadata)|without-(?:protocol|metadata)|not-contiguous|no-delta-log/;
const BROKEN_KINDS: readonly ErrorKind[] = ['corrupt', 'unsupported', 'not_found'];

/** What an unlisted table must do: be equal to its expected rows; be refused where its name says it is broken. */
function promiseOf(name: string): Outcome | { readonly kind: 'broken' } | { readonly kind: 'readable' } {
  const listed = OUTCOMES[name];
  if (listed !== undefined) return listed;
  if (expectedFolder(name) !== undefined) return { kind: 'rows' };
  return { kind: BROKEN_NAME.test(name) ? 'broken' : 'readable' };
}

async function readTable(name: string): Promise<{ readonly version: number; readonly batches: readonly Batch[]; readonly columns: Batch['columns'] }> {
  const store = await goldenTable(name);
  const snapshot = await loadSnapshot({ store, codec }, '');
  const batches: Batch[] = [];
  for await (const batch of readRows({ store, codec }, { root: '', snapshot })) batches.push(batch);
  return { version: snapshot.version, batches, columns: snapshot.columns };
}

function without(batch: Batch, names: readonly string[]): Batch {
  const kept = batch.columns.flatMap(({ name }, i) => (names.includes(name) ? [] : [i]));
  return { ...batch, columns: kept.flatMap((i) => batch.columns[i] ?? []), vectors: kept.flatMap((i) => batch.vectors[i] ?? []) };
}

/** The error of a read, undefined when there is none. */
async function faultOf(name: string): Promise<unknown> {
  return readTable(name).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.skipIf(!HAS_GOLDEN_TABLES)('golden tables', () => {
  it.each(allTables())('%s', async (name) => {
    const outcome = promiseOf(name);
    if (outcome.kind === 'refused') {
      await expect(readTable(name)).rejects.toMatchObject({ code: outcome.code });
      return;
    }
    if (outcome.kind === 'broken' || outcome.kind === 'readable') {
      const fault = await faultOf(name);
      if (fault === undefined && outcome.kind === 'readable') return;
      expect(isLakefoldError(fault) ? fault.kind : fault).toSatisfy((kind) => BROKEN_KINDS.includes(kind as ErrorKind));
      return;
    }
    if (outcome.kind === 'log') {
      const snapshot = await loadSnapshot({ store: await goldenTable(name), codec }, '');
      expect({ version: snapshot.version, files: snapshot.files.size }).toEqual({ version: outcome.version, files: outcome.files });
      await expect(readTable(name)).rejects.toMatchObject({ code: 'FILE_MISSING' });
      return;
    }
    const { version, batches, columns } = await readTable(name);
    if (outcome.kind === 'count') {
      expect({ version, rows: batches.reduce((sum, batch) => sum + batch.rowCount, 0) }).toEqual({ version: outcome.version, rows: outcome.rows });
      return;
    }
    const except = outcome.except ?? [];
    const expected = await expectedRows(
      expectedFolder(name) ?? '',
      columns.filter((column) => !except.includes(column.name)),
    );
    expect(batchLines(batches.map((batch) => without(batch, except)))).toEqual(batchLines([expected]));
  });
});
