/** The rings: real parts the tests run against, each with the variables that hand it to the tests. */
import { startDynamodbLocal, startLocalstack, startMinistack } from './emulators.mjs';
import { duckdbExtension, dynamodbLocal, pythonEnvironment } from './environments.mjs';
import { startSpark } from './spark.mjs';

/**
 * One line of the summary: the ring, whether it can run, and if not why.
 *
 * @typedef {{ name: string, project: 'emulators' | 'interop', kind: 'ready' | 'failed' | 'not asked', detail: string, variables: Record<string, string> }} Ring
 */

const INTEROP_NAMES = ['LAKEFOLD_TEST_INTEROP_PYTHON', 'LAKEFOLD_TEST_DUCKDB_DELTA_EXTENSION', 'LAKEFOLD_TEST_DUCKDB_HTTPFS_EXTENSION'];
// Other engines write tables beside us on S3 too.
const S3_OF_INTEROP = new Set(['ministack', 'localstack s3']);
const NOT_ASKED = 'runs with CI=true or LAKEFOLD_DYNAMODB_LOCAL=1 (its licence is for AWS account holders)';

/**
 * Brings up every ring of the wanted projects, all at once; `stopAllGroups` takes them down.
 *
 * Variables that are set already win: such a ring is used as it is and left running.
 *
 * @param {string} work a folder that outlives them
 * @param {{ projects: ReadonlySet<string>, withDynamodbLocal: boolean, environment: NodeJS.ProcessEnv }} options
 * @returns {Promise<Ring[]>}
 */
export async function openRings(work, { projects, withDynamodbLocal, environment }) {
  const emulators = [
    { name: 'ministack', names: ['LAKEFOLD_TEST_MINISTACK'], asked: true, start: async () => [await startMinistack(work)] },
    { name: 'dynamodb local', names: ['LAKEFOLD_TEST_DYNAMODB_LOCAL'], asked: withDynamodbLocal, start: async () => [await startDynamodbLocal(work)] },
    ...localstackRings(work, withDynamodbLocal),
  ].map((ring) => ({ ...ring, project: 'emulators' }));
  const engines = [
    { name: 'interop', names: INTEROP_NAMES, asked: true, start: startInterop },
    { name: 'spark', names: ['LAKEFOLD_TEST_SPARK'], asked: true, start: async () => [await startSpark(work)] },
  ].map((ring) => ({ ...ring, project: 'interop' }));
  const isWanted = (ring) => projects.has(ring.project) || (projects.has('interop') && S3_OF_INTEROP.has(ring.name));
  return Promise.all([...emulators, ...engines].filter(isWanted).map((ring) => openRing(ring, environment)));
}

async function startInterop() {
  const installed = await pythonEnvironment('interop');
  return [installed.python, await duckdbExtension(installed, 'delta'), await duckdbExtension(installed, 'httpfs')];
}

/** One LocalStack serves both of its rings; without Java it still has S3. */
function localstackRings(work, withDynamodbLocal) {
  let started;
  const start = () => (started ??= dynamodbOrNone().then((dynamodb) => startLocalstack(work, dynamodb)));
  const dynamodbOrNone = async () => (withDynamodbLocal ? dynamodbLocal().catch(() => undefined) : undefined);
  const startDynamodb = async () => {
    await dynamodbLocal();
    return [await start()];
  };
  return [
    { name: 'localstack s3', names: ['LAKEFOLD_TEST_LOCALSTACK'], asked: true, start: async () => [await start()] },
    { name: 'localstack dynamodb', names: ['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'], asked: withDynamodbLocal, start: startDynamodb },
  ];
}

async function openRing({ name, project, names, start, asked }, environment) {
  const given = names.map((variable) => environment[variable] ?? '');
  if (given.every((value) => value !== '')) {
    if (given.some((value) => value.includes('amazonaws.com')))
      return { name, project, kind: 'failed', detail: 'tests never run against AWS itself', variables: {} };
    return { name, project, kind: 'ready', detail: 'as given', variables: {} };
  }
  if (!asked) return { name, project, kind: 'not asked', detail: NOT_ASKED, variables: {} };
  try {
    const values = await start();
    const variables = Object.fromEntries(names.map((variable, index) => [variable, values[index]]));
    return { name, project, kind: 'ready', detail: '', variables };
  } catch (error) {
    return { name, project, kind: 'failed', detail: error.message, variables: {} };
  }
}
