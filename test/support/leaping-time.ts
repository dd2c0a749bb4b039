/** Weeks that pass in seconds: a clock that leaps ahead while nobody works, and stores whose objects are as old as it says. */
import { setTimeout as pause } from 'node:timers/promises';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { epochMicros, epochMillis } from '../../lib/core/time.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { ObjectInfo, ObjectStore } from '../../lib/ports/object-store.ts';
import { wrappedStore } from './wrapped-store.ts';

export interface LeapingTime {
  /** The machine's clock, ahead by every leap; the monotonic one stands still meanwhile, as of a machine that sleeps. */
  readonly clock: Clock;
  /** Whole milliseconds; nothing may be under way. */
  readonly leap: (millis: number) => Promise<void>;
  /** The store with times of this clock. */
  readonly storeOf: (inner: ObjectStore) => ObjectStore;
}

/** S3 tells times in whole seconds, a file system in ticks: what is written after a leap must not look written before it. */
const PAUSE_MILLIS = 1100;

export function leapingTime(): LeapingTime {
  const system = new SystemClock();
  const leaps: { readonly at: number; readonly ahead: number }[] = [];
  const aheadAt = (instant: number): number => leaps.findLast(({ at }) => at <= instant)?.ahead ?? 0;
  const now = (): number => system.now() + (leaps.at(-1)?.ahead ?? 0);
  const shown = <T extends ObjectInfo>(info: T): T => ({ ...info, modifiedAt: epochMillis(info.modifiedAt + aheadAt(info.modifiedAt)) });
  return {
    clock: {
      now: () => epochMillis(now()),
      nowMicros: () => epochMicros(system.nowMicros() + BigInt(leaps.at(-1)?.ahead ?? 0) * 1000n),
      monotonicMillis: () => system.monotonicMillis(),
      sleep: (millis, signal) => system.sleep(millis, signal),
    },
    leap: async (millis) => {
      leaps.push({ at: system.now(), ahead: (leaps.at(-1)?.ahead ?? 0) + millis });
      await pause(PAUSE_MILLIS);
    },
    storeOf: (inner) => {
      const found = <T extends ObjectInfo>(info: T | undefined): T | undefined => (info === undefined ? undefined : shown(info));
      const store = wrappedStore(inner, {
        get: async (path, options) => found(await inner.get(path, options)),
        head: async (path, options) => found(await inner.head(path, options)),
        list: async function* list(prefix, options) {
          for await (const info of inner.list(prefix, options)) yield shown(info);
        },
      });
      // The fence of local files asks for it.
      const { localPath } = inner;
      return localPath === undefined ? store : { ...store, localPath: (path) => localPath.call(inner, path) };
    },
  };
}
