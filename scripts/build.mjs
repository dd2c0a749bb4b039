/**
 * Builds what the package ships into `dist/`: the command, the library's entry points with their declarations, and the functions for `infra` to deploy.
 *
 * Own code is bundled, packages stay imports: what they load at run time (WebAssembly, native modules) is found in `node_modules`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const COMMAND = 'cli/main.ts';
const LIBRARY = ['lib/index.ts', 'lib/delta/index.ts', 'lib/client/index.ts', 'infra/index.ts'];
const FUNCTIONS = [
  'functions/definitions/none.ts',
  'functions/definitions/vocabulary.ts',
  ...readdirSync(join(ROOT, 'functions')).map((name) => `functions/${name}/handler.ts`),
];

const bundle = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  outdir: 'dist',
  outbase: '.',
  logLevel: 'warning',
};

await rm(join(ROOT, 'dist'), { recursive: true, force: true });
await buildCommand();
await buildLibrary();

async function buildCommand() {
  if (!isThere(COMMAND)) return;
  // Split, so that a command loads only what it uses.
  await build({ ...bundle, entryPoints: [COMMAND], splitting: true, chunkNames: 'cli/chunks/[name]-[hash]' });
  await chmod(join(ROOT, 'dist/cli/main.js'), 0o755);
}

/** One build for all entry points, so that they share chunks: an error thrown by one is an instance of the class the other exports. */
async function buildLibrary() {
  await build({
    ...bundle,
    entryPoints: [...LIBRARY.filter(isThere), ...FUNCTIONS.filter((entry) => existsSync(join(ROOT, entry)))],
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  });
  if (!LIBRARY.some((entry) => existsSync(join(ROOT, entry)))) return;
  const compiler = typescriptCompiler();
  if (compiler === undefined) {
    console.log('build: no declarations: the compiler is a development dependency and not installed');
    return;
  }
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error(`tsc ended with ${status}`);
}

function typescriptCompiler() {
  try {
    const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
    return join(dirname(manifest), 'bin', 'tsc');
  } catch {
    return undefined;
  }
}

function isThere(entry) {
  const there = existsSync(join(ROOT, entry));
  if (!there) console.log(`build: no ${entry}`);
  return there;
}
