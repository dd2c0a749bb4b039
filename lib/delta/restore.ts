/** Makes an earlier version's rows the newest again, as a new commit; never an older schema (semantics §5). */
import { mapConcurrent } from '../core/concurrency.ts';
import { LakefoldError } from '../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { joinPath } from '../core/path.ts';
import type { AddFile } from './actions.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import { fileRowCount } from './live-rows.ts';
import { isSameFile, pathsOf, removeOf } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';
import { NO_ROWS } from './write-outcome.ts';

/** A planner of the restore for `commitWrite`. @throws LakefoldError HISTORY_EXPIRED when a file of the version is gone */
export function restorePlanner(deps: DeltaDeps, root: string, earlier: Snapshot): (snapshot: Snapshot) => Promise<PlannedWrite> {
  return async (snapshot) => {
    const at = deps.clock.now();
    const removed = [...snapshot.files.values()].filter((file) => !isSameFile(file, earlier.files.get(file.path)));
    const restored = [...earlier.files.values()].filter((file) => !isSameFile(file, snapshot.files.get(file.path)));
    await assertPresent(deps, { root, version: earlier.version }, restored);
    const rowsOf = async (files: readonly AddFile[], of: Snapshot): Promise<number> => {
      const counts = await mapConcurrent(files, { concurrencyMax: STORE_READ_CONCURRENCY }, (file) => fileRowCount(deps, { root, snapshot: of, file }));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    return {
      kind: 'write', fold: removed.length === 0 && restored.length === 0 ? 'none' : 'edit', operation: 'RESTORE', isBlindAppend: false,
      actions: [...removed.map((file) => removeOf(file, { at, dataChange: true })), ...restored.map((file) => ({ ...file, dataChange: true }))],
      operationParameters: { version: String(earlier.version) },
      counts: { ...NO_ROWS, rowsInserted: await rowsOf(restored, earlier), rowsDeleted: await rowsOf(removed, snapshot) },
    };
  };
}

async function assertPresent(deps: DeltaDeps, target: { readonly root: string; readonly version: number }, files: readonly AddFile[]): Promise<void> {
  const paths = [...new Set(files.flatMap((file) => pathsOf(target.root, file)))];
  await mapConcurrent(paths, { concurrencyMax: STORE_READ_CONCURRENCY }, async (path) => {
    if ((await deps.store.head(joinPath(path))) === undefined) {
      throw new LakefoldError('HISTORY_EXPIRED', `expected every file of version ${target.version}, but ${path} is no longer kept`, { context: { version: target.version, path, reason: 'RETENTION' } });
    }
  });
}
