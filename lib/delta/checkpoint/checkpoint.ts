/**
 * Checkpoints: the state of a version in one place, so that nobody replays the log from its start.
 *
 * Here they are written; checkpoint-read.ts reads them.
 */
import { IDEMPOTENCY_KEPT_MILLIS, IDEMPOTENCY_KEYS_MAX, SIDECAR_ROWS_MAX, V2_CHECKPOINT_FILES_MIN } from '../../core/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { TableCodec } from '../../ports/table-codec.ts';
import type { Txn } from '../actions/actions.ts';
import { checkpointBatches, checkpointContent, checkpointRemarks, type CheckpointContent } from './checkpoint-batches.ts';
import { writtenColumns } from './checkpoint-rows.ts';
import { createFile, fileName, writeV2Checkpoint, type WrittenFiles } from './checkpoint-v2.ts';
import { erasureOf } from '../erase/erasure.ts';
import { CHECKPOINT_TAG, moveLastCheckpoint } from './last-checkpoint.ts';
import { checkpointPath } from '../snapshot/log-path.ts';
import { checkWritable, hasV2Checkpoints } from '../actions/protocol.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { deletedFileRetentionMillis } from '../schema/table-properties.ts';
import { REQUEST_APP_ID } from '../write/write-outcome.ts';

export interface CheckpointDeps {
  readonly store: ObjectStore;
  readonly codec: TableCodec;
}

/** `parts`: files that hold adds and removes. */
export interface WrittenCheckpoint {
  readonly version: number;
  readonly kind: 'classic' | 'v2';
  readonly parts: number;
  readonly bytes: number;
}

export interface CheckpointOptions {
  /** Files above which a table with the feature gets a V2 checkpoint, and files and tombstones of a sidecar. */
  readonly v2FilesMin?: number;
  readonly sidecarRowsMax?: number;
}

/**
 * Writes the snapshot as a checkpoint, unless that version has one, and moves `_last_checkpoint` forward: a classic one,
 * streamed in row groups; V2 with sidecars for very many files, where the table has that feature.
 *
 * Tombstones past `delta.deletedFileRetentionDuration` and idempotency keys that no write asks for any more are left out.
 * @throws LakefoldError UNSUPPORTED_TABLE_FEATURE where writers must know a feature we don't, as its part of the state would be lost,
 *   STORE_UNAVAILABLE when it can't be told whether it was written, FILE_CORRUPT when the checkpoint below can't be carried over
 */
export async function writeCheckpoint(
  deps: CheckpointDeps & { readonly clock: Pick<Clock, 'now'> },
  root: string,
  snapshot: Snapshot,
  options: CheckpointOptions = {},
): Promise<WrittenCheckpoint> {
  const { version } = snapshot;
  checkWritable(snapshot.protocol, snapshot.metadata);
  const now = deps.clock.now();
  const content = checkpointContent(snapshot, keptOf(snapshot, now));
  const isV2 = snapshot.files.size > (options.v2FilesMin ?? V2_CHECKPOINT_FILES_MIN) && hasV2Checkpoints(snapshot.protocol);
  const { parts, bytes, name } = isV2
    ? await writeV2Checkpoint(deps, root, { version, content, now, rowsMax: options.sidecarRowsMax ?? SIDECAR_ROWS_MAX })
    : await writeClassic(deps, root, { snapshot, content });
  const size = content.others.length + content.addOrder.length + content.removeOrder.length;
  await moveLastCheckpoint(deps.store, root, { version, size, sizeInBytes: bytes, numOfAddFiles: snapshot.files.size, tags: { [CHECKPOINT_TAG]: name } });
  return { version, kind: isV2 ? 'v2' : 'classic', parts, bytes };
}

async function writeClassic(
  deps: CheckpointDeps,
  root: string,
  { snapshot, content }: { readonly snapshot: Snapshot; readonly content: CheckpointContent },
): Promise<WrittenFiles> {
  const columns = writtenColumns(snapshot.protocol, content.moreOfAdd.fields);
  const bytes = await deps.codec.encodeGroups(checkpointBatches(columns, content), { remarks: checkpointRemarks(content) });
  const path = checkpointPath(root, snapshot.version);
  return { parts: 1, bytes: await createFile(deps.store, path, bytes), name: fileName(path) };
}

function keptOf(snapshot: Snapshot, now: number): { readonly tombstonesAfter: number; readonly txns: readonly Txn[] } {
  const all = [...snapshot.txns.values()];
  const age = (txn: Txn): number => (txn.lastUpdated === undefined ? 0 : now - txn.lastUpdated);
  const requests = all.filter((txn) => txn.appId.startsWith(REQUEST_APP_ID) && age(txn) <= IDEMPOTENCY_KEPT_MILLIS).toSorted((a, b) => age(a) - age(b));
  return {
    // An erasure deletes what was removed before it; its names may hold values of partitions.
    tombstonesAfter: Math.max(now - deletedFileRetentionMillis(snapshot.metadata), erasureOf(snapshot)?.at ?? 0),
    txns: [...all.filter((txn) => !txn.appId.startsWith(REQUEST_APP_ID)), ...requests.slice(0, IDEMPOTENCY_KEYS_MAX)],
  };
}
