/** G18: tables that Spark made and changed are read equal by us at every version, and ours after them by Spark. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, openTable, type Table } from '../../lib/delta/index.ts';
import { changeLines, readLines } from '../support/row-lines.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';
import { type OurChanges, SPARK_TABLES, type SparkTable, statsStatements } from './spark-tables.ts';
import { connectSpark, sparkEndpoint } from './spark.ts';

describe.skipIf(sparkEndpoint === undefined)('tables that Spark made', () => {
  const spark = connectSpark(sparkEndpoint ?? '');
  let folder: string;
  let engines: Engines | undefined;
  beforeAll(async () => {
    if (interopPython !== undefined) engines = startEngines(interopPython);
    folder = await mkdtemp(join(tmpdir(), 'lakefold-spark-'));
    await make('source', ['CREATE TABLE {t} USING delta AS SELECT id FROM RANGE(3)']);
  });
  afterAll(async () => {
    engines?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function make(name: string, statements: SparkTable['statements']): Promise<string> {
    const path = join(folder, name);
    const groups: string[] = [];
    const flush = async (): Promise<void> => {
      if (groups.length > 0) await spark.sql(...groups.splice(0));
    };
    for (const statement of statements) {
      if (typeof statement === 'string') groups.push(statement.replaceAll('{t}', `delta.\`${path}\``).replaceAll('{folder}', folder));
      else {
        await flush();
        await spark.settings(statement);
      }
    }
    await flush();
    return path;
  }

  /** Spark on the newest version and one in the middle; on the others the engine that is quicker to ask, where it can. */
  async function judge(path: string, version: number, versions: readonly number[]): Promise<readonly string[]> {
    const isSparks = version === versions.at(-1) || version === versions[versions.length >> 1];
    const quick = isSparks
      ? undefined
      : await engines
          ?.readRows('deltars', path, version)
          .catch(() => engines?.readRows('duckdb', path, version))
          .catch(() => undefined);
    return quick ?? spark.readRows(path, version);
  }

  /** Our changes after Spark's, read by Spark, then one more of Spark's, read by us. */
  async function changeBoth(table: Table, path: string, { key, append, upsert, remove, forbidden = [], times }: OurChanges): Promise<void> {
    const before = table.version;
    await table.append(append);
    const appended = { version: table.version, lines: await readLines(table.read()) };
    await table.upsert(upsert, { keys: [key] });
    await table.delete({ keys: remove });
    for (const [row, constraint] of forbidden)
      await expect(table.append([row])).rejects.toMatchObject(constraint === 'NOT NULL' ? { code: 'VALIDATION_FAILED' } : { context: { constraint } });
    expect(await spark.readRows(path)).toEqual(await readLines(table.read()));
    expect(await spark.readRows(path, appended.version)).toEqual(appended.lines);
    if (table.properties['delta.enableChangeDataFeed'] === 'true')
      expect(await spark.readChanges(path, before + 1)).toEqual(await changeLines(table.changes({ fromVersion: before, keys: [key] })));
    if (times === 'compared')
      for await (const { version, committedAt } of table.history()) {
        if (version <= before) break;
        const theirs = await spark.query(`SELECT * FROM delta.\`${path}\` TIMESTAMP AS OF '${committedAt}'`);
        expect({ version, lines: theirs }).toEqual({ version, lines: await readLines(table.read({ asOf: { version } })) });
      }
    await table.checkpoint();
    await spark.sql(`DELETE FROM delta.\`${path}\` WHERE \`${key}\` = 7001`);
    await table.refresh();
    expect(await spark.readRows(path)).toEqual(await readLines(table.read()));
  }

  for (const [i, { name, statements, refused, weWrite, weChange }] of SPARK_TABLES.entries()) {
    it(`${name}: ${refused === undefined ? 'read equal at every version' : `refused with ${refused.code}`}`, async () => {
      const path = await make(`t${i}`, statements);
      if (refused !== undefined) {
        const { code, feature } = refused;
        await expect(readHead(path)).rejects.toMatchObject({ code, ...(feature === undefined ? {} : { context: { feature } }) });
        return;
      }
      const table = await openTable(path);
      const versions = await versionsOf(path);
      expect(versions.at(-1)).toBe(table.version);
      for (const version of versions)
        expect({ version, lines: await readLines(table.read({ asOf: { version } })) }).toEqual({ version, lines: await judge(path, version, versions) });
      if (weWrite?.kind === 'rows') {
        await table.append(weWrite.rows);
        expect(await spark.readRows(path)).toEqual(await readLines(table.read()));
      }
      if (weChange !== undefined) await changeBoth(table, path, weChange);
      if (weWrite?.kind === 'refused')
        await expect(table.append([{ id: 1n }])).rejects.toMatchObject({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: weWrite.feature } });
    });
  }

  it.each(SPARK_TABLES.filter(({ changeFeed }) => changeFeed === 'compared').map(({ name }, i) => [name, i] as const))(
    '%s: our changes are those of Spark',
    async (name, i) => {
      const path = await make(`changes${i}`, SPARK_TABLES.find((candidate) => candidate.name === name)?.statements ?? []);
      const table = await openTable(path);
      expect(await changeLines(table.changes({ keys: ['id'] }))).toEqual(await spark.readChanges(path, 0));
    },
  );

  for (const profile of ['merge-on-read', 'compatible'] as const) {
    it.each([[[]], [['bool']], [['day', 'i8']]])(`our statistics of the rows of Spark are its own to the byte, ${profile} by %j`, async (partitionBy) => {
      const theirs = await make(`stats-${profile}-${partitionBy.join('-')}`, statsStatements(profile, partitionBy));
      const { schema } = await openTable(theirs);
      const path = join(folder, `stats-ours-${profile}-${partitionBy.join('-')}`);
      const ours = await createTable(path, { schema, partitionBy, profile });
      await ours.append(await rowsOf(await openTable(theirs)));
      expect(await statsOf(path)).toEqual(await statsOf(theirs));
    });
  }
});

async function readHead(path: string): Promise<string[]> {
  return readLines((await openTable(path)).read());
}

async function rowsOf(table: Table): Promise<Readonly<Record<string, unknown>>[]> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const batch of table.read()) rows.push(...batch.toRows());
  return rows;
}

async function versionsOf(path: string): Promise<number[]> {
  const names = await readdir(join(path, '_delta_log'));
  return names.flatMap((name) => (/^\d{20}\.json$/.test(name) ? [Number(name.slice(0, 20))] : [])).toSorted((a, b) => a - b);
}

/** The texts of the statistics of every file that the log ever added, sorted. */
async function statsOf(path: string): Promise<string[]> {
  const stats: string[] = [];
  for (const version of await versionsOf(path)) {
    const entry = await readFile(join(path, '_delta_log', `${String(version).padStart(20, '0')}.json`), 'utf8');
    for (const line of entry.split('\n').filter((text) => text !== '')) {
      const { add } = JSON.parse(line) as { readonly add?: { readonly stats: string } };
      if (add !== undefined) stats.push(add.stats);
    }
  }
  return stats.toSorted();
}
