import { Dictionary, Float64, Int32, Int64, Table, tableToIPC, TimestampMillisecond, Utf8, vectorFromArray } from 'apache-arrow';
import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import type { Column } from '../../lib/core/types.ts';
import { airportDelays, type Answer, type Api, GROUP, type memoryParts, openApi, openExampleApi, rowsOf } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  return open;
}

const SFO = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 };
const JFK = { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: null };
const EARLIER = { ...SFO, hour: '2001-03-01T09:00:00.25Z', flights_24h: 30 };

interface CommitParts {
  readonly version: number;
  readonly at: string;
  readonly operation: string;
  readonly counts?: Readonly<Record<string, number | boolean>>;
}

function commit({ version, at, operation, counts = {} }: CommitParts): object {
  return {
    version,
    committedAt: `2001-03-01T10:30:00.${at}Z`,
    operation,
    rowsInserted: 0,
    rowsUpdated: 0,
    rowsDeleted: 0,
    dedupedInBatch: 0,
    stale: 0,
    rejected: 0,
    alreadyApplied: false,
    ...counts,
  };
}

function online(watermark: number, counts: Readonly<Record<string, number>> = {}): object {
  return { state: 'applied', watermark, superseded: 0, applied: 0, stale: 0, expired: 0, failed: 0, ...counts };
}

function receipt(received: number, parts: { readonly commit: object | null; readonly online: object | null }): object {
  return { featureGroup: { name: 'airport_delays', version: 1 }, received, ...parts, validation: null, rejected: [], warnings: [] };
}

/** All rows of the group, by key and event time. */
async function rowsNow(api: Api): Promise<readonly unknown[]> {
  return rowsOf(await api.post(`${GROUP}/read`)).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

describe('rows by format', () => {
  const columns: readonly Column[] = [
    { name: 'origin', type: { kind: 'string' }, nullable: true },
    { name: 'hour', type: { kind: 'timestamp' }, nullable: true },
    { name: 'flights_24h', type: { kind: 'bigint' }, nullable: true },
    { name: 'mean_delay_24h', type: { kind: 'double' }, nullable: true },
  ];
  const FORMATS: readonly { readonly format: string; readonly type: string; readonly body: (api: Api) => Promise<unknown> }[] = [
    { format: 'JSON', type: 'application/json', body: async () => ({ rows: [SFO, JFK] }) },
    { format: 'NDJSON', type: 'application/x-ndjson', body: async () => `${JSON.stringify(SFO)}\n${JSON.stringify(JFK)}\n` },
    {
      format: 'CSV',
      type: 'text/csv; charset=utf-8',
      body: async () => 'hour,origin,flights_24h,mean_delay_24h\r\n2001-03-01T10:00:00Z,SFO,31,8.2\r\n2001-03-01T10:00:00Z,JFK,7,\r\n',
    },
    {
      format: 'Parquet',
      type: 'application/vnd.apache.parquet',
      body: (api) =>
        api.parts.codec.encode(
          batchOfRows(columns, [
            ['SFO', 983_440_800_000_000n, 31n, 8.2],
            ['JFK', 983_440_800_000_000n, 7n, null],
          ]),
        ),
    },
    {
      format: 'an Arrow stream',
      type: 'application/vnd.apache.arrow.stream',
      body: async () =>
        tableToIPC(
          new Table({
            mean_delay_24h: vectorFromArray([8.2, null], new Float64()),
            hour: vectorFromArray(['2001-03-01T10:00:00Z', '2001-03-01T10:00:00Z'].map(Date.parse), new TimestampMillisecond('UTC')),
            origin: vectorFromArray(['SFO', 'JFK'], new Dictionary(new Utf8(), new Int32())),
            flights_24h: vectorFromArray([31n, 7n], new Int64()),
          }),
          'stream',
        ),
    },
  ];

  describe.each(FORMATS)('$format', ({ type, body }) => {
    it('are upserted: new rows are inserted, known ones updated', async () => {
      const api = await start();
      const first = await api.post(`${GROUP}/rows`, await body(api), { 'content-type': type });
      expect([first.status, first.body]).toEqual([
        200,
        receipt(2, { commit: commit({ version: 1, at: '001', operation: 'upsert', counts: { rowsInserted: 2 } }), online: online(1, { applied: 2 }) }),
      ]);
      const second = await api.post(`${GROUP}/rows?operation=upsert`, await body(api), { 'content-type': type });
      expect([second.status, second.body]).toEqual([
        200,
        receipt(2, { commit: commit({ version: 2, at: '002', operation: 'upsert', counts: { rowsUpdated: 2 } }), online: online(2, { applied: 2 }) }),
      ]);
      expect(await rowsNow(api)).toEqual([JFK, SFO]);
    });

    it('are appended: every row is kept', async () => {
      const api = await start();
      for (const version of [1, 2]) {
        const answer = await api.post(`${GROUP}/rows?operation=append`, await body(api), { 'content-type': type });
        expect([answer.status, answer.body]).toEqual([
          200,
          receipt(2, {
            commit: commit({ version, at: `00${version}`, operation: 'append', counts: { rowsInserted: 2 } }),
            online: online(version, { applied: 2 }),
          }),
        ]);
      }
      expect(await rowsNow(api)).toEqual([JFK, JFK, SFO, SFO]);
    });

    it('are what is left after an overwrite', async () => {
      const api = await start();
      await api.post(`${GROUP}/rows`, { rows: [{ ...SFO, origin: 'LAX' }, EARLIER] });
      const answer = await api.post(`${GROUP}/rows?operation=overwrite`, await body(api), { 'content-type': type });
      expect([answer.status, answer.body]).toEqual([
        200,
        receipt(2, {
          commit: commit({ version: 2, at: '002', operation: 'overwrite', counts: { rowsInserted: 2, rowsDeleted: 2 } }),
          online: online(2, { applied: 2 }),
        }),
      ]);
      expect(await rowsNow(api)).toEqual([JFK, SFO]);
    });
  });
});

describe('counts', () => {
  it('tell rows deduped in the batch and rows superseded online (U2, U3)', async () => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows`, { rows: [EARLIER, { ...SFO, flights_24h: 1 }, SFO] });
    expect(answer.body).toEqual(
      receipt(3, {
        commit: commit({ version: 1, at: '001', operation: 'upsert', counts: { rowsInserted: 2, dedupedInBatch: 1 } }),
        online: online(1, { superseded: 1, applied: 1 }),
      }),
    );
    expect(await rowsNow(api)).toEqual([EARLIER, SFO]);
  });

  it('tell rows an older event keeps out and rows past their time to live (U1, T5)', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: [SFO] });
    const answer = await api.post(`${GROUP}/rows`, { rows: [EARLIER, { ...JFK, hour: '2001-02-22T10:00:00Z' }] });
    expect(answer.body).toEqual(
      receipt(2, { commit: commit({ version: 2, at: '002', operation: 'upsert', counts: { rowsInserted: 2 } }), online: online(2, { stale: 1, expired: 1 }) }),
    );
  });

  it('name no commit where no row was sent', async () => {
    const api = await start();
    expect((await api.post(`${GROUP}/rows`, { rows: [] })).body).toEqual(receipt(0, { commit: null, online: null }));
    expect((await api.post(`${GROUP}/rows?operation=overwrite`, { rows: [] })).body).toMatchObject({ code: 'EMPTY_OVERWRITE', status: 422 });
    expect((await api.post(`${GROUP}/rows?operation=overwrite&allowEmpty=true`, { rows: [] })).body).toEqual(
      receipt(0, { commit: commit({ version: 1, at: '001', operation: 'overwrite' }), online: online(1) }),
    );
  });
});

describe('options', () => {
  it('wait=commit answers before the online store is asked to follow; a publish does the rest', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: [JFK] });
    const answer = await api.post(`${GROUP}/rows?wait=commit`, { rows: [SFO] });
    expect(answer.body).toEqual(
      receipt(1, { commit: commit({ version: 2, at: '002', operation: 'upsert', counts: { rowsInserted: 1 } }), online: { ...online(1), state: 'pending' } }),
    );
    expect((await api.get(`${GROUP}/online`)).body).toEqual({ state: 'behind', watermark: 1, head: 2, lagSeconds: 0, generation: 1, keys: null });
    expect((await api.post(`${GROUP}:publish`)).body).toEqual({
      from: 1,
      to: 2,
      superseded: 0,
      applied: 1,
      stale: 0,
      duplicate: 0,
      expired: 0,
      deleted: 0,
      invalid: 0,
      failed: 0,
    });
    expect((await api.get(`${GROUP}/online`)).body).toEqual({ state: 'current', watermark: 2, head: 2, lagSeconds: 0, generation: 1, keys: null });
  });

  it('a group that is not online has no online part and is not published', async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-groups', { ...airportDelays.json, name: 'cold', onlineEnabled: false });
    const cold = '/v1/projects/demo/feature-groups/cold/versions/1';
    expect((await api.post(`${cold}/rows`, { rows: [SFO] })).body).toMatchObject({ featureGroup: { name: 'cold' }, commit: { version: 1 }, online: null });
    expect((await api.get(`${cold}/online`)).body).toEqual({ state: 'disabled', watermark: null, head: 1, lagSeconds: 0, generation: 1, keys: null });
    expect((await api.post(`${cold}:publish`)).body).toMatchObject({ code: 'UNSUPPORTED_OPERATION', status: 422 });
  });

  it('ignoreUnknown leaves out what the group lacks, timezone reads local times', async () => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows?ignoreUnknown=true&timezone=America%2FLos_Angeles`, {
      rows: [{ ...SFO, hour: '2001-03-01T02:00:00', extra: 1 }],
    });
    expect(answer.body).toMatchObject({ received: 1, commit: { rowsInserted: 1 } });
    expect(await rowsNow(api)).toEqual([SFO]);
  });

  it('a gzipped body is one body', async () => {
    const api = await start();
    const gzip = new Response(new Blob([JSON.stringify({ rows: [SFO] })]).stream().pipeThrough(new CompressionStream('gzip')));
    const answer = await api.post(`${GROUP}/rows`, new Uint8Array(await gzip.arrayBuffer()), { 'content-encoding': 'gzip' });
    expect(answer.body).toMatchObject({ commit: { rowsInserted: 1 } });
  });
});

describe('an idempotency key', () => {
  const send = (api: Api, body: unknown, path = 'rows'): Promise<Answer> => api.post(`${GROUP}/${path}`, body, { 'idempotency-key': 'k1' });

  it('makes a repeat the original commit, its counts and all (U9)', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: [{ ...SFO, flights_24h: 1 }] });
    const body = { rows: [SFO, JFK, JFK] };
    const counts = { rowsInserted: 1, rowsUpdated: 1, dedupedInBatch: 1 };
    expect((await send(api, body)).body).toEqual(
      receipt(3, { commit: commit({ version: 2, at: '002', operation: 'upsert', counts }), online: online(2, { applied: 2 }) }),
    );
    const original = receipt(3, {
      commit: commit({ version: 2, at: '002', operation: 'upsert', counts: { ...counts, alreadyApplied: true } }),
      online: online(2, { applied: 2 }),
    });
    expect((await send(api, body)).body).toEqual(original);
    await api.post(`${GROUP}/rows`, { rows: [EARLIER] });
    expect((await send(api, body)).body).toMatchObject({ commit: { version: 2, ...counts, alreadyApplied: true } });
    expect((await api.get(GROUP)).body).toMatchObject({ latestCommit: 3 });
  });

  it('is known to a process that never saw the first request', async () => {
    const api = await start();
    await send(api, { rows: [SFO] });
    await api.close();
    open = await openApi(api.parts);
    expect((await send(open, { rows: [SFO] })).body).toMatchObject({ commit: { version: 1, rowsInserted: 1, alreadyApplied: true } });
  });

  it('publishes what the first request left behind', async () => {
    const api = await start();
    await send(api, { rows: [SFO] }, 'rows?wait=commit');
    expect((await api.get(`${GROUP}/online`)).body).toMatchObject({ state: 'behind' });
    // The same bytes to the same URL: `wait` is part of what was asked.
    expect((await send(api, { rows: [SFO] })).body).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await api.post(`${GROUP}:publish`);
    expect((await send(api, { rows: [SFO] }, 'rows?wait=commit')).body).toMatchObject({
      commit: { alreadyApplied: true },
      online: { state: 'applied', watermark: 1 },
    });
  });

  it.each([
    ['other rows', 'rows', { rows: [JFK] }],
    ['no rows', 'rows', { rows: [] }],
    ['another operation', 'rows?operation=append', { rows: [SFO] }],
    ['another route', 'rows:delete', { keys: [{ origin: 'SFO' }] }],
  ])('used for %s is refused, and nothing is written', async (_what, path, body) => {
    const api = await start();
    await send(api, { rows: [SFO] });
    const refused = await send(api, body, path);
    expect([refused.status, refused.body]).toEqual([
      409,
      {
        type: 'about:blank',
        title: 'Idempotency key used for another request',
        status: 409,
        code: 'IDEMPOTENCY_MISMATCH',
        repeatable: false,
        version: 1,
        detail: 'expected the request that idempotency key "k1" was first used for, found another; version 1 holds the first',
      },
    ]);
    expect((await api.get(GROUP)).body).toMatchObject({ latestCommit: 1 });
  });

  it('is forgotten after the window', async () => {
    const api = await start();
    await send(api, { rows: [SFO] });
    await api.parts.clock.advance(7 * 86_400_000 + 2);
    expect((await send(api, { rows: [{ ...SFO, hour: '2001-03-08T10:00:00Z' }] })).body).toMatchObject({ commit: { version: 2, alreadyApplied: false } });
  });

  it('makes deletes and restores repeatable too', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: [SFO, JFK] });
    const remove = (): Promise<Answer> => api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }] }, { 'idempotency-key': 'd' });
    expect((await remove()).body).toMatchObject({ commit: { version: 2, rowsDeleted: 1, alreadyApplied: false } });
    expect((await remove()).body).toMatchObject({ commit: { version: 2, operation: 'delete', rowsDeleted: 1, alreadyApplied: true } });
    const restore = (): Promise<Answer> => api.post(`${GROUP}:restore`, { toVersion: 1 }, { 'idempotency-key': 'r' });
    expect((await restore()).body).toMatchObject({ commit: { version: 3, alreadyApplied: false } });
    expect((await restore()).body).toMatchObject({ commit: { version: 3, operation: 'restore', alreadyApplied: true } });
    expect((await api.get(GROUP)).body).toMatchObject({ latestCommit: 3 });
  });
});

describe('an idempotency stream', () => {
  const send = (api: Api, sequence: number, rows: readonly object[]): Promise<Answer> =>
    api.post(`${GROUP}/rows`, { rows }, { 'idempotency-stream': 'sensor-7', 'idempotency-sequence': String(sequence) });

  it('takes each sequence number once, in order, for ever (U9)', async () => {
    const api = await start();
    expect((await send(api, 1, [SFO])).body).toEqual(
      receipt(1, { commit: commit({ version: 1, at: '001', operation: 'upsert', counts: { rowsInserted: 1 } }), online: online(1, { applied: 1 }) }),
    );
    expect((await send(api, 5, [JFK])).body).toMatchObject({ commit: { version: 2, alreadyApplied: false } });
    await api.parts.clock.advance(3 * 86_400_000);
    const counts = { rowsInserted: 1, alreadyApplied: true };
    const other = [{ ...SFO, flights_24h: 99 }];
    expect((await send(api, 1, other)).body).toEqual(
      receipt(1, { commit: commit({ version: 1, at: '001', operation: 'upsert', counts }), online: online(2, { applied: 1 }) }),
    );
    expect((await send(api, 5, other)).body).toEqual(
      receipt(1, { commit: commit({ version: 2, at: '002', operation: 'upsert', counts }), online: online(2, { applied: 1 }) }),
    );
    // A number that was passed over has no commit of its own: the newest is named, and of its rows nothing is claimed.
    expect((await send(api, 3, other)).body).toEqual(
      receipt(1, { commit: commit({ version: 2, at: '002', operation: 'upsert', counts: { alreadyApplied: true } }), online: online(2) }),
    );
    expect((await api.get(GROUP)).body).toMatchObject({ latestCommit: 2 });
    expect(await rowsNow(api)).toEqual([JFK, SFO]);
  });
});
