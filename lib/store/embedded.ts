/** The embedded store: files, LMDB, Parquet and DuckDB in one folder. */
import { resolve } from 'node:path';
import { openLmdbControl } from '../adapters/lmdb/control.ts';
import { openLmdbOnlineStore } from '../adapters/lmdb/online-store.ts';
import type { Log } from '../ports/log.ts';
import type { FunctionTable } from '../registry/collect-definitions.ts';
import { ensureLocation } from '../registry/location.ts';
import { backgroundWork } from './background-work.ts';
import { lazyEngine } from './lazy-engine.ts';
import { openLocalSource } from './local-source.ts';
import { localTableDeps } from './local-table.ts';
import { type OpenStore, wireStore } from './open-store.ts';

export interface EmbeddedOptions {
  /** Folder; made where missing. A relative one starts at `cwd`. */
  readonly location: string;
  /** On-demand functions; views that have one which is not here answer FUNCTION_MISMATCH. */
  readonly functions?: FunctionTable;
  /** Silent unless given. */
  readonly log?: Log;
  /** Where relative sources of spines begin; the working directory unless given. */
  readonly cwd?: string;
  /** The only folder whose files may be a spine; left out, any file the process may read. */
  readonly sourcesWithin?: string;
}

/**
 * Opens the store, and makes its folder where there is none; projects are the caller's. DuckDB and Parquet are loaded when first needed.
 * @throws LakefoldError UNSUPPORTED_FILESYSTEM, UNSUPPORTED_FORMAT, STORE_UNAVAILABLE
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<OpenStore> {
  const cwd = resolve(options.cwd ?? '.');
  const location = resolve(cwd, options.location);
  const table = await localTableDeps(location, options.log);
  await ensureLocation(table);
  const background = backgroundWork(table.log);
  const { engine, scratch } = lazyEngine({ dataDirectory: location });
  const online = openLmdbOnlineStore({ directory: location });
  const control = openLmdbControl({ directory: location });
  const parts = {
    ...table,
    online,
    control,
    background,
    engine,
    scratch,
    functions: options.functions ?? new Map(),
    openSource: (source: string) => openLocalSource(source, { cwd, ...(options.sourcesWithin === undefined ? {} : { within: options.sourcesWithin }) }),
  };
  return wireStore(parts, async () => {
    await background.settled();
    await engine.close();
    await online.close();
    await control.close();
  });
}
