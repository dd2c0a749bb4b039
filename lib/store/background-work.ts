/** Work that goes on after an answer; `settled` waits for all of it. */
import type { Background } from '../features/deps.ts';
import type { Log } from '../ports/log.ts';

export interface BackgroundWork extends Background {
  settled(): Promise<void>;
}

/** What fails is logged: whatever is left undone here is done again by a later commit or publish. */
export function backgroundWork(log: Log): BackgroundWork {
  const running = new Set<Promise<void>>();
  return {
    run: (name, task) => {
      const work = task().catch((error: unknown) => log.warn('background.failed', { task: name, error }));
      running.add(work);
      void work.finally(() => running.delete(work));
    },
    settled: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
