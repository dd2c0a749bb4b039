/** Modules of the user's, TypeScript or not, bundled by esbuild and run in this process. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildFailure } from 'esbuild';
import { DEFINITIONS_FILE, definitionsBuild, VOCABULARY_FILE } from '../functions/definitions/bundle.ts';
import * as vocabulary from '../functions/definitions/vocabulary.ts';
import { LakefoldError } from '../lib/core/errors.ts';

/** Messages of the compiler that are repeated. */
const MESSAGES_MAX = 5;
const VOCABULARY_SYMBOL = 'lakefold.vocabulary';
const OWN_FILE = new RegExp(`"[^"]*${VOCABULARY_FILE}"`);
/** The code of this process, so that nothing is loaded twice and none must be installed. */
const VOCABULARY_MODULE = `const vocabulary = globalThis[Symbol.for('${VOCABULARY_SYMBOL}')];
${Object.keys(vocabulary)
  .map((name) => `export const ${name} = vocabulary.${name};`)
  .join('\n')}
`;

/**
 * The exports of a module with all it imports, `lakefold` being this very package.
 * @throws LakefoldError INVALID_ARGUMENT when it does not compile or throws
 */
export async function importBundled(path: string): Promise<Readonly<Record<string, unknown>>> {
  const directory = await mkdtemp(join(tmpdir(), 'lakefold-config-'));
  try {
    const file = join(directory, DEFINITIONS_FILE);
    const vocabularyFile = join(directory, VOCABULARY_FILE);
    await writeFile(vocabularyFile, VOCABULARY_MODULE);
    await writeFile(file, await bundle(path, vocabularyFile));
    Object.assign(globalThis, { [Symbol.for(VOCABULARY_SYMBOL)]: vocabulary });
    // A file of its own each time: modules are kept by their address.
    const exported: unknown = await import(pathToFileURL(file).href);
    return { ...Object(exported) };
  } catch (error) {
    if (error instanceof LakefoldError) throw error;
    throw new LakefoldError('INVALID_ARGUMENT', `expected ${path} to run, it threw: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
      context: { path },
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bundle(path: string, vocabularyFile: string): Promise<Uint8Array> {
  const { build } = await import('esbuild');
  try {
    // Bundled alone, as it must be, a module may import from `lakefold` whatever it likes; bundled with it, a wrong name is found at its place.
    await build({ ...definitionsBuild(path), alias: { lakefold: vocabularyFile }, external: [] });
    const { outputFiles } = await build(definitionsBuild(path));
    return outputFiles[0]?.contents ?? new Uint8Array();
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const messages = error.errors
      .slice(0, MESSAGES_MAX)
      .map(
        ({ text, location }) =>
          `${location === null ? '' : `${location.file}:${location.line}:${location.column + 1}: `}${text.replace(OWN_FILE, '"lakefold"')}`,
      );
    throw new LakefoldError('INVALID_ARGUMENT', `expected ${path} to compile, found ${messages.join('; ')}`, { cause: error, context: { path } });
  }
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
