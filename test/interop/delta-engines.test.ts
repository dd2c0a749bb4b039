/** G18: what we write, independent Delta readers read equal; what they write, we read equal. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, batchOfRows } from '../../lib/core/batch.ts';
import { type Column, parseType, type Value } from '../../lib/core/types.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { deltaDeps } from '../support/embedded.ts';
import { batchLines } from '../support/row-lines.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';

const column = (name: string, type: string, nullable = true): Column => ({ name, type: parseType(type), nullable });
const COLUMNS = [
  column('k', 'string', false),
  column('e', 'timestamp', false),
  column('n', 'int'),
  column('b', 'bigint'),
  column('d', 'double'),
  column('flag', 'boolean'),
  column('price', 'decimal(10,2)'),
  column('day', 'date'),
  column('_ingested_at', 'timestamp'),
];
const at = (second: number): bigint => 1_000_000_000_000_000n + BigInt(second) * 1_000_000n;

function row(key: string, second: number, n: number | null, received = 0): Value[] {
  return [
    key,
    at(second),
    n,
    BigInt(second) * 4_611_686_018_427_387n,
    second / 3,
    second % 2 === 0,
    BigInt(second) * 125n,
    11_000 + second,
    at(1000 + received),
  ];
}

async function collect(rows: AsyncIterable<Batch>): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of rows) batches.push(batch);
  return batches;
}

describe.skipIf(interopPython === undefined)('Delta tables between engines', () => {
  let engines: Engines;
  let folder: string;
  beforeAll(() => {
    engines = startEngines(interopPython ?? '');
  });
  afterAll(() => {
    engines.close();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-interop-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function ourTable(profile: 'merge-on-read' | 'compatible', partitionBy: readonly string[] = []): Promise<DeltaTable> {
    const { table } = await DeltaTable.create(await deltaDeps(folder), '', { columns: COLUMNS, partitionBy, profile, configuration: {} });
    return table;
  }

  for (const profile of ['merge-on-read', 'compatible'] as const) {
    for (const partitionBy of [[], ['day']]) {
      it(`reads our ${profile} table${partitionBy.length > 0 ? ' with partitions' : ''} equal at every version, by delta-rs and DuckDB`, async () => {
        const table = await ourTable(profile, partitionBy);
        await table.append(batchOfRows(COLUMNS, [row('a', 1, 1), row('b', 1, 2), row('c', 2, null), row('ü 😀', 3, 4)]));
        await table.upsert(batchOfRows(COLUMNS, [row('a', 1, 10, 5), row('d', 4, 5, 5)]), { keys: ['k'], eventTime: 'e' });
        await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['b']] }] });
        await table.overwrite(batchOfRows(COLUMNS, [row('x', 7, 7, 6), row('y', 8, 8, 6)]));
        await table.restore({ version: 2 });
        for (let i = 0; i < 8; i += 1) await table.append(batchOfRows(COLUMNS, [row(`more${i}`, 10 + i, i, 10)]));
        await table.checkpoint();
        await table.optimize();
        await table.append(batchOfRows(COLUMNS, [row('last', 30, 30, 11)]));
        for (let version = 1; version <= table.snapshot.version; version += 1) {
          const ours = batchLines(await collect(table.read({ asOf: { version } })));
          expect(await engines.readRows('deltars', folder, version), `delta-rs at ${version}`).toEqual(ours);
          expect(await engines.readRows('duckdb', folder, version), `DuckDB at ${version}`).toEqual(ours);
        }
      });
    }
  }

  it('reads and writes on in a table delta-rs made, its checkpoint and deletes included', async () => {
    const schema = [
      ['k', 'string'],
      ['e', 'timestamp'],
      ['n', 'int'],
      ['part', 'string'],
    ] as const;
    for (let i = 0; i < 12; i += 1)
      await engines.write(
        folder,
        { schema, rows: [[`k${i}`, '2001-01-01T00:00:00.000001Z', i, i % 2 === 0 ? 'even' : 'odd %/ é']] },
        { partitionBy: ['part'] },
      );
    await engines.checkpoint(folder);
    await engines.delete(folder, "k = 'k3'");
    const table = await DeltaTable.open(await deltaDeps(folder), '');
    expect(batchLines(await collect(table.read()))).toEqual(await engines.readRows('deltars', folder));
    await table.append(batchOfRows(table.snapshot.columns, [['ours', at(5), 99, 'odd %/ é']]));
    await table.upsert(
      batchOfRows(table.snapshot.columns, [
        ['k5', at(6), 55, 'even'],
        ['k4', at(6), 44, 'even'],
      ]),
      { keys: ['k'] },
    );
    const ours = batchLines(await collect(table.read()));
    expect(ours).toHaveLength(12);
    expect(await engines.readRows('deltars', folder)).toEqual(ours);
    expect(await engines.readRows('duckdb', folder)).toEqual(ours);
  });

  it('reads a commit delta-rs made in our table, and it ours after it', async () => {
    const table = await ourTable('merge-on-read');
    await table.append(batchOfRows(COLUMNS, [row('a', 1, 1), row('b', 2, 2)]));
    await engines.delete(folder, "k = 'a'");
    await table.upsert(batchOfRows(COLUMNS, [row('b', 2, 22, 3)]), { keys: ['k'], eventTime: 'e' });
    const ours = batchLines(await collect(table.read()));
    expect(table.snapshot.version).toBe(3);
    expect(ours).toEqual(batchLines([batchOfRows(COLUMNS, [row('b', 2, 22, 3)])]));
    expect(await engines.readRows('deltars', folder)).toEqual(ours);
  });
});
