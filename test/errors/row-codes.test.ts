/** Every row code, by a request and by a command: the row, the column and exit code 3, and under STRICT nothing is written, whatever else is in the batch. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../../cli/server.ts';
import { toHex } from '../../lib/core/bytes.ts';
import { lakefold, lakefoldJson, problem } from '../cli/cli-support.ts';
import { type Api, type memoryParts, openMemoryApi } from '../support/api.ts';

const DEFINITION = {
  name: 'kinds',
  version: 1,
  primaryKey: ['id'],
  eventTime: 'at',
  onlineEnabled: true,
  schema: [
    { name: 'id', type: 'string' },
    { name: 'at', type: 'timestamp' },
    { name: 'n', type: 'int' },
    { name: 'big', type: 'bigint', nullable: true },
    { name: 'x', type: 'double', nullable: true },
    { name: 'price', type: 'decimal(7,2)', nullable: true },
    { name: 'v', type: 'vector(2)', nullable: true },
    { name: 'raw', type: 'binary', nullable: true },
    { name: 'text', type: 'string', nullable: true },
  ],
  expectations: [{ expectationType: 'expect_column_values_to_be_between', kwargs: { column: 'n', min_value: 0 } }],
};
const GROUP = '/v1/projects/demo/feature-groups/kinds/versions/1';
const REPORTS = '_lakefold/reports/';
const GOOD = { id: 'a', at: '2001-03-01T10:00:00Z', n: 1, big: '9007199254740993', x: 0.5, price: '1.50', v: [1, 2], raw: 'AAE=', text: 'fine' };

/** A member as JSON text, for what `JSON.stringify` would not write. */
interface BadRow {
  readonly code: string;
  /** None of a row that is too large as a whole. */
  readonly feature: string | undefined;
  readonly json: string;
}

const bad = (code: string, feature: string, value: unknown, json = JSON.stringify(value)): BadRow => ({
  code,
  feature,
  json: `${JSON.stringify({ ...GOOD, id: 'b', [feature]: undefined }).slice(0, -1)},${JSON.stringify(feature)}:${json}}`,
});

const BAD_ROWS: readonly BadRow[] = [
  bad('TYPE_MISMATCH', 'n', '12'),
  bad('OUT_OF_RANGE', 'n', 3_000_000_000),
  bad('UNSAFE_INTEGER', 'x', undefined, '9007199254740993'),
  bad('DECIMAL_SCALE', 'price', '1.505'),
  bad('NULL_NOT_ALLOWED', 'n', null),
  { code: 'NULL_KEY', feature: 'id', json: JSON.stringify({ ...GOOD, id: null }) },
  bad('EVENT_TIME_REQUIRED', 'at', null),
  bad('NAIVE_TIMESTAMP', 'at', '2001-03-01T10:00:00'),
  bad('INVALID_TIMESTAMP', 'at', '2001-02-30T10:00:00Z'),
  bad('TIMESTAMP_PRECISION', 'at', '2001-03-01T10:00:00.1234567Z'),
  bad('FUTURE_EVENT_TIME', 'at', '2099-01-01T00:00:00Z'),
  bad('UNKNOWN_FEATURE', 'nothing', 1),
  bad('VECTOR_LENGTH', 'v', [1, 2, 3]),
  bad('INVALID_BASE64', 'raw', 'not base64'),
  bad('INVALID_UNICODE', 'text', undefined, '"\\ud800"'),
  { code: 'ROW_TOO_LARGE', feature: undefined, json: JSON.stringify({ ...GOOD, id: 'b', text: 'x'.repeat(400_000) }) },
  { code: 'ERASED_KEY', feature: 'id', json: JSON.stringify({ ...GOOD, id: 'forgotten' }) },
  bad('EXPECTATION_FAILED', 'n', -1),
  { code: 'KEY_TOO_LONG', feature: 'id', json: JSON.stringify({ ...GOOD, id: 'k'.repeat(2000) }) },
];

let api: Api<ReturnType<typeof memoryParts>>;
let server: RunningServer;
let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lakefold-row-codes-'));
  api = await openMemoryApi();
  server = await startServer(api.app, { port: 0 });
  expect((await api.post('/v1/projects/demo/feature-groups', DEFINITION)).status).toBe(201);
  expect((await api.post(`${GROUP}/rows`, { rows: [GOOD, { ...GOOD, id: 'forgotten' }] })).status).toBe(200);
  expect((await api.post(`${GROUP}/rows:erase`, { keys: [{ id: 'forgotten' }], reason: 'asked' })).status).toBe(202);
});
afterAll(async () => {
  await server.close();
  await api.close();
  await rm(cwd, { recursive: true, force: true });
});

/** All there is but reports: objects, online items, the watermark. */
async function content(): Promise<ReadonlyMap<string, unknown>> {
  const { store, online } = api.parts;
  const found = new Map<string, unknown>();
  for await (const { path, etag } of store.list('')) {
    if (!path.includes(REPORTS)) found.set(path, `${etag} ${toHex((await store.get(path))?.bytes ?? new Uint8Array())}`);
  }
  const { onlineTable } = await api.projects.group('demo', 'kinds', 1);
  for await (const { key, item } of online.scan(onlineTable)) found.set(toHex(key), item);
  found.set('watermark', await online.watermark(onlineTable));
  return found;
}

describe('one bad row among good ones', () => {
  it.each(BAD_ROWS)('is refused for $code by both ways alike, with nothing written', async ({ code, feature, json }) => {
    const rows = [JSON.stringify({ ...GOOD, id: 'new' }), json, JSON.stringify({ ...GOOD, id: 'newer' })].map((row) => `${row}\n`).join('');
    await writeFile(join(cwd, 'rows.ndjson'), rows);
    const before = await content();
    const refused = {
      code: 'VALIDATION_FAILED',
      status: 422,
      repeatable: false,
      errors: [{ row: 1, ...(feature === undefined ? {} : { feature }), code }],
      errorCount: 1,
    };
    const answer = await api.post(`${GROUP}/rows`, rows, { 'content-type': 'application/x-ndjson' });
    expect([answer.status, answer.body]).toMatchObject([422, refused]);
    const result = await lakefold(['fg', 'ingest', 'kinds/1', '--file', 'rows.ndjson', '--endpoint', server.url, '--project', 'demo', '--json'], { cwd });
    expect([result.code, result.stdout, problem(result)]).toMatchObject([3, '', refused]);
    expect(await content()).toEqual(before);
  });
});

describe('a folder', () => {
  /** SHA-256 of every file but reports. */
  async function hashes(folder: string): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !path.includes(REPORTS) && !path.endsWith('lock.mdb'))
        found.set(
          path,
          createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        );
    }
    return found;
  }

  it('is byte for byte as before a batch with one bad row, the online store included', async () => {
    await writeFile(join(cwd, 'definitions.json'), JSON.stringify({ featureGroups: [DEFINITION] }));
    await lakefoldJson(['apply', '--yes', '--config', 'definitions.json', '--location', 'store'], { cwd });
    await writeFile(join(cwd, 'good.ndjson'), `${JSON.stringify(GOOD)}\n`);
    await lakefoldJson(['fg', 'ingest', 'kinds/1', '--file', 'good.ndjson', '--location', 'store'], { cwd });
    await writeFile(join(cwd, 'bad.ndjson'), `${JSON.stringify({ ...GOOD, id: 'c' })}\n${BAD_ROWS[0]?.json ?? ''}\n`);
    const before = await hashes(join(cwd, 'store'));
    expect(before.size).toBeGreaterThan(5);
    for (const operation of ['upsert', 'append', 'overwrite']) {
      const refused = await lakefold(['fg', 'ingest', 'kinds/1', '--file', 'bad.ndjson', '--operation', operation, '--location', 'store'], { cwd });
      expect([refused.code, problem(refused)]).toMatchObject([3, { code: 'VALIDATION_FAILED', errors: [{ row: 1, feature: 'n', code: 'TYPE_MISMATCH' }] }]);
      expect(await hashes(join(cwd, 'store'))).toEqual(before);
    }
  });
});
