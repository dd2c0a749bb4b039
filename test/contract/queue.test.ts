/** The queue contract on the embedded backends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbQueue } from '../../lib/adapters/lmdb/queue.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import { describeQueue } from './queue.contract.ts';

describeQueue({
  name: 'memory',
  make: async () => {
    const clock = new ManualClock();
    return { subject: { queue: new MemoryQueue({ clock }), pass: (seconds) => clock.advance(seconds * 1000) }, close: async () => undefined };
  },
});

describeQueue({
  name: 'LMDB',
  make: async () => {
    const clock = new ManualClock();
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-queue-'));
    const queue = openLmdbQueue({ directory, clock });
    const close = async (): Promise<void> => {
      await queue.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { subject: { queue, pass: (seconds) => clock.advance(seconds * 1000) }, close };
  },
});
