/** G2–G4, G6: sixteen processes write one local table under `kill -9`, and every acknowledged row is there exactly once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { type Batch, rowsOf } from '../../lib/core/batch.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { deltaDeps } from '../support/embedded.ts';
import { WRITER_COLUMNS } from './writer-columns.ts';

const WRITERS = 16;
const COMMITS = 100;
const KILLS = 200;
const MINUTES_MAX = 6;

interface Run {
  readonly acks: Map<number, number>;
  readonly outcome: 'done' | 'killed' | 'failed';
}

describe('writers killed at random', () => {
  let folder: string;
  let bundle: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-torture-'));
    // Beside the packages it imports, so that a worker starts without a loader.
    bundle = fileURLToPath(new URL(`../../.cache/torture-writer-${process.pid}.mjs`, import.meta.url));
    await build({
      entryPoints: [fileURLToPath(new URL('table-writer.ts', import.meta.url))],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'error',
    });
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await rm(bundle, { force: true });
  });

  function startWriter(writer: number, killAfterReadyMillis: number | undefined): Promise<Run> {
    const child: ChildProcess = spawn(process.execPath, [bundle, folder, String(writer), String(COMMITS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const acks = new Map<number, number>();
    let killed = false;
    let done = false;
    if (child.stdout === null) throw new Error('no output of the writer');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [word, sequence, version] = line.split(' ');
      if (word === 'ready' && killAfterReadyMillis !== undefined)
        setTimeout(() => {
          killed = child.kill('SIGKILL') || killed;
        }, killAfterReadyMillis).unref();
      if (word === 'ack') acks.set(Number(sequence), Number(version));
      if (word === 'done') done = true;
    });
    return new Promise((resolve) => {
      child.on('close', () => {
        resolve({ acks, outcome: done ? 'done' : killed ? 'killed' : 'failed' });
      });
    });
  }

  it(
    `keeps every acknowledged row of ${WRITERS} × ${COMMITS} commits exactly once, versions without a gap, through ${KILLS} kills`,
    async () => {
      const seed = Date.now() % 1_000_000;
      const random = new SeededRandom(seed);
      await DeltaTable.create(await deltaDeps(folder), '', { columns: WRITER_COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} });
      const acknowledged = new Map<string, number>();
      const contradictions: string[] = [];
      let kills = 0;
      const note = (writer: number, acks: ReadonlyMap<number, number>): void => {
        for (const [sequence, version] of acks) {
          const key = `${writer}/${sequence}`;
          const known = acknowledged.get(key);
          if (known !== undefined && known !== version) contradictions.push(`${key} was acknowledged at ${known}, then at ${version}`);
          acknowledged.set(key, version);
        }
      };
      const work = async (writer: number): Promise<void> => {
        for (;;) {
          const disturb = kills < KILLS;
          const { acks, outcome } = await startWriter(writer, disturb ? 5 + Math.floor(random.unit() * 496) : undefined);
          note(writer, acks);
          if (outcome === 'killed') kills += 1;
          if (outcome === 'failed') throw new Error(`writer ${writer} failed by itself (seed ${seed})`);
          if (outcome === 'done' && !disturb) return;
        }
      };
      await Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer)));

      const table = await DeltaTable.open(await deltaDeps(folder), '');
      const found = new Map<string, number>();
      for await (const batch of table.read())
        for (const [writer, sequence] of rowsOf(batch))
          found.set(`${String(writer)}/${String(sequence)}`, (found.get(`${String(writer)}/${String(sequence)}`) ?? 0) + 1);
      const expected = new Map(Array.from({ length: WRITERS * COMMITS }, (_, i) => [`${Math.floor(i / COMMITS)}/${i % COMMITS}`, 1]));
      expect(kills, `seed ${seed}`).toBeGreaterThanOrEqual(KILLS);
      expect(contradictions, `seed ${seed}`).toEqual([]);
      expect(Object.fromEntries(found), `seed ${seed}`).toEqual(Object.fromEntries(expected));
      expect(acknowledged.size).toBe(WRITERS * COMMITS);
      expect(await commitVersions(folder)).toEqual(Array.from({ length: WRITERS * COMMITS + 1 }, (_, version) => version));
      expect(await rowsPerVersion(table, acknowledged)).toEqual([]);
    },
    MINUTES_MAX * 60_000,
  );
});

async function commitVersions(folder: string): Promise<number[]> {
  const names = await readdir(join(folder, '_delta_log'));
  return names.flatMap((name) => (/^\d{20}\.json$/.test(name) ? [Number(name.slice(0, 20))] : [])).toSorted((a, b) => a - b);
}

/** Rows whose version by the log is not the one their writer was told. */
async function rowsPerVersion(table: DeltaTable, acknowledged: ReadonlyMap<string, number>): Promise<string[]> {
  const versions = [...new Set(acknowledged.values())].toSorted((a, b) => a - b);
  const sample = versions.filter((_, i) => i % 97 === 0);
  const wrong: string[] = [];
  for (const version of sample) {
    const seen = new Set<string>();
    for await (const batch of table.read({ asOf: { version } })) addKeys(seen, batch);
    for (const [key, at] of acknowledged) if (seen.has(key) !== at <= version) wrong.push(`${key} of version ${at} in version ${version}`);
  }
  return wrong;
}

function addKeys(seen: Set<string>, batch: Batch): void {
  for (const [writer, sequence] of rowsOf(batch)) seen.add(`${String(writer)}/${String(sequence)}`);
}
