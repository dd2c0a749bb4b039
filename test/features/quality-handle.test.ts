/** Reports, quarantine, statistics and drift as a program asks for them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectation, featureGroup, openFeatureStore, t } from '../../lib/index.ts';

const delays = featureGroup({
  name: 'delays',
  version: 1,
  schema: { origin: t.string(), flights: t.int().nullable() },
  primaryKey: ['origin'],
  validationPolicy: 'QUARANTINE',
  expectations: [expectation.columnValuesToBeBetween('flights', { minValue: 0 })],
});

async function all<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

it('answers a program as it answers over HTTP', async () => {
  const location = await mkdtemp(join(tmpdir(), 'lakefold-quality-'));
  const store = await openFeatureStore({ location });
  try {
    await store.apply({ delays });
    const group = store.featureGroup(delays);
    const rows = Array.from({ length: 120 }, (_, i) => ({ origin: `A${i}`, flights: i - 20 }));
    expect(await group.validate(rows)).toMatchObject({ success: false, rows: 120, ingestionResult: 'EXPERIMENT', results: [{ unexpectedCount: 20 }] });
    const receipt = await group.upsert(rows);
    const reportId = receipt.validation?.reportId ?? '';
    expect(receipt).toMatchObject({ commit: { version: 1, rowsInserted: 100, rejected: 20 }, validation: { ingestionResult: 'QUARANTINED' } });
    expect(await all(group.validationReports())).toEqual([await group.validationReport(reportId)]);
    await expect(group.validationReport('vr_0')).rejects.toMatchObject({ code: 'UNKNOWN_REPORT' });
    const setAside = (await all(group.quarantine({ reportId }))).flatMap((batch) => batch.toRows());
    expect(setAside).toHaveLength(20);
    expect(await group.statistics({ features: ['flights'] })).toMatchObject({ basis: 'snapshot', version: 1, rows: 100, features: [{ min: 0, max: 99 }] });
    expect(await group.statistics({ basis: 'commits', from: 0 })).toMatchObject({ basis: 'commits', from: 0, to: 1, rows: 100 });
    const target = { basis: 'commits', from: 0 } as const;
    expect(await group.drift({ target, reference: { version: 1 }, metrics: ['KS'] })).toMatchObject({
      drifted: false,
      features: [{ name: 'flights', status: 'OK', metrics: { KS: 0 } }],
    });
  } finally {
    await store.close();
    await rm(location, { recursive: true, force: true });
  }
});
