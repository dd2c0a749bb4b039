/** `_last_checkpoint` under checkpointers that race: it only ever moves forward. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { LakefoldError } from '../../../lib/core/errors.ts';
import { moveLastCheckpoint, readLastCheckpoint } from '../../../lib/delta/checkpoint/last-checkpoint.ts';
import { lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const POINTER = lastCheckpointPath(T_ROOT);
const pointerTo = (version: number): { readonly version: number } & Record<string, number> => ({ version, size: 1 });

/** A store in which `others` do something between the first look at the pointer and what follows from it. */
function interrupted(store: ObjectStore, others: () => Promise<unknown>): ObjectStore {
  let isDone = false;
  return wrappedStore(store, {
    get: async (path, options) => {
      const found = await store.get(path, options);
      if (path === POINTER && !isDone) {
        isDone = true;
        await others();
      }
      return found;
    },
  });
}

describe('two checkpointers at once', () => {
  it.each([
    ['the first pointer of the table', async () => {}],
    ['a pointer that is there', async (store: ObjectStore) => moveLastCheckpoint(store, T_ROOT, pointerTo(0))],
  ])('leave the pointer at the newer checkpoint: %s', async (_, prepare) => {
    const { table, store, deps } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    await table.append(rowsBatch(['b', 2, 2n]));
    await prepare(store);
    const [older, newer] = [await loadSnapshot(deps, T_ROOT, { version: 1 }), await loadSnapshot(deps, T_ROOT)];
    await writeCheckpoint({ ...deps, store: interrupted(store, () => writeCheckpoint(deps, T_ROOT, newer)) }, T_ROOT, older);
    expect((await readLastCheckpoint(store, T_ROOT))?.version).toBe(2);
    expect((await verifyTable(deps, T_ROOT)).findings).toEqual([]);
  });

  it('move an older pointer that was written meanwhile', async () => {
    const { store } = await tableFixture();
    await moveLastCheckpoint(
      interrupted(store, () => moveLastCheckpoint(store, T_ROOT, pointerTo(1))),
      T_ROOT,
      pointerTo(2),
    );
    expect((await readLastCheckpoint(store, T_ROOT))?.version).toBe(2);
  });
});

describe('moving the pointer', () => {
  it('mends one that points beyond the table, where no checkpoint is', async () => {
    const { table, store, deps } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]));
    await store.overwrite(POINTER, utf8('{"version":99,"size":1}'));
    await writeCheckpoint(deps, T_ROOT, await loadSnapshot(deps, T_ROOT));
    expect((await readLastCheckpoint(store, T_ROOT))?.version).toBe(1);
    expect((await verifyTable(deps, T_ROOT)).findings).toEqual([]);
  });

  it('replaces one that makes no sense', async () => {
    const { store } = await tableFixture();
    await store.overwrite(POINTER, utf8('{"version":'));
    await moveLastCheckpoint(store, T_ROOT, pointerTo(3));
    expect((await readLastCheckpoint(store, T_ROOT))?.version).toBe(3);
  });

  it('looks again where the answer was lost', async () => {
    const { store } = await tableFixture();
    await moveLastCheckpoint(store, T_ROOT, pointerTo(1));
    let lost = 0;
    const losing = wrappedStore(store, {
      replaceIfMatch: async (path, bytes, options) => {
        const outcome = await store.replaceIfMatch(path, bytes, options);
        lost += 1;
        return lost === 1 ? { kind: 'unknown', cause: new Error('reset') } : outcome;
      },
    });
    await moveLastCheckpoint(losing, T_ROOT, pointerTo(2));
    expect([(await readLastCheckpoint(store, T_ROOT))?.version, lost]).toEqual([2, 1]);
  });

  it('is refused by a store that never answers, after a few tries', async () => {
    const { store } = await tableFixture();
    let tries = 0;
    const dead = wrappedStore(store, {
      createIfAbsent: async () => {
        tries += 1;
        return { kind: 'unknown', cause: new LakefoldError('STORE_UNAVAILABLE', 'no answer') };
      },
    });
    await expect(moveLastCheckpoint(dead, T_ROOT, pointerTo(2))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { path: POINTER } });
    expect(tries).toBe(4);
  });

  it('is left to those who keep moving it', async () => {
    const { store } = await tableFixture();
    await moveLastCheckpoint(store, T_ROOT, pointerTo(1));
    let tries = 0;
    const busy = wrappedStore(store, {
      replaceIfMatch: async () => {
        tries += 1;
        return { kind: 'changed' };
      },
    });
    await moveLastCheckpoint(busy, T_ROOT, pointerTo(2));
    expect([(await readLastCheckpoint(store, T_ROOT))?.version, tries]).toEqual([1, 4]);
  });
});
