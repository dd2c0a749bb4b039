/** A feature group's table as the fold sees it: its commits, read from the log and the data files. */
import { type Batch, batchOfRows, takeRows } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { decodeKey, type EntityKey } from '../../core/keys.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { Column } from '../../core/types.ts';
import { addedRows, foldKindOf, readEntry, type RecordedEntry, rowsAppeared, rowsDisappeared } from '../../delta/changes/changes.ts';
import { commitInfoOf } from '../../delta/actions/commit-info.ts';
import { candidateFiles } from '../../delta/rows/probe.ts';
import { commitTime } from '../../delta/snapshot/time-travel.ts';
import { type FileRows, readFile, type ReadDeps } from '../../delta/rows/read.ts';
import { identityOver } from '../../delta/rows/row-identity.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import type { DeltaTable } from '../../delta/table.ts';
import type { FoldCommit, FoldSource } from '../../online/fold-source.ts';

/** A merge this process has just committed, its rows in memory: nothing is read back for it. */
export function knownMerge(commit: { readonly version: number; readonly committedAt: number; readonly rows: Batch }): FoldCommit {
  return { kind: 'merge', version: commit.version, committedAt: commit.committedAt, rows: () => once(commit.rows) };
}

export function foldSourceOf(deps: ReadDeps, table: DeltaTable, options: { readonly keyColumns: readonly Column[] }): FoldSource {
  return {
    tableId: table.snapshot.metadata.id,
    head: async () => (await table.refresh()).version,
    commits: async (after, to) => {
      // Columns another process added are known only from the commits up to there.
      if (table.snapshot.version < to) await table.refresh();
      const versions = Array.from({ length: Math.max(0, to - after) }, (_, i) => after + 1 + i);
      const entries = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, table.root, version));
      const commits: FoldCommit[] = [];
      for (const [i, version] of versions.entries()) commits.push(commitOf(deps, table, { version, entry: entries[i], previous: commits.at(-1)?.committedAt }));
      return commits;
    },
    allRowsAt: (version) => allRowsAt(deps, table, version),
    rowsAt: (version, keys) => rowsAt(deps, table, { version, keys, keyColumns: options.keyColumns }),
  };
}

function commitOf(
  deps: ReadDeps,
  table: DeltaTable,
  { version, entry, previous }: { readonly version: number; readonly entry: RecordedEntry | undefined; readonly previous: number | undefined },
): FoldCommit {
  if (entry === undefined) {
    throw new LakefoldError('HISTORY_EXPIRED', `expected version ${version} of ${table.root} in the log, found nothing there`, {
      context: { version, reason: 'RETENTION' },
    });
  }
  const committedAt = commitTime(commitInfoOf(entry.actions), entry.modifiedAt, previous);
  const at = { root: table.root, snapshot: table.snapshot, before: () => table.at({ version: version - 1 }) };
  const { columns } = table.snapshot;
  const head = { version, committedAt };
  switch (foldKindOf(entry.actions)) {
    case 'none':
      return { ...head, kind: 'none' };
    case 'merge':
      return { ...head, kind: 'merge', rows: () => batches(addedRows(deps, at, entry.actions, columns)) };
    case 'edit':
      return {
        ...head,
        kind: 'edit',
        rows: () => batches(rowsAppeared(deps, at, entry.actions, columns)),
        removed: () => batches(rowsDisappeared(deps, at, entry.actions, columns)),
      };
  }
}

async function* allRowsAt(deps: ReadDeps, table: DeltaTable, version: number): AsyncIterable<Batch> {
  const snapshot = await table.at({ version });
  for (const file of snapshot.files.values()) yield* batches(readFile(deps, { root: table.root, snapshot, file }, { columns: snapshot.columns }));
}

async function* rowsAt(
  deps: ReadDeps,
  table: DeltaTable,
  request: { readonly version: number; readonly keys: readonly EntityKey[]; readonly keyColumns: readonly Column[] },
): AsyncIterable<Batch> {
  const names = request.keyColumns.map((column) => column.name);
  if (names.length === 0) {
    yield* allRowsAt(deps, table, request.version);
    return;
  }
  const snapshot = await table.at({ version: request.version });
  const types = request.keyColumns.map((column) => column.type);
  const wantedRows = batchOfRows(
    request.keyColumns,
    request.keys.map((key) => decodeKey(types, key)),
  );
  const wantedIdentity = identityOver(wantedRows, names);
  const wanted = new Set(Array.from({ length: wantedRows.rowCount }, (_, i) => wantedIdentity(i)));
  for (const file of candidateFiles(snapshot, { batch: wantedRows, identityColumns: names })) {
    yield* matching(deps, { root: table.root, snapshot, file }, { names, wanted });
  }
}

async function* matching(
  deps: ReadDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: Parameters<typeof readFile>[1]['file'] },
  { names, wanted }: { readonly names: readonly string[]; readonly wanted: ReadonlySet<string | undefined> },
): AsyncIterable<Batch> {
  for await (const { batch } of readFile(deps, target, { columns: target.snapshot.columns })) {
    const identityOf = identityOver(batch, names);
    const indices = Array.from({ length: batch.rowCount }, (_, i) => i).filter((i) => wanted.has(identityOf(i)));
    if (indices.length > 0) yield takeRows(batch, indices);
  }
}

async function* batches(rows: AsyncIterable<FileRows>): AsyncIterable<Batch> {
  for await (const { batch } of rows) yield batch;
}

async function* once(batch: Batch): AsyncIterable<Batch> {
  yield batch;
}
