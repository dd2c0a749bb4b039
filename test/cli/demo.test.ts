/** The demo as its users run it: a built command, from any folder. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MINUTES_MAX = 4;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const CHECKS = { define: 3, backfill: 6, 'late-rows': 10, lookups: 2, 'time-travel': 2, training: 2, upkeep: 10, crash: 9 };

const versionOf = (commit: { readonly version: number }): number => commit.version;

describe('lakefold demo', () => {
  let folder: string;
  let bundle: string;
  const execute = promisify(execFile);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-demo-test-'));
    // Beside the packages it imports, one file: as far from the sources as an installed command is.
    bundle = fileURLToPath(new URL(`../../.cache/demo-${process.pid}.mjs`, import.meta.url));
    await build({
      entryPoints: [fileURLToPath(new URL('../../cli/main.ts', import.meta.url))],
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

  it('tells the whole story on real flights, each check passed, and leaves what its last three commands read', { timeout: MINUTES_MAX * 60_000 }, async () => {
    const { stdout, stderr } = await execute(process.execPath, [bundle, 'demo', '--quick', '--keep', 'flights', '--json'], {
      cwd: folder,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    const report = JSON.parse(stdout);
    expect(report).toEqual({ ok: true, steps: Object.entries(CHECKS).map(([name, checks]) => ({ name, ok: true, seconds: expect.any(Number), checks })) });
    expect(stderr).not.toContain('✗');
    expect((await readdir(join(folder, 'flights'))).toSorted()).toEqual(['june-flights.parquet', 'lakefold.config.ts', 'store']);

    const commands = stderr
      .slice(stderr.indexOf('Try next:'))
      .split('\n')
      .filter((line) => line.startsWith('  '));
    const answers = await Promise.all(
      commands.map(async (command) => (await execute('sh', ['-c', command], { cwd: tmpdir(), maxBuffer: OUTPUT_BYTES_MAX })).stdout),
    );
    const [vector = [], commits = [], history = []] = answers.map((text) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
    expect(vector).toMatchObject([{ status: 'COMPLETE', features: expect.arrayContaining([true, 17]) }]);
    // 19 days, late rows, a correction, packing, the killed writer's rows: after version 0.
    const versions = Array.from({ length: 24 }, (_, i) => 23 - i);
    expect(commits[0].items.map(versionOf)).toEqual(versions);
    expect(history.map(versionOf)).toEqual(versions);
  });

  it('works in no folder that holds something', async () => {
    const taken = await mkdtemp(join(folder, 'taken-'));
    await writeFile(join(taken, 'mine.txt'), 'mine');
    const failed = await execute(process.execPath, [bundle, 'demo', '--quick', '--keep', taken], { cwd: folder }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('expected an empty folder for the demo, found \\"mine.txt\\"') });
    expect(await readdir(taken)).toEqual(['mine.txt']);
  });
});
