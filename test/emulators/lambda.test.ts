/** The deployed functions end to end: bundled handlers, Lambda's events, S3 and DynamoDB of an emulator. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importBundled } from '../../cli/import-bundled.ts';
import { openLocalStore } from '../../cli/local-store.ts';
import type { FunctionName } from '../../functions/environment.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { formatMillis } from '../../lib/core/time.ts';
import type { Column } from '../../lib/core/types.ts';
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { httpEvent, type HttpRequest, type Lambdas, objectCreated, queueEvent, startLambdas, SWEEP } from '../support/api-lambda.ts';
import { createTables, type DynamoDbTarget } from '../support/dynamodb-for-test.ts';
import { openParquetCodec } from '../support/embedded.ts';
import { foreignAppend } from '../support/foreign-commit.ts';
import { createBucket, emulatorSettings, type S3Target } from '../support/s3-for-test.ts';

const EMULATORS = [
  { name: 'LocalStack', s3: process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '', dynamodb: process.env['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'] ?? '' },
  { name: 'MiniStack', s3: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '', dynamodb: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '' },
];
const PREFIX = 'lakes/one';
const GROUP = '/v1/projects/demo/feature-groups/airport_delays/versions/1';
const VIEW = '/v1/projects/demo/feature-views/delay_model/versions/1';

/** A user's definitions: the function and what it calls use names that others in the bundle have too. */
const DEFINITIONS = `
import { featureGroup, featureView, join, onDemand, t } from 'lakefold';
const toHex = 1500;
function isRecord(distance) { return distance > toHex; }
export const airportDelays = featureGroup({
  name: 'airport_delays', version: 1, schema: { origin: t.string(), hour: t.timestamp(), flights_24h: t.int(), mean_delay_24h: t.double().nullable() },
  primaryKey: ['origin'], eventTime: 'hour', onlineEnabled: true, ttl: 'P7D',
});
export const delayModel = featureView({
  name: 'delay_model', version: 1, spine: { origin: t.string(), dest: t.string(), predicted_at: t.timestamp(), distance: t.int() }, labelTime: 'predicted_at',
  joins: [
    join(airportDelays, { on: { origin: 'origin' }, features: ['flights_24h', 'mean_delay_24h'], prefix: 'dep_', defaults: { flights_24h: 0 } }),
    join(airportDelays, { on: { dest: 'origin' }, features: ['mean_delay_24h'], prefix: 'arr_' }),
  ],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > toHex && isRecord(distance) })],
});
`;

interface Answered {
  readonly status: number;
  readonly body: string;
}

let folder = '';
let definitions: Awaited<ReturnType<typeof readDefinitions>> | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakefold-lambda-test-'));
  definitions = await readDefinitions(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(EMULATORS)('the Lambda functions on $name', ({ s3, dynamodb }) => {
  describe.skipIf(s3 === '' || dynamodb === '')('with S3 and DynamoDB', () => {
    let tables: DynamoDbTarget | undefined;
    let bucket: S3Target | undefined;
    let lambdas: Lambdas | undefined;

    beforeAll(async () => {
      tables = await createTables(dynamodb);
      bucket = await createBucket(s3);
      lambdas = await startLambdas({
        definitions: definitions?.file ?? '',
        bundles: join(folder, 'bundles'),
        environment: {
          AWS_REGION: 'us-east-1',
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
          AWS_ENDPOINT_URL_S3: s3,
          AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
          AWS_EC2_METADATA_DISABLED: 'true',
          LAKEFOLD_BUCKET: bucket.bucket,
          LAKEFOLD_PREFIX: PREFIX,
          LAKEFOLD_ONLINE_TABLE: tables.onlineTable,
          LAKEFOLD_CONTROL_TABLE: tables.controlTable,
          LAKEFOLD_LOG_LEVEL: 'error',
        },
      });
    });
    afterAll(async () => {
      await lambdas?.close();
      tables?.deps.client.destroy();
    });

    const given = () => {
      if (lambdas === undefined || tables === undefined || bucket === undefined || definitions === undefined) throw new Error('the emulator was not ready');
      return { lambdas, tables, bucket, definitions, now: tables.deps.clock.now() };
    };
    const call = async (name: FunctionName, request: HttpRequest): Promise<Answered> => {
      const result = await (await given().lambdas.get(name)).invoke(httpEvent(request));
      if (typeof result !== 'object' || result === null || !('statusCode' in result) || !('body' in result))
        throw new Error(`expected an answer, found ${JSON.stringify(result)}`);
      const isBinary = 'isBase64Encoded' in result && result.isBase64Encoded === true;
      return { status: Number(result.statusCode), body: isBinary ? Buffer.from(String(result.body), 'base64').toString() : String(result.body) };
    };
    const post = (name: FunctionName, path: string, body?: object, headers?: Readonly<Record<string, string>>) => ({
      name,
      request: { method: 'POST', path, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) },
    });
    const get = (name: FunctionName, path: string) => ({ name, request: { method: 'GET', path } });

    it('serve the rows that were posted, with the bodies of the local server', async () => {
      const {
        definitions: { json, functions },
        now,
      } = given();
      const hour = formatMillis(Math.floor(now / 60_000) * 60_000 - 600_000);
      const at = formatMillis(Math.floor(now / 60_000) * 60_000);
      const rows = [
        { origin: 'SFO', hour, flights_24h: 31, mean_delay_24h: 8.2 },
        { origin: 'JFK', hour, flights_24h: 7, mean_delay_24h: 4 },
      ];
      const vectors = {
        entries: [
          { origin: 'SFO', dest: 'JFK' },
          { origin: 'XXX', dest: 'YYY' },
        ],
        requestParameters: [{ distance: 2000 }, { distance: 100 }],
        metadata: { names: true, types: true, statuses: true, eventTimes: true },
      };
      const steps: readonly { readonly name: FunctionName; readonly request: HttpRequest }[] = [
        post('catalog', '/v1/projects', { name: 'demo' }),
        ...json.featureGroups.map((group) => post('catalog', '/v1/projects/demo/feature-groups', group)),
        ...json.featureViews.map((view) => post('catalog', '/v1/projects/demo/feature-views', view)),
        get('catalog', GROUP),
        get('catalog', '/v1/projects'),
        post('ingest', `${GROUP}/rows`, { rows }, { 'idempotency-key': 'k' }),
        post('ingest', `${GROUP}/rows`, { rows }, { 'idempotency-key': 'k' }),
        post('serve', `${VIEW}/vectors`, vectors),
        post('serve', `${VIEW}/vector`, { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } }),
        post('ingest', `${GROUP}/rows?operation=append`, { rows: [{ ...rows[0], hour: at, flights_24h: 32 }] }),
        post('ingest', `${GROUP}/rows:delete`, { keys: [{ origin: 'JFK' }] }),
        post('query', `${GROUP}/read`, { where: { column: 'origin', op: '=', value: 'SFO' } }),
        post('query', `${GROUP}/read`, { asOf: { version: 1 } }, { accept: 'text/csv' }),
        post('query', `${VIEW}/training-datasets`, {
          spine: { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: at, distance: 2000 }] },
          pins: { 'airport_delays/1': 1 },
          format: 'ndjson',
        }),
        get('query', `${VIEW}/training-datasets/1/data`),
        get('catalog', `${GROUP}/commits?limit=2`),
        get('ingest', `${GROUP}/online`),
        post('ingest', `${GROUP}/rows`, { rows: [{ origin: null, hour, flights_24h: '1' }] }),
        post('serve', `${VIEW}/vector`, { entry: {} }),
        post('ingest', '/v1/projects/nope/feature-groups/a/versions/1/rows', { rows: [] }),
      ];
      const local = await openLocalStore({ location: join(folder, `local-${randomUUID()}`), functions });
      try {
        // The deployment has no project beside the one it made.
        const deployed: Answered[] = [];
        const locally: Answered[] = [];
        for (const { name, request } of steps) {
          deployed.push(await call(name, request));
          const answer = await local.app.request(request.path, {
            method: request.method,
            ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
            headers: { ...(request.body === undefined ? {} : { 'content-type': 'application/json' }), ...request.headers },
          });
          locally.push({ status: answer.status, body: await answer.text() });
        }
        expect(deployed.map(comparable)).toEqual(locally.map(comparable).map((answer) => withoutDefaultProject(answer)));
        expect(deployed.map(({ status }) => status)).toEqual([
          201, 201, 201, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 201, 200, 200, 200, 422, 400, 404,
        ]);
        expect(JSON.parse(deployed[7]?.body ?? '')).toMatchObject({
          features: [
            [31, 8.2, 4, true],
            [0, null, null, false],
          ],
          status: ['COMPLETE', 'MISSING'],
        });
      } finally {
        await local.close();
      }
    });

    it('bring the online store up to a foreign commit, told by an event or found by the sweep', async () => {
      const {
        lambdas: running,
        bucket: { bucket: name },
        tables: {
          deps: { clock, random },
        },
        now,
      } = given();
      const store = createS3ObjectStore({ bucket: name, prefix: PREFIX, clock, random, settings: emulatorSettings(s3) });
      const root = 'demo/feature-groups/airport_delays/1';
      const columns: readonly Column[] = [
        { name: 'origin', type: { kind: 'string' }, nullable: true },
        { name: 'hour', type: { kind: 'timestamp' }, nullable: true },
        { name: 'flights_24h', type: { kind: 'int' }, nullable: true },
        { name: 'mean_delay_24h', type: { kind: 'double' }, nullable: true },
      ];
      const deps = { store, codec: openParquetCodec(), clock, random, log: silentLog, engineInfo: 'delta-rs:py-1.1.4' };
      const publish = await running.get('publish');
      const vector = async (origin: string): Promise<unknown> => {
        const { body } = await call('serve', {
          method: 'POST',
          path: `${VIEW}/vector`,
          body: { entry: { origin, dest: origin }, requestParameters: { distance: 1 }, options: { consistent: true } },
        });
        return JSON.parse(body).features;
      };
      const events: readonly { readonly origin: string; readonly bodies: (version: number) => readonly object[] }[] = [
        {
          origin: 'BOS',
          bodies: (version) => [
            objectCreated(name, `${PREFIX}/${root}/_delta_log/${String(version).padStart(20, '0')}.json`),
            objectCreated(name, `${PREFIX}/${root}/part-0-foreign.parquet`),
            { anything: 'else' },
          ],
        },
        { origin: 'LAX', bodies: () => [SWEEP] },
      ];
      for (const [i, { origin, bodies }] of events.entries()) {
        const head = JSON.parse((await call('catalog', { method: 'GET', path: GROUP })).body).latestCommit;
        await foreignAppend(deps, {
          root,
          version: head + 1,
          columns,
          rows: [
            [origin, BigInt(now) * 1000n - 60_000_000n, 40 + i, 1.5],
            [null, 0n, 1, 1],
          ],
        });
        expect(await vector(origin)).toEqual([0, null, null, false]);
        expect(await publish.invoke(queueEvent(bodies(head + 1)))).toEqual({ batchItemFailures: [] });
        expect(await vector(origin)).toEqual([40 + i, 1.5, 1.5, false]);
      }
      store.close();
    });

    it('give a message back that can not be published now, and no other', async () => {
      const publish = await given().lambdas.get('publish');
      const { bucket: name } = given().bucket;
      const gone = objectCreated(name, `${PREFIX}/demo/feature-groups/g${randomUUID().replaceAll('-', '')}/1/_delta_log/00000000000000000001.json`);
      expect(await publish.invoke(queueEvent([SWEEP, gone]))).toEqual({ batchItemFailures: [{ itemIdentifier: 'm1' }] });
    });
  });
});

/** The definitions as the command line reads them, and the module as the functions are bundled with it. */
async function readDefinitions(folder: string): Promise<{
  readonly file: string;
  readonly functions: ReturnType<typeof collectDefinitions>['functions'];
  readonly json: { readonly featureGroups: readonly object[]; readonly featureViews: readonly object[] };
}> {
  const file = join(folder, 'definitions.ts');
  await writeFile(file, DEFINITIONS);
  const { wanted, functions } = collectDefinitions(await importBundled(file));
  return { file, functions, json: wanted };
}

const OF_ONE_RUN = ['requestId', 'timings', 'committedAt', 'createdAt', 'updatedAt', 'location', 'queryHash', 'bytesAdded'];

/** A body without what the place, the moment and the measuring of a request bring. */
function comparable({ status, body }: Answered): { readonly status: number; readonly body: unknown } {
  if (!body.startsWith('{"') || body.includes('\n')) return { status, body };
  return {
    status,
    // An id of a report is random, but there or not in both.
    body: JSON.parse(body, (key, value: unknown) => (OF_ONE_RUN.includes(key) || (key === 'reportId' && typeof value === 'string') ? '…' : value)),
  };
}

/** The embedded store has its project `default`. */
function withoutDefaultProject({ status, body }: { readonly status: number; readonly body: unknown }): { readonly status: number; readonly body: unknown } {
  if (typeof body !== 'object' || body === null || !('items' in body) || !Array.isArray(body.items)) return { status, body };
  return {
    status,
    body: { ...body, items: body.items.filter((item: unknown) => !(typeof item === 'object' && item !== null && 'name' in item && item.name === 'default')) },
  };
}
