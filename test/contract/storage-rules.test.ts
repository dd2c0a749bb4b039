/** The rules that touch storage, on files and LMDB. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { nodeFileSystem } from '../../lib/adapters/fs/node-file-system.ts';
import { openLmdbControl } from '../../lib/adapters/lmdb/control.ts';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { memoryParts, openApi } from '../support/api.ts';
import { describeStorageRules } from './storage-rules.contract.ts';

describeStorageRules({
  name: 'files and LMDB',
  make: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-storage-rules-'));
    const parts = memoryParts();
    const store = await openFilesObjectStore({ fs: nodeFileSystem, directory, clock: parts.clock, random: parts.random });
    const api = await openApi({ ...parts, store, online: openLmdbOnlineStore({ directory }), control: openLmdbControl({ directory }) });
    const close = async (): Promise<void> => {
      await Promise.all(parts.later);
      await api.close();
      await api.parts.online.close();
      await api.parts.control.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { subject: { api, project: 'demo' }, close };
  },
});
