/** V2 checkpoints (PROTOCOL.md, "V2 Spec"): adds and removes in sidecars, everything else in a small JSON file that names them. */
import { concatBytes, sha256, toHex, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { stringifyJson } from '../../core/json.ts';
import type { ObjectPath } from '../../core/path.ts';
import { seal, SEAL, UNSEALED } from '../../core/seal.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { TableCodec } from '../../ports/table-codec.ts';
import { serializeActions } from '../actions/action-codec.ts';
import { checkpointBatches, checkpointRemarks, type CheckpointContent } from './checkpoint-batches.ts';
import { writtenFileColumns } from './checkpoint-rows.ts';
import { sidecarFilePath, v2CheckpointPath } from '../snapshot/log-path.ts';

/** `parts`: files that hold adds and removes; `bytes`: of all; `name`: of the file in the log folder. */
export interface WrittenFiles {
  readonly parts: number;
  readonly bytes: number;
  readonly name: string;
}

/** Equal states give equal names, so that who writes one again writes nothing. */
export async function writeV2Checkpoint(
  deps: { readonly store: ObjectStore; readonly codec: TableCodec },
  root: string,
  input: { readonly version: number; readonly content: CheckpointContent; readonly now: number; readonly rowsMax: number },
): Promise<WrittenFiles> {
  const { version, content, now } = input;
  const sidecars: { readonly path: string; readonly sizeInBytes: number; readonly modificationTime: number }[] = [];
  for (const part of partsOf(content, input.rowsMax)) {
    const bytes = await deps.codec.encodeGroups(checkpointBatches(writtenFileColumns(content.moreOfAdd.fields), part), { remarks: checkpointRemarks(part) });
    const name = `${uuidOf(bytes)}.parquet`;
    sidecars.push({ path: name, sizeInBytes: await createFile(deps.store, sidecarFilePath(root, name), bytes), modificationTime: now });
  }
  const named = [{ checkpointMetadata: { version, tags: { [SEAL]: UNSEALED } } }, ...sidecars.map((sidecar) => ({ sidecar }))];
  const rest = serializeActions(content.others);
  const head = utf8(named.map((line) => `${stringifyJson(line)}\n`).join(''));
  const identity = utf8(sidecars.map(({ path }) => path).join());
  const path = v2CheckpointPath(root, version, uuidOf(identity));
  const topBytes = await createFile(deps.store, path, seal(concatBytes([head, rest])));
  return { parts: sidecars.length, bytes: sidecars.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, topBytes), name: fileName(path) };
}

/** The last part of a path. */
export function fileName(path: ObjectPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Writes a file that nobody else would write otherwise: who was first wrote the same state. Gives the size of what is there.
 * @throws LakefoldError STORE_UNAVAILABLE when it can't be told whether it was written
 */
export async function createFile(store: ObjectStore, path: ObjectPath, bytes: Uint8Array): Promise<number> {
  const outcome = await store.createIfAbsent(path, bytes, { identity: `checkpoint-${toHex(sha256(bytes)).slice(0, 32)}` });
  if (outcome.kind === 'unknown')
    throw new LakefoldError('STORE_UNAVAILABLE', `could not tell whether ${path} was written`, { cause: outcome.cause, context: { path } });
  return outcome.kind === 'created' ? bytes.length : ((await store.head(path))?.sizeBytes ?? bytes.length);
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
