/** Online values verified, repaired and rebuilt by the command, and by the library over the same folder. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { type FeatureStore, openFeatureStore } from '../../lib/index.ts';
import type { OnlineTable } from '../../lib/ports/online-store.ts';
import { lakefold, lakefoldJson, temporaryFolder } from './cli-support.ts';

const ADA = { customer: 'ada', at: new Date(Date.now() - 3_600_000).toISOString(), orders_30d: 5, spend_30d: 160 };
const ONLINE: OnlineTable = { project: 'default', featureGroup: 'customer_stats', version: 1, generation: 1, shards: 16 };
const NOTHING = { superseded: 0, applied: 0, stale: 0, duplicate: 0, expired: 0, deleted: 0, invalid: 0, failed: 0 };

let cwd = '';
let library: FeatureStore | undefined;
beforeEach(async () => {
  cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  const stdin = [ADA, { ...ADA, customer: 'bob' }].map((row) => JSON.stringify(row)).join('\n');
  await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'ndjson'], { cwd, stdin });
});
afterEach(async () => {
  await library?.close();
  library = undefined;
});

/** As a disk would: every value of a generation is gone. */
async function loseAll(): Promise<void> {
  const store = openLmdbOnlineStore({ directory: join(cwd, '.lakefold') });
  await store.clear(ONLINE, { itemsMax: 1000 });
  await store.close();
}

const verification = async (): Promise<readonly [number, unknown]> => {
  const { code, stdout } = await lakefold(['fg', 'verify', 'customer_stats'], { cwd });
  const { requestId: _, ...body } = JSON.parse(stdout);
  return [code, body];
};

describe('online values by the command', () => {
  it('are verified with exit code 4 where they differ, repaired, and rebuilt', async () => {
    const fine = { ok: true, version: 1, watermark: 1, keysCompared: 2, findings: [], findingCount: 0 };
    expect(await verification()).toEqual([0, fine]);
    await loseAll();
    const [code, body] = await verification();
    expect([code, body]).toMatchObject([
      4,
      { ok: false, findingCount: 2, findings: [{ code: 'MISSING_ONLINE', path: null, version: 1 }, { code: 'MISSING_ONLINE' }] },
    ]);
    expect(await lakefoldJson(['fg', 'publish', 'customer_stats', '--repair'], { cwd })).toMatchObject({ from: 1, to: 1, ...NOTHING, applied: 2 });
    expect(await verification()).toEqual([0, fine]);
    await loseAll();
    expect(await lakefoldJson(['fg', 'publish', 'customer_stats', '--rebuild'], { cwd })).toMatchObject({ from: 1, to: 1, ...NOTHING, applied: 2 });
    expect(await verification()).toEqual([0, fine]);

    library = await openFeatureStore({ location: join(cwd, '.lakefold'), project: 'default' });
    const group = library.featureGroup('customer_stats', 1);
    expect(await group.verify()).toEqual(fine);
    expect(await group.publish({ repair: true })).toEqual({ from: 1, to: 1, ...NOTHING });
    expect(await group.publish({ rebuild: true })).toEqual({ from: 1, to: 1, ...NOTHING, applied: 2 });
    expect(await group.verify({ table: false })).toEqual(fine);
  });
});
