/** A project's definitions as they stand in the store: the newest revision of its registry (storage.md §3). */
import { LakefoldError } from '../core/errors.ts';
import { nameFault } from '../core/names.ts';
import type { ObjectStore, RequestOptions } from '../ports/object-store.ts';
import type { RegistryState } from './definition.ts';
import { decodeRevision, registryPath, revisionOfPath } from './revision.ts';

/** Immutable. */
export interface Registry {
  readonly project: string;
  readonly revision: number;
  readonly state: RegistryState;
}

/** Revisions followed one by one before the folder is listed again. */
const FOLLOW_MAX = 16;

/** Cold: one LIST, one GET. @throws LakefoldError UNKNOWN_PROJECT, UNSUPPORTED_FORMAT, CORRUPT_STORE */
export async function loadRegistry(deps: { readonly store: ObjectStore }, project: string, options: RequestOptions = {}): Promise<Registry> {
  // A name that can't be a project's must not become part of a path.
  const newest = nameFault(project) === undefined ? await newestRevision(deps.store, project, options) : undefined;
  if (newest === undefined)
    throw new LakefoldError('UNKNOWN_PROJECT', `expected a project of this location, found ${JSON.stringify(project)}`, { context: { project } });
  const found = await readRevision(deps.store, { project, revision: newest }, options);
  if (found === undefined)
    throw new LakefoldError('CORRUPT_STORE', `expected revision ${newest} of ${project}, which was listed, found nothing`, {
      context: { path: registryPath(project, newest) },
    });
  return found;
}

/** Warm: one GET when nothing is new. The same object when there is no newer revision. */
export async function refreshRegistry(deps: { readonly store: ObjectStore }, registry: Registry, options: RequestOptions = {}): Promise<Registry> {
  let current = registry;
  for (let followed = 0; followed < FOLLOW_MAX; followed += 1) {
    const next = await readRevision(deps.store, { project: current.project, revision: current.revision + 1 }, options);
    if (next === undefined) return current;
    current = next;
  }
  return loadRegistry(deps, registry.project, options);
}

/** One revision; undefined when there is none of that number. @throws LakefoldError UNSUPPORTED_FORMAT, CORRUPT_STORE */
export async function readRevision(
  store: ObjectStore,
  at: { readonly project: string; readonly revision: number },
  options: RequestOptions,
): Promise<Registry | undefined> {
  const stored = await store.get(registryPath(at.project, at.revision), options);
  return stored === undefined ? undefined : registryOfBytes(at, stored.bytes);
}

/** @throws LakefoldError UNSUPPORTED_FORMAT; CORRUPT_STORE also for a revision that stands under another's number */
export function registryOfBytes(at: { readonly project: string; readonly revision: number }, bytes: Uint8Array): Registry {
  const path = registryPath(at.project, at.revision);
  const { revision, state } = decodeRevision(bytes, path);
  if (revision !== at.revision)
    throw new LakefoldError('CORRUPT_STORE', `expected revision ${at.revision} in ${path}, found ${revision}`, { context: { path } });
  return { project: at.project, revision, state };
}

/** The greatest number a revision stands under, readable or not; undefined for a project without registry. */
export async function newestRevision(store: ObjectStore, project: string, options: RequestOptions = {}): Promise<number | undefined> {
  let newest: number | undefined;
  for await (const info of store.list(`${project}/_registry/`, options)) {
    const revision = revisionOfPath(info.path);
    if (revision !== undefined && revision > (newest ?? -1)) newest = revision;
  }
  return newest;
}
