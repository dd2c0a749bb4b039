/** The CDK app deployed: five functions as processes, a bucket, two tables, queues; used over their URLs as an app would. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const endpoint = process.env['LAKEFOLD_TEST_MINISTACK'];
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

const GROUP = {
  name: 'airport_delays',
  version: 1,
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: 'timestamp' },
    { name: 'flights_24h', type: 'int' },
    { name: 'mean_delay_24h', type: 'double', nullable: true },
  ],
};
const VIEW = {
  name: 'delay_model',
  version: 1,
  spine: [
    { name: 'origin', type: 'string' },
    { name: 'predicted_at', type: 'timestamp' },
  ],
  labelTime: 'predicted_at',
  joins: [{ featureGroup: 'airport_delays', version: 1, features: ['flights_24h', 'mean_delay_24h'], prefix: 'dep_' }],
};

describe.skipIf(endpoint === undefined)('a deployment by cdk deploy', () => {
  let folder: string;
  let urls: Readonly<Record<'catalog' | 'ingest' | 'serve' | 'query', string>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-deploy-'));
    const env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CI: 'true',
    };
    const cdk = join(root, 'node_modules/.bin/cdk');
    const assembly = join(folder, 'cdk.out');
    await run(cdk, ['bootstrap', 'aws://000000000000/us-east-1'], { cwd: folder, env });
    await run(cdk, ['synth', '-q', '-c', 'lakefold:access=public', '-o', assembly], { cwd: root, env });
    await run(cdk, ['deploy', '--all', '--app', assembly, '--require-approval', 'never', '--outputs-file', join(folder, 'out.json')], { cwd: folder, env });
    const outputs = JSON.parse(await readFile(join(folder, 'out.json'), 'utf8')) as Record<string, Record<string, string>>;
    const urlOf = (stack: string, key: string): string =>
      `${endpoint ?? ''}/_aws/lambda-url/${new URL(outputs[stack]?.[key] ?? '').hostname.split('.')[0] ?? ''}`;
    urls = {
      catalog: urlOf('Lakefold-Ingest', 'CatalogUrl'),
      ingest: urlOf('Lakefold-Ingest', 'IngestUrl'),
      serve: urlOf('Lakefold-Serving', 'ServeUrl'),
      query: urlOf('Lakefold-Query', 'QueryUrl'),
    };
  }, 240_000);
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function post(target: keyof typeof urls, path: string, body: object): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${urls[target]}/v1/projects${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  }

  it('takes definitions and rows, serves the vector, reads the table and builds a training set', async () => {
    expect((await post('catalog', '', { name: 'demo' })).status).toBe(201);
    expect((await post('catalog', '/demo/feature-groups', GROUP)).status).toBe(201);
    expect((await post('catalog', '/demo/feature-views', VIEW)).status).toBe(201);
    const rows = [{ origin: 'SFO', hour: '2001-01-01T01:00:00Z', flights_24h: 3, mean_delay_24h: 2.5 }];
    const receipt = await post('ingest', '/demo/feature-groups/airport_delays/versions/1/rows', { rows });
    expect(JSON.parse(receipt.text)).toMatchObject({ received: 1, commit: { version: 1, rowsInserted: 1 }, online: { state: 'applied', watermark: 1 } });
    const vectors = await post('serve', '/demo/feature-views/delay_model/versions/1/vectors', { entries: [{ origin: 'SFO' }, { origin: 'XXX' }] });
    expect(JSON.parse(vectors.text)).toMatchObject({
      features: [
        [3, 2.5],
        [null, null],
      ],
      status: ['COMPLETE', 'MISSING'],
      timings: { storeRequests: 1 },
    });
    const read = await post('query', '/demo/feature-groups/airport_delays/versions/1/read', {});
    expect(read.text).toBe('{"origin":"SFO","hour":"2001-01-01T01:00:00Z","flights_24h":3,"mean_delay_24h":2.5}\n');
    const spine = {
      rows: [
        { origin: 'SFO', predicted_at: '2001-01-02T00:00:00Z' },
        { origin: 'SFO', predicted_at: '2000-01-02T00:00:00Z' },
      ],
    };
    const dataset = await post('query', '/demo/feature-views/delay_model/versions/1/training-datasets', { spine });
    expect(JSON.parse(dataset.text)).toMatchObject({
      trainingDataset: 1,
      counts: { spineRows: 2, rows: 2, joins: [{ join: 'dep', matched: 1, missing: 1, expired: 0 }] },
    });
  }, 60_000);
});
