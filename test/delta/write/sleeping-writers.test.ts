/** Machines that sleep in the middle of something: a lid is closed, a function frozen, for longer than anything is kept. */
import { describe, expect, it } from 'vitest';
import { isLakefoldError } from '../../../lib/core/errors.ts';
import { GroupCommitter } from '../../../lib/delta/group/group-committer.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import { rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { isLogEntry } from '../../support/table-turns.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const HOUR = 3_600_000;

/** The store, at which the machine sleeps for 30 hours after the first answer that `isAsleepAt` names. */
function sleepingStore(
  { store, clock }: TableFixture,
  isAsleepAt: (verb: string, path: string) => boolean,
  whileAsleep = async (): Promise<void> => {},
): ObjectStore {
  let isAwake = true;
  const answer = async <T>(verb: string, path: string, result: Promise<T>): Promise<T> => {
    const answered = await result;
    if (!isAwake || !isAsleepAt(verb, path)) return answered;
    isAwake = false;
    await whileAsleep();
    await clock.advance(30 * HOUR);
    return answered;
  };
  return wrappedStore(store, {
    get: (path, options) => answer('get', path, store.get(path, options)),
    createIfAbsent: (path, bytes, options) => answer('create', path, store.createIfAbsent(path, bytes, options)),
    list: async function* list(prefix, options) {
      for await (const info of store.list(prefix, options)) yield info;
      await answer('list', prefix, Promise.resolve());
    },
  });
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isLakefoldError(error) ? error.code : String(error)),
  );
}

describe('a writer that slept', () => {
  it('does not commit what it staged before, which a vacuum may have taken', async () => {
    const fixture = await tableFixture();
    const table = await fixture.open(sleepingStore(fixture, (verb, path) => verb === 'create' && !isLogEntry(path)));
    expect(await failureOf(table.append(rowsBatch(['a', 1, 1n])))).toBe('WRITER_FENCED');
    expect((await fixture.table.refresh()).version).toBe(0);
    expect((await table.append(rowsBatch(['a', 1, 1n]))).outcome.kind).toBe('committed');
  });

  it('fails alone where it would have joined a group, and names none of its files', async () => {
    const fixture = await tableFixture();
    const store = sleepingStore(fixture, (verb, path) => verb === 'create' && !isLogEntry(path));
    const table = await fixture.open(store);
    const committer = new GroupCommitter({ ...fixture.deps, store }, table);
    const append = { kind: 'append' } as const;
    expect(await failureOf(committer.write({ batch: rowsBatch(['a', 1, 1n]), what: append }))).toBe('WRITER_FENCED');
    expect((await committer.write({ batch: rowsBatch(['b', 1, 1n]), what: append })).kind).toBe('committed');
    expect(await fixture.rows()).toEqual([['b', 1, 1n]]);
  });

  it('does not take for new the snapshot it slept over', async () => {
    const fixture = await tableFixture();
    await fixture.table.append(rowsBatch(['a', 1, 1n]));
    const replaceAll = async (): Promise<void> => {
      await fixture.table.overwrite(rowsBatch(['a', 2, 1n]));
    };
    const table = await fixture.open(sleepingStore(fixture, (verb, path) => verb === 'get' && isLogEntry(path), replaceAll));
    expect(table.snapshot.version).toBe(1);
    await fixture.table.vacuum({ retentionMillis: 0, dryRun: false, force: true });
    await fixture.clock.advance(1);
    expect((await table.upsert(rowsBatch(['a', 3, 1n]), { keys: ['k'] })).outcome).toMatchObject({ kind: 'committed', version: 3 });
  });
});

describe('a vacuum that slept', () => {
  it('leaves what was staged and committed meanwhile, however old it is now', async () => {
    const fixture = await tableFixture();
    const commit = async (): Promise<void> => {
      await fixture.table.append(rowsBatch(['a', 1, 1n]));
    };
    let isOpen = false;
    const vacuuming = await fixture.open(sleepingStore(fixture, (verb, path) => isOpen && verb === 'list' && path.endsWith('_delta_log/'), commit));
    isOpen = true;
    await vacuuming.vacuum({ retentionMillis: 0, dryRun: false, force: true });
    expect(await fixture.rows()).toEqual([['a', 1, 1n]]);
  });
});

describe('a restore', () => {
  it('refuses files that a vacuum may delete before the commit is there', async () => {
    const fixture = await tableFixture({ configuration: { 'delta.deletedFileRetentionDuration': 'interval 2 days' } });
    await fixture.table.append(rowsBatch(['a', 1, 1n]));
    await fixture.table.overwrite(rowsBatch(['b', 2, 1n]));
    await fixture.clock.advance(35 * HOUR);
    expect((await fixture.table.restore({ version: 1 })).kind).toBe('committed');
    await fixture.table.overwrite(rowsBatch(['c', 3, 1n]));
    await fixture.clock.advance(37 * HOUR);
    expect(await failureOf(fixture.table.restore({ version: 1 }))).toBe('HISTORY_EXPIRED');
    expect(await fixture.rows()).toEqual([['c', 3, 1n]]);
  });

  it('of a version newer than the handle knows is planned on what the log says', async () => {
    const fixture = await tableFixture();
    const behind = await DeltaTable.open(fixture.deps, T_ROOT);
    await fixture.table.append(rowsBatch(['a', 1, 1n]));
    await fixture.table.overwrite(rowsBatch(['b', 2, 1n]));
    expect((await behind.restore({ version: 1 })).kind).toBe('committed');
    expect(await fixture.rows()).toEqual([['a', 1, 1n]]);
  });
});
