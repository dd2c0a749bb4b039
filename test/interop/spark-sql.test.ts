/** The SQL that a plan beyond its budget is refused with: Spark, running it, leaves the rows that we leave when the budget suffices. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseType, type Value } from '../../lib/core/types.ts';
import { createTable, openTable, type Table, type TableRow, type Where } from '../../lib/delta/index.ts';
import { parseFilter } from '../../lib/delta/filter/parse-filter.ts';
import { type SparkWrite, sparkSqlOf } from '../../lib/delta/sql/spark-sql.ts';
import { asJson } from '../../lib/store/native-input.ts';
import { readLines } from '../support/row-lines.ts';
import { EXTREME_ROWS, plainRow, PLAIN_SCHEMA, SCALARS } from './rows.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';

interface Case {
  readonly name: string;
  readonly ours: (table: Table) => Promise<unknown>;
  readonly theirs: SparkWrite;
}

const columnsOf = (schema: typeof SCALARS) => schema.map(({ name, type, nullable = false }) => ({ name, type: parseType(type), nullable }));
const filterOf = (where: Where) => parseFilter(asJson(where), columnsOf(SCALARS));

function deletes(where: Where): Case {
  return {
    name: `deletes where ${JSON.stringify(where, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
    ours: (table) => table.delete({ where }),
    theirs: { kind: 'deleteWhere', filter: filterOf(where) },
  };
}

const CASES: readonly Case[] = [
  deletes({ column: 's', op: '=', value: 'a"\\é\u{1F600}\u0001\n' }),
  deletes({
    or: [
      { column: 'at', op: '<', value: '1969-12-31T23:59:59.999999Z' },
      { column: 'day', op: '=', value: '2024-02-29' },
    ],
  }),
  deletes({ and: [{ column: 'd38', op: '<=', value: '0.000000000000000001' }, { not: { column: 'flag', op: '=', value: true } }] }),
  deletes({ column: 'id', op: 'in', value: [9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n] }),
  deletes({ column: 'f', op: 'isNull' }),
  {
    name: 'updates the rows that pass',
    ours: (table) =>
      table.update({ where: { column: 'id', op: '>', value: 0n }, set: { s: "it's", d9: '-1.50', at: '2024-01-02T03:04:05.000006Z', d: Infinity, b: null } }),
    theirs: {
      kind: 'update',
      filter: filterOf({ column: 'id', op: '>', value: 0n }),
      set: new Map<string, Value>([
        ['s', "it's"],
        ['d9', -150n],
        ['at', 1_704_164_645_000_006n],
        ['d', Infinity],
        ['b', null],
      ]),
    },
  },
  {
    name: 'deletes by key',
    ours: (table) => table.delete({ keys: [{ s: 'NULL' }, { s: ' ' }, { s: 'absent' }] }),
    theirs: { kind: 'deleteKeys', identity: ['s'], keys: [['NULL'], [' '], ['absent']] },
  },
];

describe.skipIf(sparkEndpoint === undefined)('the SQL of a refused plan', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-spark-sql-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  /** Two tables of the same rows: one for us, one for Spark. */
  async function twins(schema: typeof SCALARS, rows: readonly TableRow[]): Promise<readonly [ours: Table, theirs: string]> {
    const ours = await createTable(join(folder, 'ours'), { schema });
    const theirs = join(folder, 'theirs');
    await ours.append(rows);
    await (await createTable(theirs, { schema })).append(rows);
    return [ours, theirs];
  }

  const readSparks = async (path: string): Promise<string[]> => readLines((await openTable(path)).read());

  it.each(CASES.map((one) => [one.name, one] as const))('%s as we do', async (_, { ours, theirs }) => {
    const [table, path] = await twins(SCALARS, EXTREME_ROWS);
    await ours(table);
    await spark.sql(sparkSqlOf({ location: path, columns: columnsOf(SCALARS) }, theirs));
    expect(await readLines(table.read())).toEqual(await readSparks(path));
  });

  it('upserts from a view of the rows as we upsert the rows', async () => {
    const rows = Array.from({ length: 40 }, (_, n) => plainRow(n));
    const [table, path] = await twins(PLAIN_SCHEMA, rows);
    const updates = [3, 17, 90].map((n) => ({ id: BigInt(n), k: 'new', v: n / 2 }));
    await table.upsert(updates, { keys: ['id'] });
    const schema = [
      ['id', 'bigint', false],
      ['k', 'string'],
      ['v', 'double'],
    ] as const;
    await spark.view('updates', { schema, rows: updates.map(({ id, k, v }) => [String(id), k, v]) });
    const write: SparkWrite = { kind: 'upsert', identity: ['id'], given: ['id', 'k', 'v'], receipt: undefined };
    await spark.sql(sparkSqlOf({ location: path, columns: columnsOf(PLAIN_SCHEMA) }, write));
    const left = await readLines(table.read());
    expect(left).toHaveLength(41);
    expect(left).toEqual(await readSparks(path));
  });

  it('deletes more keys than are spelled out from a view of them', async () => {
    const rows = Array.from({ length: 200 }, (_, n) => plainRow(n));
    const [table, path] = await twins(PLAIN_SCHEMA, rows);
    const keys = Array.from({ length: 150 }, (_, n) => BigInt(n + 30));
    await table.delete({ keys: keys.map((id) => ({ id })) });
    await spark.view('keys', { schema: [['id', 'bigint', false]], rows: keys.map((id) => [String(id)]) });
    await spark.sql(sparkSqlOf({ location: path, columns: columnsOf(PLAIN_SCHEMA) }, { kind: 'deleteKeys', identity: ['id'], keys: keys.map((id) => [id]) }));
    const left = await readLines(table.read());
    expect(left).toHaveLength(50);
    expect(left).toEqual(await readSparks(path));
  });
});
