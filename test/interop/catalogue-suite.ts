/** The catalogue before one engine: every version of every table is read equal, or is not in the way that the expectations say. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTable } from '../../lib/delta/index.ts';
import { readLines } from '../support/row-lines.ts';
import { type EngineName, expectationOf } from './expectations.ts';
import { type MadeTable, makeTable, TABLES } from './tables.ts';

type ReadRows = (path: string, version: number) => Promise<readonly string[]>;

/**
 * One test a table and engine; `engines` is asked when they run.
 *
 * `stride`: of a history longer than four versions only every so manyth and the newest are read, for engines that take a second each.
 */
export function testCatalogue(engines: Readonly<Partial<Record<EngineName, ReadRows>>>, options: { readonly stride?: number } = {}): void {
  const made = new Map<string, MadeTable>();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-catalogue-'));
    for (const [i, spec] of TABLES.entries()) made.set(spec.name, await makeTable(join(folder, `t${i}`), spec));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const tableOf = (name: string): MadeTable => {
    const table = made.get(name);
    if (table === undefined) throw new Error(`${name} was not made`);
    return table;
  };

  for (const { name } of TABLES) {
    it(`${name}: we read our own table as the model says, and find nothing wrong with it`, async () => {
      const { path, versions } = tableOf(name);
      const table = await openTable(path);
      const read = [];
      for (const { version } of versions) read.push({ version, lines: await readLines(table.read({ asOf: { version } })) });
      expect(read).toEqual(versions);
      expect((await table.verify()).findings).toEqual([]);
    });
    for (const [engine, readRows] of Object.entries(engines) as [EngineName, ReadRows][]) {
      const expectation = expectationOf(engine, name);
      it(`${name}: ${expectation === undefined ? 'equal' : expectation.kind} at every version by ${engine}`, async () => {
        const { path, versions } = tableOf(name);
        const stride = versions.length > 4 ? (options.stride ?? 1) : 1;
        const chosen = versions.filter((_, i) => i % stride === 0 || i === versions.length - 1);
        const found: Found[] = [];
        for (const { version } of chosen) found.push({ version, ...(await tryRead(readRows, path, version)) });
        const wrong = found.findIndex((read, i) => JSON.stringify(read) !== JSON.stringify(chosen[i]));
        if (expectation === undefined) expect(found[wrong]).toEqual(chosen[wrong]);
        else if (expectation.kind === 'wrong') expect(wrong, expectation.because).not.toBe(-1);
        else expect(found.at(-1)).toEqual({ version: versions.at(-1)?.version, error: expect.stringMatching(expectation.message) as unknown });
      });
      it(`${name}: what compatibility says of reading by ${engine} is so`, async () => {
        const { engines: told } = (await openTable(tableOf(name).path)).compatibility();
        const { read, reasons } = told.find((line) => line.name === engine) ?? { read: undefined, reasons: [] };
        if (expectation?.kind === 'wrong') expect(reasons).not.toEqual([]);
        else expect({ read, reasons }).toMatchObject({ read: expectation === undefined });
      });
    }
  }
}

type Answer = { readonly lines: readonly string[] } | { readonly error: string };
type Found = Answer & { readonly version: number };

async function tryRead(readRows: ReadRows, path: string, version: number): Promise<Answer> {
  try {
    return { lines: await readRows(path, version) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
