/** The online store contract on the embedded backends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import { describeOnlineStore } from './online-store.contract.ts';

describeOnlineStore({
  name: 'memory',
  make: async () => ({ subject: { store: new MemoryOnlineStore(), project: 'demo' }, close: async () => undefined }),
});

describeOnlineStore({
  name: 'LMDB',
  make: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-online-'));
    const store = openLmdbOnlineStore({ directory });
    const close = async (): Promise<void> => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { subject: { store, project: 'demo' }, close };
  },
});
