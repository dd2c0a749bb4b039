/** Pins (storage.md §1): versions that training sets were built from, and the files they need. */
import { isJsonObject, parseJson } from '../../core/json.ts';
import { joinPath } from '../../core/path.ts';
import type { ObjectStore } from '../../ports/object-store.ts';

export interface Pin {
  /** Undefined where the name tells none. */
  readonly version: number | undefined;
  /** Paths under the table. */
  readonly files: readonly string[];
}

export async function* readPins(store: ObjectStore, root: string): AsyncIterable<Pin> {
  const folder = `${joinPath(root, '_lakefold/pins')}/`;
  for await (const object of store.list(folder)) {
    const version = /^(\d{1,16})\./.exec(object.path.slice(folder.length))?.[1];
    const stored = await store.get(object.path);
    const parsed = stored === undefined ? null : parseJson(stored.bytes);
    const files = isJsonObject(parsed) && Array.isArray(parsed['files']) ? parsed['files'] : [];
    yield {
      version: version === undefined ? undefined : Number(version),
      files: files.flatMap((file) => (isJsonObject(file) && typeof file['path'] === 'string' ? [file['path']] : [])),
    };
  }
}
