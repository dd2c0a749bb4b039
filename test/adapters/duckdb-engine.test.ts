/** The DuckDB engine: relations of Delta's making, rows in memory, results, bounds, errors. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDuckDbEngine, type DuckDbEngineOptions } from '../../lib/adapters/duckdb/engine.ts';
import { openScratch } from '../../lib/adapters/fs/scratch.ts';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows, rowsOf, type Batch, type Row } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { hashOf } from '../../lib/core/hash.ts';
import { BATCH_ROWS } from '../../lib/core/limits.ts';
import { instant, parseDate } from '../../lib/core/time.ts';
import { formatType, type Column, type Value } from '../../lib/core/types.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import type { Engine, EngineQuery, PhysicalColumn, Relation, RelationFile } from '../../lib/ports/engine.ts';
import { column, decodeAll } from '../contract/table-codec.contract.ts';

const codec = createParquetCodec({ wasm: readParquetWasm() });

let directory: string;
let engine: Engine;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-duckdb-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(async () => {
  engine = await open();
});
afterEach(() => engine.close());

function open(options: Partial<DuckDbEngineOptions> = {}): Promise<Engine> {
  return openDuckDbEngine({ scratchDirectory: join(directory, 'scratch'), threads: 2, memoryLimitBytes: 512 * 1024 * 1024, ...options });
}

async function run(query: EngineQuery, on = engine): Promise<Value[][]> {
  const rows: Value[][] = [];
  for await (const batch of on.query(query)) rows.push(...rowsOf(batch));
  return rows;
}

async function dataFile(name: string, columns: readonly Column[], rows: readonly Row[]): Promise<string> {
  const path = join(directory, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, await codec.encode(batchOfRows(columns, rows)));
  return path;
}

const stored = (name: string, physicalName = name): PhysicalColumn => ({ name, source: { kind: 'column', physicalName } });
const file = (localPath: string, more: Partial<RelationFile> = {}): RelationFile => ({ localPath, partitionValues: {}, ...more });

function relation(columns: readonly Column[], files: readonly RelationFile[], physicalColumns = columns.map(({ name }) => stored(name))): Relation {
  return { name: 't', columns, groups: [{ files, physicalColumns }] };
}

const ID = [column('id', 'bigint')];
const EVERY_TYPE: readonly Column[] = [
  column('b', 'boolean'),
  column('i', 'int'),
  column('n', 'bigint'),
  column('f', 'float'),
  column('g', 'double'),
  column('d', 'decimal(12,3)'),
  column('w', 'decimal(38,0)'),
  column('s', 'string'),
  column('bin', 'binary'),
  column('day', 'date'),
  column('ts', 'timestamp'),
  column('ntz', 'timestampNtz'),
  column('a', 'array<string>'),
  column('st', 'struct<x:int,y:array<double>>'),
  column('m', 'map<string,bigint>'),
];
const EVERY_VALUE: readonly Row[] = [
  [
    true,
    -2_147_483_648,
    9_223_372_036_854_775_807n,
    Math.fround(0.1),
    -0,
    -999_999_999_999n,
    10n ** 38n - 1n,
    'é😀\u0000x',
    new Uint8Array([0, 255]),
    parseDate('0001-01-01') ?? 0,
    instant('9999-12-31T23:59:59.999999Z'),
    -1n,
    ['a', null, ''],
    [1, [0.5, null]],
    [
      ['k', 1n],
      ['l', null],
    ],
  ],
  EVERY_TYPE.map(() => null),
  [false, 0, 0n, NaN, Infinity, 0n, -(2n ** 64n), '', new Uint8Array(), 0, 0n, 0n, [], [null, null], []],
];

describe('relations of files', () => {
  it('leaves out the deleted positions of each file and keeps those of the others', async () => {
    const a = await dataFile('a.parquet', ID, [[1n], [2n], [3n]]);
    const b = await dataFile('b.parquet', ID, [[11n], [12n], [13n]]);
    const c = await dataFile('c.parquet', ID, [[21n]]);
    const files = [file(a, { deleted: [0, 2] }), file(c), file(b, { deleted: [1] })];
    expect(await run({ relations: [relation(ID, files)], sql: 'SELECT id FROM t ORDER BY id' })).toEqual([[2n], [11n], [13n], [21n]]);
  });

  it('leaves out deleted positions beyond the first row group', async () => {
    const path = join(directory, 'groups.parquet');
    await writeFile(
      path,
      await codec.encode(
        batchOfRows(
          ID,
          Array.from({ length: 100 }, (_, i) => [BigInt(i)]),
        ),
        { rowGroupRows: 7 },
      ),
    );
    const deleted = Array.from({ length: 100 }, (_, i) => i).filter((i) => i % 10 !== 3);
    expect(await run({ relations: [relation(ID, [file(path, { deleted })])], sql: 'SELECT id FROM t ORDER BY id' })).toEqual(
      [3n, 13n, 23n, 33n, 43n, 53n, 63n, 73n, 83n, 93n].map((id) => [id]),
    );
  });

  it('takes partition values from the file’s entry, typed, and an absent or empty one as null', async () => {
    const columns = [...ID, column('day', 'date'), column('ts', 'timestamp'), column('p', 'decimal(5,2)'), column('bin', 'binary'), column('s', 'string')];
    const a = await dataFile('day=1/a.parquet', ID, [[1n]]);
    const b = await dataFile('day=2/a.parquet', ID, [[2n]]);
    const physical = columns.map(({ name }): PhysicalColumn => (name === 'id' ? stored('id') : { name, source: { kind: 'partition' } }));
    const files = [
      file(a, { partitionValues: { day: '2001-02-03', ts: '2001-02-03 04:05:06.789', p: '-1.50', bin: '\u0001\u00ff', s: "it's; DROP TABLE t" } }),
      file(b, { partitionValues: { day: null, ts: '2001-02-03T04:05:06.789012Z', p: '2', s: '' } }),
    ];
    expect(await run({ relations: [relation(columns, files, physical)], sql: 'SELECT * FROM t ORDER BY id' })).toEqual([
      [1n, parseDate('2001-02-03'), instant('2001-02-03T04:05:06.789Z'), -150n, new Uint8Array([1, 255]), "it's; DROP TABLE t"],
      [2n, null, instant('2001-02-03T04:05:06.789012Z'), 200n, null, null],
    ]);
  });

  it('gives nulls for a column some or all files lack, and reads renamed and narrower ones', async () => {
    const columns = [column('n', 'bigint'), column('later', 'string'), column('never', 'array<int>')];
    const old = await dataFile('old.parquet', [column('col-1', 'int')], [[1]]);
    const recent = await dataFile('recent.parquet', [column('col-1', 'bigint'), column('later', 'string')], [[3_000_000_000n, 'x']]);
    const physical = [stored('n', 'col-1'), stored('later'), stored('never')];
    expect(await run({ relations: [relation(columns, [file(old), file(recent)], physical)], sql: 'SELECT * FROM t ORDER BY n' })).toEqual([
      [1n, null, null],
      [3_000_000_000n, 'x', null],
    ]);
    expect(
      await run({
        relations: [relation(columns, [file(old)], [stored('n', 'col-1'), { name: 'later', source: { kind: 'missing' } }])],
        sql: 'SELECT * FROM t',
      }),
    ).toEqual([[1n, null, null]]);
  });

  it('unites groups of different layouts', async () => {
    const a = await dataFile('ga.parquet', [column('x', 'int')], [[1]]);
    const b = await dataFile('gb.parquet', [column('y', 'double')], [[0.5]]);
    const groups = [
      { files: [file(a)], physicalColumns: [stored('v', 'x')] },
      { files: [file(b)], physicalColumns: [stored('v', 'y')] },
      { files: [], physicalColumns: [] },
    ];
    expect(await run({ relations: [{ name: 't', columns: [column('v', 'double')], groups }], sql: 'SELECT v FROM t ORDER BY v' })).toEqual([[0.5], [1]]);
  });

  it('has its columns and no rows where there are no files', async () => {
    const batches: Batch[] = [];
    for await (const batch of engine.query({ relations: [relation(EVERY_TYPE, [])], sql: 'SELECT * FROM t' })) batches.push(batch);
    expect(batches.map((batch) => [batch.rowCount, batch.columns.map(({ name, type }) => `${name} ${formatType(type)}`)])).toEqual([
      [0, EVERY_TYPE.map(({ name, type }) => `${name} ${formatType(type)}`)],
    ]);
  });

  it('reads a null _ingested_at as the default of its file, and only that', async () => {
    const columns = [...ID, column('_ingested_at', 'timestamp')];
    const a = await dataFile('ia.parquet', columns, [
      [1n, null],
      [2n, 5n],
    ]);
    const b = await dataFile('ib.parquet', ID, [[3n]]);
    const c = await dataFile('ic.parquet', columns, [[4n, null]]);
    const files = [file(a, { ingestedAtDefault: 1_000_000_000_000_001n }), file(b, { ingestedAtDefault: 7n }), file(c)];
    expect(await run({ relations: [relation(columns, files)], sql: 'SELECT * FROM t ORDER BY id' })).toEqual([
      [1n, 1_000_000_000_000_001n],
      [2n, 5n],
      [3n, 7n],
      [4n, null],
    ]);
  });

  it('keeps every type and value from file to result', async () => {
    const path = await dataFile(
      'types.parquet',
      [column('row', 'int'), ...EVERY_TYPE],
      EVERY_VALUE.map((row, i) => [i, ...row]),
    );
    const query = { relations: [relation([column('row', 'int'), ...EVERY_TYPE], [file(path)])], sql: 'SELECT * EXCLUDE ("row") FROM t ORDER BY "row"' };
    expect(await run(query)).toEqual(EVERY_VALUE);
    for await (const batch of engine.query(query)) expect(batch.columns).toEqual(EVERY_TYPE);
  });

  it('takes names and paths of any characters as they are', async () => {
    const name = `a"b'; DROP VIEW t; -- *?[x]`;
    const path = await dataFile(`odd [x]*?'"; name/f.parquet`, [{ ...column('x', 'int'), name }], [[1]]);
    const odd = { ...column('x', 'int'), name };
    expect(await run({ relations: [{ ...relation([odd], [file(path)]), name: 'we"ird' }], sql: 'SELECT * FROM "we""ird"' })).toEqual([[1]]);
    expect(await run({ relations: [{ name: 'we"ird', batch: batchOfRows([odd], [[2]]) }], sql: 'SELECT * FROM "we""ird"' })).toEqual([[2]]);
  });

  it('never takes another file for a missing one whose path looks like a pattern', async () => {
    await dataFile('patterns/oddity.parquet', ID, [[9n]]);
    await expect(run({ relations: [relation(ID, [file(join(directory, 'patterns', 'odd*.parquet'))])], sql: 'SELECT * FROM t' })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
    await expect(run({ relations: [relation(ID, [file(join(directory, 'patterns', '[o]ddity.parquet'))])], sql: 'SELECT * FROM t' })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
  });

  it('refuses a stored column that would hide the row’s place, rather than delete wrong rows', async () => {
    const columns = [column('File_Row_Number', 'bigint')];
    const path = await dataFile('hidden.parquet', columns, [[1n], [0n]]);
    await expect(run({ relations: [relation(columns, [file(path, { deleted: [0] })])], sql: 'SELECT * FROM t' })).rejects.toMatchObject({
      code: 'UNSUPPORTED_OPERATION',
      context: { column: 'File_Row_Number' },
    });
    expect(await run({ relations: [relation(columns, [file(path)])], sql: 'SELECT * FROM t ORDER BY 1' })).toEqual([[0n], [1n]]);
  });
});

describe('rows in memory', () => {
  it('keep every type and value, in their order', async () => {
    expect(await run({ relations: [{ name: 'r', batch: batchOfRows(EVERY_TYPE, EVERY_VALUE) }], sql: 'SELECT * FROM r' })).toEqual(EVERY_VALUE);
  });

  it('join with files', async () => {
    const path = await dataFile(
      'join.parquet',
      [...ID, column('s', 'string')],
      [
        [1n, 'one'],
        [2n, 'two'],
      ],
    );
    const relations = [
      relation([...ID, column('s', 'string')], [file(path)]),
      { name: 'spine', batch: batchOfRows([column('k', 'bigint')], [[2n], [3n], [2n]]) },
    ];
    expect(await run({ relations, sql: 'SELECT k, s FROM spine LEFT JOIN t ON id = k ORDER BY k, s' })).toEqual([
      [2n, 'two'],
      [2n, 'two'],
      [3n, null],
    ]);
  });

  it('come in any number, and results in batches of at most BATCH_ROWS, in order', async () => {
    const count = BATCH_ROWS * 2 + 5;
    const batch = batchOfRows(
      [column('n', 'int'), column('s', 'string')],
      Array.from({ length: count }, (_, i) => [i, i % 3 === 0 ? null : `s${i}`]),
    );
    let next = 0;
    for await (const part of engine.query({ relations: [{ name: 'r', batch }], sql: 'SELECT n, s FROM r' })) {
      expect(part.rowCount).toBeLessThanOrEqual(BATCH_ROWS);
      expect(part.vectors[0]?.values).toEqual(Int32Array.from({ length: part.rowCount }, (_, i) => next + i));
      next += part.rowCount;
    }
    expect(next).toBe(count);
  });

  it('may have no rows or no columns', async () => {
    expect(await run({ relations: [{ name: 'r', batch: batchOfRows(ID, []) }], sql: 'SELECT count(*) FROM r' })).toEqual([[0n]]);
  });
});

describe('results', () => {
  it('have Lakefold’s types: sums of whole numbers are bigint', async () => {
    const sql =
      "SELECT sum(i) s, count(*) c, avg(i) a, sum(i::DECIMAL(5,2)) d, NULL n, 'x' t, max(i::TINYINT) i, max(i::UBIGINT) u, list(i) l, [1::FLOAT]::FLOAT[1] v FROM range(4) r(i)";
    let batch: Batch | undefined;
    for await (const part of engine.query({ relations: [], sql })) batch = part;
    expect(batch?.columns.map(({ type }) => formatType(type))).toEqual([
      'bigint',
      'bigint',
      'double',
      'decimal(38,2)',
      'int',
      'string',
      'int',
      'bigint',
      'array<bigint>',
      'vector(1)',
    ]);
    expect(batch === undefined ? [] : rowsOf(batch)).toEqual([[6n, 4n, 1.5, 600n, null, 'x', 3, 3n, [0n, 1n, 2n, 3n], [1]]]);
  });

  it('refuse a whole number beyond 64 bits and a type of no Lakefold name, naming the column', async () => {
    await expect(run({ relations: [], sql: 'SELECT 9223372036854775808::HUGEINT big' })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      context: { column: 'big' },
    });
    await expect(run({ relations: [], sql: "SELECT TIME '12:00:00' noon" })).rejects.toMatchObject({
      code: 'UNSUPPORTED_OPERATION',
      context: { column: 'noon' },
    });
  });

  it('depend on parameters by position, never on their text', async () => {
    const parameters = ["x'; DROP TABLE y; --", 9_007_199_254_740_993n, null, true, 0.5, new Uint8Array([1]), ['a', 'b']];
    expect(await run({ relations: [], sql: 'SELECT $1, $2, $3, $4, $5, $6, $7', parameters })).toEqual([parameters]);
    expect(await run({ relations: [], sql: 'SELECT make_timestamptz($1::BIGINT)', parameters: [1n] })).toEqual([[1n]]);
  });

  it('tell instants in UTC, whatever the machine’s zone', async () => {
    expect(await run({ relations: [], sql: "SELECT TIMESTAMPTZ '2020-01-01 00:00:00'::VARCHAR, TIMESTAMPTZ '2020-01-01 00:00:00'" })).toEqual([
      ['2020-01-01 00:00:00+00', instant('2020-01-01T00:00:00Z')],
    ]);
  });
});

describe('copies', () => {
  const sql = "SELECT i AS id, 'name ' || i % 7 AS s, make_timestamptz(i * 1000001) AS ts FROM range(300000) r(i) ORDER BY (i * 7919) % 300007, i";

  it('are the same bytes each time, in the order of the SQL', async () => {
    const files = [join(directory, 'copy-1.parquet'), join(directory, 'copy-2.parquet')];
    for (const target of files)
      expect(await engine.copy({ relations: [], sql, parameters: [] }, { file: target, format: 'parquet' })).toEqual({ rows: 300_000 });
    const [first = Buffer.of(), second = Buffer.of(1)] = await Promise.all(files.map((target) => readFile(target)));
    expect(first.equals(second)).toBe(true);
    const { rows } = await decodeAll(codec, new Uint8Array(first), [column('id', 'bigint')]);
    expect(rows).toEqual(await run({ relations: [], sql: `SELECT id FROM (${sql})` }));
  });

  it('write CSV with a header and RFC 3339 instants', async () => {
    const target = join(directory, "it's a copy.csv");
    const query = {
      relations: [],
      sql: "SELECT $1::BIGINT AS id, DATE '2001-02-03' AS d, TIMESTAMPTZ '2001-02-03 04:05:06.5+00' AS ts, 'a,\"b\"' AS s, NULL AS z",
      parameters: [1n],
    };
    expect(await engine.copy(query, { file: target, format: 'csv' })).toEqual({ rows: 1 });
    expect(await readFile(target, 'utf8')).toBe('id,d,ts,s,z\n1,2001-02-03,2001-02-03T04:05:06.500000Z,"a,""b""",\n');
  });
});

describe('kept rows', () => {
  const sql = "SELECT i AS id, 'name ' || i % 7 AS s, i * 0.1 AS d FROM range(300000) r(i) ORDER BY (i * 7919) % 300007, i";

  it('can be read and written again and again, beside the relations they came from, until they are closed', async () => {
    const batch = batchOfRows(ID, [[1n], [2n], [3n]]);
    const kept = await engine.keep({ relations: [{ name: 'rows', batch }], sql: 'SELECT id * 10 AS id FROM rows WHERE id > 1', as: 'kept' });
    const read = async (statement: string): Promise<Value[][]> => {
      const rows: Value[][] = [];
      for await (const part of kept.query(statement)) rows.push(...rowsOf(part));
      return rows;
    };
    expect(await read('SELECT id FROM kept')).toEqual([[20n], [30n]]);
    expect(await read('SELECT (SELECT count(*) FROM rows), (SELECT count(*) FROM kept)')).toEqual([[3n, 2n]]);
    const target = join(directory, 'kept.parquet');
    expect(await kept.copy('SELECT id FROM kept', { file: target, format: 'parquet' })).toEqual({ rows: 2 });
    await expect(read('SELECT missing FROM kept')).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await read('SELECT max(id) FROM kept')).toEqual([[30n]]);
    await kept.close();
    await expect(run({ relations: [], sql: 'SELECT * FROM kept' })).rejects.toThrow(/kept/);
    await expect(engine.keep({ relations: [], sql: 'SELECT no', as: 'kept' })).rejects.toThrow(/no/);
  });

  it('are written as the same bytes by one thread and by several', async () => {
    const files: string[][] = [];
    const statements = ['SELECT id, s, d FROM kept', "SELECT id, s, d FROM kept WHERE s <> 'name 3' ORDER BY rowid"];
    for (const threads of [1, 2, 4]) {
      const each = await open({ scratchDirectory: join(directory, `scratch-${threads}`), threads });
      const kept = await each.keep({ relations: [], sql, as: 'kept' });
      const written: string[] = [];
      for (const statement of statements) {
        const target = join(directory, `threads-${threads}-${written.length}.parquet`);
        await kept.copy(statement, { file: target, format: 'parquet' });
        written.push(hashOf(await readFile(target)));
        // A reader of many row groups has them in order, too: content is hashed by it.
        const read = await run({ relations: [relation(ID, [file(target)])], sql: 'SELECT id FROM t' }, each);
        written.push(hashOf(utf8(read.join())));
      }
      await kept.close();
      await each.close();
      files.push(written);
    }
    expect(files).toEqual([files[0], files[0], files[0]]);
    const all = await run({ relations: [], sql: `SELECT id FROM (${sql})` });
    expect(files[0]?.[1]).toBe(hashOf(utf8(all.join())));
  });

  it('go to disk where they are more than the engine may hold, and come back whole', async () => {
    const small = await open({ scratchDirectory: join(directory, 'scratch-small'), threads: 1, memoryLimitBytes: 24_000_000 });
    try {
      const kept = await small.keep({ relations: [], sql: 'SELECT hash(i) AS a, hash(i + 1) AS b FROM range(2000000) r(i)', as: 'kept' });
      const target = join(directory, 'spilled.parquet');
      expect(await kept.copy('SELECT * FROM kept', { file: target, format: 'parquet' })).toEqual({ rows: 2_000_000 });
      const rows: Value[][] = [];
      for await (const part of kept.query('SELECT CAST(count(*) AS DOUBLE), CAST(sum(a % 1000) AS DOUBLE) FROM kept')) rows.push(...rowsOf(part));
      expect(rows).toEqual(await run({ relations: [], sql: 'SELECT 2e6, CAST(sum(hash(i) % 1000) AS DOUBLE) FROM range(2000000) r(i)' }));
      await kept.close();
    } finally {
      await small.close();
    }
  });
});

describe('scratch', () => {
  it('gives the bytes that were written, and keeps neither them nor what a failure left', async () => {
    const scratch = openScratch(join(directory, 'collected'));
    expect(await scratch.collect((path) => writeFile(path, 'abc'))).toEqual(Buffer.from('abc'));
    const fails = async (path: string): Promise<void> => {
      await writeFile(path, 'half');
      throw new Error('no more');
    };
    await expect(scratch.collect(fails)).rejects.toThrow('no more');
    expect(await readdir(join(directory, 'collected'))).toEqual([]);
  });
});

describe('bounds and faults', () => {
  const endless = 'SELECT count(*) FROM range(1000000000000) t(x) WHERE x % 7 = 3';

  it('stops a running query and a copy when told to, with the reason', async () => {
    const controller = new AbortController();
    const running = run({ relations: [], sql: endless, signal: controller.signal });
    const copying = engine.copy({ relations: [], sql: endless, signal: controller.signal }, { file: join(directory, 'never.parquet'), format: 'parquet' });
    const outcomes = Promise.allSettled([running, copying]);
    // Both have begun when a query started later has ended.
    await run({ relations: [], sql: 'SELECT 1' });
    controller.abort(new Error('enough'));
    expect(await outcomes).toMatchObject([
      { status: 'rejected', reason: { message: 'enough' } },
      { status: 'rejected', reason: { message: 'enough' } },
    ]);
    await expect(run({ relations: [], sql: 'SELECT 1', signal: controller.signal })).rejects.toThrow('enough');
    expect(await run({ relations: [], sql: 'SELECT 1' })).toEqual([[1]]);
  });

  it('lets a reader stop early and goes on serving others', async () => {
    for await (const batch of engine.query({ relations: [], sql: 'SELECT * FROM range(10000000)' })) {
      expect(batch.rowCount).toBe(BATCH_ROWS);
      break;
    }
    expect(await run({ relations: [], sql: 'SELECT 1' })).toEqual([[1]]);
  });

  it('answers PLAN_TOO_LARGE when memory or scratch space runs out, and goes on', async () => {
    const small = await open({ memoryLimitBytes: 64 * 1024 * 1024 });
    const sorted =
      'SELECT max(m) FROM (SELECT md5(i::VARCHAR) || md5((i + 1)::VARCHAR) m, row_number() OVER (ORDER BY md5((i * 7)::VARCHAR)) n FROM range(3000000) r(i)) WHERE n % 2 = 0';
    await expect(run({ relations: [], sql: 'SELECT max(len(l)) FROM (SELECT list(md5(i::VARCHAR)) l FROM range(3000000) r(i))' }, small)).rejects.toMatchObject(
      { code: 'PLAN_TOO_LARGE' },
    );
    await expect(run({ relations: [], sql: sorted, scratchBytesMax: 1024 * 1024 }, small)).rejects.toMatchObject({ code: 'PLAN_TOO_LARGE' });
    expect(await run({ relations: [], sql: 'SELECT 1', scratchBytesMax: 1024 * 1024 }, small)).toEqual([[1]]);
    await small.close();
  });

  it('keeps concurrent queries with the same relation names apart', async () => {
    const paths = await Promise.all([1n, 2n, 3n, 4n].map((id) => dataFile(`same-${id}.parquet`, ID, [[id], [-id]])));
    const results = await Promise.all(
      paths.map((path) =>
        run({ relations: [relation(ID, [file(path, { deleted: [1] })]), { name: 'r', batch: batchOfRows(ID, [[7n]]) }], sql: 'SELECT t.id, r.id FROM t, r' }),
      ),
    );
    expect(results).toEqual([[[1n, 7n]], [[2n, 7n]], [[3n, 7n]], [[4n, 7n]]]);
  });

  it('tells a missing file from a broken one and from a fault in the SQL', async () => {
    const broken = join(directory, 'broken.parquet');
    await writeFile(broken, 'no parquet here, none at all');
    const good = await readFile(
      await dataFile(
        'good.parquet',
        ID,
        Array.from({ length: 1000 }, (_, i) => [BigInt(i * i)]),
      ),
    );
    const damaged = join(directory, 'damaged.parquet');
    await writeFile(damaged, good.fill(0xff, 20, 400));
    await expect(run({ relations: [relation(ID, [file(join(directory, 'gone.parquet'))])], sql: 'SELECT * FROM t' })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
    await expect(run({ relations: [relation(ID, [file(broken)])], sql: 'SELECT * FROM t' })).rejects.toMatchObject({ code: 'FILE_CORRUPT' });
    await expect(run({ relations: [relation(ID, [file(damaged)])], sql: 'SELECT sum(id) FROM t' })).rejects.toMatchObject({ code: 'FILE_CORRUPT' });
    await expect(run({ relations: [], sql: 'SELEC 1' })).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(run({ relations: [], sql: 'SELECT * FROM nowhere' })).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('touches only the folders allowed to it', async () => {
    const inside = await dataFile('allowed/in.parquet', ID, [[1n]]);
    const outside = await dataFile('outside.parquet', ID, [[2n]]);
    const fenced = await open({ allowedDirectories: [join(directory, 'allowed')] });
    expect(await run({ relations: [relation(ID, [file(inside)])], sql: 'SELECT * FROM t' }, fenced)).toEqual([[1n]]);
    expect((await fenced.copy({ relations: [], sql: 'SELECT 1 AS a' }, { file: join(directory, 'allowed', 'out.csv'), format: 'csv' })).rows).toBe(1);
    await expect(run({ relations: [relation(ID, [file(outside)])], sql: 'SELECT * FROM t' }, fenced)).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(run({ relations: [], sql: 'SET enable_external_access = true' }, fenced)).rejects.toMatchObject({ code: 'INTERNAL' });
    await fenced.close();
  });

  it('leaves nothing in the scratch folder when closed, and refuses queries from then on', async () => {
    const scratchDirectory = join(directory, 'scratch-of-its-own');
    const other = await open({ scratchDirectory });
    await run({ relations: [], sql: 'SELECT 1' }, other);
    await other.close();
    expect(await readdir(scratchDirectory)).toEqual([]);
    await expect(run({ relations: [], sql: 'SELECT 1' }, other)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
