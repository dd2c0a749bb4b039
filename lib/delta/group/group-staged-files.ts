/** Whether the files that intents name are there, in as few requests as they lie together. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { GROUP_LIST_BACK_MILLIS, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import { millisOfUlid, ulid } from '../../core/ulid.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { AddFile } from '../actions/actions.ts';

/** Foreign names between ours above which the rest is asked for one by one. */
const STRANGERS_MAX = 1000;
/** Of a name's common start, so that files of the next moments share what is left: two base-32 digits of a ULID's milliseconds. */
const LATER_CHARACTERS = 2;

/** A staged file's name up to the time in its ULID. */
const STAGED_NAME = /^(part-)([0-7][0-9A-HJKMNP-TV-Z]{9})/;

/**
 * Sizes by path; a file that is not there has none. Files of a drain are named after ULIDs made shortly one after the other,
 * so that a listing from about the first of a folder holds little else but files staged since, whose sizes are answered too.
 */
export async function stagedSizes(store: ObjectStore, root: string, adds: readonly AddFile[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const alone: string[] = [];
  const folders = new Map<string, string[]>();
  for (const { path } of adds) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const paths = folders.get(folder);
    if (paths === undefined) folders.set(folder, [path]);
    else paths.push(path);
  }
  for (const [folder, paths] of folders) {
    if (paths.length < 3) alone.push(...paths);
    else alone.push(...(await listBetween(store, { root, folder, paths: paths.toSorted(), sizes })));
  }
  await mapConcurrent(alone, { concurrencyMax: STORE_READ_CONCURRENCY }, async (path) => {
    const info = await store.head(joinPath(root, path));
    if (info !== undefined) sizes.set(path, info.sizeBytes);
  });
  return sizes;
}

/** Puts sizes of the sorted `paths` and answers those it did not get to. */
async function listBetween(
  store: ObjectStore,
  range: { readonly root: string; readonly folder: string; readonly paths: readonly string[]; readonly sizes: Map<string, number> },
): Promise<readonly string[]> {
  const { root, folder, paths, sizes } = range;
  const from = folder + shortlyBefore((paths[0] ?? '').slice(folder.length));
  const common = commonPrefix(from, paths.at(-1) ?? '');
  const prefix = `${root}/${common.slice(0, Math.max(folder.length, common.length - LATER_CHARACTERS))}`;
  const wanted = new Set(paths);
  let strangers = 0;
  for await (const { path, sizeBytes } of store.list(prefix, { startAfter: `${root}/${from}` })) {
    const relative = path.slice(root.length + 1);
    sizes.set(relative, sizeBytes);
    if (!wanted.has(relative)) strangers += 1;
    if (strangers > STRANGERS_MAX) return paths.filter((candidate) => candidate > relative);
  }
  return [];
}

/** A name before the first one, which may have been late: others whose staging began before its own are still to come. */
function shortlyBefore(first: string): string {
  const [, kind, time] = STAGED_NAME.exec(first) ?? [];
  // A name less its last character sorts before it.
  if (kind === undefined || time === undefined) return first.slice(0, -1);
  return kind + ulid(Math.max(0, millisOfUlid(time) - GROUP_LIST_BACK_MILLIS), new Uint8Array());
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}
