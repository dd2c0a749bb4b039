/** `lakefold.json` at the root of a location: its layout number, written once (storage.md §1). */
import { utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { stringifyJson } from '../core/json.ts';
import { nameFault } from '../core/names.ts';
import { objectPath } from '../core/path.ts';
import { formatMillis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore, RequestOptions } from '../ports/object-store.ts';
import type { Random } from '../ports/random.ts';
import { REGISTRY_FORMAT, checkFormat, parseStored, revisionOfPath } from './revision.ts';

export interface LocationDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  /** `lakefold/<version>` */
  readonly engineInfo: string;
}

const LOCATION_FILE = objectPath('lakefold.json');
/** Projects of one location that `listProjects` names. */
const PROJECTS_MAX = 10_000;

/** Makes the location ours, or checks that it is one we can read. @throws LakefoldError UNSUPPORTED_FORMAT, CORRUPT_STORE, STORE_UNAVAILABLE */
export async function ensureLocation(deps: LocationDeps, options: RequestOptions = {}): Promise<{ readonly created: boolean }> {
  if (await checkLocation(deps, options)) return { created: false };
  const bytes = utf8(stringifyJson({ format: REGISTRY_FORMAT, createdBy: deps.engineInfo, createdAt: formatMillis(deps.clock.now()) }));
  const outcome = await deps.store.createIfAbsent(LOCATION_FILE, bytes, { ...options, identity: deps.random.uuid() });
  if (outcome.kind === 'created') return { created: true };
  if (await checkLocation(deps, options)) return { created: false };
  throw new LakefoldError(
    'STORE_UNAVAILABLE',
    `expected to create ${LOCATION_FILE} in ${deps.store.location}, found its fate unknown`,
    outcome.kind === 'unknown' ? { cause: outcome.cause } : {},
  );
}

/** False when there is no `lakefold.json`. @throws LakefoldError UNSUPPORTED_FORMAT, CORRUPT_STORE */
export async function checkLocation(deps: { readonly store: ObjectStore }, options: RequestOptions = {}): Promise<boolean> {
  const stored = await deps.store.get(LOCATION_FILE, options);
  if (stored === undefined) return false;
  checkFormat(parseStored(stored.bytes, LOCATION_FILE), LOCATION_FILE);
  return true;
}

/** Names of the projects of a location, sorted: one short LIST for each folder. */
export async function listProjects(deps: { readonly store: ObjectStore }, options: RequestOptions = {}): Promise<readonly string[]> {
  const projects: string[] = [];
  let startAfter = '';
  while (projects.length < PROJECTS_MAX) {
    const path = await firstPath(deps.store, '', { ...options, startAfter });
    if (path === undefined) return projects;
    const folder = path.split('/', 1)[0] ?? '';
    // Past every path of the folder: '0' follows '/'.
    startAfter = folder === path ? path : `${folder}0`;
    const registered = folder !== path && nameFault(folder) === undefined ? await firstPath(deps.store, `${folder}/_registry/`, options) : undefined;
    if (registered !== undefined && revisionOfPath(registered) !== undefined) projects.push(folder);
  }
  return projects;
}

async function firstPath(store: ObjectStore, prefix: string, options: RequestOptions & { readonly startAfter?: string }): Promise<string | undefined> {
  for await (const info of store.list(prefix, options)) return info.path;
  return undefined;
}
