/** The simulation and the production code it runs, as one file; with a planted fault where one is asked for. */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const HERE = dirname(fileURLToPath(import.meta.url));
const REPOSITORY = join(HERE, '..', '..');

/** A change of one source file: `find` must stand there exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Bounds made smaller, so that the few versions of a schedule reach them. */
const SMALLER_BOUNDS: readonly Patch[] = [
  { file: 'lib/delta/maintain/log-cleanup.ts', find: 'const VERSIONS_KEPT_MIN = 100;', replace: 'const VERSIONS_KEPT_MIN = 4;' },
  // A committer looks for writes to come as long as this, and nobody waits for it here.
  { file: 'lib/core/limits.ts', find: 'export const GROUP_IDLE_MILLIS = 150;', replace: 'export const GROUP_IDLE_MILLIS = 40;' },
];

/** Pure functions that many processes ask of the same stored bytes. */
const REMEMBERED: readonly Patch[] = [
  {
    file: 'lib/delta/actions/action-codec.ts',
    find: 'export function parseLogEntry(',
    replace: 'export const parseLogEntry = memoByBytes(parseEntry);\nfunction parseEntry(',
  },
  { file: 'lib/parquet/ndjson-codec.ts', find: 'function parseLines(', replace: 'const parseLines = memoByBytes(linesOf);\nfunction linesOf(' },
];

/** Writes the bundle to `outfile`. @throws Error when a patch does not fit */
export async function bundleSimulation(outfile: string, planted: readonly Patch[] = []): Promise<void> {
  const patches = [...SMALLER_BOUNDS, ...REMEMBERED, ...planted];
  const applied = new Set<Patch>();
  const plugin: Plugin = {
    name: 'simulation',
    setup: ({ onResolve, onLoad }) => {
      onResolve({ filter: /^@aws-sdk\/client-s3$/ }, () => ({ path: join(HERE, 's3-client-stub.ts') }));
      onLoad({ filter: /\/lib\/.*\.ts$/ }, async ({ path }) => {
        const file = relative(REPOSITORY, path);
        let contents = await readFile(path, 'utf8');
        for (const patch of patches) {
          if (patch.file !== file) continue;
          const places = contents.split(patch.find).length - 1;
          if (places !== 1) throw new Error(`expected ${JSON.stringify(patch.find)} once in ${file}, found it ${places} times`);
          contents = contents.replace(patch.find, () => patch.replace);
          applied.add(patch);
          if (REMEMBERED.includes(patch)) contents = `import { memoByBytes } from ${JSON.stringify(join(HERE, 'memo.ts'))};\n${contents}`;
        }
        return { contents, loader: 'ts' };
      });
    },
  };
  await build({
    absWorkingDir: REPOSITORY,
    entryPoints: [join(HERE, 'worker.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    keepNames: false,
    logLevel: 'error',
    plugins: [plugin],
  });
  const missed = patches.find((patch) => !applied.has(patch));
  if (missed !== undefined) throw new Error(`expected ${missed.file} to be part of the simulation, it is not`);
}
