/** Definitions as code: what they build, and what the compiler refuses. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { collectDefinitions, collectJsonDefinitions, functionOf } from '../../lib/registry/collect-definitions.ts';
import { t, type ValuesOf } from '../../lib/registry/column-builder.ts';
import { expectation } from '../../lib/registry/define-expectation.ts';
import { featureGroup } from '../../lib/registry/define-group.ts';
import { imputer, modelTransform, oneHotEncoder, quantileBinner, standardScaler } from '../../lib/registry/define-transform.ts';
import { featureView, join, onDemand } from '../../lib/registry/define-view.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { parseFeatureView } from '../../lib/registry/parse-view.ts';
import { sourceHashOf } from '../../lib/registry/source-hash.ts';
import { delaysJson, modelJson, thrownBy } from './examples.ts';

const airportDelays = featureGroup({
  name: 'airport_delays',
  version: 1,
  description: 'Trailing delays',
  schema: { origin: t.string(), hour: t.timestamp(), flights_24h: t.int(), mean_delay_24h: t.double().nullable().description('minutes') },
  primaryKey: ['origin'],
  eventTime: 'hour',
  onlineEnabled: true,
  ttl: 'P7D',
  availabilityDelay: 'PT5M',
  partitionBy: [],
  clusterBy: ['origin', 'hour'],
  expectations: [expectation.columnValuesToBeBetween('flights_24h', { minValue: 0 })],
  validationPolicy: 'STRICT',
  tags: { team: 'ops' },
  owner: 'ops@example.com',
});
const isLongHaul = onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 });
const clip = modelTransform({
  name: 'clip_p99',
  input: t.double(),
  output: t.double(),
  fit: ({ quantile }) => ({ high: quantile(0.99) }),
  apply: (value, { high }) => Math.min(value, high),
});
const delayModel = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), dest: t.string(), predicted_at: t.timestamp(), distance: t.int(), delayed: t.boolean().nullable() },
  labelTime: 'predicted_at',
  labels: ['delayed'],
  joins: [
    join(airportDelays, { features: ['flights_24h', 'mean_delay_24h'], prefix: 'dep_', lookback: 'P2D', defaults: { flights_24h: 0 } }),
    join(airportDelays, { on: { dest: 'origin' }, features: ['mean_delay_24h'], prefix: 'arr_' }),
  ],
  onDemand: [isLongHaul],
  transforms: { dep_mean_delay_24h: standardScaler() },
});

describe('definitions as code', () => {
  it('are the JSON form', () => {
    expect(parseFeatureGroup(airportDelays.json)).toEqual(parseFeatureGroup(delaysJson));
    const json = { ...modelJson, onDemand: [{ ...modelJson.onDemand[0], sourceHash: isLongHaul.sourceHash }] };
    expect(parseFeatureView(delayModel.json)).toEqual(parseFeatureView(json));
  });

  it('spell every type', () => {
    const types = [
      t.boolean(),
      t.int(),
      t.bigint(),
      t.float(),
      t.double(),
      t.decimal(10, 2),
      t.string(),
      t.binary(),
      t.date(),
      t.timestamp(),
      t.vector(8),
      t.array(t.string()),
      t.struct({ a: t.int(), b: t.array(t.date()) }),
      t.map(t.string(), t.double()),
    ];
    expect(types.map(({ type }) => type)).toEqual([
      'boolean',
      'int',
      'bigint',
      'float',
      'double',
      'decimal(10,2)',
      'string',
      'binary',
      'date',
      'timestamp',
      'vector(8)',
      'array<string>',
      'struct<a:int,b:array<date>>',
      'map<string,double>',
    ]);
  });

  it('keep defaults, units and descriptions, in any order', () => {
    const group = featureGroup({ name: 'g', primaryKey: [], schema: { a: t.int().default(3).nullable(), b: t.timestamp().unit('ms').description('when') } });
    expect(group.json['schema']).toEqual([
      { name: 'a', type: 'int', nullable: true, default: 3 },
      { name: 'b', type: 'timestamp', unit: 'ms', description: 'when' },
    ]);
  });

  it('name expectations as Great Expectations does', () => {
    expect([
      expectation.columnValuesToNotBeNull('a', { mostly: 0.9 }),
      expectation.columnValuesToBeInSet('a', ['x']),
      expectation.compoundColumnsToBeUnique(['a', 'b']),
      expectation.columnMeanToBeBetween('a', { minValue: 1, strictMin: true }),
      expectation.tableRowCountToBeBetween({ maxValue: 3 }),
    ]).toEqual([
      { expectationType: 'expect_column_values_to_not_be_null', kwargs: { column: 'a', mostly: 0.9 } },
      { expectationType: 'expect_column_values_to_be_in_set', kwargs: { column: 'a', value_set: ['x'] } },
      { expectationType: 'expect_compound_columns_to_be_unique', kwargs: { column_list: ['a', 'b'] } },
      { expectationType: 'expect_column_mean_to_be_between', kwargs: { column: 'a', min_value: 1, strict_min: true } },
      { expectationType: 'expect_table_row_count_to_be_between', kwargs: { max_value: 3 } },
    ]);
    const group = featureGroup({
      name: 'g',
      primaryKey: [],
      schema: { a: t.string(), b: t.int() },
      expectations: [
        expectation.columnValuesToNotBeInSet('a', ['x']),
        expectation.columnValuesToMatchRegex('a', '^x'),
        expectation.columnValuesToBeUnique('a'),
        expectation.columnValueLengthsToBeBetween('a', { maxValue: 3 }),
        expectation.columnUniqueValueCountToBeBetween('a', { minValue: 1 }),
        expectation.tableRowCountToEqual(4),
        expectation.columnMinToBeBetween('b', { minValue: 1 }),
        expectation.columnMaxToBeBetween('b', { minValue: 1 }),
        expectation.columnMedianToBeBetween('b', { minValue: 1 }),
        expectation.columnStdevToBeBetween('b', { minValue: 1 }),
        expectation.columnSumToBeBetween('b', { minValue: 1 }),
      ],
    });
    expect(parseFeatureGroup(group.json).expectations).toHaveLength(11);
  });

  it('spell transforms in snake case, own ones with the hash of their source', () => {
    expect(standardScaler().definition).toEqual({ function: 'standard_scaler', arguments: {} });
    expect(imputer({ strategy: 'constant', value: 0 }).definition).toEqual({ function: 'imputer', arguments: { strategy: 'constant', value: 0 } });
    expect(oneHotEncoder().definition).toEqual({ function: 'one_hot_encoder', arguments: {} });
    expect(quantileBinner({ bins: 4 }).definition).toEqual({ function: 'quantile_binner', arguments: { bins: 4 } });
    expect(clip.definition).toEqual({
      function: 'clip_p99',
      arguments: { input: 'double', output: 'double' },
      sourceHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
  });
});

describe('a definitions module', () => {
  it('gives its definitions once each, whatever else it exports, and its functions by name and hash', () => {
    const { wanted, functions } = collectDefinitions({ airportDelays, alias: airportDelays, delayModel, helper: () => 1, text: 'x', clip });
    expect(wanted).toEqual({ featureGroups: [parseFeatureGroup(airportDelays.json)], featureViews: [parseFeatureView(delayModel.json)] });
    expect([...functions.keys()]).toEqual([`is_long_haul ${isLongHaul.sourceHash}`]);
    expect(functionOf(functions, isLongHaul)({ distance: 2000 }, { at: '2024-01-01T00:00:00Z' })).toBe(true);
  });

  it('lacks a function that was changed (FUNCTION_MISMATCH)', () => {
    const { functions } = collectDefinitions({ delayModel });
    const changed = { name: 'is_long_haul', sourceHash: sourceHashOf(() => false) };
    expect(thrownBy(() => functionOf(functions, changed))).toMatchObject({
      code: 'FUNCTION_MISMATCH',
      context: { function: 'is_long_haul', expected: changed.sourceHash },
    });
    expect(thrownBy(() => functionOf(functions, { ...changed, name: 'other' }))).toMatchObject({ code: 'FUNCTION_MISMATCH' });
  });

  it('may be JSON', () => {
    expect(collectJsonDefinitions({ featureGroups: [delaysJson], featureViews: [modelJson] })).toEqual({
      featureGroups: [parseFeatureGroup(delaysJson)],
      featureViews: [parseFeatureView(modelJson)],
    });
    expect(thrownBy(() => collectJsonDefinitions({ groups: [] }))).toMatchObject({ code: 'UNKNOWN_FIELD' });
    expect(thrownBy(() => collectJsonDefinitions([]))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('the compiler', () => {
  it('knows the values of columns', () => {
    const schema = { k: t.bigint(), at: t.timestamp(), v: t.vector(3).nullable(), m: t.map(t.string(), t.int()) };
    expectTypeOf<ValuesOf<typeof schema>>().toEqualTypeOf<{
      readonly k: bigint;
      readonly at: string;
      readonly v: Float32Array | null;
      readonly m: ReadonlyMap<string, number | null>;
    }>();
    expectTypeOf(delayModel.joins[0].features).toEqualTypeOf<readonly ['flights_24h', 'mean_delay_24h']>();
    expectTypeOf(delayModel.joins[1].prefix).toEqualTypeOf<'arr_'>();
  });

  it('refuses columns, features, labels and results that are not there', () => {
    // @ts-expect-error a key that is no column
    featureGroup({ name: 'g', schema: { a: t.int() }, primaryKey: ['b'] });
    // @ts-expect-error a feature that is no column
    join(airportDelays, { features: ['flights'] });
    // @ts-expect-error a key column that is none
    join(airportDelays, { on: { origin: 'airport' }, features: ['flights_24h'] });
    // @ts-expect-error a default of a feature the join does not take
    join(airportDelays, { features: ['flights_24h'], defaults: { mean_delay_24h: 0 } });
    // @ts-expect-error a label that is no column of the spine
    featureView({ name: 'v', spine: { a: t.int() }, labels: ['b'], joins: [] });
    // @ts-expect-error a result of another type
    onDemand({ name: 'f', inputs: { a: t.int() }, returns: t.boolean(), compute: ({ a }) => a });
    // @ts-expect-error an input that was not asked for
    onDemand({ name: 'f', inputs: { a: t.int() }, returns: t.int(), compute: ({ b }) => b });
    expectTypeOf(isLongHaul.name).toEqualTypeOf<'is_long_haul'>();
  });
});
