/** Replaces every row of the table, or every row a filter passes, by the given ones. */
import type { Batch } from '../core/batch.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import type { AppendTarget } from './append.ts';
import { liveRowCount } from './live-rows.ts';
import { removeOf } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';
import { newestReceipt, schemaConflict } from './upsert.ts';
import { NO_ROWS } from './write-outcome.ts';

/** A planner of the overwrite for `commitWrite`; stages once. */
export function overwritePlanner(deps: DeltaDeps, target: AppendTarget, batch: Batch): (snapshot: Snapshot) => Promise<PlannedWrite> {
  let staged: readonly StagedFile[] | undefined;
  let stagedOn: Snapshot | undefined;
  return async (snapshot) => {
    const fault = schemaConflict(batch, snapshot) ?? stagedConflict(stagedOn ?? snapshot, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    stagedOn ??= snapshot;
    staged ??= await stageRows(deps, { ...target, snapshot, dataChange: true, ordinal: 0 }, batch);
    const at = deps.clock.now();
    const removes = [...snapshot.files.values()].map((file) => removeOf(file, { at, dataChange: true }));
    const newest = newestReceipt(batch);
    return {
      kind: 'write',
      actions: [...removes, ...staged.map(({ add }) => add)],
      fold: removes.length === 0 ? 'merge' : 'edit',
      counts: { ...NO_ROWS, rowsInserted: batch.rowCount, rowsDeleted: await liveRowCount(deps, target.root, snapshot) },
      operation: 'WRITE',
      operationParameters: { mode: 'Overwrite', partitionBy: JSON.stringify(snapshot.metadata.partitionColumns) },
      isBlindAppend: false,
      ...(newest === undefined ? {} : { ingestedAt: newest }),
    };
  };
}
