/** The object store contract on the embedded backends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { nodeFileSystem } from '../../lib/adapters/fs/node-file-system.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { seededRandom, tickingClock } from '../support/object-store-ports.ts';
import { describeObjectStore } from './object-store.contract.ts';

describeObjectStore({
  name: 'memory',
  make: async () => ({ store: new MemoryObjectStore({ clock: tickingClock() }), close: async () => undefined }),
});

describeObjectStore({
  name: 'local files',
  make: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-files-'));
    const store = await openFilesObjectStore({ fs: nodeFileSystem, directory, clock: tickingClock(), random: seededRandom(1) });
    return { store, close: () => rm(directory, { recursive: true, force: true }) };
  },
});
