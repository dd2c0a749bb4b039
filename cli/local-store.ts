/** The embedded store: files, LMDB, Parquet and DuckDB in one folder, with every route on top. */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { nodeFileSystem } from '../lib/adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../lib/adapters/fs/files-object-store.ts';
import { openScratch } from '../lib/adapters/fs/scratch.ts';
import { openLmdbControl } from '../lib/adapters/lmdb/control.ts';
import { openLmdbOnlineStore } from '../lib/adapters/lmdb/online-store.ts';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { JsonLog, type LineSink } from '../lib/adapters/system/log.ts';
import { SystemRandom } from '../lib/adapters/system/random.ts';
import type { HttpApp } from '../functions/http/create-app.ts';
import { ENGINE_INFO } from '../functions/version.ts';
import { isLakefoldError } from '../lib/core/errors.ts';
import type { DeltaDeps } from '../lib/delta/deps.ts';
import { Projects } from '../lib/features/projects.ts';
import type { FunctionTable } from '../lib/registry/collect-definitions.ts';
import { checkLocation, ensureLocation } from '../lib/registry/location.ts';
import { backgroundWork } from './background-work.ts';
import { lazyParquetCodec } from './lazy-codec.ts';
import { lazyEngine } from './lazy-engine.ts';
import { createLocalApp, type LocalDeps } from './local-app.ts';
import { openLocalSource } from './local-source.ts';

export const DEFAULT_PROJECT = 'default';

export interface LocalStoreOptions {
  /** Folder; made where missing. */
  readonly location: string;
  /** On-demand functions of the definitions; without them views that have some answer FUNCTION_MISMATCH. */
  readonly functions?: FunctionTable;
  /** Where warnings and errors go; stderr of the process unless given. */
  readonly logSink?: LineSink;
  /** Where relative sources of spines begin; the working directory unless given. */
  readonly cwd?: string;
  /** The only folder whose files may be a spine; left out, any file the process may read. */
  readonly sourcesWithin?: string;
}

export interface LocalStore {
  readonly deps: LocalDeps;
  readonly projects: Projects;
  readonly app: HttpApp;
  /** Waits for checkpoints under way and closes every file. */
  close(): Promise<void>;
}

/** What a single table in `directory` needs, without a feature store around it. */
export async function openTableDeps(directory: string, logSink: LineSink = process.stderr): Promise<DeltaDeps> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  return {
    store: await openFilesObjectStore({ fs: nodeFileSystem, directory, clock, random }), codec: lazyParquetCodec(), clock, random,
    log: new JsonLog({ sink: logSink, clock, level: 'warn' }), engineInfo: ENGINE_INFO,
  };
}

/**
 * Opens the store, and makes it with its project `default` where there is none yet. DuckDB and Parquet are loaded when first needed.
 * @throws LakefoldError UNSUPPORTED_FILESYSTEM, UNSUPPORTED_FORMAT, STORE_UNAVAILABLE
 */
export async function openLocalStore(options: LocalStoreOptions): Promise<LocalStore> {
  const location = resolve(options.cwd ?? '.', options.location);
  const cwd = resolve(options.cwd ?? '.');
  const table = await openTableDeps(location, options.logSink);
  const isNew = !(await checkLocation(table));
  if (isNew) await ensureLocation(table);
  const background = backgroundWork(table.log);
  const engine = lazyEngine({ dataDirectory: location });
  const online = openLmdbOnlineStore({ directory: location });
  const control = openLmdbControl({ directory: location });
  const features = { ...table, online, control, background };
  const projects = new Projects(features);
  const deps: LocalDeps = {
    ...features, projects, engine, scratch: openScratch(join(tmpdir(), 'lakefold-scratch')), functions: options.functions ?? new Map(),
    openSource: (source) => openLocalSource(source, { cwd, ...(options.sourcesWithin === undefined ? {} : { within: options.sourcesWithin }) }),
  };
  const close = async (): Promise<void> => {
    await background.settled();
    await engine.close();
    await online.close();
    await control.close();
  };
  try {
    // A location may have been cut off between its own file and its first project.
    if (isNew || (await isEmpty(projects))) await projects.create(DEFAULT_PROJECT);
  } catch (error) {
    await close();
    throw error;
  }
  return { deps, projects, app: createLocalApp(deps), close };
}

async function isEmpty(projects: Projects): Promise<boolean> {
  try {
    await projects.registry(DEFAULT_PROJECT);
    return false;
  } catch (error) {
    if (isLakefoldError(error, 'UNKNOWN_PROJECT')) return true;
    throw error;
  }
}
