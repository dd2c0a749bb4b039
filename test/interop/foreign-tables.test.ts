/** G18: tables that delta-rs, Polars and DuckDB made and changed are read equal by us at every version, their change feed too. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTable, openTable } from '../../lib/delta/index.ts';
import { changeLines, objectLines, readLines } from '../support/row-lines.ts';
import { type Engines, type EngineSchema, interopPython, startEngines } from './engines.ts';

const SCHEMA: EngineSchema = [
  ['id', 'bigint', false],
  ['g', 'string'],
  ['v', 'double'],
  ['price', 'decimal(10,2)'],
  ['day', 'date'],
  ['at', 'timestamp'],
];
const row = (n: number, v: number | string | null = n / 8, g: string | null = `g %/${n % 3} é`): unknown[] => [
  String(n),
  n % 4 === 0 ? null : g,
  v,
  `${n}.50`,
  '2024-02-29',
  n % 5 === 0 ? null : `2024-02-29T01:02:03.${String(n).padStart(6, '0')}Z`,
];
const rows = (from: number, to: number): unknown[][] => Array.from({ length: to - from }, (_, i) => row(from + i));
// delta-rs does not find its own cdc files, nor DuckDB what it inserted, below partitions whose names need encoding.
const plain = (n: number, v: number | string | null = n / 8): unknown[] => row(n, v, `g${n % 3}`);

describe.skipIf(interopPython === undefined)('tables of other engines', () => {
  let engines: Engines;
  let folder: string;
  beforeAll(() => {
    engines = startEngines(interopPython ?? '');
  });
  afterAll(() => {
    engines.close();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-foreign-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const write = (more: Readonly<Record<string, unknown>>): Promise<unknown> => engines.ask('deltars_write', { path: folder, schema: SCHEMA, ...more });
  const change = (op: string, more: Readonly<Record<string, unknown>> = {}): Promise<unknown> => engines.ask(`deltars_${op}`, { path: folder, ...more });

  async function expectEqualAtEveryVersion(): Promise<void> {
    const table = await openTable(folder);
    expect((await table.verify()).findings).toEqual([]);
    for (let version = 0; version <= table.version; version += 1) {
      const ours = await readLines(table.read({ asOf: { version } }));
      expect({ version, lines: ours }).toEqual({ version, lines: await engines.readRows('deltars', folder, version) });
      expect({ version, lines: ours }).toEqual({ version, lines: await engines.readRows('duckdb', folder, version) });
    }
  }

  for (const partitionBy of [undefined, ['g'], ['day', 'price']]) {
    it(`reads every version of a history of delta-rs${partitionBy === undefined ? '' : ` by ${partitionBy.join(', ')}`}`, async () => {
      await write({ rows: rows(0, 20), partition_by: partitionBy, configuration: { 'delta.enableChangeDataFeed': 'true' } });
      await change('merge', { schema: SCHEMA, rows: [row(3, -3), row(5, 'NaN'), row(40)], keys: ['id'], delete_when: 'source.id = 5' });
      await change('update', { updates: { v: 'v + 1000' }, predicate: "day = '2024-02-29' AND id < 4" });
      await change('delete', { predicate: 'id % 7 = 2' });
      await write({ rows: [row(60, 'Infinity'), row(61, '-0')] });
      await write({ rows: [row(1, 1)], mode: 'overwrite', predicate: 'id = 1' });
      await change('checkpoint');
      await change('optimize');
      await change('optimize', { zorder: ['id', 'v'] });
      await change('restore', { version: 3 });
      await write({ schema: [...SCHEMA, ['more', 'int']], rows: [[...row(70), 7]], schema_mode: 'merge' });
      await change('add_constraint', { constraints: { small: 'id < 1000' } });
      await write({ schema: [...SCHEMA, ['more', 'int']], rows: [[...row(71), 8]], mode: 'overwrite' });
      await expectEqualAtEveryVersion();
    });
  }

  it('reads the change feed of delta-rs as delta-rs does', async () => {
    await write({ rows: Array.from({ length: 12 }, (_, n) => plain(n)), partition_by: ['g'], configuration: { 'delta.enableChangeDataFeed': 'true' } });
    await change('merge', { schema: SCHEMA, rows: [plain(3, -3), plain(5, 5), plain(40)], keys: ['id'], delete_when: 'source.id = 5' });
    await change('update', { updates: { v: 'v + 1000' }, predicate: 'id < 4' });
    await change('delete', { predicate: 'id % 7 = 2' });
    await change('optimize');
    await write({ rows: [plain(60), plain(61)] });
    const table = await openTable(folder);
    expect((await table.verify()).findings).toEqual([]);
    expect(await changeLines(table.changes({ keys: ['id'] }))).toEqual(await engines.readChanges(folder, 0));
    expect(await changeLines(table.changes({ fromVersion: 1, toVersion: 3 }))).toEqual(
      (await engines.readChanges(folder, 2)).filter((line) => /"_commit_version":"[23]"/.test(line)),
    );
  });

  it('reads a log that delta-rs compacted, and what Polars and DuckDB added to it', async () => {
    await write({ rows: rows(0, 4), partition_by: ['g'] });
    for (let i = 0; i < 4; i += 1) await write({ rows: [row(100 + i)] });
    await change('delete', { predicate: 'id = 101' });
    await change('compact_log', { start: 1, end: 4 });
    expect((await readdir(join(folder, '_delta_log'))).some((name) => name.endsWith('.compacted.json'))).toBe(true);
    await engines.ask('polars_append', { path: folder, schema: SCHEMA, rows: [row(200), row(201, '-Infinity')] });
    await engines.ask('duckdb_insert', { path: folder, schema: SCHEMA, rows: [plain(301)] });
    await expectEqualAtEveryVersion();
    const table = await openTable(folder);
    expect(await readLines(table.read())).toEqual(await engines.readRows('polars', folder));
    expect((await table.verify()).findings).toEqual([]);
  });

  it('has its merge-on-read table changed by each of them in turn, and all see the same', async () => {
    const schema = SCHEMA.map(([name, type, nullable = true]) => ({ name, type, nullable }));
    const table = await createTable(folder, { schema, partitionBy: ['g'] });
    const ours = [1, 2, 3, 4, 5].map((n) => ({ id: BigInt(n), g: `g %/${n % 3} é`, v: n, price: `${n}.50`, day: '2024-02-29', at: null }));
    await table.append(ours);
    await table.delete({ keys: [{ id: 2n }] });
    await engines.ask('deltars_merge', { path: folder, schema: SCHEMA, rows: [row(1, -1), row(50)], keys: ['id'] });
    await table.upsert(
      [
        { id: 3n, g: 'g %/0 é', v: -3 },
        { id: 50n, g: 'g %/2 é', v: -50 },
      ],
      { keys: ['id'] },
    );
    await engines.ask('duckdb_insert', { path: folder, schema: SCHEMA, rows: [plain(61)] });
    await table.delete({ keys: [{ id: 61n }] });
    await engines.ask('polars_append', { path: folder, schema: SCHEMA, rows: [row(70)] });
    await table.upsert([{ id: 70n, g: 'x', v: 7 }], { keys: ['id'] });
    await engines.ask('deltars_optimize', { path: folder });
    await table.delete({ where: { column: 'v', op: '=', value: 4 } });
    await expectEqualAtEveryVersion();
    const changed = await openTable(folder);
    expect((await changed.verify()).findings).toEqual([]);
    const seen = await readLines(changed.read({ columns: ['id', 'v'] }));
    expect(seen).toEqual(
      objectLines(
        [
          { name: 'id', type: 'bigint' },
          { name: 'v', type: 'double' },
        ],
        [
          [1n, -1],
          [3n, -3],
          [5n, 5],
          [50n, -50],
          [70n, 7],
        ].map(([id, v]) => ({ id, v })),
      ),
    );
  });
});
