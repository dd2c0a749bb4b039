/** Files that the newest version does without and kept ones need: `verify` wants them there for as long as the table promises. */
import { describe, expect, it } from 'vitest';
import { objectPath } from '../../../lib/core/path.ts';
import { executeLogCleanup, planLogCleanup } from '../../../lib/delta/maintain/log-cleanup.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Version 1 appends a file, 2 rewrites it without a row, 3 hides a row of another; each with a change file. */
async function table(profile: 'merge-on-read' | 'compatible', configuration: Readonly<Record<string, string>> = {}): Promise<TableFixture> {
  const fixture = await tableFixture({ profile, configuration: { 'delta.enableChangeDataFeed': 'true', ...configuration } });
  await fixture.table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n], ['c', 3, 1n]));
  await fixture.clock.advance(HOUR);
  for (const [k, v] of [
    ['a', 10],
    ['b', 20],
  ] as const)
    await fixture.table.upsert(rowsBatch([k, v, 2n]), { keys: ['k'] });
  return fixture;
}

async function found({ deps }: TableFixture): Promise<readonly string[]> {
  const { findings } = await verifyTable(deps, T_ROOT);
  return findings.map(({ code, path, version }) => `${code} ${path?.replace(/(part|cdc|vector).*?(-\d{5})?\./, '$1$2.')} ${version}`).toSorted();
}

/** All but what the newest version needs, as a vacuum that knows no retention. */
async function deleteHistory({ store, table: { snapshot } }: TableFixture): Promise<void> {
  const live = new Set([...snapshot.files.keys()].map((path) => `${T_ROOT}/${path}`));
  for (const path of await pathsIn(store, `${T_ROOT}/`)) if (!path.includes('/_') && !live.has(path)) await store.delete(objectPath(path));
}

async function deleteFolder({ store }: TableFixture, folder: string): Promise<void> {
  for (const path of await pathsIn(store, `${T_ROOT}/${folder}/`)) await store.delete(objectPath(path));
}

describe('history that verify wants', () => {
  it('is removed files, named with the version that removed them', async () => {
    const fixture = await table('compatible');
    expect(await found(fixture)).toEqual([]);
    await deleteHistory(fixture);
    expect(await found(fixture)).toEqual(['MISSING_FILE part-00000.ndjson 2', 'MISSING_FILE part-00001.ndjson 3']);
    const { findings } = await verifyTable(fixture.deps, T_ROOT);
    expect(findings[0]?.message).toMatch(/^expected part-.*, removed by version 2 and kept for the versions before it, found nothing there$/);
  });

  it('is deletion vectors that took the place of each other', async () => {
    const fixture = await table('merge-on-read');
    expect(await found(fixture)).toEqual([]);
    await deleteFolder(fixture, '_dv');
    expect(await found(fixture)).toEqual(['MISSING_FILE _dv/deletion_vector.bin 3', 'MISSING_FILE _dv/deletion_vector.bin 3']);
  });

  it('is found missing once, however many versions changed it', async () => {
    const fixture = await table('merge-on-read', { 'delta.enableChangeDataFeed': 'false' });
    const file = [...fixture.table.snapshot.files.values()].find(({ deletionVector }) => deletionVector !== undefined);
    await fixture.store.delete(objectPath(`${T_ROOT}/${file?.path}`));
    expect(await found(fixture)).toEqual(['MISSING_FILE part-00000.ndjson 3']);
    await fixture.table.overwrite(rowsBatch(['z', 1, 3n]));
    expect(await found(fixture)).toEqual(['MISSING_FILE part-00000.ndjson 4']);
  });

  it('is change files', async () => {
    const fixture = await table('compatible');
    await deleteFolder(fixture, '_change_data');
    expect(await found(fixture)).toEqual(['MISSING_FILE _change_data/cdc-00000.ndjson 2', 'MISSING_FILE _change_data/cdc-00000.ndjson 3']);
  });

  it('is none that is older than a week, or than the time the table keeps files', async () => {
    for (const [configuration, age] of [
      [{}, 8 * DAY],
      [{ 'delta.deletedFileRetentionDuration': 'interval 30 days' }, 8 * DAY],
      [{ 'delta.deletedFileRetentionDuration': 'interval 1 day' }, 2 * DAY],
    ] as const) {
      const fixture = await table('compatible', configuration);
      await fixture.clock.advance(age);
      await deleteHistory(fixture);
      await deleteFolder(fixture, '_change_data');
      expect(await found(fixture)).toEqual([]);
    }
  });

  it('is none that a vacuum of ours took, forced or not', async () => {
    for (const profile of ['compatible', 'merge-on-read'] as const) {
      const fixture = await table(profile);
      await fixture.clock.advance(2 * DAY);
      const { files } = await fixture.table.vacuum({ dryRun: false, retentionMillis: DAY, force: true });
      expect(files.length).toBeGreaterThan(2);
      expect(await found(fixture)).toEqual([]);
      await fixture.table.upsert(rowsBatch(['a', 30, 3n]), { keys: ['k'] });
      expect(await found(fixture)).toEqual([]);
      await deleteFolder(fixture, '_change_data');
      expect(await found(fixture)).toEqual(['MISSING_FILE _change_data/cdc-00000.ndjson 4']);
    }
  });

  it('outlives the commits that removed it', async () => {
    const fixture = await table('compatible', { 'delta.logRetentionDuration': 'interval 1 hour', 'delta.deletedFileRetentionDuration': 'interval 5 days' });
    await fixture.table.checkpoint();
    await fixture.clock.advance(2 * DAY);
    for (let i = 0; i < 110; i += 1) await fixture.table.append(rowsBatch([`n${i}`, i, 3n]));
    const plan = await planLogCleanup(fixture.deps, { root: T_ROOT, snapshot: fixture.table.snapshot }, { now: fixture.clock.now() });
    expect((await executeLogCleanup(fixture.deps, T_ROOT, plan)).deleted).toBe(3);
    expect(await found(fixture)).toEqual([]);
    await deleteHistory(fixture);
    expect(await found(fixture)).toEqual(['MISSING_FILE part-00000.ndjson 3', 'MISSING_FILE part-00001.ndjson 3']);
  });
});
