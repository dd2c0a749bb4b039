/** Stores that count what is asked of them, by kind of request. */
import type { ObjectPath } from '../../lib/core/path.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';

/** One request, as S3 would see it. */
export interface ObjectRequest {
  readonly kind: 'GET' | 'HEAD' | 'LIST' | 'PUT' | 'PUT IF ABSENT' | 'PUT IF MATCH' | 'DELETE';
  readonly path: string;
}

export interface CountingObjectStore extends ObjectStore {
  /** Everything asked since it was last emptied. */
  readonly requests: ObjectRequest[];
}

/** Passes everything on. It has no `localPath`: a store of its kind is remote. */
export function countingObjectStore(store: ObjectStore): CountingObjectStore {
  const requests: ObjectRequest[] = [];
  const note = (kind: ObjectRequest['kind'], path: ObjectPath | string): void => void requests.push({ kind, path });
  return {
    requests,
    location: store.location,
    get: (path, options) => {
      note('GET', path);
      return store.get(path, options);
    },
    head: (path, options) => {
      note('HEAD', path);
      return store.head(path, options);
    },
    createIfAbsent: (path, bytes, options) => {
      note('PUT IF ABSENT', path);
      return store.createIfAbsent(path, bytes, options);
    },
    replaceIfMatch: (path, bytes, options) => {
      note('PUT IF MATCH', path);
      return store.replaceIfMatch(path, bytes, options);
    },
    overwrite: (path, bytes, options) => {
      note('PUT', path);
      return store.overwrite(path, bytes, options);
    },
    list: (prefix, options) => {
      note('LIST', prefix);
      return store.list(prefix, options);
    },
    delete: (path, options) => {
      note('DELETE', path);
      return store.delete(path, options);
    },
  };
}

export interface CountingOnlineStore extends OnlineStore {
  /** Names of the methods called, and for a `read` how many store requests it took. */
  readonly calls: string[];
}

/** Passes everything on. */
export function countingOnlineStore(store: OnlineStore): CountingOnlineStore {
  const calls: string[] = [];
  return {
    calls,
    read: async (request, options) => {
      const answer = await store.read(request, options);
      calls.push(`read: ${answer.storeRequests}`);
      return answer;
    },
    merge: (table, rows, options) => {
      calls.push('merge');
      return store.merge(table, rows, options);
    },
    edit: (table, edits, options) => {
      calls.push('edit');
      return store.edit(table, edits, options);
    },
    load: (table, rows, options) => {
      calls.push('load');
      return store.load(table, rows, options);
    },
    heal: (table, heals, options) => {
      calls.push('heal');
      return store.heal(table, heals, options);
    },
    clear: (table, options) => {
      calls.push('clear');
      return store.clear(table, options);
    },
    watermark: (table, options) => {
      calls.push('watermark');
      return store.watermark(table, options);
    },
    moveWatermark: (table, move, options) => {
      calls.push('moveWatermark');
      return store.moveWatermark(table, move, options);
    },
    forget: (table, keys, options) => {
      calls.push('forget');
      return store.forget(table, keys, options);
    },
    scan: (table, options) => {
      calls.push('scan');
      return store.scan(table, options);
    },
    close: () => store.close(),
  };
}
