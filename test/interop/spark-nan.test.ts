/** NaN and infinities: Spark states bounds with them, in its own order; what we skip by them, and by having none, no row of an answer is lost for. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, openTable, type Table } from '../../lib/delta/index.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';

/** A file each. */
const FILES: readonly (readonly (number | null)[])[] = [
  [1, NaN],
  [NaN],
  [Infinity, 2],
  [-Infinity, -1],
  [0, -0],
  [null, NaN],
  [-Infinity, Infinity, NaN],
  [1, 2],
  [null],
];
const VALUES = [1, 0, -1, 2, 1.5, NaN, Infinity, -Infinity];
const OPS = ['=', '!=', '<', '<=', '>', '>='] as const;
const FILTERS = ['f', 'd'].flatMap((column) =>
  OPS.flatMap((op) => VALUES.flatMap((value) => [false, true].map((isNegated) => ({ column, op, value, isNegated })))),
);
const ROWS = FILES.flatMap((values, p) => values.map((value, i) => ({ p, id: p * 10 + i, f: value, d: value })));

describe.skipIf(sparkEndpoint === undefined)('NaN and infinities, beside Spark', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  let folder: string;
  let theirs: string;
  /** Ids of the rows that pass each filter, as Spark says. */
  let expected: readonly (readonly number[])[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-spark-nan-'));
    theirs = join(folder, 'theirs');
    const values = ROWS.map(({ p, id, f }) => `(${p}, ${id}, ${literal(f, 'FLOAT')}, ${literal(f, 'DOUBLE')})`);
    await spark.sql(
      `CREATE TABLE delta.\`${theirs}\` USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.checkpoint.writeStatsAsJson'='false') ` +
        `AS SELECT /*+ COALESCE(1) */ * FROM VALUES ${values.join(', ')} AS v(p, id, f, d)`,
    );
    const columns = FILTERS.map(({ column, op, value, isNegated }, i) => {
      const condition = `${column} ${op} ${literal(value, column === 'f' ? 'FLOAT' : 'DOUBLE')}`;
      return `${isNegated ? `NOT (${condition})` : condition} AS c${i}`;
    });
    const lines = (await spark.query(`SELECT id, ${columns.join(', ')} FROM delta.\`${theirs}\``)).map((line) => JSON.parse(line) as Record<string, unknown>);
    expected = FILTERS.map((_, i) => lines.flatMap((line) => (line[`c${i}`] === true ? [Number(line['id'])] : [])).toSorted((a, b) => a - b));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('stand in the statistics of Spark as texts, NaN above all', async () => {
    const stats = await statsByPartition(theirs);
    expect(stats[0]).toMatchObject({ minValues: { f: 1, d: 1 }, maxValues: { f: 'NaN', d: 'NaN' } });
    expect(stats[1]).toMatchObject({ minValues: { f: 'NaN', d: 'NaN' }, maxValues: { f: 'NaN', d: 'NaN' } });
    expect(stats[2]).toMatchObject({ minValues: { f: 2, d: 2 }, maxValues: { f: 'Infinity', d: 'Infinity' } });
    expect(stats[6]).toMatchObject({ minValues: { f: '-Infinity', d: '-Infinity' }, maxValues: { f: 'NaN', d: 'NaN' } });
  });

  it('never stand in ours', async () => {
    const ours = await createTable(join(folder, 'ours'), {
      schema: [
        { name: 'p', type: 'int' },
        { name: 'id', type: 'int' },
        { name: 'f', type: 'float', nullable: true },
        { name: 'd', type: 'double', nullable: true },
      ],
      partitionBy: ['p'],
    });
    await ours.append(ROWS);
    const stats = await statsByPartition(join(folder, 'ours'));
    expect(stats[0]).toMatchObject({ minValues: { id: 0 }, maxValues: { id: 1 } });
    for (const p of [0, 1, 5, 6]) {
      expect(stats[p]?.minValues).not.toHaveProperty('d');
      expect(stats[p]?.maxValues).not.toHaveProperty('d');
    }
    expect(stats[2]).toMatchObject({ minValues: { f: 2, d: 2 } });
    expect(stats[2]?.maxValues).not.toHaveProperty('d');
    expect(await passing(ours)).toEqual(expected);
    expect((await spark.readRows(join(folder, 'ours'))).length).toBe(ROWS.length);
  });

  it('are found by filters over files that Spark wrote, by statistics as text and as structs of a checkpoint', async () => {
    expect(await passing(await openTable(theirs))).toEqual(expected);
    await spark.checkpoint(theirs);
    expect((await readdir(join(theirs, '_delta_log'))).some((name) => name.endsWith('.checkpoint.parquet'))).toBe(true);
    expect(await passing(await openTable(theirs))).toEqual(expected);
  });
});

function literal(value: number | null, type: 'FLOAT' | 'DOUBLE'): string {
  return value === null ? `CAST(NULL AS ${type})` : `CAST('${Object.is(value, -0) ? '-0.0' : value}' AS ${type})`;
}

async function passing(table: Table): Promise<number[][]> {
  const found: number[][] = [];
  for (const { column, op, value, isNegated } of FILTERS) {
    const ids: number[] = [];
    const condition = { column, op, value } as const;
    for await (const batch of table.read({ columns: ['id'], where: isNegated ? { not: condition } : condition }))
      ids.push(...batch.toRows().map(({ id }) => Number(id)));
    found.push(ids.toSorted((a, b) => a - b));
  }
  return found;
}

interface Stats {
  readonly minValues: Readonly<Record<string, unknown>>;
  readonly maxValues: Readonly<Record<string, unknown>>;
}

/** Of the newest entry with files. */
async function statsByPartition(path: string): Promise<Readonly<Record<number, Stats>>> {
  const log = join(path, '_delta_log');
  const names = (await readdir(log)).filter((name) => /^\d{20}\.json$/.test(name)).toSorted();
  const text = (await Promise.all(names.map((name) => readFile(join(log, name), 'utf8')))).join('');
  const adds = text
    .split('\n')
    .flatMap((line) => (line.startsWith('{"add"') ? [(JSON.parse(line) as { add: { partitionValues: { p: string }; stats: string } }).add] : []));
  return Object.fromEntries(adds.map(({ partitionValues, stats }) => [Number(partitionValues.p), JSON.parse(stats) as Stats]));
}
