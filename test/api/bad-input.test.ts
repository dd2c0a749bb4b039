/** Whatever is sent or stands in the store: a typed error that says where, the table's version unchanged, the server alive. */
import { afterEach, describe, expect, it } from 'vitest';
import { JSON_BODY_BYTES_MAX } from '../../lib/core/limits.ts';
import { type Answer, type Api, delayModel, EXAMPLE_ROWS, GROUP, type memoryParts, openApi, openExampleApi, rowsOf, VIEW } from '../support/api.ts';
import { foreignEntry } from '../support/foreign-commit.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(async () => {
  const api = open;
  if (api === undefined) return;
  // Every case ends with the server alive and, where the table can be read at all, nothing changed.
  const alive = await api.post(`${VIEW}/vector`, { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } });
  const head = await api.get(GROUP);
  await api.close();
  open = undefined;
  expect(alive.body).toMatchObject({ features: [31, 8.2, 4, false] });
  if (head.status === 200) expect(head.body).toMatchObject({ latestCommit: 1 });
});

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const ROW = { origin: 'SFO', hour: '2001-03-01T10:10:00Z', flights_24h: 1, mean_delay_24h: 1.5 };
const ROOT = 'demo/feature-groups/airport_delays/1';

/** The parts of a problem that a program goes by. */
function problem(answer: Answer): readonly unknown[] {
  const { body } = answer;
  const code: unknown = typeof body === 'object' && body !== null && 'code' in body ? body.code : body;
  return [answer.status, answer.headers.get('content-type'), code];
}

describe('a faulty row', () => {
  const CASES: readonly { readonly what: string; readonly row: object; readonly fault: object }[] = [
    {
      what: 'a feature the group lacks',
      row: { ...ROW, flights: 1 },
      fault: { feature: 'flights', code: 'UNKNOWN_FEATURE', message: 'expected a column of the schema, found "flights"' },
    },
    {
      what: 'a text for an int',
      row: { ...ROW, flights_24h: '12' },
      fault: { feature: 'flights_24h', code: 'TYPE_MISMATCH', message: 'expected int in flights_24h, found "12"', expected: 'int', found: '"12"' },
    },
    {
      what: 'a number for a string',
      row: { ...ROW, origin: 12 },
      fault: { feature: 'origin', code: 'TYPE_MISMATCH', message: 'expected string in origin, found 12', expected: 'string', found: '12' },
    },
    {
      what: 'a fraction for an int',
      row: { ...ROW, flights_24h: 1.5 },
      fault: { feature: 'flights_24h', code: 'TYPE_MISMATCH', message: 'expected int in flights_24h, found 1.5', expected: 'int', found: '1.5' },
    },
    {
      what: 'a null key',
      row: { ...ROW, origin: null },
      fault: { feature: 'origin', code: 'NULL_KEY', message: 'expected a value in origin, found null', expected: 'a value', found: 'null' },
    },
    {
      what: 'an absent key',
      row: { hour: ROW.hour, flights_24h: 1 },
      fault: { feature: 'origin', code: 'NULL_KEY', message: 'expected a value in origin, found null', expected: 'a value', found: 'null' },
    },
    {
      what: 'a null event time',
      row: { ...ROW, hour: null },
      fault: { feature: 'hour', code: 'EVENT_TIME_REQUIRED', message: 'expected a value in hour, found null', expected: 'a value', found: 'null' },
    },
    {
      what: 'a null in a required column',
      row: { ...ROW, flights_24h: null },
      fault: { feature: 'flights_24h', code: 'NULL_NOT_ALLOWED', message: 'expected a value in flights_24h, found null', expected: 'a value', found: 'null' },
    },
    {
      what: 'a naive timestamp',
      row: { ...ROW, hour: '2001-03-01T10:00:00' },
      fault: {
        feature: 'hour',
        code: 'NAIVE_TIMESTAMP',
        message: 'expected an RFC 3339 instant with its offset in hour, found "2001-03-01T10:00:00"',
        expected: 'an RFC 3339 instant with its offset',
        found: '"2001-03-01T10:00:00"',
      },
    },
    {
      what: 'a day that is none',
      row: { ...ROW, hour: '2001-02-30T10:00:00Z' },
      fault: {
        feature: 'hour',
        code: 'INVALID_TIMESTAMP',
        message: 'expected an RFC 3339 instant in hour, found "2001-02-30T10:00:00Z"',
        expected: 'an RFC 3339 instant',
        found: '"2001-02-30T10:00:00Z"',
      },
    },
    {
      what: 'nanoseconds',
      row: { ...ROW, hour: '2001-02-28T10:00:00.1234567Z' },
      fault: {
        feature: 'hour',
        code: 'TIMESTAMP_PRECISION',
        message: 'expected at most six fractional digits of a second in hour, found "2001-02-28T10:00:00.1234567Z"',
        expected: 'at most six fractional digits of a second',
        found: '"2001-02-28T10:00:00.1234567Z"',
      },
    },
    {
      what: 'an int out of range',
      row: { ...ROW, flights_24h: 3_000_000_000 },
      fault: {
        feature: 'flights_24h',
        code: 'OUT_OF_RANGE',
        message: 'expected an int from -2147483648 to 2147483647 in flights_24h, found 3000000000',
        expected: 'an int from -2147483648 to 2147483647',
        found: '3000000000',
      },
    },
    {
      what: 'an event time further in the future than the group allows (U12)',
      row: { ...ROW, hour: '2001-03-01T10:35:00.000001Z' },
      fault: {
        feature: 'hour',
        code: 'FUTURE_EVENT_TIME',
        message: 'expected an event time up to 2001-03-01T10:35:00Z in hour, found 2001-03-01T10:35:00.000001Z',
        expected: 'an event time up to 2001-03-01T10:35:00Z',
        found: '2001-03-01T10:35:00.000001Z',
      },
    },
    { what: 'a lone surrogate', row: { ...ROW, origin: '\uD800' }, fault: { feature: 'origin', code: 'INVALID_UNICODE' } },
    { what: 'a key of many bytes', row: { ...ROW, origin: 'x'.repeat(2000) }, fault: { feature: 'origin', code: 'KEY_TOO_LONG' } },
    { what: 'a row that is no object', row: ['SFO'], fault: { code: 'TYPE_MISMATCH', expected: 'an object', found: 'an array of 1' } },
  ];

  it.each(CASES)('with $what refuses the request with its row, column and expectation', async ({ row, fault }) => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows`, { rows: [ROW, row] });
    expect(answer.body).toMatchObject({
      type: 'about:blank',
      title: 'Validation failed',
      status: 422,
      code: 'VALIDATION_FAILED',
      repeatable: false,
      errors: [{ row: 1, ...fault }],
      errorCount: 1,
    });
    expect(rowsOf(await api.post(`${GROUP}/read`))).toHaveLength(2);
  });

  it('on the latest event time that is allowed is none', async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-groups', { ...GROUP_OF_ITS_OWN, name: 'edge' });
    expect((await api.post('/v1/projects/demo/feature-groups/edge/versions/1/rows', { rows: [{ id: 1, at: '2001-03-01T10:35:00Z' }] })).status).toBe(200);
  });

  it('is one of many: a hundred are listed, all are counted', async () => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows`, { rows: Array.from({ length: 250 }, () => ({ ...ROW, flights_24h: 'x' })) });
    expect(answer.body).toMatchObject({
      code: 'VALIDATION_FAILED',
      errorCount: 250,
      detail: 'expected 250 rows without fault, found 250 with faults, first row 0: expected int in flights_24h, found "x"',
    });
    expect(Object.entries(answer.body ?? {}).find(([name]) => name === 'errors')?.[1]).toHaveLength(100);
  });

  it('in CSV and NDJSON is told the same way', async () => {
    const api = await start();
    const fault = { row: 1, feature: 'flights_24h', code: 'TYPE_MISMATCH', message: 'expected int in flights_24h, found "x"', expected: 'int', found: '"x"' };
    const csv = await api.post(`${GROUP}/rows`, 'origin,hour,flights_24h\nSFO,2001-03-01T10:10:00Z,1\nSFO,2001-03-01T10:10:00Z,x\n', {
      'content-type': 'text/csv',
    });
    const ndjson = await api.post(`${GROUP}/rows`, `${JSON.stringify(ROW)}\n\n${JSON.stringify({ ...ROW, flights_24h: 'x' })}\n`, {
      'content-type': 'application/x-ndjson',
    });
    expect([csv.body, ndjson.body]).toMatchObject([{ errors: [fault] }, { errors: [fault] }]);
  });

  it('too large for the online store is refused before anything is written (U10)', async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-groups', {
      ...GROUP_OF_ITS_OWN,
      name: 'wide',
      schema: [...GROUP_OF_ITS_OWN.schema, { name: 'text', type: 'string', nullable: true }],
    });
    const wide = '/v1/projects/demo/feature-groups/wide/versions/1';
    const answer = await api.post(`${wide}/rows`, {
      rows: [
        { id: 1, at: ROW.hour, text: 'a' },
        { id: 2, at: ROW.hour, text: 'x'.repeat(400_000) },
      ],
    });
    expect(answer.body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ row: 1, code: 'ROW_TOO_LARGE' }] });
    expect((await api.get(wide)).body).toMatchObject({ latestCommit: 0 });
  });
});

const GROUP_OF_ITS_OWN = {
  name: 'own',
  schema: [
    { name: 'id', type: 'int' },
    { name: 'at', type: 'timestamp' },
  ],
  primaryKey: ['id'],
  eventTime: 'at',
  onlineEnabled: true,
};

describe('a broken body', () => {
  const JSON_ERROR = 'application/problem+json';

  it.each([
    ['the same key twice', '{"rows":[{"origin":"A","origin":"B"}]}', 400, 'DUPLICATE_KEY', { key: 'origin', offset: 23 }],
    ['JSON cut short', '{"rows":[{"origin":', 400, 'MALFORMED_JSON', { offset: 19 }],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe]), 400, 'MALFORMED_JSON', { offset: 0 }],
    ['nesting without end', '['.repeat(100_000), 400, 'MALFORMED_JSON', {}],
    ['an array', '[]', 400, 'INVALID_ARGUMENT', {}],
    [
      'a member nobody knows',
      '{"rows":[],"mode":1}',
      400,
      'UNKNOWN_FIELD',
      { errors: [{ field: 'mode', code: 'UNKNOWN_FIELD', message: 'not a member of this body' }] },
    ],
    ['more than five megabytes', `{"rows":[${' '.repeat(JSON_BODY_BYTES_MAX)}]}`, 413, 'PAYLOAD_TOO_LARGE', { bytesMax: JSON_BODY_BYTES_MAX }],
  ])('of %s is refused', async (_what, body, status, code, particulars) => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows`, body);
    expect([problem(answer), answer.body]).toMatchObject([[status, JSON_ERROR, code], particulars]);
  });

  it('that unpacks to more than five megabytes is refused while it unpacks', async () => {
    const api = await start();
    const gzip = new Response(new Blob([new Uint8Array(JSON_BODY_BYTES_MAX + 1)]).stream().pipeThrough(new CompressionStream('gzip')));
    const answer = await api.post(`${GROUP}/rows`, new Uint8Array(await gzip.arrayBuffer()), { 'content-encoding': 'gzip' });
    expect(problem(answer)).toEqual([413, JSON_ERROR, 'PAYLOAD_TOO_LARGE']);
    expect(problem(await api.post(`${GROUP}/rows`, 'no gzip', { 'content-encoding': 'gzip' }))).toEqual([400, JSON_ERROR, 'MALFORMED_FILE']);
    expect(problem(await api.post(`${GROUP}/rows`, 'x', { 'content-encoding': 'br' }))).toEqual([415, JSON_ERROR, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  it.each([
    ['NDJSON', 'application/x-ndjson', `${JSON.stringify(ROW)}\n{"origin"\n`, 'MALFORMED_FILE', { row: 1, offset: 9 }],
    ['NDJSON with a key twice', 'application/x-ndjson', `${JSON.stringify(ROW)}\n{"origin":"a","origin":"b"}\n`, 'DUPLICATE_KEY', { row: 1, key: 'origin' }],
    ['CSV with a field too few', 'text/csv', 'origin,hour,flights_24h\nSFO,2001-03-01T10:00:00Z\n', 'MALFORMED_FILE', { row: 0 }],
    ['CSV with an open quote', 'text/csv', 'origin,hour,flights_24h\n"SFO,2001-03-01T10:00:00Z,1\n', 'MALFORMED_FILE', { row: 0 }],
    ['CSV with a column twice', 'text/csv', 'origin,origin\na,b\n', 'MALFORMED_FILE', {}],
    ['CSV without a header', 'text/csv', '', 'MALFORMED_FILE', {}],
  ])('of %s names its row', async (_what, type, body, code, particulars) => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows`, body, { 'content-type': type });
    expect([problem(answer), answer.body]).toMatchObject([[400, JSON_ERROR, code], particulars]);
  });

  it('of Parquet cut short at any length is refused', async () => {
    const api = await start();
    const whole = (await api.post(`${GROUP}/read`, {}, { accept: 'application/vnd.apache.parquet' })).bytes;
    const send = (bytes: Uint8Array): Promise<Answer> => api.post(`${GROUP}/rows`, bytes, { 'content-type': 'application/vnd.apache.parquet' });
    for (let length = 0; length < whole.length; length += 37)
      expect(problem(await send(whole.subarray(0, length)))).toEqual([400, JSON_ERROR, 'MALFORMED_FILE']);
    // The end is whole and the middle is gone: the footer's offsets lead nowhere.
    expect(problem(await send(Uint8Array.from([...whole.subarray(0, 8), ...whole.subarray(whole.length - 500)])))).toEqual([400, JSON_ERROR, 'MALFORMED_FILE']);
    const flipped = whole.slice();
    flipped.set(
      flipped.subarray(8, 60).map((byte) => byte ^ 0xff),
      8,
    );
    expect(problem(await send(flipped))).toEqual([400, JSON_ERROR, 'MALFORMED_FILE']);
  });
});

describe('a wrong request', () => {
  const CASES: readonly {
    readonly what: string;
    readonly method?: string;
    readonly path: string;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
    readonly status: number;
    readonly code: string;
  }[] = [
    { what: 'an unknown route', method: 'GET', path: '/v1/nothing', status: 404, code: 'UNKNOWN_ROUTE' },
    { what: 'an action nobody has', path: `${GROUP}:frobnicate`, status: 404, code: 'UNKNOWN_ROUTE' },
    { what: 'a method the route lacks', method: 'DELETE', path: `${GROUP}/rows`, status: 405, code: 'METHOD_NOT_ALLOWED' },
    {
      what: 'another content type',
      path: `${GROUP}/rows`,
      body: '<rows/>',
      headers: { 'content-type': 'application/xml' },
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    },
    {
      what: 'another charset',
      path: `${GROUP}/rows`,
      body: '{"rows":[]}',
      headers: { 'content-type': 'application/json; charset=latin1' },
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    },
    { what: 'an answer nobody can give', path: `${GROUP}/read`, headers: { accept: 'text/html' }, status: 406, code: 'NOT_ACCEPTABLE' },
    { what: 'an unknown query parameter', path: `${GROUP}/rows?opration=append`, body: { rows: [] }, status: 400, code: 'UNKNOWN_FIELD' },
    { what: 'a query parameter twice', path: `${GROUP}/rows?wait=commit&wait=online`, body: { rows: [] }, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'an unknown operation', path: `${GROUP}/rows?operation=merge`, body: { rows: [] }, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'an unknown time zone', path: `${GROUP}/rows?timezone=Mars%2FBase`, body: { rows: [] }, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'an unknown project', method: 'GET', path: '/v1/projects/nope/feature-groups', status: 404, code: 'UNKNOWN_PROJECT' },
    { what: 'a project that climbs', method: 'GET', path: '/v1/projects/..%2Fdemo/feature-groups', status: 404, code: 'UNKNOWN_PROJECT' },
    {
      what: 'a training dataset of a project that climbs',
      method: 'GET',
      path: `/v1/projects/x%2F..%2Fdemo/feature-views/delay_model/versions/1/training-datasets/1`,
      status: 404,
      code: 'UNKNOWN_PROJECT',
    },
    { what: 'a project name that is none', path: '/v1/projects', body: { name: '../x' }, status: 422, code: 'INVALID_DEFINITION' },
    { what: 'an unknown group', path: '/v1/projects/demo/feature-groups/nope/versions/1/rows', body: { rows: [] }, status: 404, code: 'UNKNOWN_FEATURE_GROUP' },
    { what: 'an unknown version', path: GROUP.replace('/1', '/2').concat('/rows'), body: { rows: [] }, status: 404, code: 'UNKNOWN_FEATURE_GROUP' },
    { what: 'a version that is none', method: 'GET', path: `${GROUP.slice(0, -1)}one`, status: 404, code: 'UNKNOWN_FEATURE_GROUP' },
    { what: 'an unknown view', path: '/v1/projects/demo/feature-views/nope/versions/1/vector', body: { entry: {} }, status: 404, code: 'UNKNOWN_FEATURE_VIEW' },
    { what: 'an unknown training dataset', method: 'GET', path: `${VIEW}/training-datasets/7`, status: 404, code: 'UNKNOWN_TRAINING_DATASET' },
    { what: 'a training dataset that is no number', method: 'GET', path: `${VIEW}/training-datasets/1e0/data`, status: 404, code: 'UNKNOWN_TRAINING_DATASET' },
    { what: 'a version above the head', path: `${GROUP}/read`, body: { asOf: { version: 99 } }, status: 404, code: 'NO_SUCH_COMMIT' },
    {
      what: 'an instant before the first commit',
      path: `${GROUP}/read`,
      body: { asOf: { instant: '2000-01-01T00:00:00Z' } },
      status: 404,
      code: 'NO_SUCH_COMMIT',
    },
    { what: 'a commit that is no number', method: 'GET', path: `${GROUP}/commits/0x1`, status: 404, code: 'NO_SUCH_COMMIT' },
    { what: 'a restore above the head', path: `${GROUP}:restore`, body: { toVersion: 99 }, status: 404, code: 'NO_SUCH_COMMIT' },
    { what: 'a restore to nowhere', path: `${GROUP}:restore`, body: {}, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'a naive instant', path: `${GROUP}/read`, body: { asOf: { instant: '2001-03-01T10:30:00' } }, status: 400, code: 'INVALID_ARGUMENT' },
    {
      what: 'a version and an instant',
      path: `${GROUP}/read`,
      body: { asOf: { version: 1, instant: '2001-03-01T10:30:00Z' } },
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    { what: 'an unknown feature to read', path: `${GROUP}/read`, body: { features: ['nope'] }, status: 400, code: 'UNKNOWN_FEATURE' },
    {
      what: 'a filter on an unknown feature',
      path: `${GROUP}/read`,
      body: { where: { column: 'nope', op: '=', value: 1 } },
      status: 400,
      code: 'UNKNOWN_FEATURE',
    },
    {
      what: 'a filter of another type',
      path: `${GROUP}/rows:delete`,
      body: { where: { column: 'flights_24h', op: '=', value: '1' } },
      status: 400,
      code: 'TYPE_MISMATCH',
    },
    {
      what: 'a filter nobody knows',
      path: `${GROUP}/read`,
      body: { where: { column: 'flights_24h', op: '~', value: 1 } },
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    { what: 'a negative limit', path: `${GROUP}/read`, body: { limit: -1 }, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'a delete of everything by accident', path: `${GROUP}/rows:delete`, body: {}, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'a delete without a key part', path: `${GROUP}/rows:delete`, body: { keys: [{ hour: ROW.hour }] }, status: 400, code: 'MISSING_ENTRY_KEY' },
    {
      what: 'a delete by what is no key',
      path: `${GROUP}/rows:delete`,
      body: { keys: [{ origin: 'SFO', flights_24h: 1 }] },
      status: 400,
      code: 'UNKNOWN_ENTRY_KEY',
    },
    { what: 'a cursor that is none', method: 'GET', path: `${GROUP}/commits?cursor=zzz`, status: 400, code: 'INVALID_ARGUMENT' },
    {
      what: "another list's cursor",
      method: 'GET',
      path: `${GROUP}/commits?cursor=${Buffer.from('1airport').toString('base64url')}`,
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    { what: 'a page of nothing', method: 'GET', path: `${GROUP}/commits?limit=0`, status: 400, code: 'INVALID_ARGUMENT' },
    { what: 'a retention under a week', path: `${GROUP}:vacuum`, body: { retention: 'P1D' }, status: 422, code: 'RETENTION_TOO_SHORT' },
    { what: 'a retention in months', path: `${GROUP}:vacuum`, body: { retention: 'P1M' }, status: 400, code: 'INVALID_ARGUMENT' },
    {
      what: 'an idempotency key too long',
      path: `${GROUP}/rows`,
      body: { rows: [ROW] },
      headers: { 'idempotency-key': 'k'.repeat(129) },
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    {
      what: 'a stream without a sequence',
      path: `${GROUP}/rows`,
      body: { rows: [ROW] },
      headers: { 'idempotency-stream': 's' },
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    {
      what: 'an entry without a key part',
      path: `${VIEW}/vector`,
      body: { entry: { origin: 'SFO' }, requestParameters: { distance: 1 } },
      status: 400,
      code: 'MISSING_ENTRY_KEY',
    },
    {
      what: 'an entry with what is no key',
      path: `${VIEW}/vector`,
      body: { entry: { origin: 'SFO', dest: 'JFK', day: 1 }, requestParameters: { distance: 1 } },
      status: 400,
      code: 'UNKNOWN_ENTRY_KEY',
    },
    {
      what: 'an entry key of another type',
      path: `${VIEW}/vector`,
      body: { entry: { origin: 1, dest: 'JFK' }, requestParameters: { distance: 1 } },
      status: 400,
      code: 'TYPE_MISMATCH',
    },
    {
      what: 'a function input nobody gave',
      path: `${VIEW}/vector`,
      body: { entry: { origin: 'SFO', dest: 'JFK' } },
      status: 400,
      code: 'MISSING_REQUEST_PARAMETER',
    },
    {
      what: 'a function input nobody takes',
      path: `${VIEW}/vector`,
      body: { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1, speed: 1 } },
      status: 400,
      code: 'UNKNOWN_REQUEST_PARAMETER',
    },
    {
      what: 'too many entries',
      path: `${VIEW}/vectors`,
      body: { entries: Array.from({ length: 1001 }, () => ({ origin: 'SFO', dest: 'JFK' })) },
      status: 413,
      code: 'LIMIT_EXCEEDED',
    },
    {
      what: 'a spine without a declared column',
      path: `${VIEW}/training-datasets`,
      body: { spine: { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: ROW.hour }] } },
      status: 422,
      code: 'INVALID_SPINE',
    },
    {
      what: 'a spine with a column nobody declared',
      path: `${VIEW}/training-datasets`,
      body: { spine: { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: ROW.hour, distance: 1, x: 1 }] } },
      status: 422,
      code: 'INVALID_SPINE',
    },
    {
      what: 'a spine of a file on the server',
      path: `${VIEW}/training-datasets`,
      body: { spine: { source: '/etc/passwd' } },
      status: 422,
      code: 'UNSUPPORTED_OPERATION',
    },
    {
      what: 'a spine of two sources',
      path: `${VIEW}/training-datasets`,
      body: { spine: { rows: [], source: 'a.csv' } },
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    { what: 'a spine member nobody knows', path: `${VIEW}/training-datasets`, body: { spine: { rows: [], limit: 1 } }, status: 400, code: 'UNKNOWN_FIELD' },
    {
      what: 'a pin of another group',
      path: `${VIEW}/training-datasets`,
      body: { spine: { rows: [] }, pins: { 'nope/1': 1 } },
      status: 400,
      code: 'INVALID_ARGUMENT',
    },
    { what: 'a view without a spine or root', path: `${VIEW}/training-datasets`, body: {}, status: 422, code: 'UNSUPPORTED_OPERATION' },
    { what: 'an option this version does not carry out', path: `${GROUP}/rows?mode=queued`, body: { rows: [] }, status: 422, code: 'UNSUPPORTED_OPERATION' },
    { what: 'a plan nobody made', path: '/v1/projects/demo/definitions:apply', body: { planId: 'pl_0' }, status: 409, code: 'PLAN_STALE' },
    { what: 'a definition with faults', path: '/v1/projects/demo/feature-groups', body: { name: 'Bad' }, status: 422, code: 'INVALID_DEFINITION' },
    {
      what: 'a view whose names collide (P13)',
      path: '/v1/projects/demo/feature-views',
      body: {
        ...delayModel.json,
        name: 'twice',
        joins: ['origin', 'dest'].map((on) => ({ name: on, featureGroup: 'airport_delays', version: 1, on: { [on]: 'origin' }, features: ['flights_24h'] })),
      },
      status: 422,
      code: 'AMBIGUOUS_FEATURE_NAME',
    },
  ];

  it.each(CASES)('with $what answers $status $code', async ({ method = 'POST', path, body, headers, status, code }) => {
    const api = await start();
    const answer = await api.send(method, path, { body, ...(headers === undefined ? {} : { headers }) });
    expect(problem(answer)).toEqual([status, 'application/problem+json', code]);
    expect(answer.body).toMatchObject({ type: 'about:blank', status, code, repeatable: false, detail: expect.stringMatching(/./) });
    expect(api.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('tells the methods that the route has', async () => {
    const api = await start();
    expect((await api.send('PUT', GROUP)).headers.get('allow')).toBe('GET, HEAD, PATCH, DELETE');
  });
});

describe('a broken table', () => {
  const CORRUPT = {
    type: 'about:blank',
    title: 'Log corrupt',
    status: 500,
    code: 'LOG_CORRUPT',
    repeatable: false,
    version: 2,
    path: `${ROOT}/_delta_log/00000000000000000002.json`,
    line: 1,
  };
  const requests = (api: Api): readonly (readonly [string, Promise<Answer>])[] => [
    ['append', api.post(`${GROUP}/rows?operation=append`, { rows: [ROW] })],
    ['upsert', api.post(`${GROUP}/rows`, { rows: [ROW] })],
    ['delete', api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }] })],
    ['read', api.post(`${GROUP}/read`)],
    ['describe', api.get(GROUP)],
    ['publish', api.post(`${GROUP}:publish`)],
    ['restore', api.post(`${GROUP}:restore`, { toVersion: 0 })],
    ['training', api.post(`${VIEW}/training-datasets`, { spine: { rows: [] } })],
  ];
  const logged = async (api: Api<ReturnType<typeof memoryParts>>): Promise<readonly string[]> => {
    const paths: string[] = [];
    for await (const { path } of api.parts.store.list(`${ROOT}/_delta_log/`)) paths.push(path.split('/').at(-1) ?? '');
    return paths;
  };

  it('whose log has an entry cut short refuses everything by name, to warm and cold processes alike', async () => {
    const api = await start();
    await foreignEntry(api.parts, { root: ROOT, version: 2, text: '{"add":{"path":' });
    const cold = await openApi(api.parts);
    for (const server of [api, cold]) for (const [, answer] of requests(server)) expect((await answer).body).toMatchObject(CORRUPT);
    await cold.close();
    expect(await logged(api)).toEqual(['00000000000000000000.json', '00000000000000000001.json', '00000000000000000002.json']);
    // What came before it can still be read, and so can the other groups.
    expect(rowsOf(await api.post(`${GROUP}/read`, { asOf: { version: 1 } }))).toHaveLength(2);
    expect((await api.get('/v1/projects/demo/feature-groups')).body).toMatchObject({
      items: [{ name: 'airport_delays', latestCommit: null, warnings: [{ code: 'LOG_CORRUPT', message: expect.stringContaining(CORRUPT.path) }] }],
    });
    expect(api.log.lines.some(({ level, event, fields }) => level === 'error' && event === 'request.failed' && fields['code'] === 'LOG_CORRUPT')).toBe(true);
  });

  it("written with a feature we do not know is refused by the feature's name, and not written to", async () => {
    const api = await start();
    const features = ['deletionVectors', 'rowsOnTheMoon'];
    await foreignEntry(api.parts, {
      root: ROOT,
      version: 2,
      text: `${JSON.stringify({ protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: features, writerFeatures: features } })}\n`,
    });
    const cold = await openApi(api.parts);
    for (const server of [api, cold])
      for (const [, answer] of requests(server))
        expect((await answer).body).toMatchObject({ status: 422, code: 'UNSUPPORTED_TABLE_FEATURE', repeatable: false, feature: 'rowsOnTheMoon' });
    await cold.close();
    expect(await logged(api)).toEqual(['00000000000000000000.json', '00000000000000000001.json', '00000000000000000002.json']);
  });

  it('that lost a data file says which, and answers as a problem and not as a body cut short', async () => {
    const api = await start();
    for await (const { path } of api.parts.store.list(`${ROOT}/part-`)) await api.parts.store.delete(path);
    for (const accept of ['application/x-ndjson', 'text/csv', 'application/vnd.apache.parquet']) {
      expect((await api.post(`${GROUP}/read`, {}, { accept })).body).toMatchObject({
        status: 500,
        code: 'FILE_MISSING',
        repeatable: false,
        path: expect.stringMatching(/^part-.*\.parquet$/),
      });
    }
  });
});
