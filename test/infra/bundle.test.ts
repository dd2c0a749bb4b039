import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleFunction, installedDuckdbCpus } from '../../infra/function-code.ts';

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
    expect(run('serve', source, "export const isLongHaul: string = 'yes';").printed).toEqual([['isLongHaul', 'yes']]);
  });

  it('lays the WebAssembly of the Parquet codec beside a bundle that uses it', () => {
    const source = `
      import { readBundledParquetWasm } from 'REPOSITORY/functions/parquet-wasm.ts';
      import { runWasm } from 'REPOSITORY/lib/parquet/wasm-runtime.ts';
      console.log(JSON.stringify(await runWasm(readBundledParquetWasm(), () => true, (cause) => cause)));`;
    expect(run('query', source)).toEqual({ printed: true, files: ['index.mjs', 'parquet_wasm_bg.wasm'] });
  });

  it.runIf(process.platform === 'linux' && installedDuckdbCpus().some((cpu) => cpu === process.arch))('brings DuckDB and its library along where it is used', () => {
    const source = `
      import { DuckDBInstance } from '@duckdb/node-api';
      const connection = await (await DuckDBInstance.create(':memory:')).connect();
      console.log(JSON.stringify((await connection.runAndReadAll('select 42 as n')).getRowsJson()));`;
    expect(run('query', source)).toEqual({ printed: [[42]], files: ['index.mjs', 'node_modules'] });
  });

  it('says which handler is missing', () => {
    expect(() => bundleFunction('serve', folder, { entry: path.join(folder, 'absent.ts') })).toThrowError(/absent\.ts/);
  });
});
