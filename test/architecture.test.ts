/** The direction of imports, as a table that the whole source tree is held against. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findImportFaults, reachableFrom, readSources, type LayerTable } from './support/import-rules.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const VOCABULARY = ['lib/core', 'lib/ports'];
const PROTOCOL = [...VOCABULARY, 'lib/commitlog', 'lib/parquet'];
const ON_DELTA = [...PROTOCOL, 'lib/delta'];
const USE_CASES = [...ON_DELTA, 'lib/registry', 'lib/engine', 'lib/online'];
const ADAPTERS = ['aws', 'duckdb', 'fs', 'lmdb', 'memory', 'system'].map((name) => `lib/adapters/${name}`);
const LIBRARY = [...USE_CASES, 'lib/features', 'lib/maintenance', ...ADAPTERS, 'lib/store', 'lib/client', 'lib/index.ts', 'lib/delta/index.ts'];

/** Who may import whom. Imports go strictly downward; registry, engine and online stand side by side, as do features and maintenance. */
const MAY_IMPORT: LayerTable = {
  'lib/core': { mayImport: [], packages: ['@noble/hashes/*'] },
  'lib/ports': { mayImport: ['lib/core'], packages: [] },
  ...Object.fromEntries(ADAPTERS.map((adapter) => [adapter, { mayImport: VOCABULARY }])),
  'lib/commitlog': { mayImport: VOCABULARY, packages: [] },
  'lib/parquet': { mayImport: VOCABULARY, packages: ['apache-arrow', 'parquet-wasm/*'] },
  'lib/delta': { mayImport: PROTOCOL, packages: [] },
  'lib/registry': { mayImport: ON_DELTA, packages: [] },
  'lib/engine': { mayImport: ON_DELTA, packages: [] },
  'lib/online': { mayImport: ON_DELTA, packages: [] },
  'lib/features': { mayImport: USE_CASES, packages: [] },
  'lib/maintenance': { mayImport: USE_CASES, packages: [] },
  'lib/store': { mayImport: [...USE_CASES, 'lib/features', 'lib/maintenance', ...ADAPTERS], packages: ['node:*'] },
  'lib/index.ts': { mayImport: LIBRARY },
  'lib/delta/index.ts': { mayImport: [...VOCABULARY, 'lib/features', 'lib/store'] },
  functions: { mayImport: [...LIBRARY, 'functions/environment.ts'] },
  'functions/environment.ts': { mayImport: VOCABULARY },
  // How definitions are bundled: alike for the command and for deployment.
  'functions/definitions/bundle.ts': { mayImport: [], packages: ['esbuild', 'node:path'] },
  // The acceptance vectors ship with the command that runs them against a server.
  'test/vectors': { mayImport: [], packages: [] },
  cli: { mayImport: [...LIBRARY, 'functions', 'functions/environment.ts', 'functions/definitions/bundle.ts', 'test/vectors'] },
  infra: {
    mayImport: ['functions/environment.ts', 'functions/definitions/bundle.ts'],
    packages: ['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs', 'esbuild', 'node:*'],
  },
  // Beside the words of the core, the types by which a view's definition tells what its lookups take and give.
  'lib/client': { mayImport: ['lib/core', 'lib/registry'], packages: [], typesOnly: true },
  examples: { mayImport: [...LIBRARY, 'functions'] },
  bench: { mayImport: [...LIBRARY, 'functions', 'functions/environment.ts'] },
};

/** Folders of the root that hold no layer: tools, tests, words. Anything else that holds code must be in the table. */
const NO_LAYERS = new Set(['test', 'scripts', 'docs', 'node_modules', 'dist', 'cdk.out', 'coverage']);

function layerFolders(): string[] {
  const folders = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  return folders.map((entry) => entry.name).filter((name) => !NO_LAYERS.has(name));
}

const sources = readSources(ROOT, layerFolders());

function withFile(path: string, text: string): Map<string, string> {
  return new Map([[path, text]]);
}

describe('the direction of imports', () => {
  it('is downward in every source file', () => {
    expect(sources.size).toBeGreaterThan(50);
    expect(findImportFaults(sources, MAY_IMPORT)).toEqual([]);
  });

  it.each([
    ['lib/core/planted.ts', "import { commit } from '../delta/commit.ts';", 'imports lib/delta/commit.ts, but lib/core may not import lib/delta'],
    ['lib/delta/planted.ts', "export * from '../adapters/fs/files.ts';", 'imports lib/adapters/fs/files.ts, but lib/delta may not import lib/adapters/fs'],
    ['lib/online/planted.ts', "import type { View } from '../registry/view.ts';", 'imports lib/registry/view.ts, but lib/online may not import lib/registry'],
    [
      'lib/features/planted.ts',
      "const lazy = await import('../maintenance/vacuum.ts');",
      'imports lib/maintenance/vacuum.ts, but lib/features may not import lib/maintenance',
    ],
    [
      'lib/adapters/fs/planted.ts',
      "import '../memory/store.ts';",
      'imports lib/adapters/memory/store.ts, but lib/adapters/fs may not import lib/adapters/memory',
    ],
    ['infra/planted.ts', "import { app } from '../functions/serve/app.ts';", 'imports functions/serve/app.ts, but infra may not import functions'],
    [
      'lib/core/planted.ts',
      "import {\n  one,\n  two,\n} from '../../scripts/build.mjs';",
      'imports scripts/build.mjs, but lib/core may not import what is in no layer',
    ],
    ['lib/delta/planted.ts', "import { readFile } from 'node:fs/promises';", 'imports the package node:fs/promises'],
    ['lib/client/planted.ts', "import { LakefoldError } from '../core/errors.ts';", 'imports ../core/errors.ts for more than its types'],
  ])('refuses a planted import in %s', (path, text, fault) => {
    expect(findImportFaults(withFile(path, text), MAY_IMPORT)).toEqual([`${path}: ${fault}`]);
  });

  it.each(['lib/rogue/planted.ts', 'lib/adapters/redis/planted.ts', 'lib/planted.ts', 'helpers/planted.ts'])(
    'refuses %s, which the table does not list',
    (path) => {
      expect(findImportFaults(withFile(path, ''), MAY_IMPORT)).toEqual([`${path}: its folder is not in the table of layers`]);
    },
  );

  it('lets the client use core types', () => {
    const text = "import type { ErrorCode } from '../core/errors.ts';\nimport { own } from './own.ts';";
    expect(findImportFaults(withFile('lib/client/planted.ts', text), MAY_IMPORT)).toEqual([]);
  });
});

describe('the serving path', () => {
  const entry = 'functions/serve/app.ts';

  it('reaches nothing but Web-standard code: no Node builtin, Parquet, DuckDB or AWS SDK', () => {
    const reached = reachableFrom(entry, sources);
    expect(reached.size).toBeGreaterThan(5);
    expect([...reached.values()].flat().filter((name) => !/^(hono|zod\/mini|@noble\/hashes)(\/|$)/.test(name))).toEqual([]);
  });

  it('is followed through files', () => {
    const files = new Map([
      ['a.ts', "import { b } from './b.ts';\nimport type { c } from './c.ts';"],
      ['b.ts', "import { readFile } from 'node:fs';"],
      ['c.ts', "import 'lmdb';"],
    ]);
    expect(reachableFrom('a.ts', files)).toEqual(
      new Map([
        ['a.ts', []],
        ['b.ts', ['node:fs']],
      ]),
    );
  });
});
