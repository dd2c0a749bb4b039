/** A table's inbox in the control store of the embedded profile, read by handles opened anew. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbControl } from '../../../lib/adapters/lmdb/control.ts';
import { MemoryQueue } from '../../../lib/adapters/memory/queue.ts';
import { UlidSource } from '../../../lib/core/ulid.ts';
import { drainInbox } from '../../../lib/delta/group/group-drain.ts';
import { enqueueWrite } from '../../../lib/delta/group/group-inbox.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';

const NAME = 'demo/t/1';
const WRITES = 14;

describe('an inbox on disk', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lakefold-inbox-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is drained by the next process, many writes an entry, and empty afterwards', async () => {
    const fixture = await tableFixture();
    const ids = new UlidSource(fixture.deps);
    const queue = new MemoryQueue({ clock: fixture.clock });
    const producer = openLmdbControl({ directory });
    for (let i = 0; i < WRITES; i += 1) {
      const write = { batch: rowsBatch([`k${i % 3}`, i, BigInt(i)]), what: { kind: 'upsert', keys: ['k'] } } as const;
      await enqueueWrite({ ...fixture.deps, control: producer, queue }, { name: NAME, root: T_ROOT, snapshot: fixture.table.snapshot, ids }, write);
    }
    await producer.close();
    const control = openLmdbControl({ directory });
    const inbox = { ...fixture.deps, control, queue };
    expect(await drainInbox(inbox, NAME, fixture.table)).toEqual({ kind: 'drained', versions: [1], landed: WRITES, repeated: 0, refused: 0 });
    expect(await drainInbox(inbox, NAME, fixture.table)).toEqual({ kind: 'drained', versions: [], landed: 0, repeated: 0, refused: 0 });
    await control.close();
    expect(await fixture.rows()).toEqual([
      ['k0', 12, 12n],
      ['k1', 13, 13n],
      ['k2', 11, 11n],
    ]);
  });
});
