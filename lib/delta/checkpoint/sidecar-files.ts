/** Which sidecars checkpoints name: their bodies are not read. */
import { valueAt } from '../../core/batch.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import type { Column } from '../../core/types.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { bytesSource, type TableCodec } from '../../ports/table-codec.ts';
import { parseJsonCheckpoint } from '../actions/action-codec.ts';
import { decodeLogPath, tableLocationOf } from '../actions/file-path.ts';
import { logDirectory } from '../snapshot/log-path.ts';
import type { CheckpointFiles } from '../snapshot/log-segment.ts';

const NAMES: Column = { name: 'sidecar', type: { kind: 'struct', fields: [{ name: 'path', type: { kind: 'string' } }] }, nullable: true };

/** Paths under the store. @throws LakefoldError FILE_CORRUPT, LOG_CORRUPT when one can't be read: then nothing can be told */
export async function referencedSidecars(
  deps: { readonly store: ObjectStore; readonly codec: TableCodec },
  root: string,
  checkpoints: readonly CheckpointFiles[],
): Promise<ReadonlySet<string>> {
  const named = await mapConcurrent(checkpoints, { concurrencyMax: STORE_READ_CONCURRENCY }, (checkpoint) => sidecarsOf(deps, root, checkpoint));
  return new Set(named.flat());
}

async function sidecarsOf(
  deps: { readonly store: ObjectStore; readonly codec: TableCodec },
  root: string,
  checkpoint: CheckpointFiles,
): Promise<readonly ObjectPath[]> {
  const paths: ObjectPath[] = [];
  for (const info of checkpoint.files) {
    const object = await deps.store.get(info.path);
    if (object === undefined) continue;
    const { bytes } = object;
    if (checkpoint.format === 'json') {
      const place = { path: info.path, version: checkpoint.version, tableLocation: tableLocationOf(deps.store.location, root) };
      for (const { path } of parseJsonCheckpoint(bytes, place).sidecars) paths.push(sidecarPath(root, path));
      continue;
    }
    for await (const { batch } of deps.codec.decode(bytesSource(bytes), { columns: [NAMES] })) {
      const [vector] = batch.vectors;
      for (let row = 0; vector !== undefined && row < batch.rowCount; row += 1) {
        const value = valueAt(vector, row);
        const path = Array.isArray(value) ? value[0] : null;
        if (typeof path === 'string') paths.push(sidecarPath(root, path));
      }
    }
  }
  return paths;
}

/** Where a sidecar lies: a bare name is one of the folder `_sidecars`. */
export function sidecarPath(root: string, path: string): ObjectPath {
  return path.includes('/') ? joinPath(root, decodeLogPath(path)) : joinPath(logDirectory(root), '_sidecars', decodeLogPath(path));
}
