/** Objects below a folder in the order of their whole paths' UTF-8 bytes. */
import { compareUtf8 } from '../../core/bytes.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { isObjectPath } from '../../core/path.ts';
import type { ObjectPath } from '../../core/path.ts';
import type { ListOptions } from '../../ports/object-store.ts';
import { isAbsence } from './fs-errors.ts';
import type { FileStat, FileSystem } from './file-system.ts';
import { isTemporaryName } from './temporary-name.ts';

/** Files looked at ahead of the reader. */
const LOOK_AHEAD = 32;

export interface ListedFile {
  readonly path: ObjectPath;
  readonly stat: FileStat;
}

/** Lazy: a folder is read when the reader comes to it, and not at all where neither prefix nor `startAfter` can match. Links and temporary files are no objects. */
export async function* listFiles(fs: FileSystem, root: string, query: ListOptions & { readonly prefix: string }): AsyncGenerator<ListedFile> {
  const slash = query.prefix.lastIndexOf('/');
  const folder = query.prefix.slice(0, slash + 1);
  if (slash >= 0 && !isObjectPath(query.prefix.slice(0, slash))) return;
  yield* walk(fs, root, { ...query, folder });
}

interface Place {
  /** Empty, or ends with `/`. */
  readonly folder: string;
  readonly prefix: string;
  readonly startAfter?: string;
  readonly signal?: AbortSignal;
}

async function* walk(fs: FileSystem, root: string, place: Place): AsyncGenerator<ListedFile> {
  place.signal?.throwIfAborted();
  const names = await matchingNames(fs, root, place);
  for (let index = 0; index < names.length;) {
    const name = names[index] ?? '';
    if (name.endsWith('/')) {
      yield* walk(fs, root, { ...place, folder: place.folder + name });
      index += 1;
      continue;
    }
    const files: string[] = [];
    for (const next of names.slice(index, index + LOOK_AHEAD)) {
      if (next.endsWith('/')) break;
      files.push(next);
    }
    index += files.length;
    for (const listed of await mapConcurrent(files, { concurrencyMax: LOOK_AHEAD }, (file) => statListed(fs, root, place.folder + file))) {
      if (listed === undefined) continue;
      place.signal?.throwIfAborted();
      yield listed;
    }
  }
}

/**
 * Names in one folder that may lead to a match; folders end with `/`, which also sorts them: all that lies in `a/` comes after
 * `a.b`, although the name `a` comes before it.
 */
async function matchingNames(fs: FileSystem, root: string, place: Place): Promise<readonly string[]> {
  const { folder, prefix, startAfter } = place;
  const entries = await readFolder(fs, `${root}/${folder}`);
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.kind === 'other' || isTemporaryName(entry.name)) continue;
    const name = entry.kind === 'directory' ? `${entry.name}/` : entry.name;
    const path = folder + name;
    if (!path.startsWith(prefix) && !(entry.kind === 'directory' && prefix.startsWith(path))) continue;
    if (startAfter !== undefined && compareUtf8(path, startAfter) <= 0 && !(entry.kind === 'directory' && startAfter.startsWith(path))) continue;
    names.push(name);
  }
  return names.sort(compareUtf8);
}

async function readFolder(fs: FileSystem, path: string): ReturnType<FileSystem['readDirectory']> {
  try {
    return await fs.readDirectory(path);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

/** Undefined when the file went away after its name was read. */
async function statListed(fs: FileSystem, root: string, path: string): Promise<ListedFile | undefined> {
  if (!isObjectPath(path)) return undefined;
  try {
    const stat = await fs.stat(`${root}/${path}`);
    return stat.kind === 'file' ? { path, stat } : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
