/** The TypeScript of a page, run: what it prints is what its comments say. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const run = promisify(execFile);

/** What stands behind `console.log(…); //`. */
export function promisedLines(text: string): string[] {
  return [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, said]) => said ?? '');
}

/** Lines that the program prints, `lakefold` being this repository's source; it runs in a folder of its own. */
export async function runTypeScript(text: string): Promise<string[]> {
  // Below the repository, so that packages are found.
  const cache = join(ROOT, '.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'page-'));
  try {
    const outfile = join(folder, 'program.mjs');
    await build({
      stdin: { contents: text, loader: 'ts', resolveDir: ROOT },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      logLevel: 'silent',
      plugins: [
        {
          name: 'own',
          setup: (plugin) =>
            plugin.onResolve({ filter: /^lakefold(\/delta)?$/ }, ({ path }) => ({
              path: join(ROOT, path === 'lakefold' ? 'lib/index.ts' : 'lib/delta/index.ts'),
            })),
        },
      ],
    });
    return (await run(process.execPath, [outfile], { cwd: folder })).stdout.trimEnd().split('\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
