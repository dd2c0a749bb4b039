/** Writes to a table that others mapped by field id, nested fields too. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createTable, openTable } from '../../../lib/delta/index.ts';

it('appends, upserts, updates and deletes in a table mapped by id, and reads it back', async () => {
  const path = await mkdtemp(join(tmpdir(), 'lakefold-mapped-'));
  try {
    await createTable(path, {
      schema: [
        { name: 'id', type: 'bigint' },
        { name: 's', type: 'struct<a:int,b:string>', nullable: true },
      ],
      columnMapping: 'name',
    });
    const entry = join(path, '_delta_log', `${'0'.repeat(20)}.json`);
    const lines = (await readFile(entry, 'utf8')).replace('"delta.columnMapping.mode":"name"', '"delta.columnMapping.mode":"id"').split('\n');
    const foreign = JSON.stringify({ commitInfo: { timestamp: 1, operation: 'CREATE TABLE' } });
    await writeFile(entry, lines.map((line) => (line.includes('"commitInfo"') ? foreign : line)).join('\n'));
    const table = await openTable(path);
    expect(table.properties['delta.columnMapping.mode']).toBe('id');
    await table.append([
      { id: 1n, s: { a: 1, b: 'x' } },
      { id: 2n, s: { a: 2, b: null } },
      { id: 3n, s: null },
    ]);
    await table.upsert([{ id: 2n, s: { a: 3, b: 'y' } }], { keys: ['id'] });
    await table.update({ where: { column: 'id', op: '=', value: 1n }, set: { s: { a: 9, b: 'z' } } });
    await table.delete({ keys: [{ id: 3n }] });
    const again = await openTable(path);
    const rows: { readonly id?: unknown }[] = [];
    for await (const batch of again.read()) rows.push(...batch.toRows());
    expect(rows.toSorted((a, b) => Number(a.id) - Number(b.id))).toEqual([
      { id: 1n, s: { a: 9, b: 'z' } },
      { id: 2n, s: { a: 3, b: 'y' } },
    ]);
    expect((await again.verify()).findings).toEqual([]);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
});
