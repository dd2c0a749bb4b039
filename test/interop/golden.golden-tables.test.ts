/** Golden tables at every version, read by us as by delta-rs or DuckDB: the judges where no expected rows are stored. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../lib/core/batch.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { isLakefoldError, openTable } from '../../lib/delta/index.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import { allTables, goldenTable, HAS_GOLDEN_TABLES, tableFolder } from '../delta/golden-tables.ts';
import { openParquetCodec } from '../support/embedded.ts';
import { batchLines, changeLines } from '../support/row-lines.ts';
import { type Engines, interopPython, startEngines } from './engines.ts';

const codec = openParquetCodec();

/** Tables that neither judge reads, or reads right, and why. */
const UNJUDGED: readonly (readonly [name: string, because: string])[] = [
  ['checkpoint', 'its files are not there'],
  ['delete-re-add-same-file-different-transactions', 'its files are not there'],
  ['deltalog-commit-info', 'its files are not there'],
  ['update-deleted-directory', 'its files are not there'],
  ['no-delta-log-folder', 'it has no log'],
];

type Reading = readonly string[] | 'refused';

describe.skipIf(!HAS_GOLDEN_TABLES || interopPython === undefined)('golden tables between readers', () => {
  let engines: Engines;
  beforeAll(() => {
    engines = startEngines(interopPython ?? '');
  });
  afterAll(() => {
    engines.close();
  });

  const judged = async (engine: 'deltars' | 'duckdb', path: string, version: number): Promise<Reading> =>
    engines.readRows(engine, path, version).catch((): Reading => 'refused');

  it.each(allTables().filter((name) => !UNJUDGED.some(([unjudged]) => unjudged === name)))('%s', async (name) => {
    const path = tableFolder(name);
    for (const version of versionsOf(path)) {
      const ours = await readOurs(name, version);
      const [deltars, duckdb] = [await judged('deltars', path, version), await judged('duckdb', path, version)];
      if (ours === 'refused') expect({ name, version, deltars, duckdb }).toEqual({ name, version, deltars: 'refused', duckdb: 'refused' });
      else expect({ name, version, lines: deltars === 'refused' ? duckdb : deltars }).toEqual({ name, version, lines: ours });
    }
  });

  it.each(allTables().filter((name) => name.includes('cdf-')))('%s: the changes are those of delta-rs', async (name) => {
    const path = tableFolder(name);
    const table = await openTable('', { store: await goldenTable(name) });
    for (const [from, to] of [
      [0, table.version],
      [1, table.version],
      [1, 1],
    ] as const) {
      const theirs = await engines.ask('deltars_changes', { path, start: from, end: to }).then(
        ({ rows }) => (rows as string[]).toSorted(),
        () => 'refused',
      );
      const ours = await changeLines(table.changes({ ...(from === 0 ? {} : { fromVersion: from - 1 }), toVersion: to })).catch((error: unknown) =>
        isLakefoldError(error) ? 'refused' : Promise.reject(error),
      );
      // Ours are derived where a table did not have the change feed on, which delta-rs then refuses.
      expect({ from, to, lines: ours }).toEqual({ from, to, lines: theirs === 'refused' ? ours : theirs });
    }
  });
});

async function readOurs(name: string, version: number): Promise<Reading> {
  const store = await goldenTable(name);
  try {
    const snapshot = await loadSnapshot({ store, codec }, '', { version });
    const batches: Batch[] = [];
    for await (const batch of readRows({ store, codec }, { root: '', snapshot })) batches.push(batch);
    return batchLines(batches);
  } catch {
    return 'refused';
  }
}

function versionsOf(path: string): number[] {
  return readdirSync(join(path, '_delta_log')).flatMap((name) => (/^\d{20}\.json$/.test(name) ? [Number(name.slice(0, 20))] : []));
}
