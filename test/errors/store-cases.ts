/** What other engines, other versions, breakage and weather do to a store, each with the code it is told by. */
import { expect } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { SCRATCH_BYTES_MAX } from '../../lib/core/limits.ts';
import { objectPath } from '../../lib/core/path.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { GROUP, VIEW } from '../support/api.ts';
import { foreignEntry, foreignMetadata } from '../support/foreign-commit.ts';
import type { ErrorCase, World } from './error-world.ts';

const ROOT = 'demo/feature-groups/airport_delays/1';
const ROW = { origin: 'SFO', hour: '2001-03-01T10:10:00Z', flights_24h: -1, mean_delay_24h: 1.5 };
const SPINE = { rows: [{ origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:20:00Z', distance: 1, delayed: true }] };
const entryOf = (version: number): string => `${ROOT}/_delta_log/${String(version).padStart(20, '0')}.json`;
const isEntry = (path: string): boolean => /\/_delta_log\/\d{20}\.json$/.test(path);
const lines = (...actions: readonly object[]): string => actions.map((action) => `${JSON.stringify(action)}\n`).join('');

/** Asked by a read of the group's rows. */
const READ = { request: ['POST', `${GROUP}/read`, {}], command: ['fg', 'read', 'airport_delays/1'] } as const;
/** Asked by a write of one row. */
const WRITE = {
  request: ['POST', `${GROUP}/rows`, { rows: [ROW] }],
  command: ['fg', 'ingest', 'airport_delays/1', '--file', 'rows.json'],
  files: { 'rows.json': JSON.stringify({ rows: [ROW] }) },
} as const;
/** Asked by a training set. */
const TRAIN = {
  request: ['POST', `${VIEW}/training-datasets`, { spine: SPINE }],
  command: ['td', 'create', 'delay_model/1', '--spine', JSON.stringify(SPINE)],
} as const;

const foreign =
  (...actions: readonly object[]) =>
  ({ api }: World): Promise<unknown> =>
    foreignEntry(api.parts, { root: ROOT, version: 2, text: lines(...actions) });
const add = (path: string, size = 1): object => ({ add: { path, partitionValues: {}, size, modificationTime: 0, dataChange: true } });

/** Every object whose path has this beginning and this end, as `change` makes it; undefined = gone. */
const changed =
  (begin: string, end: string, change: (bytes: Uint8Array) => Uint8Array | undefined) =>
  async ({ api: { parts } }: World): Promise<void> => {
    for await (const { path } of parts.store.list(begin)) {
      if (!path.endsWith(end)) continue;
      const bytes = change((await parts.store.get(path))?.bytes ?? new Uint8Array());
      await (bytes === undefined ? parts.store.delete(path) : parts.store.overwrite(path, bytes));
    }
  };
/** The entry without the lines of these actions; without that of its checksum it may say anything. */
const without =
  (...names: readonly string[]) =>
  (bytes: Uint8Array): Uint8Array =>
    utf8(
      textOf(bytes)
        .split('\n')
        .filter((line) => !names.some((name) => line.startsWith(`{"${name}"`)))
        .join('\n'),
    );
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const gone = (): undefined => undefined;
const garbled = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);

const failing = (error: () => unknown): ((world: World) => Partial<ObjectStore>) => {
  const fail = (): Promise<never> => Promise.reject(error());
  return ({ api: { parts } }) => ({ get: (path, options) => (path.startsWith(ROOT) ? fail() : parts.store.get(path, options)) });
};

const CORRUPT = { exit: 1, status: 500 } as const;

export const STORE_CASES: readonly ErrorCase[] = [
  { code: 'TABLE_NOT_FOUND', what: 'a group whose log is gone', status: 404, exit: 1, prepare: changed(`${ROOT}/_delta_log/`, '', gone), ...READ },
  {
    code: 'LOG_CORRUPT',
    what: 'an entry cut short',
    ...CORRUPT,
    problem: { version: 2, path: entryOf(2), line: 1 },
    prepare: ({ api }) => foreignEntry(api.parts, { root: ROOT, version: 2, text: '{"add":{"path":' }),
    ...READ,
  },
  {
    code: 'INVALID_PROTOCOL',
    what: 'a protocol of version 0',
    ...CORRUPT,
    prepare: foreign({ protocol: { minReaderVersion: 0, minWriterVersion: 0 } }),
    ...READ,
  },
  { code: 'LOG_MISSING_PROTOCOL', what: 'a log without protocol', ...CORRUPT, prepare: changed(entryOf(0), '', without('commitInfo', 'protocol')), ...READ },
  { code: 'LOG_MISSING_METADATA', what: 'a log without metadata', ...CORRUPT, prepare: changed(entryOf(0), '', without('commitInfo', 'metaData')), ...READ },
  { code: 'LOG_GAP', what: 'a log without its first entry', ...CORRUPT, prepare: changed(entryOf(0), '', gone), ...READ },
  {
    code: 'CHECKPOINT_CORRUPT',
    what: 'a checkpoint that is none, and no entry before it',
    ...CORRUPT,
    problem: { version: 1 },
    prepare: async (world) => {
      await world.api.parts.store.overwrite(objectPath(entryOf(1).replace('.json', '.checkpoint.parquet')), utf8('PAR1'));
      await changed(entryOf(0), '', gone)(world);
    },
    ...READ,
  },
  { code: 'FILE_MISSING', what: 'a data file that is gone', ...CORRUPT, prepare: changed(`${ROOT}/`, '.parquet', gone), ...READ },
  { code: 'FILE_CORRUPT', what: 'a data file of other bytes', ...CORRUPT, prepare: changed(`${ROOT}/`, '.parquet', garbled), ...READ },
  {
    code: 'DELETION_VECTOR_CORRUPT',
    what: 'a deletion vector of other bytes',
    ...CORRUPT,
    prepare: async (world) => {
      await world.api.post(`${GROUP}/rows:delete`, { keys: [{ origin: 'SFO' }] });
      await changed(`${ROOT}/`, '.bin', garbled)(world);
    },
    ...READ,
  },
  { code: 'CORRUPT_STORE', what: 'a registry that is none', ...CORRUPT, prepare: changed('demo/_registry/', '', () => utf8('{"format":1}')), ...READ },
  {
    code: 'UNSUPPORTED_FORMAT',
    what: 'a registry that a later version wrote',
    status: 422,
    exit: 1,
    prepare: changed('demo/_registry/', '', () => utf8('{"format":99}')),
    ...READ,
  },
  {
    code: 'PATH_OUTSIDE_TABLE',
    what: 'a data file outside of its table',
    status: 422,
    exit: 1,
    problem: { path: '../../secret.parquet' },
    prepare: foreign(add('../../secret.parquet')),
    ...READ,
  },
  {
    code: 'UNSUPPORTED_TABLE_FEATURE',
    what: 'a table with a feature we do not know',
    status: 422,
    exit: 1,
    problem: { feature: 'rowsOnTheMoon' },
    prepare: foreign({ protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['rowsOnTheMoon'], writerFeatures: ['rowsOnTheMoon'] } }),
    ...READ,
  },
  {
    code: 'SCHEMA_DRIFT',
    what: 'a table that lost a column',
    status: 409,
    exit: 1,
    problem: { drifts: [{ column: 'mean_delay_24h', expected: 'double', found: null }] },
    prepare: ({ api }) => foreignMetadata(api.parts, ROOT, (fields) => fields.filter(({ name }) => name !== 'mean_delay_24h')),
    ...WRITE,
  },
  {
    code: 'CONSTRAINT_VIOLATED',
    what: 'a row that a constraint of the table forbids',
    status: 422,
    exit: 1,
    problem: { row: 0, expression: 'flights_24h >= 0' },
    prepare: async ({ api }) => (await DeltaTable.open(api.parts, ROOT)).alterConstraint({ name: 'counted', expression: 'flights_24h >= 0' }),
    ...WRITE,
  },
  {
    code: 'HISTORY_EXPIRED',
    what: 'a version that an erasure ended',
    status: 410,
    exit: 1,
    problem: { asked: 1, reason: 'ERASED', oldest: 4 },
    prepare: ({ api }) => api.post(`${GROUP}/rows:erase`, { keys: [{ origin: 'SFO' }], reason: 'asked to be forgotten' }),
    request: ['POST', `${GROUP}/read`, { asOf: { version: 1 } }],
    command: ['fg', 'read', 'airport_delays/1', '--as-of', '1'],
  },
  {
    code: 'PLAN_TOO_LARGE',
    what: 'a training set of more bytes than the engine may take',
    status: 422,
    exit: 1,
    problem: {
      estimate: { spineRows: 1, files: 2, bytes: expect.any(Number) },
      budget: { bytes: SCRATCH_BYTES_MAX },
      alternative: expect.stringMatching(/^WITH b AS \(SELECT .*VERSION AS OF 2/s),
      repeatable: false,
    },
    prepare: foreign(add('part-large.parquet', 10 ** 13)),
    ...TRAIN,
  },
  {
    code: 'UNSUPPORTED_OPERATION',
    what: 'publishing a group that is not online',
    status: 422,
    exit: 1,
    prepare: ({ api }) =>
      api.post('/v1/projects/demo/feature-groups', { name: 'offline', version: 1, primaryKey: ['id'], schema: [{ name: 'id', type: 'int' }] }),
    request: ['POST', '/v1/projects/demo/feature-groups/offline/versions/1:publish'],
    command: ['fg', 'publish', 'offline/1'],
  },
  {
    code: 'COMMIT_CONFLICT',
    what: 'a write that loses every race',
    status: 409,
    exit: 1,
    problem: { reason: 'contention' },
    faults: ({ api: { parts } }) => ({
      createIfAbsent: async (path, bytes, options) => {
        if (isEntry(path)) await parts.store.createIfAbsent(path, utf8(lines({ commitInfo: { operation: 'WRITE' } })), { identity: path });
        return parts.store.createIfAbsent(path, bytes, options);
      },
    }),
    leaves: `${ROOT}/`,
    ...WRITE,
  },
  {
    code: 'WRITER_FENCED',
    what: 'an entry that left the log as soon as it took its place',
    status: 409,
    exit: 1,
    problem: { path: entryOf(2) },
    faults: ({ api: { parts } }) => ({
      createIfAbsent: async (path, bytes, options) => (isEntry(path) ? { kind: 'exists' } : parts.store.createIfAbsent(path, bytes, options)),
    }),
    leaves: `${ROOT}/part-`,
    ...WRITE,
  },
  {
    code: 'COMMIT_OUTCOME_UNKNOWN',
    what: 'a commit whose answer was lost',
    status: 503,
    exit: 1,
    problem: { version: 2, txnId: expect.any(String), repeatable: true },
    faults: ({ api: { parts } }) => ({
      createIfAbsent: async (path, bytes, options) =>
        isEntry(path) ? { kind: 'unknown', cause: new Error('the line went dead') } : parts.store.createIfAbsent(path, bytes, options),
    }),
    leaves: `${ROOT}/part-`,
    ...WRITE,
  },
  {
    code: 'STORE_UNAVAILABLE',
    what: 'a store that does not answer',
    status: 503,
    exit: 1,
    problem: { repeatable: true },
    faults: failing(() => new LakefoldError('STORE_UNAVAILABLE', 'could not get it')),
    ...READ,
  },
  {
    code: 'STORE_THROTTLED',
    what: 'a store that asks to slow down',
    status: 503,
    exit: 1,
    problem: { repeatable: true },
    faults: failing(() => new LakefoldError('STORE_THROTTLED', 'slow down')),
    ...READ,
  },
  {
    code: 'DEADLINE_EXCEEDED',
    what: 'a request whose time is up',
    status: 504,
    exit: 1,
    problem: { repeatable: true },
    faults: failing(() => new DOMException('time is up', 'TimeoutError')),
    ...READ,
  },
  {
    code: 'INTERNAL',
    what: 'a bug of ours, of which nothing is shown',
    status: 500,
    exit: 1,
    problem: { detail: 'an unexpected fault inside the service', repeatable: false },
    faults: failing(() => new TypeError('/home/secret is not iterable')),
    ...READ,
  },
];
