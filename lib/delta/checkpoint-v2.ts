/** V2 checkpoints (PROTOCOL.md, "V2 Spec"): adds and removes in sidecars, everything else in a small JSON file that names them. */
import { sha256, toHex, utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { stringifyJson } from '../core/json.ts';
import type { ObjectPath } from '../core/path.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { TableCodec } from '../ports/table-codec.ts';
import { serializeActions } from './action-codec.ts';
import { checkpointBatches, checkpointRemarks, type CheckpointContent } from './checkpoint-batches.ts';
import { writtenFileColumns } from './checkpoint-rows.ts';
import { sidecarFilePath, v2CheckpointPath } from './log-path.ts';

/** Equal states give equal names, so that who writes one again writes nothing. */
export async function writeV2Checkpoint(
  deps: { readonly store: ObjectStore; readonly codec: TableCodec },
  root: string,
  input: { readonly version: number; readonly content: CheckpointContent; readonly now: number; readonly rowsMax: number },
): Promise<{ readonly parts: number; readonly bytes: number; readonly crc32: undefined }> {
  const { version, content, now } = input;
  const sidecars: { readonly path: string; readonly sizeInBytes: number; readonly modificationTime: number }[] = [];
  for (const part of partsOf(content, input.rowsMax)) {
    const bytes = await deps.codec.encodeGroups(checkpointBatches(writtenFileColumns(content.moreOfAdd.fields), part), { remarks: checkpointRemarks(part) });
    const name = `${uuidOf(bytes)}.parquet`;
    const { sizeBytes } = await createFile(deps.store, sidecarFilePath(root, name), bytes);
    sidecars.push({ path: name, sizeInBytes: sizeBytes, modificationTime: now });
  }
  const named = [{ checkpointMetadata: { version } }, ...sidecars.map((sidecar) => ({ sidecar }))];
  const rest = serializeActions(content.others);
  const head = utf8(named.map((line) => `${stringifyJson(line)}\n`).join(''));
  const bytes = new Uint8Array(head.length + rest.length);
  bytes.set(head);
  bytes.set(rest, head.length);
  const identity = utf8(sidecars.map(({ path }) => path).join());
  const top = await createFile(deps.store, v2CheckpointPath(root, version, uuidOf(identity)), bytes);
  return { parts: sidecars.length, bytes: sidecars.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, top.sizeBytes), crc32: undefined };
}

/**
 * Writes a file that nobody else would write otherwise: who was first wrote the same state.
 * @throws LakefoldError STORE_UNAVAILABLE when it can't be told whether it was written
 */
export async function createFile(store: ObjectStore, path: ObjectPath, bytes: Uint8Array): Promise<{ readonly sizeBytes: number; readonly isOurs: boolean }> {
  const outcome = await store.createIfAbsent(path, bytes, { identity: `checkpoint-${toHex(sha256(bytes)).slice(0, 32)}` });
  if (outcome.kind === 'unknown')
    throw new LakefoldError('STORE_UNAVAILABLE', `could not tell whether ${path} was written`, { cause: outcome.cause, context: { path } });
  if (outcome.kind === 'created') return { sizeBytes: bytes.length, isOurs: true };
  return { sizeBytes: (await store.head(path))?.sizeBytes ?? bytes.length, isOurs: false };
}

function* partsOf(content: CheckpointContent, rowsMax: number): Generator<CheckpointContent> {
  const { addOrder, removeOrder } = content;
  const none = new Uint32Array();
  for (let start = 0; start < addOrder.length; start += rowsMax)
    yield { ...content, others: [], addOrder: addOrder.subarray(start, start + rowsMax), removeOrder: none };
  for (let start = 0; start < removeOrder.length; start += rowsMax)
    yield { ...content, others: [], addOrder: none, removeOrder: removeOrder.subarray(start, start + rowsMax) };
}

/** A name in the form of a UUID (version 8: its bits are the writer's own). */
function uuidOf(bytes: Uint8Array): string {
  const hex = toHex(sha256(bytes));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
