/** The TypeScript surface on S3 and DynamoDB, as a program with rights of its own uses a deployment. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openTable } from '../../lib/delta/index.ts';
import { featureGroup, featureView, join, onDemand, openFeatureStore, t, type FeatureStore } from '../../lib/index.ts';
import { createTables } from '../support/dynamodb-for-test.ts';
import { createBucket } from '../support/s3-for-test.ts';

const EMULATORS = [
  { name: 'LocalStack', s3: process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '', dynamodb: process.env['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'] ?? '' },
  { name: 'MiniStack', s3: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '', dynamodb: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '' },
];

const delays = featureGroup({
  name: 'airport_delays',
  version: 1,
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  schema: { origin: t.string(), hour: t.timestamp(), flights: t.int() },
});
const model = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), at: t.timestamp(), distance: t.int() },
  labelTime: 'at',
  joins: [join(delays, { features: ['flights'] })],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 })],
});

describe.each(EMULATORS)('a feature store on $name', ({ s3, dynamodb }) => {
  const region = 'us-east-1';
  let open: () => Promise<FeatureStore>;
  let bucket: string;

  beforeAll(async () => {
    if (s3 === '' || dynamodb === '') return;
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    ({ bucket } = await createBucket(s3));
    const { deps, onlineTable, controlTable } = await createTables(dynamodb);
    deps.client.destroy();
    open = () =>
      openFeatureStore({
        s3: { bucket, prefix: 'lake', region, endpoint: s3 },
        dynamodb: { onlineTable, controlTable, region, endpoint: dynamodb },
        project: 'demo',
        definitions: { model },
      });
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it.skipIf(s3 === '' || dynamodb === '')('takes definitions and rows, serves vectors, builds training sets, and is found again', async () => {
    const store = await open();
    await expect(store.featureGroup(delays).upsert([])).rejects.toMatchObject({ code: 'UNKNOWN_PROJECT' });
    expect((await store.apply({ delays, model })).applied).toHaveLength(2);
    const rows = [
      { origin: 'SFO', hour: '2001-01-01T08:00:00Z', flights: 12 },
      { origin: 'SFO', hour: '2001-01-01T09:00:00Z', flights: 15 },
    ];
    expect(await store.featureGroup(delays).upsert(rows)).toMatchObject({
      commit: { version: 1, rowsInserted: 2 },
      online: { state: 'applied', watermark: 1 },
    });
    const dataset = await store.featureView(model).createTrainingDataset({ spine: { rows: [{ origin: 'SFO', at: '2001-01-01T08:30:00Z', distance: 1 }] } });
    expect(dataset).toMatchObject({
      trainingDataset: 1,
      counts: { rows: 1, joins: [{ matched: 1 }] },
      location: `s3://${bucket}/lake/demo/training-datasets/delay_model/1/1`,
    });
    await store.close();

    const again = await open();
    const { features, status } = await again
      .featureView(model)
      .getFeatureVector({ origin: 'SFO' }, { requestParameters: { distance: 2586 }, consistent: true });
    expect({ features, status }).toEqual({ features: { flights: 15, is_long_haul: true }, status: 'COMPLETE' });
    await again.close();

    const table = await openTable(`s3://${bucket}/lake/demo/feature-groups/airport_delays/1`, { region, endpoint: s3 });
    const flights: unknown[] = [];
    for await (const batch of table.read({ columns: ['flights'] })) flights.push(...batch.toRows());
    expect(flights).toHaveLength(2);
  });
});
