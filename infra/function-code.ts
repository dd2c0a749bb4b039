/** A function's bundle: one ES module made by esbuild in this process, beside it definitions and what it can't hold. */
import { cpSync, existsSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Metafile } from 'esbuild';
import { buildSync } from 'esbuild';
import { DEFINITIONS_FILE, definitionsBuild, ES_MODULE, VOCABULARY_FILE } from '../functions/definitions/bundle.ts';
import type { FunctionName } from '../functions/environment.ts';

export interface BundleOptions {
  /** Module that `lakefold:definitions` stands for: the on-demand functions of `serve` and `query`. None by default. */
  readonly definitions?: string;
  /** Which handler to bundle instead of `functions/<name>/handler`. */
  readonly entry?: string;
}

export type LambdaCpu = 'arm64' | 'x64';

const FUNCTIONS = fileURLToPath(new URL('../functions/', import.meta.url));
const DUCKDB = '@duckdb/node-api';
const PARQUET_WASM = 'parquet_wasm_bg.wasm';

/** The code of a Lambda function, bundled when its stack is. */
export function functionCode(name: FunctionName, options: BundleOptions = {}): lambda.Code {
  return lambda.Code.fromAsset(FUNCTIONS, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK reuses a bundle of the same source and settings, and these settings are all that tells ours apart.
      environment: { FUNCTION: name, DEFINITIONS: options.definitions ?? '', ENTRY: options.entry ?? '' },
      // CDK wants an image to fall back on; bundling in process either succeeds or throws, so it is never pulled.
      image: DockerImage.fromRegistry('scratch'),
      local: {
        tryBundle(outputDirectory) {
          bundleFunction(name, outputDirectory, options);
          return true;
        },
      },
    },
  });
}

/**
 * Writes `index.mjs`, and what it loads at run time, into `outputDirectory`.
 * @throws Error when the function has no handler or doesn't bundle
 */
export function bundleFunction(name: FunctionName, outputDirectory: string, options: BundleOptions = {}): void {
  const { definitions, entry = resolveModule(`${name}/handler`) } = options;
  const definitionsImport = definitions === undefined ? resolveModule('definitions/none') : `./${DEFINITIONS_FILE}`;
  const { metafile } = buildSync({
    ...ES_MODULE,
    entryPoints: [entry],
    outfile: path.join(outputDirectory, 'index.mjs'),
    alias: { 'lakefold:definitions': definitionsImport },
    external: [DUCKDB, `./${DEFINITIONS_FILE}`],
    metafile: true,
  });
  if (definitions !== undefined && importsExternal(metafile, definitionsImport)) bundleDefinitions(definitions, outputDirectory);
  if (usesPackage(metafile, 'parquet-wasm')) {
    cpSync(createRequire(import.meta.url).resolve(`parquet-wasm/esm/${PARQUET_WASM}`), path.join(outputDirectory, PARQUET_WASM));
  }
  if (importsExternal(metafile, DUCKDB)) copyDuckdb(path.join(outputDirectory, 'node_modules'));
}

/** The processors of Lambda an installed DuckDB binding can run on, the cheaper one first; empty where only other platforms' are. */
export function installedDuckdbCpus(): readonly LambdaCpu[] {
  return LAMBDA_CPUS.filter((cpu) => packageDirectory(bindingOf(cpu), duckdbRequire()) !== undefined);
}

const LAMBDA_CPUS: readonly LambdaCpu[] = ['arm64', 'x64'];

/** Beside the handler, not in it: names of ours would rename the user's, and with them change what a function is known by. */
function bundleDefinitions(module: string, outputDirectory: string): void {
  const [bundled] = buildSync(definitionsBuild(module)).outputFiles;
  if (bundled === undefined) throw new Error(`expected a bundle of ${module}, found none`);
  writeFileSync(path.join(outputDirectory, DEFINITIONS_FILE), bundled.contents);
  buildSync({ ...ES_MODULE, entryPoints: [resolveModule('definitions/vocabulary')], outfile: path.join(outputDirectory, VOCABULARY_FILE) });
}

function resolveModule(name: string): string {
  // TypeScript in the repository, JavaScript in the published package.
  const found = ['ts', 'js'].map((extension) => path.join(FUNCTIONS, `${name}.${extension}`)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`expected ${name}.ts or .js in ${FUNCTIONS}, found neither`);
  return found;
}

function usesPackage(metafile: Metafile, name: string): boolean {
  // What was looked at and shaken off again is an input, but no part of the output.
  return Object.values(metafile.outputs).some(({ inputs }) =>
    Object.entries(inputs).some(([input, { bytesInOutput }]) => bytesInOutput > 0 && input.includes(`node_modules/${name}/`)),
  );
}

function importsExternal(metafile: Metafile, name: string): boolean {
  return Object.values(metafile.outputs).some(({ imports }) => imports.some(({ path: imported, external }) => external === true && imported === name));
}

function copyDuckdb(nodeModules: string): void {
  const require = duckdbRequire();
  for (const name of [DUCKDB, '@duckdb/node-bindings', 'detect-libc', ...LAMBDA_CPUS.map(bindingOf)]) {
    const directory = packageDirectory(name, require);
    if (directory !== undefined) cpSync(directory, path.join(nodeModules, name), { recursive: true, dereference: true });
  }
}

function bindingOf(cpu: LambdaCpu): string {
  return `@duckdb/node-bindings-linux-${cpu}`;
}

/** Resolves as DuckDB's own modules do, so that bindings are found in every layout of `node_modules`. */
function duckdbRequire(): NodeJS.Require {
  const api = createRequire(import.meta.url).resolve(DUCKDB);
  return createRequire(createRequire(realpathSync(api)).resolve('@duckdb/node-bindings/package.json'));
}

function packageDirectory(name: string, require: NodeJS.Require): string | undefined {
  return require.resolve
    .paths(name)
    ?.map((folder) => path.join(folder, name))
    .find((directory) => existsSync(path.join(directory, 'package.json')));
}
