/** The embedded store with every route on top. */
import type { HttpApp } from '../functions/http/create-app.ts';
import { RowsQueue } from '../functions/ingest/queued-rows.ts';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { JsonLog, type LineSink } from '../lib/adapters/system/log.ts';
import { type EmbeddedOptions, openEmbedded } from '../lib/store/embedded.ts';
import { ensureProject, type OpenStore } from '../lib/store/open-store.ts';
import type { Log } from '../lib/ports/log.ts';
import { createLocalApp } from './local-app.ts';

export const DEFAULT_PROJECT = 'default';

export interface LocalStoreOptions extends Omit<EmbeddedOptions, 'log'> {
  /** Where warnings and errors go; stderr of the process unless given. */
  readonly logSink?: LineSink;
}

export interface LocalStore extends OpenStore {
  readonly app: HttpApp;
  /** Takes up queued rows that a process before this one left. */
  resume(): Promise<void>;
}

/**
 * Opens the store, and makes it with its project `default` where there is none yet. DuckDB and Parquet are loaded when first needed.
 * @throws LakefoldError UNSUPPORTED_FILESYSTEM, UNSUPPORTED_FORMAT, STORE_UNAVAILABLE
 */
export async function openLocalStore(options: LocalStoreOptions): Promise<LocalStore> {
  const { logSink = process.stderr, ...embedded } = options;
  const store = await openEmbedded({ ...embedded, log: warnings(logSink) });
  try {
    await ensureProject(store.projects, DEFAULT_PROJECT);
  } catch (error) {
    await store.close();
    throw error;
  }
  const queue = new RowsQueue(store.deps);
  return { ...store, app: createLocalApp(store.deps, queue), resume: () => queue.resume() };
}

/** What the user must hear of; the rest is not said. */
export function warnings(sink: LineSink): Log {
  return new JsonLog({ sink, clock: new SystemClock(), level: 'warn' });
}
