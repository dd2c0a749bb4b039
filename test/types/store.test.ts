/** What the compiler knows of definitions: held by `npm run typecheck`; nothing here is checked when it runs. */
import { describe, expectTypeOf, it } from 'vitest';
import { createClient } from '../../lib/client/index.ts';
import {
  featureGroup,
  featureView,
  join,
  labelEncoder,
  onDemand,
  t,
  type CompleteFeatures,
  type Entry,
  type Features,
  type FeatureStore,
  type RequestParameters,
  type Row,
  type RowInput,
} from '../../lib/index.ts';

const delays = featureGroup({
  name: 'airport_delays',
  version: 1,
  primaryKey: ['origin'],
  eventTime: 'hour',
  schema: {
    origin: t.string(),
    hour: t.timestamp(),
    flights: t.int(),
    big: t.bigint().nullable(),
    mean: t.double().nullable(),
    price: t.decimal(9, 2),
    raw: t.binary(),
    day: t.date(),
    embedding: t.vector(2),
    tags: t.array(t.string()),
    parts: t.struct({ a: t.int() }),
    counts: t.map(t.string(), t.int()),
  },
});
const model = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), dest: t.string(), at: t.timestamp(), distance: t.int() },
  labelTime: 'at',
  joins: [
    join(delays, { on: { origin: 'origin' }, features: ['flights', 'big'], prefix: 'dep_' }),
    join(delays, { on: { dest: 'origin' }, features: ['embedding'], prefix: 'arr_' }),
  ],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 })],
});

const pairs = featureGroup({
  name: 'pairs',
  version: 1,
  primaryKey: ['a', 'b'],
  schema: { a: t.int(), b: t.bigint(), word: t.string(), number: t.int() },
});
const totals = featureGroup({ name: 'totals', version: 1, primaryKey: [], schema: { total: t.bigint() } });
const words = featureGroup({ name: 'words', version: 1, primaryKey: ['word'], schema: { word: t.string(), length: t.int() } });
const byWord = featureView({
  name: 'by_word',
  spine: { a: t.int(), b: t.bigint(), asked_at: t.timestamp() },
  labelTime: 'asked_at',
  joins: [join(pairs, { features: ['word', 'number'] }), join(totals, { features: ['total'] })],
  onDemand: [
    onDemand({
      name: 'late',
      inputs: { hour: t.int(), note: t.string().nullable(), number: t.int().nullable() },
      returns: t.boolean(),
      compute: ({ hour, number }) => hour > (number ?? 0),
    }),
  ],
});
/** The key of the second join is a feature of the first: nobody brings it. */
const chained = featureView({
  name: 'chained',
  spine: { a: t.int(), b: t.bigint(), word: t.string() },
  joins: [join(pairs, { features: ['word'], name: 'pairs' }), join(words, { features: ['length'], via: { join: 'pairs', feature: 'word' } })],
});
const everybody = featureView({ name: 'everybody', spine: { asked_at: t.timestamp() }, joins: [join(totals, { features: ['total'] })] });

declare const store: FeatureStore;

describe('types', () => {
  it('of rows read are those of the schema, null only where a column is nullable', () => {
    expectTypeOf<Row<typeof delays.schema>>().toEqualTypeOf<{
      readonly origin: string;
      readonly hour: string;
      readonly flights: number;
      readonly big: bigint | null;
      readonly mean: number | null;
      readonly price: string;
      readonly raw: Uint8Array;
      readonly day: string;
      readonly embedding: Float32Array;
      readonly tags: readonly (string | null)[];
      readonly parts: { readonly a: number | null };
      readonly counts: ReadonlyMap<string, number | null>;
    }>();
  });

  it('of rows written let nullable columns out and dates, numbers and plain arrays in', () => {
    const row = {
      origin: 'SFO',
      hour: new Date(0),
      flights: 1,
      price: '1.00',
      raw: Uint8Array.of(1),
      day: '2001-01-01',
      embedding: [1, 2],
      tags: ['a', null],
      parts: { a: null },
      counts: { a: 1 },
    };
    expectTypeOf(row).toExtend<RowInput<typeof delays.schema>>();
    expectTypeOf({ ...row, big: 1, mean: null }).toExtend<RowInput<typeof delays.schema>>();
    expectTypeOf({ ...row, flights: '1' }).not.toExtend<RowInput<typeof delays.schema>>();
    expectTypeOf({ origin: 'SFO' }).not.toExtend<RowInput<typeof delays.schema>>();
  });

  it('of a vector are its features by output name, each of which may be null', () => {
    expectTypeOf<Features<typeof model>>().toEqualTypeOf<{
      readonly dep_flights: number | null;
      readonly dep_big: bigint | null;
      readonly arr_embedding: Float32Array | null;
      readonly is_long_haul: boolean | null;
    }>();
  });

  it('of a vector that misses nothing are null only where a column or a function may be', () => {
    expectTypeOf<CompleteFeatures<typeof model>>().toEqualTypeOf<{
      readonly dep_flights: number;
      readonly dep_big: bigint | null;
      readonly arr_embedding: Float32Array;
      readonly is_long_haul: boolean | null;
    }>();
    const unused = (): void => {
      const entry = { origin: 'SFO', dest: 'JFK' };
      const requestParameters = { distance: 1 };
      const complete = store.featureView(model).getFeatureVector(entry, { requestParameters, allowMissing: false });
      const remote = createClient({ endpoint: 'http://server.test' }).featureView<typeof model>('delay_model', 1);
      const completeRemote = remote.getFeatureVector(entry, { requestParameters, allowMissing: false });
      expectTypeOf<Awaited<typeof complete>['features']>().toEqualTypeOf<CompleteFeatures<typeof model>>();
      expectTypeOf<Awaited<typeof completeRemote>['features']>().toEqualTypeOf<CompleteFeatures<typeof model>>();
      const perhaps = remote.getFeatureVector(entry, { requestParameters });
      expectTypeOf<Awaited<typeof perhaps>['features']>().toEqualTypeOf<Features<typeof model>>();
      // @ts-expect-error a part of the key is missing
      void remote.getFeatureVector({ origin: 'SFO' }, { requestParameters });
      // @ts-expect-error a request parameter is missing
      void remote.getFeatureVector(entry);
      // @ts-expect-error the view has no such feature
      void remote.getFeatureVector({ origin: 'SFO' }, { requestParameters, passedFeatures: { arr_flights: 1 } });
    };
    expectTypeOf(unused).toBeFunction();
  });

  it('of an entry are the columns of the spine that keys are made of, all of them', () => {
    expectTypeOf<Entry<typeof model>>().toEqualTypeOf<{ readonly origin: string | Date; readonly dest: string | Date }>();
    expectTypeOf<Entry<typeof byWord>>().toEqualTypeOf<{ readonly a: number; readonly b: bigint | number }>();
    expectTypeOf<Entry<typeof chained>>().toEqualTypeOf<{ readonly a: number; readonly b: bigint | number }>();
    expectTypeOf<Entry<typeof everybody>>().toEqualTypeOf<{}>();
  });

  it('of request parameters are the inputs of functions that are no features, required unless they may be null', () => {
    expectTypeOf<RequestParameters<typeof model>>().toEqualTypeOf<{ readonly distance: number }>();
    expectTypeOf<RequestParameters<typeof byWord>>().toEqualTypeOf<{ readonly hour: number; readonly note?: string | Date | null }>();
    expectTypeOf<RequestParameters<typeof everybody>>().toEqualTypeOf<{}>();
  });

  it('of a lookup want every key and every request parameter, unless features are passed', () => {
    const unused = (): void => {
      const view = store.featureView(model);
      const requestParameters = { distance: 1 };
      void view.getFeatureVector({ origin: 'SFO', dest: 'JFK' }, { requestParameters });
      void view.getFeatureVectors([{ origin: 'SFO', dest: 'JFK' }], { requestParameters: [requestParameters] });
      void view.getFeatureVector({ origin: 'SFO' }, { requestParameters, passedFeatures: { arr_embedding: null } });
      void store.featureView(everybody).getFeatureVector({});
      // @ts-expect-error a part of the key is missing
      void view.getFeatureVector({ origin: 'SFO' }, { requestParameters });
      // @ts-expect-error a request parameter is missing
      void view.getFeatureVector({ origin: 'SFO', dest: 'JFK' });
      // @ts-expect-error a request parameter is missing
      void view.getFeatureVector({ origin: 'SFO', dest: 'JFK' }, { consistent: true });
      // @ts-expect-error a request parameter has its type
      void view.getFeatureVector({ origin: 'SFO', dest: 'JFK' }, { requestParameters: { distance: 'far' } });
      // @ts-expect-error a part of the key is missing
      void view.getFeatureVectors([{ origin: 'SFO', dest: 'JFK' }, { origin: 'SFO' }], { requestParameters });
      // @ts-expect-error the view has no such feature
      void view.getFeatureVector({ origin: 'SFO' }, { requestParameters, passedFeatures: { arr_flights: 1 } });
    };
    expectTypeOf(unused).toBeFunction();
  });

  it('refuse a join that leaves a part of the key out, and a transform of a feature the view lacks', () => {
    const unused = (): void => {
      // @ts-expect-error the key is (a, b)
      join(pairs, { on: { x: 'a' }, features: ['word'] });
      // @ts-expect-error a column that is no part of the key
      join(pairs, { on: { x: 'a', y: 'b', z: 'word' }, features: ['word'] });
      const spine = { a: t.int(), b: t.bigint() };
      featureView({ name: 'v', spine, joins: [join(pairs, { features: ['word'], prefix: 'p_' })], transforms: { p_word: labelEncoder() } });
      // @ts-expect-error the view has no such feature
      featureView({ name: 'v', spine, joins: [join(pairs, { features: ['word'], prefix: 'p_' })], transforms: { word: labelEncoder() } });
      // @ts-expect-error the feature has a default of its own name
      join(pairs, { features: ['word'], defaults: { number: 1 } });
    };
    expectTypeOf(unused).toBeFunction();
  });

  it('refuse what a group or a view lacks', () => {
    const unused = (): void => {
      // @ts-expect-error the group has no such column
      join(delays, { features: ['nothing'] });
      // @ts-expect-error the key must be a column
      featureGroup({ name: 'g', schema: { a: t.int() }, primaryKey: ['b'] });
      // @ts-expect-error the label time must be a column of the spine
      featureView({ name: 'v', spine: { a: t.int() }, labelTime: 'b', joins: [] });
      // @ts-expect-error a function returns what it says
      onDemand({ name: 'f', inputs: { a: t.int() }, returns: t.boolean(), compute: ({ a }) => a });
      // @ts-expect-error the group has no such column
      store.featureGroup(delays).read({ features: ['nothing'] });
      // @ts-expect-error no key is made of it
      void store.featureView(model).getFeatureVector({ origin: 'SFO', dest: 'JFK', nothing: 1 }, { requestParameters: { distance: 1 } });
      // @ts-expect-error a key has its column's type
      void store.featureView(model).getFeatureVector({ origin: 1, dest: 'JFK' }, { requestParameters: { distance: 1 } });
    };
    expectTypeOf(unused).toBeFunction();
  });

  it('are open where a group or a view is only named', () => {
    expectTypeOf<Parameters<ReturnType<typeof openGroup>['upsert']>[0]>()
      .extract<readonly unknown[]>()
      .toEqualTypeOf<readonly Readonly<Record<string, unknown>>[]>();
    expectTypeOf<Awaited<ReturnType<ReturnType<typeof openView>['getFeatureVector']>>['features']>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
  });
});

function openGroup() {
  return store.featureGroup('airport_delays', 1);
}

function openView() {
  return store.featureView('delay_model', 1);
}
