/** A store that answers as the adapters do: `created`, `exists` or `unknown`; with a local path its writers are fenced. */
import { bytesEqual } from '../../lib/core/bytes.ts';
import { resolveByteRange } from '../../lib/core/byte-range.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isObjectPath } from '../../lib/core/path.ts';
import { epochMillis } from '../../lib/core/time.ts';
import type { CreateOutcome, ObjectInfo, ObjectStore, ReplaceOutcome } from '../../lib/ports/object-store.ts';
import type { Stored } from './bucket.ts';
import { countFault, type NetworkFault, type Process, request } from './network.ts';

const TRIES_MAX = 3;

export function simulatedStore(process: Process): ObjectStore {
  const { bucket, knobs, dice } = process.world;
  const ask = <T>(verb: string, path: string, apply: () => T): Promise<T> => patiently(() => request(process, { verb, path, apply, errorOf }));
  const conditionally = async <T>(spec: { verb: string; path: string; apply: () => T }): Promise<T | { readonly kind: 'unknown'; readonly cause: unknown }> => {
    try {
      return await request(process, { ...spec, errorOf });
    } catch (cause) {
      // Nothing was done, and the adapter knows; or it does not.
      if (cause instanceof LakefoldError && cause.context['done'] === 'no' && dice.chance(0.3)) throw cause;
      return { kind: 'unknown', cause };
    }
  };
  return {
    location: 'sim://b',
    ...(knobs.store === 'local' ? { localPath: (path: string) => `/b/${path}` } : {}),
    get: (path, options) =>
      ask('GET', path, () => {
        const stored = bucket.objects.get(path);
        if (stored === undefined) return undefined;
        const { start, end } = resolveByteRange(options?.range ?? { start: 0, end: stored.bytes.length }, stored.bytes.length);
        return { ...infoOf(path, stored), bytes: stored.bytes.subarray(start, end) };
      }),
    head: (path) =>
      ask('HEAD', path, () => {
        const stored = bucket.objects.get(path);
        return stored === undefined ? undefined : infoOf(path, stored);
      }),
    createIfAbsent: async (path, bytes, { identity }): Promise<CreateOutcome> => {
      const { attempt } = process;
      const apply = (): CreateOutcome => {
        const { isNew, stored } = bucket.create(path, { bytes, identity }, attempt);
        return isNew || (stored.identity === identity && bytesEqual(stored.bytes, bytes)) ? { kind: 'created', etag: stored.etag } : { kind: 'exists' };
      };
      return conditionally({ verb: 'CREATE', path, apply });
    },
    replaceIfMatch: async (path, bytes, { identity, ifMatch }): Promise<ReplaceOutcome> => {
      const { attempt } = process;
      const apply = (): ReplaceOutcome => {
        const found = bucket.objects.get(path);
        if (found?.etag === ifMatch) return { kind: 'replaced', etag: bucket.overwrite(path, { bytes, identity }, attempt).etag };
        return found?.identity === identity && bytesEqual(found.bytes, bytes) ? { kind: 'replaced', etag: found.etag } : { kind: 'changed' };
      };
      return conditionally({ verb: 'REPLACE', path, apply });
    },
    overwrite: async (path, bytes) => {
      await ask('OVERWRITE', path, () => bucket.overwrite(path, { bytes, identity: undefined }, process.attempt));
    },
    list: async function* list(prefix, options = {}) {
      let after: string | undefined = options.startAfter;
      for (;;) {
        const from = after;
        const page = await ask('LIST', prefix, () => {
          const { keys, isTruncated } = bucket.page(prefix, from, knobs.pageSize);
          if (isTruncated) countFault(process.world, 'page');
          const infos = keys.flatMap((key) => {
            const stored = bucket.objects.get(key);
            return stored === undefined || !isObjectPath(key) ? [] : [infoOf(key, stored)];
          });
          return { infos, last: keys.at(-1), isTruncated };
        });
        yield* page.infos;
        if (!page.isTruncated) return;
        after = page.last;
      }
    },
    delete: (path) => ask('DELETE', path, () => bucket.delete(path, process.attempt)),
  };
}

/** As vendors' clients try again by themselves: a read of many objects would hardly end else. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
    }
  }
}

function infoOf(path: string, stored: Stored): ObjectInfo {
  return { path: path as ObjectInfo['path'], sizeBytes: stored.bytes.length, modifiedAt: epochMillis(stored.modifiedAt), etag: stored.etag };
}

/** What a vendor's client throws. */
export function errorOf(fault: NetworkFault): LakefoldError {
  return fault === 'throttled'
    ? new LakefoldError('STORE_THROTTLED', 'the store asked to slow down', { context: { done: 'no' } })
    : new LakefoldError('STORE_UNAVAILABLE', 'no answer', { context: { done: fault === 'lost' ? 'unknown' : 'no' } });
}
