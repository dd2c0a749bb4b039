/** `_last_checkpoint`: where the newest checkpoint is. A hint: whoever finds it missing, stale or senseless lists the log. */
import { bytesEqual, sha256, toHex, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../core/json.ts';
import { POINTER_TRIES_MAX } from '../../core/limits.ts';
import { checkSeal, seal, SEAL, UNSEALED } from '../../core/seal.ts';
import type { CreateOutcome, ObjectStore, ReplaceOutcome, StoredObject } from '../../ports/object-store.ts';
import { lastCheckpointPath, logDirectory, versionName } from '../snapshot/log-path.ts';

/** Names the file a pointer of ours points at, so that it is known to be missing. */
export const CHECKPOINT_TAG = 'lakefold.checkpoint';

/** What `_last_checkpoint` says. */
export interface LastCheckpoint {
  readonly version: number;
  /** Name of its file in the log folder, where we wrote it. */
  readonly name?: string;
}

/** When it was last written, epoch ms: not before the version it points at. */
export type DatedPointer = LastCheckpoint & { readonly modifiedAt: number };

/** What `_last_checkpoint` points at: a hint, undefined where it is missing or makes no sense. */
export async function readLastCheckpoint(store: ObjectStore, root: string): Promise<DatedPointer | undefined> {
  const object = await store.get(lastCheckpointPath(root));
  const pointer = object === undefined ? undefined : parseLastCheckpoint(object.bytes);
  return pointer === undefined || object === undefined ? undefined : { ...pointer, modifiedAt: object.modifiedAt };
}

/** Undefined for what makes no sense. */
export function parseLastCheckpoint(bytes: Uint8Array): LastCheckpoint | undefined {
  if (checkSeal(bytes) === 'broken') return undefined;
  try {
    const pointer = parseJson(bytes);
    const version = isJsonObject(pointer) ? pointer['version'] : undefined;
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) return undefined;
    const tags = isJsonObject(pointer) ? pointer['tags'] : undefined;
    const name = isJsonObject(tags) ? tags[CHECKPOINT_TAG] : undefined;
    return { version, ...(typeof name === 'string' ? { name } : {}) };
  } catch {
    return undefined;
  }
}

/**
 * Points at a checkpoint, unless a newer one is pointed at: of checkpointers that race the newest is believed, whoever
 * writes last. One that points at no checkpoint is a lie and gives way. Where others keep moving it, it is left to them.
 * @throws LakefoldError STORE_UNAVAILABLE when it can't be told whether it was written
 */
export async function moveLastCheckpoint(
  store: ObjectStore,
  root: string,
  pointer: { readonly version: number } & Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = lastCheckpointPath(root);
  const bytes = seal(utf8(stringifyJson({ [SEAL]: UNSEALED, ...pointer })));
  let outcome: CreateOutcome | ReplaceOutcome | undefined;
  for (let tries = 0; tries < POINTER_TRIES_MAX; tries += 1) {
    const found = await store.get(path);
    if (found !== undefined && isAtLeast(found, pointer.version, bytes) && (bytesEqual(found.bytes, bytes) || (await leadsSomewhere(store, root, found))))
      return;
    const identity = `pointer-${toHex(sha256(bytes)).slice(0, 32)}`;
    outcome =
      found === undefined ? await store.createIfAbsent(path, bytes, { identity }) : await store.replaceIfMatch(path, bytes, { identity, ifMatch: found.etag });
    if (outcome.kind === 'created' || outcome.kind === 'replaced') return;
  }
  if (outcome?.kind === 'unknown')
    throw new LakefoldError('STORE_UNAVAILABLE', `could not tell whether ${path} was written`, { cause: outcome.cause, context: { path } });
}

function isAtLeast(found: StoredObject, version: number, bytes: Uint8Array): boolean {
  const pointed = parseLastCheckpoint(found.bytes)?.version;
  return (pointed !== undefined && pointed > version) || bytesEqual(found.bytes, bytes);
}

async function leadsSomewhere(store: ObjectStore, root: string, found: StoredObject): Promise<boolean> {
  const pointed = parseLastCheckpoint(found.bytes);
  if (pointed === undefined) return false;
  for await (const { path } of store.list(`${logDirectory(root)}/${versionName(pointed.version)}.checkpoint`)) return path !== '';
  return false;
}
