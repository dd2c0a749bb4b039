/** Vacuum: everything a retained version needs stays, everything else goes, and asking twice is harmless (G8, G13, G14). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { executeVacuum, type VacuumScope } from '../../../lib/delta/maintain/vacuum.ts';
import { makeHistory } from '../../support/table-days.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture } from '../../support/table-fixture.ts';
import { columnsOf, type TableShape } from '../../support/table-model.ts';

const DAY = 24 * 3_600_000;

describe('vacuum', () => {
  it('leaves every version readable that was the newest within the retention, whoever plans it', async () => {
    const cases = fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 30 }),
      profile: fc.constantFrom<TableShape['profile']>('merge-on-read', 'compatible'),
      partitionBy: fc.constantFrom<TableShape['partitionBy']>([], ['p']),
      retentionMillis: fc.constantFrom(0, 2 * DAY, 10 * DAY, 30 * DAY),
      tombstones: fc.constantFrom({}, { 'delta.deletedFileRetentionDuration': 'interval 2 days' }),
      isWarm: fc.boolean(),
      scope: fc.constantFrom<VacuumScope>('log', 'full'),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, profile, partitionBy, retentionMillis, tombstones, isWarm, scope }) => {
        const shape: TableShape = { profile, partitionBy, hasEventTime: true };
        const fixture = await tableFixture({ columns: columnsOf(shape), profile, partitionBy, configuration: tombstones });
        await makeHistory(fixture, { seed, shape });
        const { clock, deps, rows, open, table } = fixture;
        const head = (await table.refresh()).version;
        const before = await Promise.all(
          Array.from({ length: head + 1 }, async (_, version) => ({
            rows: await rows({ asOf: { version } }),
            committedAt: (await loadSnapshot(deps, T_ROOT, { version })).committedAt,
          })),
        );
        const planner = isWarm ? table : await open();
        const plan = await planner.vacuum({ retentionMillis, dryRun: false, force: true, scope });
        for (const [version, was] of before.entries()) {
          const replacedAt = before[version + 1]?.committedAt ?? Number.POSITIVE_INFINITY;
          if (replacedAt >= clock.now() - retentionMillis) expect([version, await rows({ asOf: { version } })]).toEqual([version, was.rows]);
        }
        await executeVacuum(deps, T_ROOT, plan);
        expect((await table.vacuum({ retentionMillis, dryRun: true, force: true, scope })).files).toEqual([]);
        expect(await rows()).toEqual(before.at(-1)?.rows);
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('takes what no version needs: replaced files, their deletion vectors and what was staged in vain', async () => {
    const { table, clock, store } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n], ['c', 1, 1n]));
    await table.upsert(rowsBatch(['a', 2, 2n]), { keys: ['k'] });
    await table.upsert(rowsBatch(['b', 2, 3n]), { keys: ['k'] });
    await store.createIfAbsent(objectPath(`${T_ROOT}/part-orphan.ndjson`), utf8('x'), { identity: 'o' });
    await table.overwrite(rowsBatch(['z', 1, 4n]));
    const live = [...table.snapshot.files.keys()].map((path) => `${T_ROOT}/${path}`);
    const all = (await pathsIn(store, `${T_ROOT}/`)).filter((path) => !path.includes('_delta_log'));
    await clock.advance(8 * DAY);
    const plan = await table.vacuum({ retentionMillis: 7 * DAY, dryRun: true, scope: 'full' });
    expect(plan.files.map(({ path }) => path)).toEqual(all.filter((path) => !live.includes(path)));
    expect(plan.files.filter(({ path }) => path.includes('/_dv/'))).toHaveLength(2);
    expect(plan.bytes).toBe(plan.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    expect(await pathsIn(store, `${T_ROOT}/`)).toHaveLength(all.length + 5);
  });

  it('keeps what is young, pinned, hidden, or removed no longer ago than the retention', async () => {
    const { table, clock, store } = await tableFixture();
    const put = (name: string, text = 'x'): Promise<unknown> => store.createIfAbsent(objectPath(`${T_ROOT}/${name}`), utf8(text), { identity: name });
    await table.append(rowsBatch(['a', 1, 1n]));
    const [pinned] = table.snapshot.files.keys();
    await table.overwrite(rowsBatch(['b', 1, 1n]));
    const [removed] = table.snapshot.files.keys();
    for (const name of [
      '_lakefold/reports/r.json',
      '_change_data/cdc.ndjson',
      '.hidden',
      '_p=1/part-old.ndjson',
      'part-old.ndjson',
      '_dv/deletion_vector_old.bin',
    ])
      await put(name);
    await put('_lakefold/pins/1.td.json', JSON.stringify({ files: [{ path: pinned, size: 1 }] }));
    await clock.advance(30 * DAY);
    await table.overwrite(rowsBatch(['c', 1, 1n]));
    const plan = async (): Promise<string[]> =>
      (await table.vacuum({ retentionMillis: 7 * DAY, dryRun: true, scope: 'full' })).files.map(({ path }) => path.slice(T_ROOT.length + 1));
    await clock.advance(7 * DAY - (clock.now() - ([...table.snapshot.tombstones.values()].at(-1)?.deletionTimestamp ?? 0)));
    await put('part-young.ndjson');
    const old = ['_change_data/cdc.ndjson', '_dv/deletion_vector_old.bin', '_p=1/part-old.ndjson', 'part-old.ndjson'];
    expect(await plan()).toEqual(old);
    await clock.advance(1);
    expect(await plan()).toEqual([...old, String(removed)].toSorted());
    await clock.advance(DAY - 2);
    expect(await plan()).not.toContain('part-young.ndjson');
    await clock.advance(1);
    expect(await plan()).toContain('part-young.ndjson');
  });

  it('by the log alone takes what entries took out, change files included, and tells what stays readable', async () => {
    const { table, clock, store, rows } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n]));
    await table.upsert(rowsBatch(['a', 2, 2n]), { keys: ['k'] });
    await table.upsert(rowsBatch(['a', 3, 3n]), { keys: ['k'] });
    await store.createIfAbsent(objectPath(`${T_ROOT}/part-orphan.ndjson`), utf8('x'), { identity: 'o' });
    await clock.advance(8 * DAY);
    await table.upsert(rowsBatch(['b', 4, 4n]), { keys: ['k'] });
    const readable = await rows({ asOf: { version: 3 } });
    const plan = await table.vacuum({ retentionMillis: 7 * DAY, dryRun: false, scope: 'log' });
    expect([plan.oldestReadable, plan.files.some(({ path }) => path.includes('orphan')), plan.files.length > 0]).toEqual([3, false, true]);
    expect(await rows({ asOf: { version: 3 } })).toEqual(readable);
    for (const version of [2]) {
      const read = async (): Promise<void> => {
        for await (const _ of table.read({ asOf: { version } })) expect(_).toBeDefined();
      };
      await expect(read()).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { asked: version, reason: 'RETENTION' } });
    }
    expect((await table.vacuum({ retentionMillis: 7 * DAY, dryRun: true, scope: 'log' })).files).toEqual([]);
  });

  it('refuses less than a week without force', async () => {
    const { table } = await tableFixture();
    await expect(table.vacuum({ retentionMillis: 7 * DAY - 1, dryRun: true })).rejects.toMatchObject({
      code: 'RETENTION_TOO_SHORT',
      context: { floorHours: 168 },
    });
    const mark = { tableId: table.snapshot.metadata.id, through: 0, oldestReadable: 0 };
    expect(await table.vacuum({ retentionMillis: 7 * DAY, dryRun: true })).toEqual({ files: [], bytes: 0, oldestReadable: 0, complete: true, mark });
  });
});
