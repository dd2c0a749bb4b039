/** Definitions that are refused, each with the code of its fault: through HTTP and through the command alike. */
import { airportDelays, delayModel } from './api.ts';

export interface BadDefinitions {
  readonly what: string;
  /** As `/definitions:plan` takes them, over a project that has the example's group and view. */
  readonly featureGroups?: readonly object[];
  readonly featureViews?: readonly object[];
  readonly status: number;
  readonly code: string;
  /** Exit code of `plan`. */
  readonly exit: 1 | 3;
  readonly faults?: readonly { readonly field: string; readonly code: string }[];
}

const group = (change: object): object => ({ ...airportDelays.json, name: 'other', ...change });
const view = (change: object): object => ({ ...delayModel.json, name: 'other_model', onDemand: [], ...change });
const column = (change: object): object => group({ schema: [...SCHEMA, { name: 'n', type: 'int', nullable: true, ...change }] });
const join = (change: object): object =>
  view({ joins: [{ featureGroup: 'airport_delays', version: 1, features: ['mean_delay_24h'], prefix: 'x_', ...change }] });

const SCHEMA = [
  { name: 'origin', type: 'string' },
  { name: 'hour', type: 'timestamp' },
  { name: 'flights_24h', type: 'int' },
];
/** A group without event time, and one whose key is (a, b). */
const STATIC = {
  name: 'airports',
  version: 1,
  primaryKey: ['origin'],
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'city', type: 'string' },
  ],
};
const PAIRS = {
  ...STATIC,
  name: 'pairs',
  primaryKey: ['origin', 'dest'],
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'dest', type: 'string' },
    { name: 'n', type: 'int' },
  ],
};

const invalid = (what: string, definition: object, ...faults: readonly { readonly field: string; readonly code: string }[]): BadDefinitions => ({
  what,
  ...('joins' in definition ? { featureViews: [definition] } : { featureGroups: [definition] }),
  status: 422,
  code: 'INVALID_DEFINITION',
  exit: 3,
  faults,
});
const fault = (field: string, code: string): { readonly field: string; readonly code: string } => ({ field, code });

export const BAD_DEFINITIONS: readonly BadDefinitions[] = [
  // §8, names
  invalid('a name that is none', group({ name: 'Airport-Delays' }), fault('name', 'INVALID_NAME')),
  invalid('a name of 64 characters', group({ name: 'a'.repeat(64) }), fault('name', 'INVALID_NAME')),
  invalid('a reserved name', group({ name: '_delays' }), fault('name', 'RESERVED_NAME')),
  ...['is_deleted', 'write_time', 'api_invocation_time', '_change_type', '_commit_version', '_commit_timestamp', '_ingested_at'].map((name) =>
    invalid(`the reserved column ${name}`, column({ name }), fault('schema[3].name', 'RESERVED_NAME')),
  ),
  invalid('a column twice', column({ name: 'origin' }), fault('schema[3].name', 'INVALID_NAME')),
  invalid('a description of 257 characters', group({ description: 'x'.repeat(257) }), fault('description', 'INVALID_ARGUMENT')),
  invalid('a tag key of 129 characters', group({ tags: { ['x'.repeat(129)]: 'a' } }), fault('tags', 'INVALID_ARGUMENT')),
  // Columns, keys, event time, settings
  invalid('a type that is none', column({ type: 'integer' }), fault('schema[3].type', 'INVALID_ARGUMENT')),
  invalid('a default of another type', column({ default: 'x' }), fault('schema[3].default', 'TYPE_MISMATCH')),
  invalid('a key of floats', group({ schema: [...SCHEMA.slice(1), { name: 'origin', type: 'double' }] }), fault('primaryKey[0]', 'INVALID_KEY_TYPE')),
  invalid('a key that is no column', group({ primaryKey: ['nowhere'], clusterBy: [] }), fault('primaryKey[0]', 'UNKNOWN_COLUMN')),
  invalid('an event time of another type', group({ eventTime: 'flights_24h', clusterBy: [] }), fault('eventTime', 'INVALID_EVENT_TIME')),
  invalid('a ttl without event time', group({ eventTime: undefined, clusterBy: [] }), fault('ttl', 'TTL_REQUIRES_EVENT_TIME')),
  invalid('a ttl of nothing', group({ ttl: 'PT0S' }), fault('ttl', 'ZERO_DURATION')),
  invalid('a ttl in months', group({ ttl: 'P1M' }), fault('ttl', 'INVALID_ARGUMENT')),
  invalid('a retention under a week', group({ retention: 'P6D' }), fault('retention', 'INVALID_ARGUMENT')),
  invalid(
    'an expectation nobody knows',
    group({ expectations: [{ expectationType: 'expect_magic', kwargs: {} }] }),
    fault('expectations[0].expectationType', 'UNKNOWN_EXPECTATION'),
  ),
  // Views
  invalid(
    'a key column of another type',
    view({ spine: [{ name: 'origin', type: 'int' }, ...spineRest()] }),
    fault('joins[0].on.origin', 'ENTRY_KEY_TYPE_CONFLICT'),
  ),
  invalid('a lookback under the availability delay', join({ lookback: 'PT1M' }), fault('joins[0].lookback', 'INVALID_ARGUMENT')),
  {
    what: 'a circle of joins',
    ...circle(),
    status: 422,
    code: 'INVALID_DEFINITION',
    exit: 3,
    faults: [fault('joins[0].via', 'CYCLE'), fault('joins[1].via', 'CYCLE')],
  },
  { what: 'a group nobody has', featureViews: [join({ featureGroup: 'nowhere' })], status: 404, code: 'UNKNOWN_FEATURE_GROUP', exit: 1 },
  { what: 'a version nobody has', featureViews: [join({ version: 9 })], status: 404, code: 'UNKNOWN_FEATURE_GROUP', exit: 1 },
  { what: 'a feature the group lacks', featureViews: [join({ features: ['nothing'] })], status: 400, code: 'UNKNOWN_FEATURE', exit: 1 },
  {
    what: 'a part of the key left out (P10)',
    featureGroups: [PAIRS],
    featureViews: [join({ featureGroup: 'pairs', features: ['n'], temporal: false, on: { origin: 'origin' } })],
    status: 422,
    code: 'JOIN_KEY_MISMATCH',
    exit: 1,
  },
  {
    what: 'two features of one name (P13)',
    featureViews: [
      view({
        joins: [
          { featureGroup: 'airport_delays', version: 1, features: ['flights_24h'] },
          { name: 'b', featureGroup: 'airport_delays', version: 1, on: { dest: 'origin' }, features: ['flights_24h'] },
        ],
      }),
    ],
    status: 422,
    code: 'AMBIGUOUS_FEATURE_NAME',
    exit: 1,
  },
  {
    what: 'a group without event time (P9)',
    featureGroups: [STATIC],
    featureViews: [join({ featureGroup: 'airports', features: ['city'] })],
    status: 422,
    code: 'POINT_IN_TIME_REQUIRES_EVENT_TIME',
    exit: 1,
  },
  {
    what: 'the root joined without a boundary (P2)',
    featureViews: [
      {
        ...view({ root: { name: 'airport_delays', version: 1 } }),
        spine: [
          { name: 'origin', type: 'string' },
          { name: 'hour', type: 'timestamp' },
        ],
        labelTime: 'hour',
        labels: [],
        joins: [{ featureGroup: 'airport_delays', version: 1, features: ['mean_delay_24h'], prefix: 'x_' }],
      },
    ],
    status: 422,
    code: 'SELF_JOIN_BOUNDARY_REQUIRED',
    exit: 1,
  },
  // Bounds, members, plans
  {
    what: '1,001 columns',
    featureGroups: [group({ schema: [...SCHEMA, ...Array.from({ length: 998 }, (_, i) => ({ name: `c${i}`, type: 'int', nullable: true }))] })],
    status: 413,
    code: 'LIMIT_EXCEEDED',
    exit: 1,
  },
  {
    what: '65 joins',
    featureViews: [
      view({
        joins: Array.from({ length: 65 }, (_, i) => ({
          name: `j${i}`,
          featureGroup: 'airport_delays',
          version: 1,
          features: ['mean_delay_24h'],
          prefix: `j${i}_`,
        })),
      }),
    ],
    status: 413,
    code: 'LIMIT_EXCEEDED',
    exit: 1,
  },
  { what: 'a member nobody knows', featureGroups: [group({ colour: 'red' })], status: 400, code: 'UNKNOWN_FIELD', exit: 1 },
  {
    what: 'a definition twice',
    featureGroups: [group({}), group({})],
    status: 422,
    code: 'INVALID_DEFINITION',
    exit: 3,
    faults: [fault('featureGroups[1]', 'INVALID_NAME')],
  },
];

function spineRest(): readonly object[] {
  return [
    { name: 'dest', type: 'string' },
    { name: 'predicted_at', type: 'timestamp' },
    { name: 'distance', type: 'int' },
    { name: 'delayed', type: 'boolean', nullable: true },
  ];
}

/** Two joins whose keys are each other's features. */
function circle(): { readonly featureGroups: readonly object[]; readonly featureViews: readonly object[] } {
  const of = (name: string, key: string, value: string): object => ({
    name,
    version: 1,
    primaryKey: [key],
    schema: [
      { name: key, type: 'string' },
      { name: value, type: 'string' },
    ],
  });
  const joins = [
    { name: 'a', featureGroup: 'a_group', version: 1, temporal: false, on: { x: 'x' }, features: ['y'], via: { join: 'b', feature: 'x' }, prefix: 'a_' },
    { name: 'b', featureGroup: 'b_group', version: 1, temporal: false, on: { y: 'y' }, features: ['x'], via: { join: 'a', feature: 'y' }, prefix: 'b_' },
  ];
  return {
    featureGroups: [of('a_group', 'x', 'y'), of('b_group', 'y', 'x')],
    featureViews: [{ ...view({ joins }), spine: [{ name: 'at', type: 'timestamp' }], labelTime: 'at', labels: [] }],
  };
}
