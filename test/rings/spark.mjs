/** Spark with Delta Lake: one process for a whole test run, behind a loopback port. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findJava, madeOnce, mavenJars, pythonEnvironment, ROOT } from './environments.mjs';
import { freePort, run, startGroup, stopGroup, waitUntilReady } from './processes.mjs';

const READY_LIMIT_MILLIS = 120_000;
const ARCHIVE_LIMIT_MILLIS = 180_000;
const LOG_TAIL_CHARACTERS = 1_500;
const SERVER = join(ROOT, 'test', 'interop', 'spark_server.py');

/**
 * Its address.
 *
 * @param {string} work a folder that outlives it
 * @throws Error when there is no Java or Maven, or Spark does not come up
 */
export async function startSpark(work) {
  const java = await findJava();
  const [{ folder: environment, python }, jars] = await Promise.all([pythonEnvironment('spark'), mavenJars('spark-jars')]);
  const archive = await classArchive({ java, python, jars, environment });
  const folder = join(work, 'spark');
  await mkdir(join(folder, 'tmp'), { recursive: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const log = join(folder, 'log');
  const output = openSync(log, 'a');
  const child = startGroup([python, SERVER, String(port), jars, archive], { env: environmentOf(folder), cwd: folder, output });
  closeSync(output);
  try {
    await waitUntilReady(child, async () => (await fetch(endpoint, { signal: AbortSignal.timeout(5_000) })).ok, READY_LIMIT_MILLIS);
  } catch (error) {
    await stopGroup(child);
    throw new Error(`${error.message}; its log ends with: ${(await readFile(log, 'utf8')).trim().slice(-LOG_TAIL_CHARACTERS)}`, { cause: error });
  }
  return endpoint;
}

/** Java's archive of the classes that the tests load, which halves the start; '' where it could not be made, all works without. */
async function classArchive({ java, python, jars, environment }) {
  const version = await run([java, '-version'], { limitMillis: READY_LIMIT_MILLIS });
  // An archive holds for these very jars in these very places.
  const folder = await madeOnce('spark-classes', [version, jars, environment], async (building) => {
    await mkdir(join(building, 'tmp'), { recursive: true });
    const command = [python, SERVER, join(building, 'tmp'), jars, `dump:${join(building, 'spark.jsa')}`];
    await run(command, { env: environmentOf(building), cwd: building, limitMillis: ARCHIVE_LIMIT_MILLIS });
    await rm(join(building, 'tmp'), { recursive: true, force: true });
  }).catch(() => '');
  const archive = join(folder, 'spark.jsa');
  return folder !== '' && existsSync(archive) ? archive : '';
}

/** Its own folder for whatever it writes, and nothing of the user's settings. */
function environmentOf(folder) {
  const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  return {
    PATH: path,
    HOME: folder,
    TMPDIR: join(folder, 'tmp'),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONDONTWRITEBYTECODE: '1',
    SPARK_LOCAL_IP: '127.0.0.1',
    ...javaHome(),
  };
}

function javaHome() {
  const home = process.env['JAVA_HOME'];
  return home === undefined ? {} : { JAVA_HOME: home };
}
