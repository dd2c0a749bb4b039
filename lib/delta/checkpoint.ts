/**
 * Checkpoints: the state of a version in one place, so that nobody replays the log from its start.
 *
 * Written: classic Parquet. Read: classic, multi-part and V2 (JSON or Parquet, with or without sidecars).
 */
import { sha256, toHex, utf8 } from '../core/bytes.ts';
import { mapConcurrent } from '../core/concurrency.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../core/json.ts';
import { IDEMPOTENCY_KEYS_MAX, IDEMPOTENCY_WINDOW_MILLIS, STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { joinPath, type ObjectPath } from '../core/path.ts';
import type { Column } from '../core/types.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { FileSource, TableCodec } from '../ports/table-codec.ts';
import { parseJsonCheckpoint, type EntryPlace } from './action-codec.ts';
import type { Action, AddFile, DomainMetadata, Metadata, Protocol, RemoveFile, Txn } from './actions.ts';
import { actionsOfRows, CHECKPOINT_COLUMNS, checkpointBatch, SIDECAR_COLUMNS, type CheckpointRows } from './checkpoint-rows.ts';
import { decodeLogPath, tableLocationOf } from './file-path.ts';
import { checkpointPath, lastCheckpointPath, logDirectory } from './log-path.ts';
import type { CheckpointFiles } from './log-segment.ts';
import { tombstoneKey } from './replay.ts';
import { parseSchema } from './schema.ts';
import type { Snapshot } from './snapshot-state.ts';
import { parsedStatsColumn, statsOfParsed } from './stats-parsed.ts';
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

/** What a checkpoint says; protocol or metadata are missing only from broken ones. */
export interface CheckpointState {
  readonly protocol: Protocol | undefined;
  readonly metadata: Metadata | undefined;
  readonly files: ReadonlyMap<string, AddFile>;
  readonly tombstones: ReadonlyMap<string, RemoveFile>;
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, DomainMetadata>;
}

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
  const pointed = await readLastCheckpoint(deps.store, root);
  if (pointed === undefined || pointed <= version) {
    const pointer = { version, size: batch.rowCount, sizeInBytes, numOfAddFiles: snapshot.files.size };
    await deps.store.overwrite(lastCheckpointPath(root), utf8(stringifyJson(pointer)));
  }
  return { version, kind: 'classic', parts: 1, bytes: sizeInBytes };
}

/** The version `_last_checkpoint` points at: a hint, undefined where it is missing or makes no sense. */
export async function readLastCheckpoint(store: ObjectStore, root: string): Promise<number | undefined> {
  const object = await store.get(lastCheckpointPath(root));
  if (object === undefined) return undefined;
  try {
    const pointer = parseJson(object.bytes);
    const version = isJsonObject(pointer) ? pointer['version'] : undefined;
    return typeof version === 'number' && Number.isSafeInteger(version) && version >= 0 ? version : undefined;
  } catch {
    return undefined;
  }
}

/** @throws LakefoldError CHECKPOINT_CORRUPT when a file is missing or can't be understood, PATH_OUTSIDE_TABLE */
export async function readCheckpoint(deps: CheckpointDeps, root: string, checkpoint: CheckpointFiles): Promise<CheckpointState> {
  const tableLocation = tableLocationOf(deps.store.location, root);
  const { version } = checkpoint;
  const sources = new Map<ObjectPath, FileSource>();
  const read = async (path: ObjectPath, columns: readonly Column[]): Promise<CheckpointRows> => {
    const source = memorySource(await readWhole(deps.store, path));
    sources.set(path, source);
    return readRows(deps.codec, { source, columns }, { path, version, tableLocation });
  };
  try {
    const tops = await mapConcurrent(checkpoint.files, { concurrencyMax: STORE_READ_CONCURRENCY }, async ({ path }) =>
      checkpoint.format === 'json' ? parseJsonCheckpoint(await readWhole(deps.store, path), { path, version, tableLocation }) : read(path, CHECKPOINT_COLUMNS),
    );
    const sidecars = tops.flatMap((top) => top.sidecars).map((sidecar) => sidecarPath(root, sidecar.path));
    const besides = await mapConcurrent(sidecars, { concurrencyMax: STORE_READ_CONCURRENCY }, (path) => read(path, SIDECAR_COLUMNS));
    return await withParsedStats(deps.codec, stateOf([...tops, ...besides]), { sources: [...sources.values()], tableLocation });
  } catch (error) {
    if (!isLakefoldError(error, 'FILE_CORRUPT') && !isLakefoldError(error, 'FILE_MISSING') && !isLakefoldError(error, 'LOG_CORRUPT')) throw error;
    throw new LakefoldError('CHECKPOINT_CORRUPT', `expected a readable checkpoint of version ${version}, found: ${error.message}`, {
      cause: error,
      context: { version },
    });
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

function sidecarPath(root: string, path: string): ObjectPath {
  return path.includes('/') ? joinPath(root, decodeLogPath(path)) : joinPath(logDirectory(root), '_sidecars', decodeLogPath(path));
}

async function readRows(
  codec: TableCodec,
  { source, columns }: { readonly source: FileSource; readonly columns: readonly Column[] },
  place: EntryPlace,
): Promise<CheckpointRows> {
  const actions: Action[] = [];
  const sidecars: CheckpointRows['sidecars'][number][] = [];
  for await (const { batch, firstRow } of codec.decode(source, { columns })) {
    const rows = actionsOfRows(batch, { ...place, firstRow });
    for (const action of rows.actions) actions.push(action);
    sidecars.push(...rows.sidecars);
  }
  return { actions, sidecars };
}

async function readWhole(store: ObjectStore, path: ObjectPath): Promise<Uint8Array> {
  const object = await store.get(path);
  if (object === undefined) throw new LakefoldError('FILE_MISSING', `expected ${path}, found nothing there`, { context: { path } });
  return object.bytes;
}

function memorySource(bytes: Uint8Array): FileSource {
  return { sizeBytes: bytes.length, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
}

function stateOf(parts: readonly CheckpointRows[]): CheckpointState {
  let protocol: Protocol | undefined;
  let metadata: Metadata | undefined;
  const files = new Map<string, AddFile>();
  const tombstones = new Map<string, RemoveFile>();
  const txns = new Map<string, Txn>();
  const domains = new Map<string, DomainMetadata>();
  for (const { actions } of parts) {
    for (const action of actions) {
      switch (action.kind) {
        case 'protocol':
          protocol = action;
          break;
        case 'metaData':
          metadata = action;
          break;
        case 'add':
          files.set(action.path, action);
          break;
        case 'remove':
          tombstones.set(tombstoneKey(action), action);
          break;
        case 'txn':
          txns.set(action.appId, action);
          break;
        case 'domainMetadata':
          if (!action.removed) domains.set(action.domain, action);
          break;
        default:
          break;
      }
    }
  }
  return { protocol, metadata, files, tombstones, txns, domains };
}

/** Fills in statistics that the checkpoint has only as a struct. */
async function withParsedStats(
  codec: TableCodec,
  state: CheckpointState,
  where: { readonly sources: readonly FileSource[]; readonly tableLocation: string },
): Promise<CheckpointState> {
  const lacks = [...state.files.values()].some((add) => add.stats === undefined);
  if (!lacks || state.metadata === undefined) return state;
  const column = parsedStatsColumn(parseSchema(state.metadata.schemaString));
  const files = new Map(state.files);
  for (const source of where.sources) {
    for await (const { batch } of codec.decode(source, { columns: [column] })) {
      for (const value of batch.vectors[0]?.values ?? []) {
        const parsed = typeof value === 'object' ? statsOfParsed(column, value) : undefined;
        const add = parsed === undefined ? undefined : files.get(decodeLogPath(parsed.path, where.tableLocation));
        if (parsed !== undefined && add !== undefined && add.stats === undefined) files.set(add.path, { ...add, stats: parsed.stats });
      }
    }
  }
  return { ...state, files };
}
