/**
 * How definitions are bundled, for the command and for deployment.
 *
 * A function is known by the hash of its bundled text, and a bundler renames what collides. So a definitions module is bundled alone: whatever
 * bundles it, the same module gives the same bytes.
 */
import { dirname, resolve } from 'node:path';
import type { BuildOptions } from 'esbuild';

/** The module a bundle of definitions is written to; beside it lies `VOCABULARY_FILE`. */
export const DEFINITIONS_FILE = 'definitions.mjs';

/** What bundled definitions import for `lakefold`: the exports of `vocabulary.ts`. A name that no file of a user's has. */
export const VOCABULARY_FILE = 'lakefold-vocabulary.mjs';

/** One readable ES module for Node. */
export const ES_MODULE = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Twice as fast to import as the CommonJS builds that `main` alone would pick.
  mainFields: ['module', 'main'],
  // Identifiers stay, so that a stack trace names functions without a source map in the bundle.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  // CommonJS dependencies call `require`, which an ES module lacks.
  banner: { js: "import{createRequire as bundleRequire}from'node:module';const require=bundleRequire(import.meta.url);" },
  // What it would print is in the error it throws.
  logLevel: 'silent',
} as const satisfies BuildOptions;

/** Settings that bundle a module of definitions into memory, with all it imports but `lakefold`. */
export function definitionsBuild(module: string) {
  const entry = resolve(module);
  return {
    ...ES_MODULE,
    entryPoints: [entry],
    // Names of files get into the text, by their path from here.
    absWorkingDir: dirname(entry),
    alias: { lakefold: `./${VOCABULARY_FILE}` },
    external: [`./${VOCABULARY_FILE}`],
    write: false,
  } as const satisfies BuildOptions;
}
