/** Makes an earlier version's rows the newest again, as a new commit; never an older schema (semantics §5). */
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { PLAN_AGE_MAX_MILLIS, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import { formatType, typesEqual } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import type { PlannedWrite } from './commit.ts';
import { READS_NOTHING } from './conflict.ts';
import { readDeletionVector } from '../rows/deletion-vector.ts';
import type { DeltaDeps } from '../deps.ts';
import { fileRowCount } from '../statistics/live-rows.ts';
import { isSameFile, pathsOf, removeOf } from './removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { tombstoneKey } from '../snapshot/replay.ts';
import { deletedFileRetentionMillis } from '../schema/table-properties.ts';
import { NO_ROWS } from './write-outcome.ts';

/** A planner of the restore for `commitWrite`. @throws LakefoldError HISTORY_EXPIRED when a file of the version is gone */
export function restorePlanner(deps: DeltaDeps, root: string, earlier: Snapshot): (snapshot: Snapshot) => Promise<PlannedWrite> {
  // A file on both sides differs by the rows that one of its deletion vectors hides and the other does not.
  const rowsOnlyIn = async (
    table: { readonly root: string; readonly snapshot: Snapshot },
    files: readonly AddFile[],
    others: ReadonlyMap<string, AddFile>,
  ): Promise<number> => {
    const counts = await mapConcurrent(files, { concurrencyMax: STORE_READ_CONCURRENCY }, async (file) => {
      const other = others.get(file.path);
      return other === undefined
        ? fileRowCount(deps, { ...table, file })
        : hiddenOnlyBy(deps, root, { vector: other.deletionVector, other: file.deletionVector });
    });
    return counts.reduce((sum, count) => sum + count, 0);
  };
  return async (snapshot) => {
    assertSameTypes(snapshot, earlier);
    const at = deps.clock.now();
    const removed = [...snapshot.files.values()].filter((file) => !isSameFile(file, earlier.files.get(file.path)));
    const restored = [...earlier.files.values()].filter((file) => !isSameFile(file, snapshot.files.get(file.path)));
    assertKept({ snapshot, version: earlier.version }, restored, at);
    await assertPresent(deps, { root, version: earlier.version }, restored);
    return {
      kind: 'write',
      fold: removed.length === 0 && restored.length === 0 ? 'none' : 'edit',
      operation: 'RESTORE',
      isBlindAppend: false,
      basis: { kind: 'restore', reads: READS_NOTHING },
      actions: [...removed.map((file) => removeOf(file, { at, dataChange: true })), ...restored.map((file) => ({ ...file, dataChange: true }))],
      operationParameters: { version: String(earlier.version) },
      counts: {
        ...NO_ROWS,
        rowsInserted: await rowsOnlyIn({ root, snapshot: earlier }, restored, snapshot.files),
        rowsDeleted: await rowsOnlyIn({ root, snapshot }, removed, earlier.files),
      },
    };
  };
}

// A file whose column is narrower than the table's can be read by us, not by every engine.
function assertSameTypes(snapshot: Snapshot, earlier: Snapshot): void {
  for (const column of snapshot.columns) {
    const before = earlier.columns.find(({ physicalName }) => physicalName === column.physicalName);
    if (before === undefined || typesEqual(before.type, column.type)) continue;
    throw new LakefoldError(
      'UNSUPPORTED_OPERATION',
      `expected a version whose columns have the types of today, found ${column.name} as ${formatType(before.type)} in version ${earlier.version}, ${formatType(column.type)} now`,
      { context: { version: earlier.version, column: column.name } },
    );
  }
}

async function hiddenOnlyBy(
  deps: DeltaDeps,
  root: string,
  pair: { readonly vector: AddFile['deletionVector']; readonly other: AddFile['deletionVector'] },
): Promise<number> {
  const positionsOf = async (vector: AddFile['deletionVector']): Promise<readonly number[]> =>
    vector === undefined ? [] : [...(await readDeletionVector(deps, root, vector))];
  const others = new Set(await positionsOf(pair.other));
  return (await positionsOf(pair.vector)).filter((position) => !others.has(position)).length;
}

// A vacuum may be about to delete what has expired: until the commit is there it does not know better.
function assertKept(target: { readonly snapshot: Snapshot; readonly version: number }, files: readonly AddFile[], now: number): void {
  const { snapshot, version } = target;
  const retention = deletedFileRetentionMillis(snapshot.metadata);
  const oldest = now - retention + Math.min(PLAN_AGE_MAX_MILLIS, retention / 2);
  const expired = files.find((file) => {
    const tombstone = snapshot.tombstones.get(tombstoneKey(file));
    return tombstone === undefined || (tombstone.deletionTimestamp ?? now) < oldest;
  });
  if (expired === undefined) return;
  throw new LakefoldError('HISTORY_EXPIRED', `expected every file of version ${version} to be kept for a while, but ${expired.path} may be deleted any time`, {
    context: { version, path: expired.path, reason: 'RETENTION' },
  });
}

async function assertPresent(deps: DeltaDeps, target: { readonly root: string; readonly version: number }, files: readonly AddFile[]): Promise<void> {
  const paths = [...new Set(files.flatMap((file) => pathsOf(target.root, file, deps.store.location)))];
  await mapConcurrent(paths, { concurrencyMax: STORE_READ_CONCURRENCY }, async (path) => {
    if ((await deps.store.head(joinPath(path))) === undefined) {
      throw new LakefoldError('HISTORY_EXPIRED', `expected every file of version ${target.version}, but ${path} is no longer kept`, {
        context: { version: target.version, path, reason: 'RETENTION' },
      });
    }
  });
}
