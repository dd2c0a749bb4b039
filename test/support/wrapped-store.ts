/** A store over another one, with some methods of its own. */
import type { ObjectStore } from '../../lib/ports/object-store.ts';

/** The store with some methods replaced; a spread would lose the methods of a class. */
export function wrappedStore(inner: ObjectStore, changes: Partial<ObjectStore> = {}): ObjectStore {
  return {
    location: inner.location,
    get: (path, options) => inner.get(path, options),
    head: (path, options) => inner.head(path, options),
    createIfAbsent: (path, bytes, options) => inner.createIfAbsent(path, bytes, options),
    replaceIfMatch: (path, bytes, options) => inner.replaceIfMatch(path, bytes, options),
    overwrite: (path, bytes, options) => inner.overwrite(path, bytes, options),
    list: (prefix, options) => inner.list(prefix, options),
    delete: (path, options) => inner.delete(path, options),
    ...changes,
  };
}
