/** The control contract on the embedded backends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbControl } from '../../lib/adapters/lmdb/control.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { describeControl } from './control.contract.ts';

describeControl({
  name: 'memory',
  make: async () => ({ subject: { control: new MemoryControl(), scope: 'demo' }, close: async () => undefined }),
});

describeControl({
  name: 'LMDB',
  make: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lakefold-control-'));
    const control = openLmdbControl({ directory });
    const close = async (): Promise<void> => {
      await control.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { subject: { control, scope: 'demo' }, close };
  },
});
