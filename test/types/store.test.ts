/** What the compiler knows of definitions: held by `npm run typecheck`; nothing here is checked when it runs. */
import { describe, expectTypeOf, it } from 'vitest';
import { featureGroup, featureView, join, onDemand, t, type Entry, type Features, type FeatureStore, type Row, type RowInput } from '../../lib/index.ts';

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
    expectTypeOf<Entry<typeof model>>().toEqualTypeOf<{
      readonly origin?: string | Date;
      readonly dest?: string | Date;
      readonly at?: string | Date;
      readonly distance?: number;
    }>();
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
      // @ts-expect-error the spine has no such column
      void store.featureView(model).getFeatureVector({ nothing: 1 });
      // @ts-expect-error a column of the spine has its type
      void store.featureView(model).getFeatureVector({ distance: 'far' });
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
