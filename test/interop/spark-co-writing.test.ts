/** Spark and we change one table on local files in turn; what each says of the changes is what the other says. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTable, openTable } from '../../lib/delta/index.ts';
import { changeLines, readLines } from '../support/row-lines.ts';
import { plainRow, PLAIN_SCHEMA } from './rows.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';
import { interopPython, startEngines } from './engines.ts';

const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => plainRow(from + i));

describe.skipIf(sparkEndpoint === undefined)('one table on local files, with Spark', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  let path: string;
  let name: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'lakefold-spark-co-'));
    name = `delta.\`${path}\``;
  });
  afterEach(async () => {
    await rm(path, { recursive: true, force: true });
  });

  for (const profile of ['merge-on-read', 'compatible'] as const) {
    it(`loses nothing when both change a ${profile} table in turn`, async () => {
      const table = await createTable(path, { schema: PLAIN_SCHEMA, profile, partitionBy: ['g'] });
      const expectSame = async (): Promise<void> => expect(await readLines(table.read())).toEqual(await spark.readRows(path));
      await table.append(rows(0, 10));
      await spark.sql(`DELETE FROM ${name} WHERE id = 3`, `UPDATE ${name} SET v = -1 WHERE id IN (4, 5)`);
      await table.upsert([plainRow(4, 'ours'), plainRow(3, 'back')], { keys: ['id'] });
      await spark.sql(
        `MERGE INTO ${name} t USING (SELECT 4L AS id, 'g 1' AS g, 'theirs' AS k, 1D AS v, NULL AS at UNION ALL SELECT 50L, NULL, 'new', NULL, NULL) s ON t.id = s.id ` +
          'WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *',
      );
      await expectSame();
      await table.delete({ keys: [{ id: 50n }, { id: 0n }] });
      await spark.append(path, {
        schema: PLAIN_SCHEMA.map(({ name: column, type, nullable }) => [column, type, nullable ?? false] as const),
        rows: [['60', 'g 1', 'k', 0.5, null]],
      });
      await table.update({ where: { column: 'id', op: '=', value: 60n }, set: { k: 'seen' } });
      await spark.sql(`OPTIMIZE ${name}`, `DELETE FROM ${name} WHERE id = 7`);
      await table.optimize();
      await table.append(rows(70, 72));
      await spark.checkpoint(path);
      await table.delete({ where: { column: 'id', op: '=', value: 71n } });
      await expectSame();
      expect((await readLines(table.read({ columns: ['id', 'k'] }))).join('\n')).toBe(
        [
          [1, 'k1'],
          [2, 'k2'],
          [3, 'back'],
          [4, 'theirs'],
          [5, 'k5'],
          [6, 'k6'],
          [8, 'k8'],
          [9, 'k9'],
          [60, 'seen'],
          [70, 'k5'],
        ]
          .map(([id, k]) => `{"id":"${id}","k":"${k}"}`)
          .toSorted()
          .join('\n'),
      );
      const versions: number[] = [];
      for await (const { version } of table.history()) versions.unshift(version);
      expect(versions).toEqual(Array.from({ length: (await table.refresh()) + 1 }, (_, i) => i));
    });

    it(`has its change files read by Spark and delta-rs as we read them, ${profile}`, async () => {
      const table = await createTable(path, { schema: PLAIN_SCHEMA, profile, changeFeed: true });
      await table.append(rows(0, 8));
      await table.upsert([plainRow(1, 'changed'), plainRow(9)], { keys: ['id'] });
      await table.update({ where: { column: 'id', op: '>=', value: 6n }, set: { v: -1 } });
      await table.delete({ keys: [{ id: 2n }, { id: 3n }] });
      await table.overwrite([plainRow(4, 'replaced')], { where: { column: 'id', op: '=', value: 4n } });
      await table.optimize();
      await table.overwrite(rows(20, 22));
      const ours = await changeLines(table.changes());
      expect(ours.length).toBeGreaterThan(20);
      expect(await spark.readChanges(path, 0)).toEqual(ours);
      expect(await spark.readChanges(path, 3)).toEqual(await changeLines(table.changes({ fromVersion: 2 })));
      if (interopPython === undefined) return;
      const engines = startEngines(interopPython);
      try {
        expect(await engines.readChanges(path, 0)).toEqual(ours);
      } finally {
        engines.close();
      }
    });
  }

  it('takes time from the commits of a table whose commits state it, as Spark does', async () => {
    const table = await createTable(path, { schema: PLAIN_SCHEMA, inCommitTimestamp: true });
    await table.append(rows(0, 2));
    await spark.sql(`DELETE FROM ${name} WHERE id = 0`);
    await (await openTable(path)).append(rows(5, 6));
    const times: string[] = [];
    for await (const { committedAt } of table.history()) times.unshift(committedAt);
    expect(times).toEqual(times.toSorted());
    for (const [version, committedAt] of times.entries()) {
      const theirs = await spark.query(`SELECT * FROM ${name} TIMESTAMP AS OF '${committedAt}'`);
      expect({ version, lines: await readLines(table.read({ asOf: { instant: committedAt } })) }).toEqual({ version, lines: theirs });
    }
  });
});
