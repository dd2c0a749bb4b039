/** Log clean-up: what is retained reads as before, what is not is said to have expired, wherever it stopped. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { isLakefoldError } from '../../../lib/core/errors.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { epochMillis } from '../../../lib/core/time.ts';
import { executeLogCleanup, oldestKept, planLogCleanup } from '../../../lib/delta/maintain/log-cleanup.ts';
import { checkpointPath, commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { logListingOf } from '../../../lib/delta/snapshot/log-segment.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { ObjectInfo } from '../../../lib/ports/object-store.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_750_000_000_000;
const MIDNIGHT = Math.floor(NOW / DAY) * DAY;

const object = (path: string, modifiedAt: number): ObjectInfo => ({ path: objectPath(path), sizeBytes: 1, modifiedAt: epochMillis(modifiedAt), etag: 'e' });

/** A log of 300 commits, one an hour up to now, and checkpoints at every tenth. */
function listing(options: { readonly ageOf?: (version: number) => number; readonly checkpoints?: readonly number[]; readonly commits?: number } = {}) {
  const { commits = 300, ageOf = (version) => (commits - 1 - version) * HOUR } = options;
  const files = Array.from({ length: commits }, (_, version) => object(commitPath('', version), NOW - ageOf(version)));
  const checkpoints = (options.checkpoints ?? Array.from({ length: commits / 10 }, (_, i) => i * 10)).map((version) =>
    object(checkpointPath('', version), NOW),
  );
  return logListingOf('_delta_log/', [...files, ...checkpoints]);
}

describe('the oldest version that stays', () => {
  const kept = (retentionMillis: number, options: Parameters<typeof listing>[0] & { readonly pinned?: readonly number[] } = {}): number | undefined =>
    oldestKept(listing(options), { now: NOW, retentionMillis, pinned: options.pinned ?? [] });
  /** The version that was the newest at an instant. */
  const newestAt = (instant: number): number => 299 - Math.ceil((NOW - instant) / HOUR);

  it('is a checkpoint at or before the one that was the newest at the last midnight within the retention', () => {
    expect(kept(5 * DAY)).toBe(Math.floor(newestAt(MIDNIGHT - 5 * DAY) / 10) * 10);
    expect(kept(7 * DAY)).toBe(Math.floor(newestAt(MIDNIGHT - 7 * DAY) / 10) * 10);
    expect(kept(30 * DAY)).toBeUndefined();
  });

  it('leaves a hundred versions and a day, whatever the retention', () => {
    expect(kept(0)).toBe(200);
    expect(kept(0, { ageOf: (version) => (version < 250 ? 10 * DAY : DAY - 1) })).toBe(200);
    expect(kept(0, { ageOf: (version) => (version < 150 ? 10 * DAY : DAY - 1) })).toBe(140);
    expect(kept(0, { ageOf: () => DAY - 1 })).toBeUndefined();
    expect(kept(0, { commits: 100 })).toBe(0);
  });

  it('holds what is pinned, and stands on a checkpoint or does nothing', () => {
    expect(kept(0, { pinned: [57, 120] })).toBe(50);
    expect(kept(0, { checkpoints: [130, 250] })).toBe(130);
    expect(kept(0, { checkpoints: [250] })).toBeUndefined();
  });

  it('believes no time that goes backwards', () => {
    expect(kept(0, { ageOf: (version) => (version === 100 ? 0 : 10 * DAY) })).toBe(90);
  });
});

/** 240 commits in twelve days, checkpoints of every tenth, expired after five. */
async function agedTable(configuration: Readonly<Record<string, string>> = {}): Promise<TableFixture> {
  const fixture = await tableFixture({ configuration: { 'delta.logRetentionDuration': 'interval 5 days', ...configuration } });
  for (let i = 1; i <= 240; i += 1) {
    await fixture.clock.advance(DAY / 20);
    if (i % 3 === 0) await fixture.table.upsert(rowsBatch([`k${i % 7}`, i, BigInt(i)]), { keys: ['k'] });
    else await fixture.table.append(rowsBatch([`k${i % 7}`, i, BigInt(i)]));
    if (i % 10 === 0) await fixture.table.checkpoint();
    if (i % 10 === 5) await fixture.table.maintainLog({ rest: 'compact' });
  }
  return fixture;
}

async function readsOf({ deps, rows, table }: TableFixture, versions: Iterable<number>): Promise<readonly unknown[]> {
  const reads: unknown[] = [];
  for (const version of versions) {
    try {
      reads.push([version, (await loadSnapshot(deps, table.root, { version })).committedAt, await rows({ asOf: { version } })]);
    } catch (error) {
      if (!isLakefoldError(error)) throw error;
      reads.push([version, error.code, error.context['oldest']]);
    }
  }
  return reads;
}

const every = function* every(from: number, to: number, step = 1): Generator<number> {
  for (let version = from; version <= to; version += step) yield version;
};

describe('cleaning up a log', () => {
  it('leaves every retained version as it was and tells the others that they have expired', async () => {
    const fixture = await agedTable();
    const { deps, store, table, clock } = fixture;
    const plan = await planLogCleanup(deps, { root: T_ROOT, snapshot: table.snapshot }, { now: clock.now() });
    const keepFrom = plan.keepFrom ?? -1;
    expect(keepFrom).toBeGreaterThanOrEqual(110);
    expect(keepFrom % 10).toBe(0);
    const before = await readsOf(fixture, every(keepFrom, 240));
    const instant = before.map((read) => (Array.isArray(read) ? Number(read[1]) : 0));
    expect(await executeLogCleanup(deps, T_ROOT, plan)).toEqual({ deleted: plan.files.length });
    expect(await readsOf(fixture, every(keepFrom, 240))).toEqual(before);
    expect(await readsOf(fixture, every(0, keepFrom - 1, 7))).toEqual([...every(0, keepFrom - 1, 7)].map((version) => [version, 'HISTORY_EXPIRED', keepFrom]));
    for (const i of [0, 17, 100]) expect((await loadSnapshot(deps, T_ROOT, { instant: instant[i] ?? 0 })).version).toBe(keepFrom + i);
    const names = await pathsIn(store, `${T_ROOT}/_delta_log/0`);
    expect(names.filter((path) => Number(path.slice(T_ROOT.length + 12, T_ROOT.length + 32)) < keepFrom)).toEqual([]);
    expect(names).toContain(commitPath(T_ROOT, keepFrom));
    expect((await planLogCleanup(deps, { root: T_ROOT, snapshot: table.snapshot }, { now: clock.now() })).files).toEqual([]);
  });

  it('may stop anywhere: no version reads wrong or as broken, and the next run ends it', async () => {
    const fixture = await agedTable();
    const { deps, store, table, clock } = fixture;
    const snapshot = table.snapshot;
    const plan = await planLogCleanup(deps, { root: T_ROOT, snapshot }, { now: clock.now() });
    const keepFrom = plan.keepFrom ?? -1;
    const sample = [0, 3, 10, 25, 57, 99, keepFrom, keepFrom + 5, 240];
    const before = await readsOf(fixture, sample);
    await fc.assert(
      fc.asyncProperty(fc.nat(plan.files.length), async (left) => {
        let deletes = plan.files.length - left;
        const stopping = wrappedStore(store, {
          delete: async (path) => {
            deletes -= 1;
            if (deletes < 0) throw new Error('stopped');
            await store.delete(path);
          },
        });
        const again = await planLogCleanup(deps, { root: T_ROOT, snapshot }, { now: clock.now() });
        await executeLogCleanup({ ...deps, store: stopping }, T_ROOT, again).catch(() => undefined);
        const after = await readsOf(fixture, sample);
        const differing = after.filter((read, i) => JSON.stringify(read, text) !== JSON.stringify(before[i], text));
        expect(differing.map((read) => (Array.isArray(read) ? read[1] : read))).toEqual(differing.map(() => 'HISTORY_EXPIRED'));
        expect(after.slice(-3)).toEqual(before.slice(-3));
      }),
      { numRuns: 8 },
    );
    const last = await planLogCleanup(deps, { root: T_ROOT, snapshot }, { now: clock.now() });
    await executeLogCleanup(deps, T_ROOT, last);
    expect((await pathsIn(store, `${T_ROOT}/_delta_log/0`))[0]).toBe(checkpointPath(T_ROOT, keepFrom));
  });

  it('deletes nothing when the checkpoint that would stay does not read', async () => {
    const { deps, store, table, clock } = await agedTable();
    const plan = await planLogCleanup(deps, { root: T_ROOT, snapshot: table.snapshot }, { now: clock.now() });
    await store.overwrite(checkpointPath(T_ROOT, plan.keepFrom ?? 0), utf8('{"broken'));
    const before = await pathsIn(store);
    await expect(executeLogCleanup(deps, T_ROOT, plan)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
    expect(await pathsIn(store)).toEqual(before);
  });

  it('keeps to what the table asks for', async () => {
    const fixture = await agedTable({ 'delta.enableExpiredLogCleanup': 'false' });
    expect(await planLogCleanup(fixture.deps, { root: T_ROOT, snapshot: fixture.table.snapshot }, { now: fixture.clock.now() })).toEqual({
      keepFrom: undefined,
      files: [],
    });
  });

  it('holds a pinned version', async () => {
    const { deps, store, table, clock } = await agedTable();
    await store.overwrite(objectPath(`${T_ROOT}/_lakefold/pins/42.td1.json`), utf8('{"files":[]}'));
    expect((await planLogCleanup(deps, { root: T_ROOT, snapshot: table.snapshot }, { now: clock.now() })).keepFrom).toBe(40);
  });

  it('takes sidecars that no kept checkpoint names once they are a day old', async () => {
    const { deps, store, table, clock } = await agedTable();
    const sidecar = (name: string): string => `${T_ROOT}/_delta_log/_sidecars/${name}.parquet`;
    for (const name of ['named', 'orphan']) await store.overwrite(objectPath(sidecar(name)), utf8('x'));
    const uuid = '80a083e8-7026-4e79-81be-64bd76c43a11';
    await store.overwrite(
      objectPath(`${T_ROOT}/_delta_log/${'0'.repeat(17)}240.checkpoint.${uuid}.json`),
      utf8('{"checkpointMetadata":{"version":240}}\n{"sidecar":{"path":"named.parquet","sizeInBytes":1,"modificationTime":1}}\n'),
    );
    await clock.advance(DAY + 1);
    await store.overwrite(objectPath(sidecar('young')), utf8('x'));
    const plan = await planLogCleanup(deps, { root: T_ROOT, snapshot: table.snapshot }, { now: clock.now() });
    expect(plan.files.map(({ path }) => path).filter((path) => path.includes('_sidecars'))).toEqual([sidecar('orphan')]);
  });
});

const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
