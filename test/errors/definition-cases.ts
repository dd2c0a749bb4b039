/** Definitions, and training sets of them, that are refused, each with its code. */
import { collectDefinitions } from '../../lib/registry/collect-definitions.ts';
import { featureView, onDemand } from '../../lib/registry/define-view.ts';
import { t } from '../../lib/registry/column-builder.ts';
import { airportDelays, delayModel, GROUP, VIEW } from '../support/api.ts';
import type { ErrorCase } from './error-world.ts';

const VIEWS = '/v1/projects/demo/feature-views';
const GROUPS = '/v1/projects/demo/feature-groups';
const STATIC = {
  name: 'airports',
  version: 1,
  primaryKey: ['origin'],
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'city', type: 'string' },
  ],
};

const join = (change: object): object => ({ featureGroup: 'airport_delays', version: 1, on: { origin: 'origin' }, features: ['mean_delay_24h'], ...change });
const viewOf = (...joins: readonly object[]): object => ({ ...delayModel.json, name: 'other', onDemand: [], joins });

/** Registered alone by `POST …/feature-views`, and by `apply` with the groups that stand there. */
function refusedView(code: ErrorCase['code'], what: string, view: object, parts: Pick<ErrorCase, 'status' | 'exit' | 'problem' | 'prepare'>): ErrorCase {
  return {
    code,
    what,
    ...parts,
    request: ['POST', VIEWS, view],
    command: ['apply', '--yes', '--config', 'definitions.json'],
    files: { 'definitions.json': JSON.stringify({ featureViews: [view] }) },
  };
}

const thrower = featureView({
  name: 'thrower',
  version: 1,
  spine: { origin: t.string(), at: t.timestamp() },
  labelTime: 'at',
  joins: [],
  onDemand: [
    onDemand({
      name: 'ratio',
      inputs: { origin: t.string() },
      returns: t.int(),
      compute: ({ origin }) => {
        if (origin === 'SFO') return 1;
        throw new Error('no such airport');
      },
    }),
  ],
});
const THROWN = { rows: ['SFO', 'LAX'].map((origin) => ({ origin, at: '2001-03-01T10:20:00Z' })) };
const NARROWED = [
  { name: 'origin', type: 'string' },
  { name: 'hour', type: 'timestamp' },
  { name: 'flights_24h', type: 'int' },
  { name: 'mean_delay_24h', type: 'double' },
];

export const DEFINITION_CASES: readonly ErrorCase[] = [
  {
    code: 'INVALID_DEFINITION',
    what: 'a ttl without event time',
    status: 422,
    exit: 3,
    problem: { errors: [{ field: 'ttl', code: 'TTL_REQUIRES_EVENT_TIME' }], errorCount: 1 },
    request: ['POST', GROUPS, { ...STATIC, ttl: 'P1D' }],
    command: ['apply', '--yes', '--config', 'definitions.json'],
    files: { 'definitions.json': JSON.stringify({ featureGroups: [{ ...STATIC, ttl: 'P1D' }] }) },
  },
  refusedView('JOIN_KEY_MISMATCH', 'part of the key left out', viewOf(join({ featureGroup: 'pairs', features: ['n'], temporal: false })), {
    status: 422,
    exit: 1,
    problem: { primaryKey: ['origin', 'dest'] },
    prepare: ({ api }) =>
      api.post(GROUPS, {
        ...STATIC,
        name: 'pairs',
        primaryKey: ['origin', 'dest'],
        schema: [...STATIC.schema.slice(0, 1), { name: 'dest', type: 'string' }, { name: 'n', type: 'int' }],
      }),
  }),
  refusedView('AMBIGUOUS_FEATURE_NAME', 'two features of one name', viewOf(join({ name: 'a' }), join({ name: 'b', on: { dest: 'origin' } })), {
    status: 422,
    exit: 1,
    problem: { suggestedPrefix: 'airport_delays_', errors: [{ field: 'joins[1].prefix', feature: 'mean_delay_24h' }] },
  }),
  refusedView(
    'POINT_IN_TIME_REQUIRES_EVENT_TIME',
    'a join in time with a group without event time',
    viewOf(join({ featureGroup: 'airports', features: ['city'] })),
    {
      status: 422,
      exit: 1,
      problem: { errors: [{ field: 'joins[0].temporal', code: 'POINT_IN_TIME_REQUIRES_EVENT_TIME' }] },
      prepare: ({ api }) => api.post(GROUPS, STATIC),
    },
  ),
  {
    code: 'SELF_JOIN_BOUNDARY_REQUIRED',
    what: 'rows of a group that is joined as well',
    status: 422,
    exit: 1,
    problem: { field: 'spine.featureGroup', featureGroup: 'airport_delays/1' },
    request: ['POST', `${VIEW}/training-datasets`, { spine: { featureGroup: { name: 'airport_delays', version: 1 } } }],
    command: ['td', 'create', 'delay_model/1', '--spine', '{"featureGroup":{"name":"airport_delays","version":1}}'],
  },
  {
    code: 'ALREADY_EXISTS',
    what: 'another definition of a name and version, or a file that is there',
    status: 409,
    exit: 1,
    request: ['POST', GROUPS, { ...airportDelays.json, ttl: 'P9D' }],
    command: ['init'],
    files: { 'lakefold.config.ts': 'export {};' },
  },
  {
    code: 'IN_USE',
    what: 'a group that a view joins',
    status: 409,
    exit: 1,
    problem: { usedBy: ['feature-view:delay_model/1'] },
    request: ['DELETE', GROUP],
    command: ['fg', 'delete', 'airport_delays/1'],
  },
  {
    code: 'BREAKING_SCHEMA_CHANGE',
    what: 'a column that must not be null any more',
    status: 409,
    exit: 3,
    problem: { newVersion: 2 },
    request: ['PATCH', GROUP, { schema: NARROWED }],
    command: ['fg', 'update', 'airport_delays/1', '--schema', JSON.stringify(NARROWED)],
  },
  {
    code: 'IMMUTABLE',
    what: 'a view with other joins',
    status: 409,
    exit: 3,
    problem: { newVersion: 2 },
    request: ['PATCH', VIEW, { joins: [join({ prefix: 'dep_' })] }],
    command: ['apply', '--yes', '--config', 'definitions.json'],
    files: {
      'definitions.json': JSON.stringify({ featureGroups: [airportDelays.json], featureViews: [{ ...delayModel.json, joins: [join({ prefix: 'dep_' })] }] }),
    },
  },
  {
    code: 'PLAN_STALE',
    what: 'a plan made on other definitions',
    status: 409,
    exit: 1,
    faults: ({ api }) => {
      let times = 0;
      return {
        createIfAbsent: async (path, bytes, options) => {
          if (path.startsWith('demo/_registry/')) {
            times += 1;
            await api.send('PATCH', GROUP, { body: { description: `changed ${times} times` } });
          }
          return api.parts.store.createIfAbsent(path, bytes, options);
        },
      };
    },
    request: ['POST', '/v1/projects/demo/definitions:apply', { planId: 'pl_of_another_day' }],
    command: ['apply', '--yes', '--config', 'definitions.json'],
    files: { 'definitions.json': JSON.stringify({ featureGroups: [{ ...airportDelays.json, owner: 'me@example.com' }] }) },
    leaves: 'demo/_registry/',
  },
  {
    code: 'FUNCTION_MISMATCH',
    what: 'a server without the function of the view',
    status: 409,
    exit: 1,
    functions: new Map(),
    problem: { function: 'is_long_haul' },
    request: ['POST', `${VIEW}/vector`, { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } }],
    command: ['fv', 'get', 'delay_model/1', 'origin=SFO', 'dest=JFK', '--param', 'distance=1'],
  },
  {
    code: 'ON_DEMAND_FAILED',
    what: 'a function that throws',
    status: 422,
    exit: 1,
    functions: collectDefinitions({ thrower }).functions,
    prepare: ({ api }) => api.post(VIEWS, thrower.json),
    problem: { errors: [{ row: 1, feature: 'ratio', code: 'ON_DEMAND_FAILED' }], errorCount: 1 },
    request: ['POST', `${VIEWS}/thrower/versions/1/training-datasets`, { spine: THROWN }],
    command: ['td', 'create', 'thrower/1', '--spine', JSON.stringify(THROWN)],
  },
];
