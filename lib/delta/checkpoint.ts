/**
 * Checkpoints: the state of a version in one place, so that nobody replays the log from its start.
 *
 * Written: classic Parquet. What is read: checkpoint-read.ts.
 */
import { sha256, toHex, utf8 } from '../core/bytes.ts';
import { crc32Hex } from '../core/crc32.ts';
import { LakefoldError } from '../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../core/json.ts';
import { IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_WINDOW_MILLIS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { TableCodec } from '../ports/table-codec.ts';
import type { RemoveFile, Txn } from './actions.ts';
import { checkpointBatch } from './checkpoint-rows.ts';
import { checkpointPath, lastCheckpointPath } from './log-path.ts';
import { checkSeal, seal, SEAL, UNSEALED } from './seal.ts';
import type { Snapshot } from './snapshot-state.ts';
import { deletedFileRetentionMillis } from './table-properties.ts';

export interface CheckpointDeps {
  readonly store: ObjectStore;
  readonly codec: TableCodec;
}

export interface WrittenCheckpoint {
  readonly version: number;
  readonly kind: 'classic';
  readonly parts: 1;
  readonly bytes: number;
}

/** CRC-32 of the checkpoint a pointer of ours points at. */
const CHECKPOINT_CRC_TAG = 'lakefold.checkpointCrc32';

/** `txn`s of idempotency keys, which have a window; streams and foreign ones have none. */
const REQUEST_TXN = 'lakefold/r/';

/**
 * Writes the snapshot as a classic checkpoint, unless that version has one, and moves `_last_checkpoint` forward.
 *
 * Tombstones past `delta.deletedFileRetentionDuration` and idempotency keys past their window are left out.
 * @throws LakefoldError STORE_UNAVAILABLE when it can't be told whether it was written
 */
export async function writeCheckpoint(
  deps: CheckpointDeps & { readonly clock: Pick<Clock, 'now'> },
  root: string,
  snapshot: Snapshot,
  options: { readonly requestWindowMillis?: number } = {},
): Promise<WrittenCheckpoint> {
  const { version } = snapshot;
  const batch = checkpointBatch(snapshot, keptOf(snapshot, deps.clock.now(), options.requestWindowMillis ?? IDEMPOTENCY_WINDOW_MILLIS));
  const bytes = await deps.codec.encode(batch);
  const path = checkpointPath(root, version);
  const outcome = await deps.store.createIfAbsent(path, bytes, { identity: `checkpoint-${toHex(sha256(bytes)).slice(0, 32)}` });
  if (outcome.kind === 'unknown')
    throw new LakefoldError('STORE_UNAVAILABLE', `could not tell whether ${path} was written`, { cause: outcome.cause, context: { path } });
  // Whoever was first wrote the same state; only its size may differ.
  const sizeInBytes = outcome.kind === 'created' ? bytes.length : ((await deps.store.head(path))?.sizeBytes ?? bytes.length);
  const pointed = (await readLastCheckpoint(deps.store, root))?.version;
  if (pointed === undefined || pointed <= version) {
    const tags = outcome.kind === 'created' ? { tags: { [CHECKPOINT_CRC_TAG]: crc32Hex(bytes) } } : {};
    const pointer = { [SEAL]: UNSEALED, version, size: batch.rowCount, sizeInBytes, numOfAddFiles: snapshot.files.size, ...tags };
    await deps.store.overwrite(lastCheckpointPath(root), seal(utf8(stringifyJson(pointer))));
  }
  return { version, kind: 'classic', parts: 1, bytes: sizeInBytes };
}

/** What `_last_checkpoint` says. */
export interface LastCheckpoint {
  readonly version: number;
  /** CRC-32 of the checkpoint's one file, where we wrote it. */
  readonly crc32?: string;
}

/** What `_last_checkpoint` points at: a hint, undefined where it is missing or makes no sense. */
export async function readLastCheckpoint(store: ObjectStore, root: string): Promise<LastCheckpoint | undefined> {
  const object = await store.get(lastCheckpointPath(root));
  return object === undefined ? undefined : parseLastCheckpoint(object.bytes);
}

/** Undefined for what makes no sense. */
function parseLastCheckpoint(bytes: Uint8Array): LastCheckpoint | undefined {
  if (checkSeal(bytes) === 'broken') return undefined;
  try {
    const pointer = parseJson(bytes);
    const version = isJsonObject(pointer) ? pointer['version'] : undefined;
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) return undefined;
    const tags = isJsonObject(pointer) ? pointer['tags'] : undefined;
    const crc = isJsonObject(tags) ? tags[CHECKPOINT_CRC_TAG] : undefined;
    return { version, ...(typeof crc === 'string' ? { crc32: crc } : {}) };
  } catch {
    return undefined;
  }
}

function keptOf(snapshot: Snapshot, now: number, windowMillis: number): { readonly tombstones: readonly RemoveFile[]; readonly txns: readonly Txn[] } {
  const oldest = now - deletedFileRetentionMillis(snapshot.metadata);
  const tombstones = [...snapshot.tombstones.values()].filter((remove) => (remove.deletionTimestamp ?? 0) > oldest);
  const all = [...snapshot.txns.values()];
  const age = (txn: Txn): number => (txn.lastUpdated === undefined ? 0 : now - txn.lastUpdated);
  const requests = all.filter((txn) => txn.appId.startsWith(REQUEST_TXN) && age(txn) <= windowMillis).toSorted((a, b) => age(a) - age(b));
  return { tombstones, txns: [...all.filter((txn) => !txn.appId.startsWith(REQUEST_TXN)), ...requests.slice(0, IDEMPOTENCY_KEYS_MAX)] };
}
