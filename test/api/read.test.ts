import { tableFromIPC, type StructRowProxy } from 'apache-arrow';
import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows, rowAt } from '../../lib/core/batch.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { type Api, GROUP, type memoryParts, openApi, openExampleApi, rowsOf } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const SFO_9 = { origin: 'SFO', hour: '2001-03-01T09:00:00Z', flights_24h: 30, mean_delay_24h: null };
const SFO_10 = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 };
const JFK_10 = { origin: 'JFK', hour: '2001-03-01T10:00:00Z', flights_24h: 7, mean_delay_24h: 4 };
const LAX_10 = { origin: 'LAX', hour: '2001-03-01T10:00:00Z', flights_24h: 3, mean_delay_24h: 0.5 };

/** Version 1: SFO at 9 and 10. Version 2, a minute later: JFK too. Version 3, another minute later: JFK gone, LAX there. */
async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: [SFO_9, SFO_10] });
  await open.parts.clock.advance(60_000);
  await open.post(`${GROUP}/rows`, { rows: [JFK_10] });
  await open.parts.clock.advance(60_000);
  await open.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'JFK' }] });
  await open.post(`${GROUP}/rows`, { rows: [LAX_10] });
  return open;
}

async function read(api: Api, body: object): Promise<{ readonly version: string | null; readonly rows: readonly unknown[] }> {
  const answer = await api.post(`${GROUP}/read`, body);
  if (answer.status !== 200) throw new Error(answer.text);
  return { version: answer.headers.get('x-lakefold-version'), rows: rowsOf(answer).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

describe('a read', () => {
  it('answers the newest version, told in a header', async () => {
    const api = await start();
    expect(await read(api, {})).toEqual({ version: '4', rows: [LAX_10, SFO_10, SFO_9].toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) });
    expect(await api.send('POST', `${GROUP}/read`)).toMatchObject({ status: 200 });
  });

  it.each([
    [0, []],
    [1, [SFO_10, SFO_9]],
    [2, [JFK_10, SFO_10, SFO_9]],
    [3, [SFO_10, SFO_9]],
    [4, [LAX_10, SFO_10, SFO_9]],
  ])('as of version %i answers that version, row for row', async (version, rows) => {
    const api = await start();
    expect(await read(api, { asOf: { version } })).toEqual({
      version: String(version),
      rows: rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    });
  });

  it.each([
    ['2001-03-01T10:30:00Z', '0'],
    ['2001-03-01T10:30:00.0009Z', '0'],
    ['2001-03-01T10:30:00.001Z', '1'],
    ['2001-03-01T10:30:59.999999Z', '1'],
    ['2001-03-01T11:31:00+01:00', '2'],
    ['2030-01-01T00:00:00Z', '4'],
  ])('as of the instant %s answers version %s: the last commit up to it', async (instant, version) => {
    const api = await start();
    expect(await read(api, { asOf: { instant } })).toMatchObject({ version });
  });

  it('narrows to event times from start, before end', async () => {
    const api = await start();
    expect((await read(api, { startTime: '2001-03-01T09:00:00Z', endTime: '2001-03-01T10:00:00Z' })).rows).toEqual([SFO_9]);
    expect((await read(api, { startTime: '2001-03-01T09:00:00.000001Z' })).rows).toEqual([LAX_10, SFO_10]);
    expect((await read(api, { endTime: '2001-03-01T09:00:00Z' })).rows).toEqual([]);
  });

  it.each([
    [{ column: 'flights_24h', op: '>=', value: 30 }, [SFO_10, SFO_9]],
    [{ column: 'mean_delay_24h', op: 'isNull' }, [SFO_9]],
    [{ column: 'mean_delay_24h', op: '!=', value: 8.2 }, [LAX_10]],
    [{ not: { column: 'mean_delay_24h', op: '=', value: 8.2 } }, [LAX_10]],
    [{ column: 'origin', op: 'in', value: ['LAX', 'BOS'] }, [LAX_10]],
    [
      {
        and: [
          { column: 'origin', op: '=', value: 'SFO' },
          {
            or: [
              { column: 'hour', op: '<', value: '2001-03-01T10:00:00Z' },
              { column: 'flights_24h', op: '>', value: 100 },
            ],
          },
        ],
      },
      [SFO_9],
    ],
    [{ and: [] }, [LAX_10, SFO_10, SFO_9]],
    [{ or: [] }, []],
  ])('filters by %j as SQL does', async (where, rows) => {
    const api = await start();
    expect((await read(api, { where })).rows).toEqual(rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
  });

  it('takes the columns asked for, in that order, the receipt among them', async () => {
    const api = await start();
    expect((await read(api, { features: ['flights_24h', 'origin', '_ingested_at'], where: { column: 'origin', op: '=', value: 'LAX' } })).rows).toEqual([
      { flights_24h: 3, origin: 'LAX', _ingested_at: '2001-03-01T10:32:00Z' },
    ]);
  });

  it('takes no more rows than the limit', async () => {
    const api = await start();
    expect((await read(api, { limit: 2 })).rows).toHaveLength(2);
    expect((await read(api, { limit: 0 })).rows).toEqual([]);
  });

  it('answers canonical NDJSON, CSV, Parquet or an Arrow stream by Accept', async () => {
    const api = await start();
    const as = (accept: string) => api.post(`${GROUP}/read`, { asOf: { version: 1 } }, { accept });
    const ndjson = await as('application/x-ndjson');
    expect([ndjson.headers.get('content-type'), ndjson.text]).toEqual([
      'application/x-ndjson',
      '{"origin":"SFO","hour":"2001-03-01T09:00:00Z","flights_24h":30,"mean_delay_24h":null}\n{"origin":"SFO","hour":"2001-03-01T10:00:00Z","flights_24h":31,"mean_delay_24h":8.2}\n',
    ]);
    const csv = await as('text/html, text/csv;q=0.9');
    expect([csv.headers.get('content-type'), csv.text]).toEqual([
      'text/csv',
      'origin,hour,flights_24h,mean_delay_24h\r\nSFO,2001-03-01T09:00:00Z,30,\r\nSFO,2001-03-01T10:00:00Z,31,8.2\r\n',
    ]);
    const parquet = await as('application/vnd.apache.parquet');
    expect([parquet.headers.get('content-type'), parquet.headers.get('x-lakefold-version')]).toEqual(['application/vnd.apache.parquet', '1']);
    const { columns } = await api.parts.codec.describe(bytesSource(parquet.bytes));
    const rows: unknown[] = [];
    for await (const { batch } of api.parts.codec.decode(bytesSource(parquet.bytes), { columns }))
      for (let i = 0; i < batch.rowCount; i += 1) rows.push(rowAt(batch, i));
    expect([columns.map(({ name }) => name), rows]).toEqual([
      ['origin', 'hour', 'flights_24h', 'mean_delay_24h'],
      [
        ['SFO', 983_437_200_000_000n, 30, null],
        ['SFO', 983_440_800_000_000n, 31, 8.2],
      ],
    ]);
    const arrow = await as('application/vnd.apache.arrow.stream');
    expect([arrow.headers.get('content-type'), arrow.headers.get('x-lakefold-version')]).toEqual(['application/vnd.apache.arrow.stream', '1']);
    const table = tableFromIPC(arrow.bytes);
    expect([table.schema.fields.map(String), table.toArray().map((row: StructRowProxy) => row.toArray())]).toEqual([
      ['origin: Utf8', 'hour: Timestamp<MICROSECOND, UTC>', 'flights_24h: Int32', 'mean_delay_24h: Float64'],
      [
        ['SFO', Date.parse('2001-03-01T09:00:00Z'), 30, null],
        ['SFO', Date.parse('2001-03-01T10:00:00Z'), 31, 8.2],
      ],
    ]);
    // Every type and null survives a round trip through our own reader.
    expect((await api.post(`${GROUP}/rows?operation=overwrite`, arrow.bytes, { 'content-type': 'application/vnd.apache.arrow.stream' })).status).toBe(200);
    expect((await read(api, {})).rows).toEqual([SFO_10, SFO_9].toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
  });

  it('answers bigints beyond 2^53 - 1 as strings, all of them where asked', async () => {
    const api = await start();
    await api.post('/v1/projects/demo/feature-groups', {
      name: 'big',
      schema: [
        { name: 'id', type: 'bigint' },
        { name: 'n', type: 'bigint', nullable: true },
      ],
      primaryKey: ['id'],
    });
    const big = '/v1/projects/demo/feature-groups/big/versions/1';
    await api.post(`${big}/rows`, '{"rows":[{"id":1,"n":9007199254740993},{"id":2,"n":"-9223372036854775808"}]}');
    expect((await api.post(`${big}/read`)).text).toBe('{"id":1,"n":"9007199254740993"}\n{"id":2,"n":"-9223372036854775808"}\n');
    expect((await api.post(`${big}/read`, { bigintAs: 'string', limit: 1 })).text).toBe('{"id":"1","n":"9007199254740993"}\n');
  });

  it('sees at least the version asked for, or says that it does not', async () => {
    const api = await start();
    expect(await read(api, { minVersion: 4 })).toMatchObject({ version: '4' });
    expect((await api.post(`${GROUP}/read`, { minVersion: 5 })).body).toMatchObject({ code: 'NO_SUCH_COMMIT', asked: 5, latest: 4 });
  });

  it('sees what another process has committed meanwhile', async () => {
    const api = await start();
    const other = await openApi(api.parts);
    await other.post(`${GROUP}/rows`, { rows: [JFK_10] });
    await other.close();
    expect(await read(api, { where: { column: 'origin', op: '=', value: 'JFK' } })).toEqual({ version: '5', rows: [JFK_10] });
  });

  it('holds rows of every type as they were sent', async () => {
    const api = await start();
    const schema = [
      ['id', 'string'],
      ['bool', 'boolean'],
      ['int', 'int'],
      ['bigint', 'bigint'],
      ['float', 'float'],
      ['double', 'double'],
      ['decimal', 'decimal(20,2)'],
      ['binary', 'binary'],
      ['date', 'date'],
      ['timestamp', 'timestamp'],
      ['list', 'array<int>'],
      ['struct', 'struct<a:string,b:double>'],
      ['map', 'map<string,int>'],
      ['vector', 'vector(3)'],
    ].map(([name, type]) => ({ name, type, nullable: name !== 'id' }));
    await api.post('/v1/projects/demo/feature-groups', { name: 'types', schema, primaryKey: ['id'], onlineEnabled: true });
    const types = '/v1/projects/demo/feature-groups/types/versions/1';
    const line =
      '{"id":"a","bool":true,"int":-5,"bigint":7,"float":0.5,"double":-0.0,"decimal":"12.30","binary":"AAEC","date":"2001-02-28","timestamp":"2001-03-01T10:00:00.000001Z","list":[1,null,3],"struct":{"a":"x","b":"NaN"},"map":{"k":1,"z":null},"vector":[1,2,3]}';
    const nulls = `{"id":"b",${schema
      .slice(1)
      .map(({ name }) => `"${name}":null`)
      .join(',')}}`;
    expect((await api.post(`${types}/rows`, `${line}\n${nulls}\n`, { 'content-type': 'application/x-ndjson' })).body).toMatchObject({
      commit: { rowsInserted: 2 },
      online: { applied: 2 },
    });
    expect((await api.post(`${types}/read`)).text).toBe(`${line}\n${nulls}\n`);
  });
});

describe('a group whose rows fill many batches', () => {
  it('reads in a stream that ends whole', async () => {
    const api = await start();
    const columns = [
      { name: 'origin', type: { kind: 'string' } },
      { name: 'hour', type: { kind: 'timestamp' } },
      { name: 'flights_24h', type: { kind: 'int' } },
    ] as const;
    const rows = Array.from({ length: 70_000 }, (_, i) => [`K${i}`, 983_440_800_000_000n, i]);
    const file = await api.parts.codec.encode(
      batchOfRows(
        columns.map((column) => ({ ...column, nullable: true })),
        rows,
      ),
    );
    expect((await api.post(`${GROUP}/rows?wait=commit`, file, { 'content-type': 'application/vnd.apache.parquet' })).body).toMatchObject({
      commit: { rowsInserted: 70_000 },
    });
    expect(rowsOf(await api.post(`${GROUP}/read`, { features: ['flights_24h'], where: { column: 'flights_24h', op: '<', value: 68_000 } }))).toHaveLength(
      68_003,
    );
  });
});
