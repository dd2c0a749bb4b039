/** Appends every row as it is: a blind write that reads nothing of the table. */
import type { Batch } from '../../core/batch.ts';
import type { PlannedWrite } from './commit.ts';
import { READS_NOTHING } from './conflict.ts';
import type { DeltaDeps } from '../deps.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';
import { newestReceipt, schemaConflict } from './upsert.ts';
import { NO_ROWS } from './write-outcome.ts';

export interface AppendTarget {
  readonly root: string;
  readonly txnId: string;
  readonly sortBy: readonly string[];
}

/** A planner of the append for `commitWrite`; stages once. No rows are nothing to commit. */
export function appendPlanner(deps: DeltaDeps, target: AppendTarget, batch: Batch): (snapshot: Snapshot) => Promise<PlannedWrite> {
  let staged: readonly StagedFile[] | undefined;
  let stagedOn: Snapshot | undefined;
  const pending: Promise<void>[] = [];
  return async (snapshot) => {
    if (batch.rowCount === 0) return { kind: 'nothing', counts: NO_ROWS };
    const fault = schemaConflict(batch, snapshot) ?? stagedConflict(stagedOn ?? snapshot, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    stagedOn ??= snapshot;
    staged ??= await stageRows(deps, { ...target, snapshot, dataChange: true, ordinal: 0, pending }, batch);
    const newest = newestReceipt(batch);
    return {
      kind: 'write',
      actions: staged.map(({ add }) => add),
      counts: { ...NO_ROWS, rowsInserted: batch.rowCount },
      fold: 'merge',
      operation: 'WRITE',
      operationParameters: { mode: 'Append', partitionBy: JSON.stringify(snapshot.metadata.partitionColumns) },
      isBlindAppend: true,
      staging: Promise.all(pending),
      basis: { kind: 'append', reads: READS_NOTHING },
      ...(newest === undefined ? {} : { ingestedAt: newest }),
    };
  };
}
