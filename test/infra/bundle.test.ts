import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../cli/config.ts';
import { bundleFunction, installedDuckdbCpus } from '../../infra/function-code.ts';
import * as vocabulary from '../../functions/definitions/vocabulary.ts';
import * as library from '../../lib/index.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lakefold-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Bundles `source` as a handler and runs it where there are no packages but those the bundle brought. */
function run(name: 'serve' | 'query', source: string, definitions?: string): { readonly printed: unknown; readonly files: readonly string[] } {
  const entry = path.join(folder, 'handler.ts');
  const output = path.join(folder, 'output');
  writeFileSync(entry, source.replaceAll('REPOSITORY', repository));
  const definitionsFile = path.join(folder, 'definitions.ts');
  if (definitions !== undefined) writeFileSync(definitionsFile, definitions);
  bundleFunction(name, output, { entry, ...(definitions === undefined ? {} : { definitions: definitionsFile }) });
  const printed: unknown = JSON.parse(execFileSync(process.execPath, [path.join(output, 'index.mjs')], { encoding: 'utf8' }));
  return { printed, files: readdirSync(output).toSorted() };
}

describe('bundleFunction', () => {
  it('puts an app into one file that needs no packages', () => {
    const source = `
      import { createHttpApp } from 'REPOSITORY/functions/http/create-app.ts';
      import { parseEnvironment } from 'REPOSITORY/functions/environment.ts';
      import { lambdaHandler } from 'REPOSITORY/functions/http/lambda.ts';
      import * as definitions from 'lakefold:definitions';
      const app = createHttpApp({ log: { debug() {}, info() {}, warn() {}, error() {} }, random: { unit: () => 0, bytes: () => new Uint8Array(0), uuid: () => 'id' }, clock: { monotonicMillis: () => 0 } });
      const { onlineTable } = parseEnvironment('serve', { AWS_REGION: 'eu-central-1', LAKEFOLD_ONLINE_TABLE: 'online', LAKEFOLD_CONTROL_TABLE: 'control' });
      const answer = await app.request('/nothing');
      console.log(JSON.stringify({ status: answer.status, onlineTable, handler: typeof lambdaHandler(app), definitions: Object.keys(definitions) }));`;
    expect(run('serve', source)).toEqual({ printed: { status: 404, onlineTable: 'online', handler: 'function', definitions: [] }, files: ['index.mjs'] });
  });

  it('bundles the definitions module in place of its name', () => {
    const source = "import * as definitions from 'lakefold:definitions'; console.log(JSON.stringify(Object.entries(definitions)));";
    expect(run('serve', source, "export const isLongHaul: string = 'yes';")).toEqual({
      printed: [['isLongHaul', 'yes']],
      files: ['definitions.mjs', 'index.mjs', 'lakefold-vocabulary.mjs'],
    });
  });

  it('lays the WebAssembly of the Parquet codec beside a bundle that uses it', () => {
    const source = `
      import { readBundledParquetWasm } from 'REPOSITORY/functions/parquet-wasm.ts';
      import { runWasm } from 'REPOSITORY/lib/parquet/wasm-runtime.ts';
      console.log(JSON.stringify(await runWasm(readBundledParquetWasm(), () => true, (cause) => cause)));`;
    expect(run('query', source)).toEqual({ printed: true, files: ['index.mjs', 'parquet_wasm_bg.wasm'] });
  });

  it.runIf(process.platform === 'linux' && installedDuckdbCpus().some((cpu) => cpu === process.arch))(
    'brings DuckDB and its library along where it is used',
    () => {
      const source = `
      import { DuckDBInstance } from '@duckdb/node-api';
      const connection = await (await DuckDBInstance.create(':memory:')).connect();
      console.log(JSON.stringify((await connection.runAndReadAll('select 42 as n')).getRowsJson()));`;
      expect(run('query', source)).toEqual({ printed: [[42]], files: ['index.mjs', 'node_modules'] });
    },
  );

  it('says which handler is missing', () => {
    expect(() => bundleFunction('serve', folder, { entry: path.join(folder, 'absent.ts') })).toThrowError(/absent\.ts/);
  });
});

/** Functions that use names we use too, at the top of their module, inside, as parameters and in a module of their own. */
const COLLIDING = `
import { featureGroup, featureView, join, modelTransform, onDemand, t } from 'lakefold';
import { toHex as halved } from './helper.ts';
const toHex = 1500;
const sha256 = (value: number) => value + toHex;
function parseType(column: number): number {
  const build = (required: number) => { const sourceHashOf = required * 2; return sourceHashOf; };
  return build(sha256(column));
}
const VOCABULARY = { app: 1, environment: 2 };
export const utf8 = featureGroup({ name: 'g', version: 1, schema: { id: t.int(), n: t.double().nullable() }, primaryKey: ['id'] });
export const handler = featureView({
  name: 'v', version: 1, spine: { id: t.int(), x: t.double() }, joins: [join(utf8, { on: { id: 'id' }, features: ['n'] })],
  transforms: { n: modelTransform({ name: 'scaled', input: t.double(), output: t.double(), fit: (statistics) => ({ functions: statistics.mean * toHex }), apply: (value, parameters) => value / sha256(parameters.functions) }) },
  onDemand: [
    onDemand({ name: 'far', inputs: { x: t.double() }, returns: t.boolean(), compute: ({ x }) => x > toHex }),
    onDemand({ name: 'digest', inputs: { x: t.double() }, returns: t.double(), compute: ({ x: input }, context) => {
      function isRecord(json: number) { const error = json + context.at.length; return error + VOCABULARY.app; }
      const toHex = isRecord(parseType(input));
      return halved(toHex);
    } }),
  ],
});
`;
const HELPER = 'const sha256 = 2;\nexport function toHex(value: number): number { const utf8 = value / sha256; return utf8; }';

describe.each(['serve', 'query'] as const)('the functions of a definitions module bundled for %s', (name) => {
  it('have the hashes they have in the command, whatever their names, and the same results', async () => {
    writeFileSync(path.join(folder, 'helper.ts'), HELPER);
    // The app is here for its names.
    const source = `
      import * as definitionsModule from 'lakefold:definitions';
      import { collectDefinitions } from 'REPOSITORY/lib/registry/collect-definitions.ts';
      import { featureGroup, t } from 'REPOSITORY/lib/index.ts';
      import * as app from 'REPOSITORY/functions/NAME/app.ts';
      const { wanted, functions } = collectDefinitions(definitionsModule);
      const results = [...functions].map(([key, bundled]) => [key, typeof bundled === 'function' ? bundled({ x: 1600 }, { at: 'now' }) : 'a transform']);
      globalThis.kept = [app, featureGroup, t];
      console.log(JSON.stringify({ views: wanted.featureViews, results }));`;
    const { printed } = run(name, source.replace('NAME', name), COLLIDING);
    const { definitions, functions } = await loadConfig(path.join(folder, 'definitions.ts'));
    const hash = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    const results = [...functions].map(([key, bundled]) => [key, typeof bundled === 'function' ? bundled({ x: 1600 }, { at: 'now' }) : 'a transform']);

    expect(results.map(([, result]) => result)).toEqual([true, 3102, 'a transform']);
    expect(definitions.featureViews).toMatchObject([
      {
        transforms: { n: { sourceHash: hash } },
        onDemand: [
          { name: 'far', sourceHash: hash },
          { name: 'digest', sourceHash: hash },
        ],
      },
    ]);
    expect(printed).toEqual({ views: JSON.parse(JSON.stringify(definitions.featureViews)), results });
  });
});

describe('the handlers', () => {
  it('that run functions have the definitions module beside them, not in them; the others have none of it', () => {
    writeFileSync(path.join(folder, 'helper.ts'), HELPER);
    const definitions = path.join(folder, 'definitions.ts');
    writeFileSync(definitions, COLLIDING);
    const bundled = (name: 'serve' | 'catalog', file: string) => readFileSync(path.join(folder, name, file), 'utf8');
    for (const name of ['serve', 'catalog'] as const) bundleFunction(name, path.join(folder, name), { definitions });

    expect(readdirSync(path.join(folder, 'serve')).toSorted()).toEqual(['definitions.mjs', 'index.mjs', 'lakefold-vocabulary.mjs']);
    expect(bundled('serve', 'index.mjs')).toContain('from"./definitions.mjs"');
    expect(bundled('serve', 'definitions.mjs')).toContain('from"./lakefold-vocabulary.mjs"');
    expect(Buffer.byteLength(bundled('serve', 'lakefold-vocabulary.mjs'))).toBeLessThan(32 * 1024);
    expect(readdirSync(path.join(folder, 'catalog'))).not.toContain('definitions.mjs');
  });

  it('know every name definitions are written with as `lakefold` does', () => {
    expect(Object.entries(library)).toEqual(expect.arrayContaining(Object.entries(vocabulary)));
  });
});
