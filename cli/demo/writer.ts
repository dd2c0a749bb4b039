/**
 * The writer that is killed: a process of its own that sends one file through ingestion and, where asked to, stops for
 * good at a named point of its commit, waiting for `kill -9`.
 */
import { readFile } from 'node:fs/promises';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, parseJson } from '../../lib/core/json.ts';
import { ingestRows } from '../../lib/features/ingest/ingest-rows.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { openLocalStore } from '../local-store.ts';
import { PROJECT } from './definitions.ts';
import { ingestRequest } from './demo.ts';

/** `dataWritten`: the data file is there, the log entry not yet. `entryWritten`: the entry is there, nobody has heard of it and nothing is published. */
export type StopPoint = 'dataWritten' | 'entryWritten' | 'never';

export interface WriterTask {
  readonly location: string;
  readonly group: string;
  /** Parquet file with the rows. */
  readonly file: string;
  readonly key: string;
  readonly stopAt: StopPoint;
}

/** What a writer prints when it stands at its point. */
export const STOPPED = 'stopped';

/** Carries a task out and prints the receipt as one line of JSON. @throws LakefoldError INVALID_ARGUMENT when `text` is no task */
export async function runDemoWriter(text: string, out: NodeJS.WritableStream): Promise<void> {
  const task = parseTask(text);
  const local = await openLocalStore({ location: task.location });
  try {
    const deps = { ...local.deps, store: stoppingStore(local.deps.store, task.stopAt, () => out.write(`${STOPPED}\n`)) };
    const group = await new Projects(deps).group(PROJECT, task.group, 1);
    const receipt = await ingestRows(deps, group, ingestRequest({ body: new Uint8Array(await readFile(task.file)), key: task.key }));
    out.write(`${JSON.stringify(receipt)}\n`);
  } finally {
    await local.close();
  }
}

/** The store, but for the write of a log entry, which never comes back: before it, or after. */
function stoppingStore(store: ObjectStore, stopAt: StopPoint, tell: () => void): ObjectStore {
  if (stopAt === 'never') return store;
  return {
    location: store.location,
    get: (path, options) => store.get(path, options),
    head: (path, options) => store.head(path, options),
    createIfAbsent: async (path, bytes, options) => {
      if (!/_delta_log\/\d{20}\.json$/.test(path)) return store.createIfAbsent(path, bytes, options);
      if (stopAt === 'entryWritten') await store.createIfAbsent(path, bytes, options);
      tell();
      return forever();
    },
    replaceIfMatch: (path, bytes, options) => store.replaceIfMatch(path, bytes, options),
    overwrite: (path, bytes, options) => store.overwrite(path, bytes, options),
    list: (prefix, options) => store.list(prefix, options),
    delete: (path, options) => store.delete(path, options),
    ...(store.localPath === undefined ? {} : { localPath: (path) => store.localPath?.(path) ?? path }),
  };
}

/** A timer keeps the process alive: whoever asked for the stop ends it. */
function forever(): Promise<never> {
  return new Promise(() => setInterval(() => undefined, 60_000));
}

function parseTask(text: string): WriterTask {
  const json = parseJson(text);
  const { location, group, file, key, stopAt } = isJsonObject(json) ? json : {};
  const point = (['dataWritten', 'entryWritten', 'never'] as const).find((candidate) => candidate === stopAt);
  if (typeof location !== 'string' || typeof group !== 'string' || typeof file !== 'string' || typeof key !== 'string' || point === undefined) {
    throw new LakefoldError('INVALID_ARGUMENT', `expected { location, group, file, key, stopAt } as JSON, found ${text.slice(0, 200)}`);
  }
  return { location, group, file, key, stopAt: point };
}
