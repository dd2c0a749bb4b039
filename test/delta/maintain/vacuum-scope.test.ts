/** What a vacuum asks of the store, where it goes on from, and what it leaves for another one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { VACUUM_FILES_MAX } from '../../../lib/core/limits.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { parseVacuumMark } from '../../../lib/delta/maintain/vacuum-mark.ts';
import type { DeltaTable } from '../../../lib/delta/table.ts';
import type { ObjectInfo } from '../../../lib/ports/object-store.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { makeHistory } from '../../support/table-days.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { columnsOf, type TableShape } from '../../support/table-model.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const DAY = 24 * 3_600_000;
const WEEK = { retentionMillis: 7 * DAY, dryRun: false } as const;
const MARK = objectPath(`${T_ROOT}/_lakefold/vacuum.json`);

const put = ({ store }: TableFixture, name: string): Promise<unknown> => store.createIfAbsent(objectPath(`${T_ROOT}/${name}`), utf8('x'), { identity: name });
const namesOf = (files: readonly ObjectInfo[]): string[] => files.map(({ path }) => path.slice(T_ROOT.length + 1));

/** Overwritten once a day: each version takes one file out. */
async function dailyTable(days: number): Promise<TableFixture> {
  const fixture = await tableFixture();
  await overwriteDaily(fixture, days);
  return fixture;
}

async function overwriteDaily({ table, clock }: Pick<TableFixture, 'table' | 'clock'>, days: number): Promise<void> {
  for (let day = 0; day < days; day += 1) {
    await table.overwrite(rowsBatch(['a', day, BigInt(day)]));
    await clock.advance(DAY);
  }
}

/** A vacuum by a process that has just opened the table, and what it asked for since. */
async function counted({ open, store }: TableFixture, vacuum: (table: DeltaTable) => ReturnType<DeltaTable['vacuum']>) {
  const counting = countingObjectStore(store);
  const table = await open(counting);
  counting.requests.length = 0;
  return { plan: await vacuum(table), asked: counting.requests.map(({ kind, path }) => `${kind} ${path.slice(T_ROOT.length + 1)}`) };
}

const entry = (version: number): string => `GET ${commitPath(T_ROOT, version).slice(T_ROOT.length + 1)}`;

describe('a vacuum by the log', () => {
  it('lists nothing but the log and the pins, and the next one reads only what was committed since', async () => {
    const fixture = await dailyTable(12);
    const first = await counted(fixture, (table) => table.vacuum(WEEK));
    expect(first.plan.files).toHaveLength(4);
    expect(first.asked.filter((request) => request.startsWith('LIST'))).toEqual(['LIST _delta_log/', 'LIST _lakefold/pins/', 'LIST _delta_log/']);
    await overwriteDaily(fixture, 2);
    const next = await counted(fixture, (table) => table.vacuum(WEEK));
    expect(next.plan.files).toHaveLength(2);
    // Version 5 took out what was written in version 4, eight days before the first vacuum, and it read up to there.
    expect(next.asked.filter((request) => request.startsWith('GET _delta_log/'))).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14].map(entry));
    expect(next.asked.filter((request) => request.startsWith('HEAD'))).toHaveLength(2);
    expect(next.plan.oldestReadable).toBe(7);
  });

  it('lists the folder once where entries are gone that no vacuum has seen to', async () => {
    const fixture = await dailyTable(12);
    await fixture.table.checkpoint();
    await fixture.clock.advance(1);
    for (let version = 0; version < 10; version += 1) await fixture.store.delete(commitPath(T_ROOT, version));
    const byLog = await counted(fixture, (table) => table.vacuum({ ...WEEK, scope: 'log', dryRun: true }));
    expect(byLog.asked).not.toContain('LIST ');
    const first = await counted(fixture, (table) => table.vacuum(WEEK));
    expect(first.asked).toContain('LIST ');
    expect([byLog.plan.files.length, first.plan.files.length, first.plan.complete]).toEqual([0, 5, true]);
    await overwriteDaily(fixture, 1);
    const next = await counted(fixture, (table) => table.vacuum(WEEK));
    expect(next.asked).not.toContain('LIST ');
  });

  it('by its mark finds what it finds without, whatever happened between', async () => {
    const shape: TableShape = { profile: 'merge-on-read', partitionBy: [], hasEventTime: true };
    const cases = fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 30 }),
      retentions: fc.array(fc.constantFrom(0, 2 * DAY, 10 * DAY), { minLength: 14, maxLength: 14 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, retentions }) => {
        const fixture = await tableFixture({ columns: columnsOf(shape) });
        const { store } = fixture;
        let turn = 0;
        const afterEach = async (table: DeltaTable): Promise<void> => {
          turn += 1;
          const options = { retentionMillis: retentions[turn] ?? 0, force: true, scope: 'log' } as const;
          if (turn % 3 === 0) await table.vacuum({ ...options, dryRun: false });
          const known = await table.vacuum({ ...options, dryRun: true });
          const mark = await store.get(MARK);
          await store.delete(MARK);
          const all = await table.vacuum({ ...options, dryRun: true });
          if (mark !== undefined) await store.overwrite(MARK, mark.bytes);
          expect(known.files).toEqual(all.files);
        };
        await makeHistory(fixture, { seed, shape, afterEach });
      }),
      { numRuns: 30, endOnFailure: true },
    );
  });

  it('keeps what is pinned, and finds it when the pin is gone', async () => {
    const fixture = await dailyTable(1);
    const [pinned = ''] = fixture.table.snapshot.files.keys();
    const pin = objectPath(`${T_ROOT}/_lakefold/pins/1.td.json`);
    await fixture.store.createIfAbsent(pin, utf8(JSON.stringify({ files: [{ path: pinned, size: 1 }] })), { identity: 'pin' });
    await overwriteDaily(fixture, 9);
    expect(namesOf((await fixture.table.vacuum(WEEK)).files)).not.toContain(pinned);
    await fixture.store.delete(pin);
    expect(namesOf((await fixture.table.vacuum(WEEK)).files)).toEqual([pinned]);
  });

  it.each([
    { what: 'another table', change: (text: string) => text.replace(/"tableId":"[^"]+"/, '"tableId":"another"') },
    { what: 'a changed byte', change: (text: string) => text.replace('"through":5', '"through":9') },
    { what: 'half of it', change: (text: string) => text.slice(0, 40) },
    { what: 'nothing', change: () => '' },
  ])('reads all of the log where its mark is $what', async ({ change }) => {
    const fixture = await dailyTable(12);
    await fixture.table.vacuum(WEEK);
    const mark = await fixture.store.get(MARK);
    expect(parseVacuumMark(mark?.bytes ?? new Uint8Array())).toEqual({ tableId: fixture.table.snapshot.metadata.id, through: 5, oldestReadable: 5 });
    await fixture.store.overwrite(MARK, utf8(change(new TextDecoder().decode(mark?.bytes))));
    const { asked } = await counted(fixture, (table) => table.vacuum(WEEK));
    expect(asked).toContain(entry(1));
  });
});

describe('a vacuum of the folder', () => {
  it('finds change files that no commit names, and leaves alone those that one does', async () => {
    const fixture = await tableFixture({ configuration: { 'delta.enableChangeDataFeed': 'true' } });
    const { table, clock, store } = fixture;
    await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n]));
    await table.upsert(rowsBatch(['a', 2, 2n]), { keys: ['k'] });
    const named = (await pathsIn(store, `${T_ROOT}/_change_data/`)).map((path) => path.slice(T_ROOT.length + 1));
    expect(named).toHaveLength(1);
    await put(fixture, '_change_data/cdc-orphan.ndjson');
    const found = async (): Promise<string[]> => namesOf((await table.vacuum({ ...WEEK, scope: 'full', dryRun: true })).files);
    expect(await found()).toEqual([]);
    await clock.advance(DAY);
    expect(await found()).toEqual(['_change_data/cdc-orphan.ndjson']);
    await clock.advance(7 * DAY);
    expect(await found()).toEqual(expect.arrayContaining(['_change_data/cdc-orphan.ndjson', ...named]));
  });

  it('leaves validation reports and statistics for 90 days, and what else is hidden for good', async () => {
    const fixture = await tableFixture();
    for (const name of ['_lakefold/reports/rep_1.json', '_lakefold/statistics/t.bin', '_lakefold/pins/0.td.json']) await put(fixture, name);
    await fixture.store.overwrite(objectPath(`${T_ROOT}/_lakefold/pins/0.td.json`), utf8('{"files":[]}'));
    await fixture.clock.advance(90 * DAY - 1);
    const vacuum = async (): Promise<string[]> => namesOf((await fixture.table.vacuum({ ...WEEK, scope: 'full' })).files);
    expect(await vacuum()).toEqual([]);
    await fixture.clock.advance(1);
    expect(await vacuum()).toEqual(['_lakefold/reports/rep_1.json', '_lakefold/statistics/t.bin']);
  });

  it('leaves what a queued write staged for 15 days, wherever it stands', async () => {
    const fixture = await tableFixture();
    const queued = ['p=1/part-01J0000000000000000000000A-00000.ndjson', 'part-01J0000000000000000000000A-00001.ndjson'];
    for (const name of [...queued, 'part-7d1165c4-4930-4a6d-97cc-4b34a88bc231-00000.ndjson']) await put(fixture, name);
    await fixture.clock.advance(15 * DAY - 1);
    const vacuum = async (): Promise<string[]> => namesOf((await fixture.table.vacuum({ ...WEEK, scope: 'full' })).files);
    expect(await vacuum()).toEqual(['part-7d1165c4-4930-4a6d-97cc-4b34a88bc231-00000.ndjson']);
    await fixture.clock.advance(1);
    expect(await vacuum()).toEqual(queued);
  });

  it('deletes no more files than it can hold, says so, and does not forget the rest', async () => {
    const { open, store, clock } = await tableFixture();
    await clock.advance(2 * DAY);
    let left = VACUUM_FILES_MAX + 5;
    const crowded = wrappedStore(store, {
      list: async function* list(prefix, options) {
        if (prefix !== `${T_ROOT}/`) yield* store.list(prefix, options);
        else
          for (let i = 0; i < left; i += 1)
            yield { path: objectPath(`${T_ROOT}/part-${i}`), sizeBytes: 1, modifiedAt: 0 as ObjectInfo['modifiedAt'], etag: '' };
      },
      delete: async () => {
        left -= 1;
      },
    });
    const table = await open(crowded);
    const first = await table.vacuum({ ...WEEK, scope: 'full' });
    expect([first.files.length, first.complete, await store.get(MARK)]).toEqual([VACUUM_FILES_MAX, false, undefined]);
    const next = await table.vacuum({ ...WEEK, scope: 'full' });
    expect([next.files.length, next.complete, left]).toEqual([5, true, 0]);
  });
});

describe('a vacuum whose time is up', () => {
  it('answers what it deleted; the next ones go on until all is gone', async () => {
    const { open, store, clock, rows } = await dailyTable(60);
    const slow = wrappedStore(store, {
      delete: async (path) => {
        await clock.sleep(1000);
        await store.delete(path);
      },
    });
    await clock.advance(1);
    const table = await open(slow);
    const all = (await table.vacuum({ ...WEEK, dryRun: true })).files;
    const answers: (readonly [number, boolean])[] = [];
    for (let complete = false; !complete;) {
      const plan = await table.vacuum({ ...WEEK, timeMillisMax: 20_000 });
      ({ complete } = plan);
      answers.push([plan.files.length, complete]);
    }
    expect(answers).toEqual([
      [32, false],
      [21, true],
    ]);
    expect(all).toHaveLength(53);
    expect(await rows()).toEqual([['a', 59, 59n]]);
  });
});
