/** Modules of the user's, TypeScript or not, bundled by esbuild and run in this process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure, Plugin } from 'esbuild';
import { LakefoldError } from '../lib/core/errors.ts';
import * as columns from '../lib/registry/column-builder.ts';
import * as expectations from '../lib/registry/define-expectation.ts';
import * as groups from '../lib/registry/define-group.ts';
import * as transforms from '../lib/registry/define-transform.ts';
import * as views from '../lib/registry/define-view.ts';

/** Messages of the compiler that are repeated. */
const MESSAGES_MAX = 5;
/** What definitions are written with: the code of this process, so that nothing is loaded twice and none must be installed. */
const VOCABULARY: Readonly<Record<string, unknown>> = { ...columns, ...expectations, ...groups, ...transforms, ...views };
const VOCABULARY_SYMBOL = 'lakefold.vocabulary';

/**
 * The exports of a module with all it imports, `lakefold` being this very package.
 * @throws LakefoldError INVALID_ARGUMENT when it does not compile or throws
 */
export async function importBundled(path: string): Promise<Readonly<Record<string, unknown>>> {
  const directory = await mkdtemp(join(tmpdir(), 'lakefold-config-'));
  try {
    const file = join(directory, 'definitions.mjs');
    await writeFile(file, await bundle(path));
    Object.assign(globalThis, { [Symbol.for(VOCABULARY_SYMBOL)]: VOCABULARY });
    // A file of its own each time: modules are kept by their address.
    const exported: unknown = await import(pathToFileURL(file).href);
    return { ...Object(exported) };
  } catch (error) {
    if (error instanceof LakefoldError) throw error;
    throw new LakefoldError('INVALID_ARGUMENT', `expected ${path} to run, it threw: ${error instanceof Error ? error.message : String(error)}`, { cause: error, context: { path } });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bundle(path: string): Promise<Uint8Array> {
  const { build } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [path], absWorkingDir: dirname(path), bundle: true, write: false, format: 'esm', platform: 'node', target: 'node20', mainFields: ['module', 'main'], logLevel: 'silent',
      // As functions are bundled for deployment: the hash of a function is over its bundled text, and must be the same in both.
      minifySyntax: true, minifyWhitespace: true, legalComments: 'none',
      plugins: [ownPackage],
    });
    return outputFiles[0]?.contents ?? new Uint8Array();
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const messages = error.errors.slice(0, MESSAGES_MAX).map(({ text, location }) => (location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`));
    throw new LakefoldError('INVALID_ARGUMENT', `expected ${path} to compile, found ${messages.join('; ')}`, { cause: error, context: { path } });
  }
}

const ownPackage: Plugin = {
  name: 'lakefold',
  setup: (build) => {
    build.onResolve({ filter: /^lakefold$/ }, () => ({ path: 'lakefold', namespace: 'lakefold' }));
    build.onLoad({ filter: /.*/, namespace: 'lakefold' }, () => ({
      contents: `const vocabulary = globalThis[Symbol.for(${JSON.stringify(VOCABULARY_SYMBOL)})];\n${Object.keys(VOCABULARY).map((name) => `export const ${name} = vocabulary[${JSON.stringify(name)}];`).join('\n')}\n`,
    }));
  },
};

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
