/** Stages one write of a group: its files are written, nothing is committed. */
import type { Batch } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { DeltaDeps } from '../deps.ts';
import { type GroupMember, stagedShape } from './group-member.ts';
import { checkWritable } from '../actions/protocol.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stageRows } from '../write/stage.ts';
import { areReceived, lastPerIdentity, newestReceipt, schemaConflict } from '../write/upsert.ts';
import type { Idempotency } from '../write/write-outcome.ts';

/** What a write of a group is given: rows, and for an upsert by what they are known. */
export interface GroupWriteRequest {
  readonly batch: Batch;
  readonly what:
    | { readonly kind: 'append'; readonly sortBy?: readonly string[] }
    | { readonly kind: 'upsert'; readonly keys: readonly string[]; readonly eventTime?: string };
  readonly idempotency?: Idempotency;
  /** Recorded with the commit: rows received and set aside before the table saw them. */
  readonly received?: number;
  readonly rejected?: number;
}

/**
 * The files are named after `id` and valid until a change of the table's shape.
 * @throws LakefoldError SCHEMA_DRIFT for columns the table does not have, CONSTRAINT_VIOLATED, UNSUPPORTED_TABLE_FEATURE
 */
export async function stageMember(
  deps: DeltaDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly id: string },
  request: GroupWriteRequest,
): Promise<GroupMember> {
  const { snapshot, id } = target;
  const { what, idempotency } = request;
  checkWritable(snapshot.protocol, snapshot.metadata);
  const misfit = schemaConflict(request.batch, snapshot);
  if (misfit !== undefined) throw new LakefoldError('SCHEMA_DRIFT', `expected rows that fit ${target.root}, but ${misfit}`, { context: { path: target.root } });
  const identityColumns = what.kind === 'append' ? [] : [...what.keys, ...(what.eventTime === undefined ? [] : [what.eventTime])];
  const { batch, deduped } = what.kind === 'append' ? { batch: request.batch, deduped: 0 } : lastPerIdentity(request.batch, identityColumns);
  const sortBy = what.kind === 'append' ? (what.sortBy ?? []) : identityColumns;
  const staged = await stageRows(deps, { root: target.root, txnId: id, snapshot, sortBy, dataChange: true, ordinal: 0 }, batch);
  const newest = newestReceipt(batch);
  return {
    id,
    operation: what.kind,
    identityColumns,
    shape: stagedShape(snapshot, batch),
    adds: staged.map(({ add }) => add),
    rowCount: batch.rowCount,
    dedupedInBatch: deduped,
    isReceived: areReceived(batch),
    ...(newest === undefined ? {} : { ingestedAt: newest }),
    ...(idempotency === undefined ? {} : { idempotency }),
    received: request.received ?? request.batch.rowCount,
    rejected: request.rejected ?? 0,
  };
}
