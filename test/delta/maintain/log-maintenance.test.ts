/** What maintenance leaves beside commits: checksums that add up, compactions, checkpoints. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject } from '../../../lib/core/json.ts';
import { tableVersion } from '../../../lib/core/version.ts';
import { readEntry } from '../../../lib/delta/changes/changes.ts';
import { planLogMaintenance } from '../../../lib/delta/maintain/log-maintenance.ts';
import { checksumPath } from '../../../lib/delta/snapshot/log-path.ts';
import { logListingOf } from '../../../lib/delta/snapshot/log-segment.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';
import { advanceTotals, fileTotals, parseChecksum } from '../../../lib/delta/checkpoint/version-checksum.ts';
import { foreignEntry } from '../../support/foreign-commit.ts';
import { makeHistory } from '../../support/table-days.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { columnsOf, type TableShape } from '../../support/table-model.ts';
import { METADATA } from '../log-support.ts';

const EMPTY = logListingOf('', []);

async function names(fixture: TableFixture): Promise<readonly string[]> {
  const folder = `${T_ROOT}/_delta_log/`;
  return (await pathsIn(fixture.store, folder)).map((path) => path.slice(folder.length).replace(/0{12,}/g, '')).filter((name) => !/^\d*\.json$/.test(name));
}

describe('the plan of maintenance', () => {
  const at = (version: number, configuration: Readonly<Record<string, string>> = {}) => ({
    version: tableVersion(version),
    metadata: { ...METADATA, configuration },
  });

  it.each([
    ['nothing but a checksum before the tenth commit', 9, -1, undefined],
    ['a checkpoint at the tenth', 10, -1, 10],
    ['a checkpoint ten commits behind the last', 25, 15, 25],
    ['none sooner', 24, 15, undefined],
  ])('has %s', (_, version, checkpointVersion, checkpoint) => {
    expect(planLogMaintenance(at(version), { checkpointVersion, listing: EMPTY })).toEqual({ checksum: version, checkpoint, compactions: [] });
  });

  it("heeds the table's own interval, and takes nonsense for none", () => {
    const checkpointAt = (interval: string): number | undefined =>
      planLogMaintenance(at(10, { 'delta.checkpointInterval': interval }), { checkpointVersion: 0, listing: EMPTY }).checkpoint;
    expect([checkpointAt('5'), checkpointAt('11'), checkpointAt('0'), checkpointAt('often')]).toEqual([10, undefined, 10, 10]);
  });
});

describe('maintaining a log', () => {
  it('is refused where writers must know a feature we do not, as its part of the state would be lost', async () => {
    const { table, store } = await tableFixture();
    await table.append(rowsBatch(['k', 1, 1n]));
    const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking'] };
    await foreignEntry({ store }, { root: T_ROOT, version: 2, text: `${JSON.stringify({ protocol })}\n` });
    const before = await pathsIn(store, '');
    for (const refused of [() => table.checkpoint(), () => table.maintainLog(), () => table.vacuum({ dryRun: true, retentionMillis: 0 })])
      await expect(refused()).rejects.toMatchObject({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: 'rowTracking' } });
    expect(await pathsIn(store, '')).toEqual(before);
  });

  it('leaves a checksum a commit, a checkpoint every tenth, and compactions where checkpoints are rarer', async () => {
    const dense = await tableFixture();
    const rare = await tableFixture({ configuration: { 'delta.checkpointInterval': '100' } });
    for (const { table } of [dense, rare]) {
      for (let i = 0; i < 21; i += 1) {
        await table.append(rowsBatch([`k${i}`, i, 1n]));
        await table.maintainLog();
      }
    }
    const checksums = Array.from({ length: 21 }, (_, i) => `${i + 1}.crc`);
    expect((await names(dense)).toSorted()).toEqual([...checksums, '10.checkpoint.parquet', '20.checkpoint.parquet', '_last_checkpoint'].toSorted());
    expect((await names(rare)).filter((name) => !name.endsWith('.crc'))).toEqual([
      expect.stringMatching(/^0*\.?0*9\.compacted\.json$/),
      expect.stringMatching(/^10\.0*19\.compacted\.json$/),
    ]);
    expect((await rare.open()).snapshot.files.size).toBe(21);
  });

  it('compacts the rest when asked, and never over what is compacted already', async () => {
    const fixture = await tableFixture();
    for (let i = 0; i < 7; i += 1) {
      await fixture.table.append(rowsBatch([`k${i}`, i, 1n]));
      if (i >= 4) await fixture.table.maintainLog({ rest: 'compact' });
    }
    expect((await names(fixture)).filter((name) => name.includes('compacted'))).toEqual([
      expect.stringMatching(/5\.compacted\.json$/),
      expect.stringMatching(/7\.compacted\.json$/),
    ]);
  });

  it('leaves no compactions that overlap where two compact at once, and compacts again', async () => {
    const fixture = await tableFixture({ configuration: { 'delta.checkpointInterval': '100' } });
    for (let i = 1; i <= 14; i += 1) await fixture.table.append(rowsBatch([`k${i}`, i, 1n]));
    let isDone = false;
    const slow = wrappedStore(fixture.store, {
      createIfAbsent: async (path, bytes, options) => {
        if (path.endsWith('.compacted.json') && !isDone) {
          isDone = true;
          await fixture.table.append(rowsBatch(['more', 1, 1n]));
          await (await fixture.open()).maintainLog({ rest: 'compact' });
        }
        return fixture.store.createIfAbsent(path, bytes, options);
      },
    });
    await (await fixture.open(slow)).maintainLog({ rest: 'compact' });
    const compacted = async (): Promise<readonly string[]> => (await names(fixture)).filter((name) => name.endsWith('.compacted.json'));
    expect(await compacted()).toEqual(['.9.compacted.json', '10.15.compacted.json']);
    expect((await verifyTable(fixture.deps, T_ROOT)).findings).toEqual([]);
  });

  it('leaves the checkpoint of another process alone', async () => {
    const fixture = await tableFixture();
    const other = await fixture.open();
    for (let i = 0; i < 11; i += 1) await fixture.table.append(rowsBatch([`k${i}`, i, 1n]));
    expect((await other.maintainLog()).checkpoint?.version).toBe(11);
    await fixture.table.append(rowsBatch(['z', 1, 1n]));
    expect((await fixture.table.maintainLog()).plan).toEqual({ checksum: 12, checkpoint: undefined, compactions: [] });
  });

  it('writes checksums another engine understands', async () => {
    const { table, store, deps } = await tableFixture({ name: 'n' });
    await table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n]));
    await table.upsert(rowsBatch(['a', 2, 2n]), { keys: ['k'], idempotency: { kind: 'stream', name: 's', sequence: 3 } });
    await table.maintainLog();
    const { snapshot } = table;
    const object = await store.get(checksumPath(T_ROOT, 2));
    const { 'lakefold.crc32': sealed, ...rest } = parseChecksum(object?.bytes ?? new Uint8Array(), 'crc');
    expect(sealed).toMatch(/^[0-9a-f]{8}$/);
    const { kind: _p, ...protocol } = snapshot.protocol;
    const { kind: _m, ...metadata } = snapshot.metadata;
    const info = (await readEntry(deps, T_ROOT, 2))?.actions.find((action) => action.kind === 'commitInfo');
    expect(rest).toEqual({
      txnId: info?.kind === 'commitInfo' ? info.txnId : '',
      tableSizeBytes: [...snapshot.files.values()].reduce((sum, { size }) => sum + size, 0),
      numFiles: 2,
      numDeletedRecordsOpt: 1,
      numDeletionVectorsOpt: 1,
      numMetadata: 1,
      numProtocol: 1,
      setTransactions: [{ appId: 'lakefold/s/s', version: 3, lastUpdated: expect.any(Number) }],
      domainMetadata: [],
      protocol,
      metadata,
    });
  });

  it('leaves idempotency keys out of checksums, which checkpoints drop after a while', async () => {
    const { table, store } = await tableFixture();
    await table.append(rowsBatch(['a', 1, 1n]), { idempotency: { kind: 'request', key: 'k', bodyHash: 'b', windowMillis: 1000 } });
    await table.maintainLog();
    const checksum = parseChecksum((await store.get(checksumPath(T_ROOT, 1)))?.bytes ?? new Uint8Array(), 'crc');
    expect(Object.hasOwn(checksum, 'setTransactions')).toBe(false);
    expect(isJsonObject(checksum['metadata'])).toBe(true);
  });

  it('adds up by entries what counting all files gives, in any history', async () => {
    const cases = fc.record({ seed: fc.integer({ min: 0, max: 2 ** 30 }), profile: fc.constantFrom<TableShape['profile']>('merge-on-read', 'compatible') });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, profile }) => {
        const shape: TableShape = { profile, partitionBy: ['p'], hasEventTime: true };
        const fixture = await tableFixture({ columns: columnsOf(shape), profile, partitionBy: ['p'] });
        await makeHistory(fixture, { seed, shape });
        const head = (await fixture.table.refresh()).version;
        let totals = fileTotals(await loadSnapshot(fixture.deps, T_ROOT, { version: 0 }));
        for (let version = 1; version <= head; version += 1) {
          totals = advanceTotals(totals, (await readEntry(fixture.deps, T_ROOT, version))?.actions ?? []) ?? totals;
          expect([version, totals]).toEqual([version, fileTotals(await loadSnapshot(fixture.deps, T_ROOT, { version }))]);
        }
      }),
      { numRuns: 30 },
    );
  });
});
