/** delta-rs, DuckDB and we commit to one table, in turn and at once, on local files and on S3: nothing is lost, no version is missing. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, openTable, type Table } from '../../lib/delta/index.ts';
import { objectLines, readLines } from '../support/row-lines.ts';
import { createBucket } from '../support/s3-for-test.ts';
import { type Engines, type EngineSchema, interopPython, startEngines } from './engines.ts';

const SCHEMA = [
  { name: 'writer', type: 'string' },
  { name: 'commit', type: 'int' },
  { name: 'row', type: 'int' },
] as const;
const ENGINE_SCHEMA: EngineSchema = SCHEMA.map(({ name, type }) => [name, type, false]);
const COMMITS = 12;
const ROWS = 5;

/** Where tables lie, and how each side is told. */
interface Place {
  readonly name: string;
  readonly absent: boolean;
  readonly open: () => Promise<{
    readonly uri: string;
    readonly ours: { readonly endpoint?: string; readonly region?: string };
    readonly deltars: { readonly storage?: Readonly<Record<string, string>> };
    readonly duckdb: { readonly s3?: Readonly<Record<string, string | boolean>> };
    readonly close: () => Promise<void>;
  }>;
}

const local: Place = {
  name: 'local files',
  absent: false,
  open: async () => {
    const uri = await mkdtemp(join(tmpdir(), 'lakefold-co-writing-'));
    return { uri, ours: {}, deltars: {}, duckdb: {}, close: () => rm(uri, { recursive: true, force: true }) };
  },
};

function s3(name: string, endpoint: string | undefined): Place {
  return {
    name: `S3 of ${name}`,
    absent: endpoint === undefined,
    open: async () => {
      const { bucket } = await createBucket(endpoint ?? '');
      const storage = {
        AWS_ENDPOINT_URL: endpoint ?? '',
        AWS_ALLOW_HTTP: 'true',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_CONDITIONAL_PUT: 'etag',
      };
      const host = (endpoint ?? '').split('//')[1] ?? '';
      const secret = { KEY_ID: 'test', SECRET: 'test', REGION: 'us-east-1', ENDPOINT: host, URL_STYLE: 'path', USE_SSL: false };
      return {
        uri: `s3://${bucket}/${randomUUID()}`,
        ours: { ...(endpoint === undefined ? {} : { endpoint }), region: 'us-east-1' },
        deltars: { storage },
        duckdb: { s3: secret },
        close: async () => {},
      };
    },
  };
}

const PLACES: readonly Place[] = [local, s3('LocalStack', process.env['LAKEFOLD_TEST_LOCALSTACK']), s3('MiniStack', process.env['LAKEFOLD_TEST_MINISTACK'])];

const rowsOf = (writer: string, commit: number) => Array.from({ length: ROWS }, (_, row) => ({ writer, commit, row }));
const linesOf = (writers: readonly string[], commits = COMMITS): string[] =>
  objectLines(
    SCHEMA,
    writers.flatMap((writer) => Array.from({ length: commits }, (_, commit) => rowsOf(writer, commit)).flat()),
  );

async function appendLoop(table: Table, writer: string): Promise<void> {
  for (let commit = 0; commit < COMMITS; commit += 1) await table.append(rowsOf(writer, commit));
}

for (const { name, absent, open } of PLACES) {
  describe.skipIf(interopPython === undefined || absent)(`one table on ${name}`, () => {
    let processes: readonly [Engines, Engines];
    const before = { key: process.env['AWS_ACCESS_KEY_ID'], secret: process.env['AWS_SECRET_ACCESS_KEY'] };
    beforeAll(() => {
      processes = [startEngines(interopPython ?? ''), startEngines(interopPython ?? '')];
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
    });
    afterAll(() => {
      for (const engines of processes) engines.close();
      for (const [variable, value] of [
        ['AWS_ACCESS_KEY_ID', before.key],
        ['AWS_SECRET_ACCESS_KEY', before.secret],
      ] as const)
        if (value === undefined) Reflect.deleteProperty(process.env, variable);
        else process.env[variable] = value;
    });

    it('keeps every row of two processes of delta-rs and two of our writers at once', async () => {
      const place = await open();
      try {
        const first = await createTable(place.uri, { ...place.ours, schema: SCHEMA });
        const second = await openTable(place.uri, place.ours);
        const loop = (engines: Engines, writer: string): Promise<unknown> =>
          engines.ask('deltars_append_loop', { path: place.uri, writer, commits: COMMITS, rows: ROWS, ...place.deltars });
        await Promise.all([loop(processes[0], 'd0'), loop(processes[1], 'd1'), appendLoop(first, 'l0'), appendLoop(second, 'l1')]);
        const wanted = linesOf(['d0', 'd1', 'l0', 'l1']);
        // One commit a batch and none missing between: no version was overwritten.
        expect(await first.refresh()).toBe(4 * COMMITS);
        const versions: number[] = [];
        for await (const { version } of first.history()) versions.push(version);
        expect(versions).toEqual(Array.from({ length: 4 * COMMITS + 1 }, (_, i) => 4 * COMMITS - i));
        expect(await readLines(first.read())).toEqual(wanted);
        expect(((await processes[0].ask('deltars_read', { path: place.uri, ...place.deltars }))['rows'] as string[]).toSorted()).toEqual(wanted);
        expect(((await processes[1].ask('duckdb_read', { path: place.uri, ...place.duckdb }))['rows'] as string[]).toSorted()).toEqual(wanted);
      } finally {
        await place.close();
      }
    });

    it('has rows appended, upserted, deleted and packed by each in turn', async () => {
      const place = await open();
      const at = { path: place.uri, ...place.deltars };
      try {
        const table = await createTable(place.uri, { ...place.ours, schema: SCHEMA });
        const theirs = (writer: string, commit: number, row: number): unknown[] => [writer, commit, row];
        await processes[0].ask('deltars_write', { ...at, schema: ENGINE_SCHEMA, rows: [theirs('a', 1, 1), theirs('b', 1, 1), theirs('c', 1, 1)] });
        await table.upsert([{ writer: 'a', commit: 2, row: 2 }], { keys: ['writer'] });
        await processes[0].ask('deltars_merge', { ...at, schema: ENGINE_SCHEMA, rows: [theirs('b', 3, 3), theirs('d', 3, 3)], keys: ['writer'] });
        await table.delete({ keys: [{ writer: 'c' }] });
        await processes[1].ask('duckdb_insert', { path: place.uri, ...place.duckdb, schema: ENGINE_SCHEMA, rows: [theirs('e', 5, 5)] });
        await table.upsert([{ writer: 'e', commit: 6, row: 6 }], { keys: ['writer'] });
        await processes[0].ask('deltars_update', { ...at, updates: { row: '7' }, predicate: "writer = 'a'" });
        await processes[1].ask('deltars_optimize', at);
        await table.append([{ writer: 'f', commit: 9, row: 9 }]);
        await processes[1].ask('deltars_delete', { ...at, predicate: "writer = 'd'" });
        await processes[0].ask('deltars_checkpoint', at);
        await table.optimize();
        const wanted = objectLines(
          SCHEMA,
          [
            ['a', 2, 7],
            ['b', 3, 3],
            ['e', 6, 6],
            ['f', 9, 9],
          ].map(([writer, commit, row]) => ({ writer, commit, row })),
        );
        expect(await readLines(table.read())).toEqual(wanted);
        expect(((await processes[0].ask('deltars_read', at))['rows'] as string[]).toSorted()).toEqual(wanted);
        expect(((await processes[0].ask('duckdb_read', { path: place.uri, ...place.duckdb }))['rows'] as string[]).toSorted()).toEqual(wanted);
      } finally {
        await place.close();
      }
    });
  });
}

describe.skipIf(interopPython === undefined)('a full vacuum of delta-rs', () => {
  it('leaves every version of our merge-on-read table readable, whose deletion vectors it knows nothing of', async () => {
    const path = await mkdtemp(join(tmpdir(), 'lakefold-vacuum-'));
    const engines = startEngines(interopPython ?? '');
    try {
      const table = await createTable(path, { schema: SCHEMA, partitionBy: ['commit'] });
      await table.append([...rowsOf('a', 0), ...rowsOf('a', 1)]);
      await table.delete({ where: { column: 'row', op: '=', value: 1 } });
      await table.upsert([{ writer: 'b', commit: 1, row: 2 }], { keys: ['row', 'commit'] });
      await table.delete({ keys: [{ row: 3 }] });
      const versions = [0, 1, 2, 3, 4];
      const before = [];
      for (const version of versions) before.push(await readLines(table.read({ asOf: { version } })));
      const { files } = await engines.ask('deltars_vacuum', { path, hours: 0, full: true });
      expect(files).toEqual([]);
      const after = [];
      const reopened = await openTable(path);
      for (const version of versions) after.push(await readLines(reopened.read({ asOf: { version } })));
      expect(after).toEqual(before);
      for (const version of versions) expect(await engines.readRows('duckdb', path, version)).toEqual(before[version]);
    } finally {
      engines.close();
      await rm(path, { recursive: true, force: true });
    }
  });
});
