import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import type { ObjectInfo } from '../../lib/ports/object-store.ts';
import { type Answer, type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';

type MemoryApi = Api<ReturnType<typeof memoryParts>>;
type Policy = 'STRICT' | 'ALWAYS' | 'QUARANTINE';

const DELAYS = '/v1/projects/demo/feature-groups/delays/versions/1';
const REPORTS = `${DELAYS}/validation-reports`;
const BETWEEN = { expectationType: 'expect_column_values_to_be_between', kwargs: { column: 'flights', min_value: 0 } };
const AT_MOST_THREE = { expectationType: 'expect_table_row_count_to_be_between', kwargs: { max_value: 3 } };

const GOOD = { origin: 'SFO', flights: 31 };
const ALSO_GOOD = { origin: 'JFK', flights: null };
const NEGATIVE = { origin: 'LAX', flights: -1 };
const FAULTY = { origin: 'BOS', flights: 'many' };

let open: MemoryApi | undefined;
afterEach(() => open?.close());

async function start(policy: Policy, expectations: readonly object[] = [BETWEEN, AT_MOST_THREE]): Promise<MemoryApi> {
  open = await openMemoryApi();
  const created = await open.post('/v1/projects/demo/feature-groups', {
    name: 'delays',
    version: 1,
    primaryKey: ['origin'],
    validationPolicy: policy,
    onlineEnabled: false,
    schema: [
      { name: 'origin', type: 'string' },
      { name: 'flights', type: 'int', nullable: true },
    ],
    expectations,
  });
  if (created.status !== 201) throw new Error(created.text);
  return open;
}

/** A member of a JSON answer, by path. */
function at(answer: Pick<Answer, 'body'>, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined), answer.body);
}

async function rowsNow(api: MemoryApi): Promise<readonly unknown[]> {
  return rowsOf(await api.post(`${DELAYS}/read`)).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function quarantined(api: MemoryApi, body: object = {}): Promise<readonly unknown[]> {
  return rowsOf(await api.post(`${DELAYS}/quarantine:read`, body)).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

async function objectsUnder(api: MemoryApi, prefix: string): Promise<readonly ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of api.parts.store.list(prefix)) objects.push(object);
  return objects;
}

async function reports(api: MemoryApi): Promise<readonly unknown[]> {
  const items = at(await api.get(REPORTS), 'items');
  return Array.isArray(items) ? items : [];
}

describe('the policy table (semantics §11)', () => {
  const CASES = {
    'a row fault': [GOOD, FAULTY],
    'a row expectation below mostly': [GOOD, NEGATIVE],
    'a batch expectation that fails': [GOOD, GOOD, GOOD, GOOD],
  };
  type Case = keyof typeof CASES;
  interface Expected {
    readonly status: number;
    readonly rows: readonly unknown[];
    readonly setAside: number;
    /** success, ingestionResult */
    readonly report: readonly [boolean, string];
  }
  const REFUSED: Expected = { status: 422, rows: [], setAside: 0, report: [false, 'REJECTED'] };
  it.each<readonly [Policy, Case, Expected]>([
    ['STRICT', 'a row fault', REFUSED],
    ['STRICT', 'a row expectation below mostly', REFUSED],
    ['STRICT', 'a batch expectation that fails', REFUSED],
    ['ALWAYS', 'a row fault', REFUSED],
    ['ALWAYS', 'a row expectation below mostly', { status: 200, rows: [NEGATIVE, GOOD], setAside: 0, report: [false, 'INGESTED'] }],
    ['ALWAYS', 'a batch expectation that fails', { status: 200, rows: [GOOD, GOOD, GOOD, GOOD], setAside: 0, report: [false, 'INGESTED'] }],
    ['QUARANTINE', 'a row fault', { status: 200, rows: [GOOD], setAside: 1, report: [false, 'QUARANTINED'] }],
    ['QUARANTINE', 'a row expectation below mostly', { status: 200, rows: [GOOD], setAside: 1, report: [false, 'QUARANTINED'] }],
    ['QUARANTINE', 'a batch expectation that fails', REFUSED],
  ])('%s meets %s', async (policy, name, expected) => {
    const api = await start(policy);
    const answer = await api.post(`${DELAYS}/rows?operation=append`, { rows: CASES[name] });
    const [report] = await reports(api);
    expect({
      status: answer.status,
      rows: await rowsNow(api),
      setAside: (await quarantined(api)).length,
      report: [at({ body: report }, 'success'), at({ body: report }, 'ingestionResult')],
    }).toEqual(expected);
    const reportId = at({ body: report }, 'reportId');
    expect(expected.status === 422 ? at(answer, 'reportId') : at(answer, 'validation', 'reportId')).toBe(reportId);
  });

  it('takes a batch in which `mostly` is reached as it is', async () => {
    const api = await start('QUARANTINE', [{ ...BETWEEN, kwargs: { ...BETWEEN.kwargs, mostly: 0.5 } }]);
    const answer = await api.post(`${DELAYS}/rows`, { rows: [GOOD, NEGATIVE] });
    expect(at(answer, 'validation')).toEqual({ policy: 'QUARANTINE', success: true, reportId: expect.stringMatching(/^vr_/), ingestionResult: 'INGESTED' });
    expect([await rowsNow(api), await quarantined(api)]).toEqual([[NEGATIVE, GOOD], []]);
  });
});

describe('a report', () => {
  it('tells how each expectation fared, under the names of Great Expectations', async () => {
    const unique = { expectationType: 'expect_compound_columns_to_be_unique', kwargs: { column_list: ['origin', 'flights'], mostly: 0.9 } };
    const mean = { expectationType: 'expect_column_mean_to_be_between', kwargs: { column: 'flights', max_value: 1 } };
    const api = await start('ALWAYS', [BETWEEN, unique, mean]);
    await api.post(`${DELAYS}/rows?operation=append`, { rows: [GOOD, GOOD, ALSO_GOOD, NEGATIVE] });
    const [item] = await reports(api);
    const one = await api.get(`${REPORTS}/${String(at({ body: item }, 'reportId'))}`);
    expect([one.status, one.body]).toEqual([200, item]);
    expect(item).toEqual({
      reportId: expect.stringMatching(/^vr_[0-9A-Z]{26}$/),
      featureGroup: { name: 'delays', version: 1 },
      commitVersion: 1,
      createdAt: '2001-03-01T10:30:00Z',
      policy: 'ALWAYS',
      success: false,
      rows: 4,
      rowFaults: 0,
      statistics: { evaluated: 3, successful: 0, unsuccessful: 3, successPercent: 0 },
      results: [
        {
          expectationType: 'expect_column_values_to_be_between',
          kwargs: { column: 'flights', min_value: 0, mostly: 1 },
          success: false,
          observedValue: null,
          elementCount: 4,
          missingCount: 1,
          unexpectedCount: 1,
          unexpectedPercent: 100 / 3,
          partialUnexpectedList: [-1],
          partialUnexpectedRows: [3],
          exception: null,
        },
        {
          expectationType: 'expect_compound_columns_to_be_unique',
          kwargs: { column_list: ['origin', 'flights'], mostly: 0.9 },
          success: false,
          observedValue: null,
          elementCount: 4,
          missingCount: 0,
          unexpectedCount: 2,
          unexpectedPercent: 50,
          partialUnexpectedList: [GOOD, GOOD],
          partialUnexpectedRows: [0, 1],
          exception: null,
        },
        {
          expectationType: 'expect_column_mean_to_be_between',
          kwargs: { column: 'flights', max_value: 1 },
          success: false,
          observedValue: 61 / 3,
          elementCount: 4,
          missingCount: 1,
          unexpectedCount: null,
          unexpectedPercent: null,
          partialUnexpectedList: [],
          partialUnexpectedRows: [],
          exception: null,
        },
      ],
      ingestionResult: 'INGESTED',
    });
  });

  it('is named by the commit of its rows', async () => {
    const api = await start('STRICT');
    const answer = await api.post(`${DELAYS}/rows`, { rows: [GOOD] });
    const reportId = at(answer, 'validation', 'reportId');
    expect(at(await api.get(`${DELAYS}/commits/1`), 'validationReportId')).toBe(reportId);
    expect(at(await api.get(`${DELAYS}/commits`), 'items', 1, 'validationReportId')).toBeNull();
  });

  it('is not kept of rows of which nothing is expected and nothing is at fault', async () => {
    const api = await start('STRICT', []);
    const answer = await api.post(`${DELAYS}/rows`, { rows: [GOOD] });
    expect([at(answer, 'validation'), await reports(api), at(await api.get(`${DELAYS}/commits/1`), 'validationReportId')]).toEqual([null, [], null]);
  });

  it('of a refused batch has no commit, and a row fault among them is counted', async () => {
    const api = await start('STRICT');
    const answer = await api.post(`${DELAYS}/rows`, { rows: [GOOD, FAULTY, NEGATIVE] });
    expect(answer.body).toMatchObject({ code: 'VALIDATION_FAILED', errorCount: 1, errors: [{ row: 1, feature: 'flights', code: 'TYPE_MISMATCH' }] });
    const report = await api.get(`${REPORTS}/${String(at(answer, 'reportId'))}`);
    expect(report.body).toMatchObject({
      commitVersion: null,
      rows: 3,
      rowFaults: 1,
      success: false,
      ingestionResult: 'REJECTED',
      results: [
        { elementCount: 2, unexpectedCount: 1, partialUnexpectedRows: [2] },
        { success: true, observedValue: 2 },
      ],
    });
  });

  it('whose version nobody noted finds it in the log; one whose commit never landed is not taken for accepted', async () => {
    const api = await start('ALWAYS');
    const { store } = api.parts;
    for (const rows of [[GOOD], [NEGATIVE]]) await api.post(`${DELAYS}/rows`, { rows });
    for (const [i, { path }] of (await objectsUnder(api, 'demo/feature-groups/delays/1/_lakefold/reports/')).entries()) {
      const stored = JSON.parse(new TextDecoder().decode((await store.get(path))?.bytes));
      const written = { ...stored, commitVersion: null, ...(i === 0 ? {} : { txnId: '00000000-0000-4000-8000-000000000000' }) };
      await store.overwrite(path, new TextEncoder().encode(JSON.stringify(written)));
    }
    expect((await reports(api)).map((body) => [at({ body }, 'commitVersion'), at({ body }, 'ingestionResult')])).toEqual([
      [null, 'REJECTED'],
      [1, 'INGESTED'],
    ]);
  });

  it('is listed newest first, page by page', async () => {
    const api = await start('ALWAYS');
    const ids: unknown[] = [];
    for (const hours of [0, 1, 5, 26, 24 * 30]) {
      await api.parts.clock.advance(hours * 3_600_000);
      ids.unshift(at(await api.post(`${DELAYS}/rows`, { rows: [GOOD] }), 'validation', 'reportId'));
    }
    expect((await reports(api)).map((body) => at({ body }, 'reportId'))).toEqual(ids);
    const seen: unknown[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const page = await api.get(`${REPORTS}?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      for (let i = 0; at(page, 'items', i) !== undefined; i += 1) seen.push(at(page, 'items', i, 'reportId'));
      const next = at(page, 'nextCursor');
      cursor = typeof next === 'string' ? next : undefined;
    }
    expect(seen).toEqual(ids);
  });

  it('is gone after 90 days, and a vacuum takes it away', async () => {
    const api = await start('ALWAYS');
    const reportId = String(at(await api.post(`${DELAYS}/rows`, { rows: [GOOD] }), 'validation', 'reportId'));
    const objects = async (): Promise<number> => (await objectsUnder(api, 'demo/feature-groups/delays/1/_lakefold/reports/')).length;
    await api.parts.clock.advance(90 * 86_400_000 - 1);
    await api.post(`${DELAYS}:vacuum`, { dryRun: false });
    expect([(await api.get(`${REPORTS}/${reportId}`)).status, await objects()]).toEqual([200, 1]);
    await api.parts.clock.advance(1);
    const gone = await api.get(`${REPORTS}/${reportId}`);
    expect([gone.status, at(gone, 'code'), await reports(api)]).toEqual([404, 'UNKNOWN_REPORT', []]);
    await api.post(`${DELAYS}:vacuum`, { dryRun: true });
    expect(await objects()).toBe(1);
    await api.post(`${DELAYS}:vacuum`, { dryRun: false });
    expect(await objects()).toBe(0);
  });

  it.each(['vr_0000000000ZZZZZZZZZZZZZZZZ', 'vr_x', 'jb_1', '..%2f..%2flakefold'])('called %s is unknown', async (id) => {
    const api = await start('STRICT');
    const answer = await api.get(`${REPORTS}/${id}`);
    expect([answer.status, at(answer, 'code')]).toEqual([404, 'UNKNOWN_REPORT']);
  });
});

describe(':validate', () => {
  it.each(['STRICT', 'ALWAYS', 'QUARANTINE'] as const)('answers the report of rows under %s and writes nothing', async (policy) => {
    const api = await start(policy);
    const before = await objectsUnder(api, '');
    const answer = await api.post(`${DELAYS}:validate?operation=append`, { rows: [GOOD, FAULTY, NEGATIVE] });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      reportId: null,
      commitVersion: null,
      policy,
      success: false,
      rows: 3,
      rowFaults: 1,
      statistics: { evaluated: 2, successful: 1, unsuccessful: 1, successPercent: 50 },
      ingestionResult: 'EXPERIMENT',
    });
    expect(await objectsUnder(api, '')).toEqual(before);
  });

  it('reads every format that ingestion reads', async () => {
    const api = await start('STRICT');
    const csv = await api.post(`${DELAYS}:validate`, 'origin,flights\nSFO,31\nLAX,-1\n', { 'content-type': 'text/csv' });
    const ndjson = await api.post(`${DELAYS}:validate`, `${JSON.stringify(GOOD)}\n${JSON.stringify(NEGATIVE)}\n`, { 'content-type': 'application/x-ndjson' });
    for (const { body } of [csv, ndjson]) expect(body).toMatchObject({ rows: 2, success: false, results: [{ partialUnexpectedRows: [1] }, {}] });
  });

  it('of rows of which nothing is expected finds nothing', async () => {
    const api = await start('STRICT', []);
    expect((await api.post(`${DELAYS}:validate`, { rows: [GOOD] })).body).toMatchObject({
      success: true,
      rows: 1,
      statistics: { evaluated: 0, successful: 0, unsuccessful: 0, successPercent: null },
      results: [],
    });
  });

  it('refuses what ingestion would not read', async () => {
    const api = await start('STRICT');
    expect((await api.post(`${DELAYS}:validate`, '{"rows":')).body).toMatchObject({ code: 'MALFORMED_JSON' });
    expect((await api.post(`${DELAYS}:validate?mode=queued`, { rows: [] })).body).toMatchObject({ code: 'UNSUPPORTED_OPERATION' });
    expect((await api.post(`${DELAYS}:validate?dryRun=true`, { rows: [] })).body).toMatchObject({ code: 'UNKNOWN_FIELD' });
  });
});

describe('quarantine', () => {
  it('holds the rows as they were received, with what is wrong, and the batch goes on without them', async () => {
    const api = await start('QUARANTINE');
    const answer = await api.post(`${DELAYS}/rows`, { rows: [FAULTY, GOOD, { ...NEGATIVE, colour: 'red' }, NEGATIVE] });
    const reportId = at(answer, 'validation', 'reportId');
    expect(answer.body).toMatchObject({
      received: 4,
      commit: { version: 1, rowsInserted: 1, rejected: 3 },
      validation: { policy: 'QUARANTINE', success: false, ingestionResult: 'QUARANTINED' },
      rejected: [
        { row: 0, feature: 'flights', code: 'TYPE_MISMATCH' },
        { row: 2, feature: 'colour', code: 'UNKNOWN_FEATURE' },
        { row: 3, feature: 'flights', code: 'EXPECTATION_FAILED', message: 'expected flights at least 0, found -1' },
      ],
    });
    const common = { _ingested_at: '2001-03-01T10:30:00Z', _report_id: reportId };
    expect(await quarantined(api)).toEqual([
      {
        ...common,
        _row: 0,
        _code: 'TYPE_MISMATCH',
        _feature: 'flights',
        _message: 'expected int in flights, found "many"',
        _payload: '{"origin":"BOS","flights":"many"}',
      },
      {
        ...common,
        _row: 2,
        _code: 'UNKNOWN_FEATURE',
        _feature: 'colour',
        _message: 'expected a column of the schema, found "colour"',
        _payload: '{"origin":"LAX","flights":-1,"colour":"red"}',
      },
      {
        ...common,
        _row: 3,
        _code: 'EXPECTATION_FAILED',
        _feature: 'flights',
        _message: 'expected flights at least 0, found -1',
        _payload: '{"origin":"LAX","flights":-1}',
      },
    ]);
    expect(await rowsNow(api)).toEqual([GOOD]);
  });

  it('keeps rows of CSV and Parquet as JSON', async () => {
    const api = await start('QUARANTINE');
    await api.post(`${DELAYS}/rows`, 'flights,origin\nmany,BOS\n', { 'content-type': 'text/csv' });
    const columns = [
      { name: 'origin', type: { kind: 'string' }, nullable: true },
      { name: 'flights', type: { kind: 'bigint' }, nullable: true },
    ] as const;
    const file = await api.parts.codec.encode(batchOfRows(columns, [['BOS', 2n ** 40n]]));
    await api.post(`${DELAYS}/rows`, file, { 'content-type': 'application/vnd.apache.parquet' });
    expect(new Map((await quarantined(api)).map((body) => [at({ body }, '_code'), at({ body }, '_payload')]))).toEqual(
      new Map([
        ['OUT_OF_RANGE', '{"origin":"BOS","flights":1099511627776}'],
        ['TYPE_MISMATCH', '{"flights":"many","origin":"BOS"}'],
      ]),
    );
  });

  it('that takes every row answers 200 without a commit, whatever the operation', async () => {
    const api = await start('QUARANTINE');
    await api.post(`${DELAYS}/rows`, { rows: [GOOD] });
    for (const operation of ['upsert', 'append', 'overwrite']) {
      const answer = await api.post(`${DELAYS}/rows?operation=${operation}`, { rows: [FAULTY, NEGATIVE] });
      expect([answer.status, at(answer, 'commit'), at(answer, 'validation', 'ingestionResult')]).toEqual([200, null, 'QUARANTINED']);
      const report = await api.get(`${REPORTS}/${String(at(answer, 'validation', 'reportId'))}`);
      expect(report.body).toMatchObject({ commitVersion: null, ingestionResult: 'QUARANTINED' });
    }
    expect([await rowsNow(api), (await quarantined(api)).length]).toEqual([[GOOD], 6]);
  });

  it('refuses a request with more rows at fault than quarantine takes: then the source is broken', async () => {
    const api = await start('QUARANTINE', []);
    const answer = await api.post(`${DELAYS}/rows`, `origin,flights\n${'A,x\n'.repeat(100_001)}`, { 'content-type': 'text/csv' });
    expect([answer.status, answer.body]).toMatchObject([413, { code: 'LIMIT_EXCEEDED', limit: 'QUARANTINE_ROWS_MAX', limitValue: 100_000 }]);
    expect([await quarantined(api), await rowsNow(api)]).toEqual([[], []]);
  });

  it('does not let a row that lost in the batch win because the one that beat it is set aside (semantics §11, 3 before 4)', async () => {
    const api = await start('QUARANTINE');
    const answer = await api.post(`${DELAYS}/rows`, { rows: [{ origin: 'LAX', flights: 5 }, NEGATIVE, GOOD] });
    expect(at(answer, 'commit')).toMatchObject({ rowsInserted: 1, dedupedInBatch: 1, rejected: 1, stale: 0 });
    expect(await rowsNow(api)).toEqual([GOOD]);
  });

  it('finds both commits again when the request is repeated', async () => {
    const api = await start('QUARANTINE');
    const send = (): Promise<Answer> => api.post(`${DELAYS}/rows`, { rows: [GOOD, NEGATIVE] }, { 'idempotency-key': 'once' });
    const first = await send();
    const again = await send();
    expect(again.body).toEqual({ ...Object(first.body), commit: { ...Object(at(first, 'commit')), alreadyApplied: true } });
    expect([(await quarantined(api)).length, await rowsNow(api)]).toEqual([1, [GOOD]]);
    expect(await reports(api)).toMatchObject([{ commitVersion: 1, ingestionResult: 'QUARANTINED' }]);
    const other = await api.post(`${DELAYS}/rows`, { rows: [FAULTY] }, { 'idempotency-key': 'once' });
    expect([other.status, at(other, 'code')]).toEqual([409, 'IDEMPOTENCY_MISMATCH']);
  });

  it('finds its rows again after a crash between the two commits, under one report', async () => {
    const api = await start('QUARANTINE');
    const { store } = api.parts;
    const { createIfAbsent } = store;
    store.createIfAbsent = async (path, ...rest) => {
      if (/delays\/1\/_delta_log\/0{19}1\.json$/.test(path)) throw new Error('crashed');
      return createIfAbsent.call(store, path, ...rest);
    };
    const send = (): Promise<Answer> => api.post(`${DELAYS}/rows`, { rows: [GOOD, NEGATIVE] }, { 'idempotency-key': 'once' });
    expect((await send()).status).toBe(500);
    const [row] = await quarantined(api);
    expect(await reports(api)).toMatchObject([{ reportId: at({ body: row }, '_report_id'), commitVersion: null, ingestionResult: 'REJECTED' }]);
    store.createIfAbsent = createIfAbsent;
    expect(at(await send(), 'validation', 'reportId')).toBe(at({ body: row }, '_report_id'));
    expect([(await quarantined(api)).length, await rowsNow(api)]).toEqual([1, [GOOD]]);
    expect(await reports(api)).toMatchObject([{ commitVersion: 1, ingestionResult: 'QUARANTINED' }]);
  });

  it('is read by report, by time and up to a limit; of a group that never set a row aside it is empty', async () => {
    const api = await start('QUARANTINE');
    expect(await quarantined(api)).toEqual([]);
    const first = at(await api.post(`${DELAYS}/rows`, { rows: [NEGATIVE] }), 'validation', 'reportId');
    await api.parts.clock.advance(60_000);
    const second = at(await api.post(`${DELAYS}/rows`, { rows: [FAULTY] }), 'validation', 'reportId');
    const ids = async (body: object): Promise<readonly unknown[]> => (await quarantined(api, body)).map((row) => at({ body: row }, '_report_id'));
    expect(await ids({ reportId: first })).toEqual([first]);
    expect(await ids({ since: '2001-03-01T10:31:00Z' })).toEqual([second]);
    expect(await ids({ limit: 1 })).toHaveLength(1);
    expect(await ids({ reportId: 'vr_other' })).toEqual([]);
    expect((await api.post(`${DELAYS}/quarantine:read`, { limit: 0 })).body).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await api.post(`${DELAYS}/quarantine:read`, { reports: 1 })).body).toMatchObject({ code: 'UNKNOWN_FIELD' });
  });
});
