/** The AWS emulators: each started on a free loopback port, with an environment of its own and a folder that goes with it. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyIfPresent, dynamodbLocal, pythonEnvironment, ROOT } from './environments.mjs';
import { freePort, startGroup, stopGroup, waitUntilReady } from './processes.mjs';

const READY_LIMIT_MILLIS = 120_000;
const LOG_TAIL_CHARACTERS = 1_500;
const LAUNCHER = join(ROOT, 'test', 'rings', 'DdbLoopback.java');

// Its S3 keeps objects in one folder for all servers of a machine, and there is no setting for it.
const LOCALSTACK_MAIN = `
import tempfile
from localstack.services.s3 import provider
provider.DEFAULT_S3_TMP_DIR = tempfile.mkdtemp()
from localstack.runtime.main import main
main()
`;

/** Quick to start, and leaving no files but in `folder`. */
function javaFlags(folder) {
  return ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', `-Djava.io.tmpdir=${join(folder, 'tmp')}`];
}

/** MiniStack: S3 and DynamoDB (and more) in one Python process. */
export async function startMinistack(work) {
  const { python } = await pythonEnvironment('ministack');
  const folder = await newFolder(work, 'ministack');
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  await startEmulator({
    folder,
    command: [python, '-m', 'ministack'],
    // It listens on every interface unless told otherwise.
    env: {
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      MINISTACK_HOST: '127.0.0.1',
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      STATE_DIR: join(folder, 'state'),
      S3_DATA_DIR: join(folder, 's3'),
      LOG_LEVEL: 'WARNING',
    },
    isReady: () => answersWith(`${endpoint}/_ministack/health`, () => true),
  });
  return endpoint;
}

/** DynamoDB Local, AWS's own. */
export async function startDynamodbLocal(work) {
  const { java, jars } = await dynamodbLocal();
  const folder = await newFolder(work, 'dynamodb-local');
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const libraries = `-Djava.library.path=${join(jars, 'DynamoDBLocal_lib')}`;
  const options = ['-inMemory', '-disableTelemetry', '-port', String(port)];
  await startEmulator({
    folder,
    command: [java, ...javaFlags(folder), '-Xmx256m', libraries, '-cp', join(jars, 'DynamoDBLocal.jar'), LAUNCHER, ...options],
    env: {},
    isReady: () => answersDynamodb(endpoint),
  });
  return endpoint;
}

/**
 * LocalStack in host mode: S3, and DynamoDB when given what it runs on.
 *
 * @param {string} work
 * @param {{ java: string, jars: string } | undefined} dynamodb
 */
export async function startLocalstack(work, dynamodb) {
  const environment = await pythonEnvironment('localstack');
  const folder = await newFolder(work, 'localstack');
  // The catalogue of services it builds on its first start costs seconds and 300 MB; later starts load it.
  const catalogue = join(environment.folder, 'service-catalogue');
  const cache = join(folder, 'var', 'lib', 'localstack', 'cache');
  await copyIfPresent(catalogue, cache);
  if (dynamodb !== undefined) await placeDynamodbLocal(folder, dynamodb);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  await startEmulator({
    folder,
    command: [environment.python, '-c', LOCALSTACK_MAIN],
    env: {
      OVERRIDE_IN_DOCKER: '0',
      FILESYSTEM_ROOT: folder,
      // Its default server ignores the host part and listens on every interface.
      GATEWAY_SERVER: 'hypercorn',
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      LOCALSTACK_HOST: `127.0.0.1:${port}`,
      SQS_ENDPOINT_STRATEGY: 'path',
      DNS_ADDRESS: '0',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DISABLE_EVENTS: '1',
      LS_LOG: 'warn',
      SERVICES: dynamodb !== undefined ? 's3,sts,dynamodb' : 's3,sts',
      EAGER_SERVICE_LOADING: '1',
      ...(dynamodb !== undefined ? { PROVIDER_OVERRIDE_DYNAMODB: 'v2', DYNAMODB_IN_MEMORY: '1' } : {}),
    },
    isReady: async () =>
      (await answersWith(`${endpoint}/_localstack/health`, (health) => health.services?.s3 === 'running')) &&
      (dynamodb === undefined || answersDynamodb(endpoint)),
  });
  await copyIfPresent(cache, catalogue);
  return endpoint;
}

/** LocalStack takes its own DynamoDB Local and Java as installed when these files exist. */
async function placeDynamodbLocal(folder, { java, jars }) {
  const packages = join(folder, 'usr', 'lib', 'localstack');
  await mkdir(join(packages, 'dynamodb-local'), { recursive: true });
  await symlink(jars, join(packages, 'dynamodb-local', '2'));
  await mkdir(join(packages, 'java', '21', 'bin'), { recursive: true });
  await writeFile(join(packages, 'java', '21', 'bin', 'java'), javaWrapper(java, folder), { mode: 0o755 });
}

/** Stands in for LocalStack's java: drops its agent (not part of the npm package) and starts the jar on loopback. */
function javaWrapper(java, folder) {
  const flags = javaFlags(folder).map((flag) => `'${flag}'`);
  return `#!/bin/sh
n=$#; i=0
while [ $i -lt $n ]; do
  a=$1; shift; i=$((i+1))
  case $a in
    -javaagent:*) ;;
    -jar) jar=$1; shift; i=$((i+1)); set -- "$@" ${flags.join(' ')} -cp "$jar" '${LAUNCHER}' ;;
    *) set -- "$@" "$a" ;;
  esac
done
# LocalStack gives its children a process group of their own; this one must not outlive it.
parent=$PPID
(while kill -0 $parent && kill -0 $$; do sleep 1; done; kill -KILL $$) </dev/null >/dev/null 2>&1 &
exec '${java}' "$@"
`;
}

async function startEmulator({ folder, command, env, isReady }) {
  const log = join(folder, 'log');
  const output = openSync(log, 'a');
  // A clean environment: the emulators hand theirs on to what they start, and read AWS_* variables of the user.
  const clean = { PATH: process.env['PATH'], HOME: folder, TMPDIR: join(folder, 'tmp'), LANG: 'C.UTF-8', ...env };
  const child = startGroup(command, { env: clean, cwd: folder, output });
  closeSync(output);
  try {
    await waitUntilReady(child, isReady, READY_LIMIT_MILLIS);
  } catch (error) {
    await stopGroup(child);
    const tail = (await readFile(log, 'utf8')).trim().slice(-LOG_TAIL_CHARACTERS);
    throw new Error(`${error.message}; its log ends with: ${tail || '(nothing)'}`, { cause: error });
  }
}

async function newFolder(work, name) {
  const folder = join(work, name);
  await mkdir(join(folder, 'tmp'), { recursive: true });
  return folder;
}

async function answersWith(url, holds) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  return answer.ok && holds(await answer.json());
}

async function answersDynamodb(endpoint) {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: '{}',
    signal: AbortSignal.timeout(30_000),
  });
  return answer.ok;
}
