import { describe, expect, it } from 'vitest';
import type { FeatureGroupDefinition, FeatureViewDefinition } from '../../lib/registry/definition.ts';
import { describeView } from '../../lib/registry/describe-view.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { parseFeatureView } from '../../lib/registry/parse-view.ts';
import { resolveView, type FindGroup } from '../../lib/registry/resolve-view.ts';
import { HASH, delays, modelJson, thrownBy } from './examples.ts';

const group = (json: Readonly<Record<string, unknown>>): FeatureGroupDefinition => ({ ...parseFeatureGroup(json), version: 1 });
const static1 = group({
  name: 'airports',
  primaryKey: ['origin'],
  schema: [
    { name: 'origin', type: 'string' },
    { name: 'region', type: 'string' },
    { name: 'owner_id', type: 'bigint' },
  ],
});
const owners = group({
  name: 'owners',
  primaryKey: ['id'],
  schema: [
    { name: 'id', type: 'int' },
    { name: 'parent', type: 'int' },
  ],
});
const pairs = group({
  name: 'pairs',
  primaryKey: ['a', 'b'],
  eventTime: 'at',
  schema: [
    { name: 'a', type: 'int' },
    { name: 'b', type: 'int' },
    { name: 'at', type: 'timestamp' },
    { name: 'v', type: 'int' },
  ],
});
const findGroup: FindGroup = (name, version) => (version === 1 ? [delays, static1, owners, pairs].find((other) => other.name === name) : undefined);

const resolve = (json: unknown): FeatureViewDefinition => resolveView(parseFeatureView(json), 1, findGroup);
const base = {
  name: 'v',
  spine: [
    { name: 'origin', type: 'string' },
    { name: 'at', type: 'timestamp' },
  ],
  labelTime: 'at',
};
const withJoins = (...joins: readonly object[]): object => ({ ...base, joins: joins.map((join) => ({ version: 1, ...join })) });
const delayJoin = { featureGroup: 'airport_delays', features: ['flights_24h'] };

describe('a feature view', () => {
  it('is completed from its groups: keys of the same names, names from prefixes, defaults', () => {
    expect(resolve(modelJson)).toEqual({
      name: 'delay_model',
      version: 1,
      description: null,
      spine: [
        { name: 'origin', type: 'string', nullable: false },
        { name: 'dest', type: 'string', nullable: false },
        { name: 'predicted_at', type: 'timestamp', nullable: false },
        { name: 'distance', type: 'int', nullable: false },
        { name: 'delayed', type: 'boolean', nullable: true },
      ],
      labelTime: 'predicted_at',
      labels: ['delayed'],
      root: null,
      joins: [
        {
          name: 'dep',
          featureGroup: 'airport_delays',
          version: 1,
          on: { origin: 'origin' },
          features: ['flights_24h', 'mean_delay_24h'],
          prefix: 'dep_',
          lookback: 'P2D',
          availabilityDelay: null,
          boundary: 'inclusive',
          temporal: true,
          filter: null,
          defaults: { flights_24h: 0 },
          via: null,
        },
        {
          name: 'arr',
          featureGroup: 'airport_delays',
          version: 1,
          on: { dest: 'origin' },
          features: ['mean_delay_24h'],
          prefix: 'arr_',
          lookback: null,
          availabilityDelay: null,
          boundary: 'inclusive',
          temporal: true,
          filter: null,
          defaults: {},
          via: null,
        },
      ],
      onDemand: [
        { name: 'is_long_haul', inputs: [{ name: 'distance', type: 'int', nullable: false }], returns: { type: 'boolean', nullable: false }, sourceHash: HASH },
      ],
      transforms: { dep_mean_delay_24h: { function: 'standard_scaler', arguments: {} } },
      inferenceHelpers: [],
      trainingHelpers: [],
      logging: { sample: 0 },
      tags: {},
      owner: null,
    });
  });

  it('describes its features, entry keys and request parameters', () => {
    expect(describeView(resolve(modelJson), findGroup)).toEqual({
      features: [
        { name: 'dep_flights_24h', type: 'int', join: 'dep' },
        { name: 'dep_mean_delay_24h', type: 'double', join: 'dep' },
        { name: 'arr_mean_delay_24h', type: 'double', join: 'arr' },
        { name: 'is_long_haul', type: 'boolean', join: null },
      ],
      entryKeys: [
        { name: 'origin', type: 'string' },
        { name: 'dest', type: 'string' },
      ],
      requestParameters: [{ name: 'distance', type: 'int' }],
    });
  });

  it('takes a feature of another join as a key, which is then no entry key (P11)', () => {
    const view = resolve(
      withJoins(
        { featureGroup: 'airports', features: ['owner_id'], temporal: false },
        { featureGroup: 'owners', features: ['parent'], temporal: false, via: { join: 'airports', feature: 'owner_id' } },
      ),
    );
    expect(view.joins.map(({ name, on }) => ({ name, on }))).toEqual([
      { name: 'airports', on: { origin: 'origin' } },
      { name: 'owners', on: { owner_id: 'id' } },
    ]);
    expect(describeView(view, findGroup).entryKeys).toEqual([{ name: 'origin', type: 'string' }]);
  });

  it.each([
    ['a group nobody knows', withJoins({ ...delayJoin, featureGroup: 'nothing' }), 'UNKNOWN_FEATURE_GROUP'],
    ['another version of a group', withJoins({ ...delayJoin, version: 2 }), 'UNKNOWN_FEATURE_GROUP'],
    ['a feature its group lacks', withJoins({ ...delayJoin, features: ['flights'] }), 'UNKNOWN_FEATURE'],
    [
      'half a key (P10)',
      {
        ...withJoins({ featureGroup: 'pairs', features: ['v'], on: { a: 'a' } }),
        spine: [
          { name: 'a', type: 'int' },
          { name: 'at', type: 'timestamp' },
        ],
      },
      'JOIN_KEY_MISMATCH',
    ],
    ['a key the spine lacks (P10)', withJoins({ ...delayJoin, on: { dest: 'origin' } }), 'JOIN_KEY_MISMATCH'],
    ['a key column twice (P10)', { ...withJoins({ featureGroup: 'pairs', features: ['v'], on: { origin: 'a', at: 'a' } }) }, 'JOIN_KEY_MISMATCH'],
    ['a group without event time (P9)', withJoins({ featureGroup: 'airports', features: ['region'] }), 'POINT_IN_TIME_REQUIRES_EVENT_TIME'],
    [
      'a join of its own root without a boundary (P2)',
      {
        ...withJoins(delayJoin),
        root: { name: 'airport_delays', version: 1 },
        spine: [
          { name: 'origin', type: 'string' },
          { name: 'hour', type: 'timestamp' },
        ],
        labelTime: 'hour',
      },
      'SELF_JOIN_BOUNDARY_REQUIRED',
    ],
    ['a feature named as a spine column (P13)', withJoins({ featureGroup: 'airports', features: ['origin'], temporal: false }), 'AMBIGUOUS_FEATURE_NAME'],
  ])('is refused for %s', (_what, json, code) => {
    expect(thrownBy(() => resolve(json))).toMatchObject({ code });
  });

  it('lists both sides of keys that do not meet (P10)', () => {
    expect(thrownBy(() => resolve(withJoins({ ...delayJoin, on: { dest: 'origin' } })))).toMatchObject({
      context: { spineColumns: ['origin', 'at'], primaryKey: ['origin'], on: { dest: 'origin' } },
    });
  });

  it('suggests a prefix that makes names differ (P13)', () => {
    expect(thrownBy(() => resolve(withJoins(delayJoin, { ...delayJoin, name: 'again' })))).toMatchObject({
      code: 'AMBIGUOUS_FEATURE_NAME',
      context: { suggestedPrefix: 'airport_delays_' },
    });
    expect(resolve(withJoins(delayJoin, { ...delayJoin, name: 'again', prefix: 'airport_delays_' })).joins).toHaveLength(2);
  });

  it.each([
    [
      'an entry key of another type',
      {
        ...withJoins(delayJoin),
        spine: [
          { name: 'origin', type: 'int' },
          { name: 'at', type: 'timestamp' },
        ],
      },
      'joins[0].on.origin ENTRY_KEY_TYPE_CONFLICT',
    ],
    ['a lookback below the delay (P3)', withJoins({ ...delayJoin, lookback: 'PT4M' }), 'joins[0].lookback INVALID_ARGUMENT'],
    ['a default of another type', withJoins({ ...delayJoin, defaults: { flights_24h: 'none' } }), 'joins[0].defaults.flights_24h TYPE_MISMATCH'],
    [
      'a default of a feature it does not take',
      withJoins({ ...delayJoin, defaults: { mean_delay_24h: 1 } }),
      'joins[0].defaults.mean_delay_24h UNKNOWN_COLUMN',
    ],
    [
      'a filter over an unknown column (P17)',
      withJoins({ ...delayJoin, filter: { and: [{ column: 'z', op: '=', value: 1 }] } }),
      'joins[0].filter.and[0].column UNKNOWN_COLUMN',
    ],
    [
      'a filter value of another type',
      withJoins({ ...delayJoin, filter: { column: 'flights_24h', op: '>', value: '1' } }),
      'joins[0].filter.value TYPE_MISMATCH',
    ],
    [
      'a function of an unknown input',
      { ...withJoins(delayJoin), onDemand: [{ name: 'f', inputs: [{ name: 'x', type: 'int' }], returns: { type: 'int' }, sourceHash: HASH }] },
      'onDemand[0].inputs[0].name UNKNOWN_COLUMN',
    ],
    [
      'a function input of another type',
      { ...withJoins(delayJoin), onDemand: [{ name: 'f', inputs: [{ name: 'flights_24h', type: 'double' }], returns: { type: 'int' }, sourceHash: HASH }] },
      'onDemand[0].inputs[0].type TYPE_MISMATCH',
    ],
    ['a transform of a feature it lacks', { ...withJoins(delayJoin), transforms: { nothing: { function: 'imputer' } } }, 'transforms.nothing UNKNOWN_COLUMN'],
    [
      'a root whose columns it lacks',
      { ...withJoins({ ...delayJoin, boundary: 'exclusive' }), root: { name: 'airport_delays', version: 1 } },
      'spine[1].name UNKNOWN_COLUMN',
    ],
    [
      'keys that go round in a circle (P11)',
      withJoins({ featureGroup: 'owners', features: ['parent'], temporal: false, name: 'one', via: { join: 'one', feature: 'parent' } }),
      'joins[0].via CYCLE',
    ],
    [
      'keys four levels deep (P11)',
      withJoins(
        { featureGroup: 'airports', features: ['owner_id'], temporal: false, name: 'l1' },
        ...[2, 3, 4].map((n) => ({
          featureGroup: 'owners',
          features: ['parent'],
          temporal: false,
          name: `l${n}`,
          prefix: `l${n}_`,
          via: { join: `l${n - 1}`, feature: n === 2 ? 'owner_id' : 'parent' },
        })),
      ),
      'joins[3].via TOO_DEEP',
    ],
  ])('lists %s', (_what, json, fault) => {
    const error = thrownBy(() => resolve(json));
    const [field, code] = fault.split(' ');
    expect(error).toMatchObject({ code: 'INVALID_DEFINITION', errors: [{ field, code }] });
  });

  it.each([
    ['an unknown member of a join', withJoins({ ...delayJoin, where: {} }), 'joins[0].where UNKNOWN_FIELD'],
    ['a join without version', { ...base, joins: [delayJoin] }, 'joins[0].version INVALID_ARGUMENT'],
    ['two joins of one name', withJoins(delayJoin, delayJoin), 'joins[1].name INVALID_NAME'],
    ['an unknown label', { ...withJoins(delayJoin), labels: ['y'] }, 'labels[0] UNKNOWN_COLUMN'],
    ['a label time that is no time', { ...withJoins(delayJoin), labelTime: 'origin' }, 'labelTime INVALID_EVENT_TIME'],
    ['a lookback of zero', withJoins({ ...delayJoin, lookback: 'P0D' }), 'joins[0].lookback ZERO_DURATION'],
    [
      'a function without its hash',
      { ...withJoins(delayJoin), onDemand: [{ name: 'f', inputs: [], returns: { type: 'int' } }] },
      'onDemand[0].sourceHash INVALID_ARGUMENT',
    ],
    [
      'an unknown transform',
      { ...withJoins(delayJoin), transforms: { flights_24h: { function: 'magic' } } },
      'transforms.flights_24h.function INVALID_ARGUMENT',
    ],
  ])('is refused before it meets its groups for %s', (_what, json, fault) => {
    const [field, code] = fault.split(' ');
    expect(thrownBy(() => parseFeatureView(json))).toMatchObject({ errors: [{ field, code }] });
  });

  it('has at most 64 joins', () => {
    const joins = Array.from({ length: 65 }, (_, i) => ({ ...delayJoin, prefix: `p${i}_` }));
    expect(thrownBy(() => parseFeatureView(withJoins(...joins)))).toMatchObject({ code: 'LIMIT_EXCEEDED', context: { limit: 'JOINS_MAX' } });
  });
});
