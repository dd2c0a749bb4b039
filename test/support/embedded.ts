/** Real local parts for tests: files, Parquet, the system's clock. */
import { nodeFileSystem } from '../../lib/adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';

async function openFilesStore(directory: string): Promise<ObjectStore> {
  return openFilesObjectStore({ fs: nodeFileSystem, directory, clock: new SystemClock(), random: new SystemRandom() });
}

export function openParquetCodec(): TableCodec {
  return createParquetCodec({ wasm: readParquetWasm() });
}

/** Everything a table in `directory` needs. */
export async function deltaDeps(directory: string): Promise<DeltaDeps> {
  return {
    store: await openFilesStore(directory),
    codec: openParquetCodec(),
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLog,
    engineInfo: 'lakefold/test',
  };
}
