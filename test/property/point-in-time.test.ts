/** The nine metamorphic properties of the point-in-time join (semantics §1), on random worlds. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  expectedOutcome,
  type JoinSpec,
  type KnownAsOf,
  NOW_SECONDS,
  openWorld,
  openWorldParts,
  type Row,
  type SpineRow,
  type Step,
  type World,
  type WorldParts,
} from '../support/point-in-time-world.ts';

let parts: WorldParts;
beforeAll(async () => {
  parts = await openWorldParts();
});
afterAll(() => parts.close());

const key = fc.constantFrom('a', 'b');
const event = fc.integer({ min: 0, max: 12 });
const row: fc.Arbitrary<Row> = fc.tuple(key, event, fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }));
const receipt = fc.integer({ min: 0, max: 20 });
const rows = fc.array(row, { minLength: 1, maxLength: 6 });
const writing = (kind: 'append' | 'upsert'): fc.Arbitrary<Step> => fc.record({ kind: fc.constant(kind), receipt, rows });
const deleting: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('delete' as const), key, event: fc.option(event, { nil: undefined }) });
const anyStep = fc.oneof({ arbitrary: writing('append'), weight: 3 }, { arbitrary: writing('upsert'), weight: 4 }, { arbitrary: deleting, weight: 1 });
const joinSpec = (temporal: fc.Arbitrary<boolean>): fc.Arbitrary<JoinSpec> =>
  fc.record({
    temporal,
    boundary: fc.constantFrom('inclusive' as const, 'exclusive' as const),
    delay: fc.constantFrom(0, 0, 2),
    lookback: fc.option(fc.integer({ min: 2, max: 9 }), { nil: undefined }),
    filter: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined, freq: 2 }),
    default: fc.option(fc.constant(77), { nil: undefined, freq: 2 }),
  });
const worldOf = (step: fc.Arbitrary<Step>, temporal: fc.Arbitrary<boolean> = fc.constantFrom(true, true, true, false)): fc.Arbitrary<World> =>
  fc.record({
    isGlobal: fc.constantFrom(false, false, false, true),
    ttl: fc.option(fc.integer({ min: 3, max: 15 }), { nil: undefined }),
    joins: fc.tuple(joinSpec(temporal), joinSpec(temporal)),
    steps: fc.array(step, { minLength: 1, maxLength: 7 }),
  });
const spineOf = fc.array(fc.tuple(fc.option(key, { freq: 9 }), fc.option(fc.integer({ min: 0, max: 24 }), { freq: 9 })), { maxLength: 12 });
const known: fc.Arbitrary<KnownAsOf> = fc.oneof(fc.constant(undefined), fc.constant('labelTime' as const), receipt);

const runs = (numRuns: number): fc.Parameters<unknown> => ({ numRuns, endOnFailure: true });

describe('a point-in-time join', () => {
  it('equals brute force, one row for each of the spine in its order (properties 1 and 9)', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(worldOf(anyStep), spineOf, known, async (world, spine, knownAsOf) => {
        const found = await (await openWorld(parts, world)).train(spine, knownAsOf);
        expect(found).toEqual(spine.map((each) => world.joins.map((join) => expectedOutcome(world, join, each, knownAsOf))));
      }),
      runs(120),
    );
  });

  it('is one training set, whether it is built row by row or joined, kept and written by the engine', { timeout: 120_000 }, async () => {
    const boundaries = { early: ['2001-03-01T10:29:00Z', '2001-03-01T10:29:08Z'], late: ['2001-03-01T10:29:08Z', '2001-03-01T10:30:00Z'] };
    const request = fc.record({
      diagnostics: fc.boolean(),
      dropMissing: fc.boolean(),
      split: fc.constantFrom(null, { type: 'time', boundaries }),
    });
    await fc.assert(
      fc.asyncProperty(worldOf(anyStep), spineOf, request, async (world, spine, sent) => {
        const { built, kept } = await (await openWorld(parts, world)).written(spine, sent);
        expect(kept).toEqual(built);
      }),
      runs(15),
    );
  });

  it('gives the same whatever file and place in it a row has (property 2)', { timeout: 60_000 }, async () => {
    const appends = fc.record({ kind: fc.constant('append' as const), receipt, rows });
    await fc.assert(
      fc.asyncProperty(worldOf(appends), spineOf, known, fc.infiniteStream(fc.nat()), async (world, spine, knownAsOf, order) => {
        // Receipts of rows of one record and batch count up, so a batch keeps its rows in order here; batches do not.
        const apart = world.steps.flatMap((step) =>
          step.kind === 'delete' || sharesRecords(world, step.rows) ? [step] : step.rows.map((each) => ({ ...step, rows: [each] })),
        );
        const moved = apart.map((step) => ({ step, place: order.next().value })).toSorted((a, b) => a.place - b.place);
        const [one, other] = [await openWorld(parts, world), await openWorld(parts, { ...world, steps: moved.map(({ step }) => step) })];
        expect(await other.train(spine, knownAsOf)).toEqual(await one.train(spine, knownAsOf));
      }),
      runs(25),
    );
  });

  it('answers each row of the spine by itself: in any order, in any pieces (properties 3 and 4)', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(worldOf(anyStep), spineOf, known, fc.nat({ max: 12 }), async (world, spine, knownAsOf, cut) => {
        const open = await openWorld(parts, world);
        const whole = await open.train(spine, knownAsOf);
        expect((await open.train(spine.toReversed(), knownAsOf)).toReversed()).toEqual(whole);
        expect([...(await open.train(spine.slice(0, cut), knownAsOf)), ...(await open.train(spine.slice(cut), knownAsOf))]).toEqual(whole);
      }),
      runs(25),
    );
  });

  it('does not see what is later than the label times (property 5)', { timeout: 60_000 }, async () => {
    const future: readonly Row[] = [
      ['a', 30, 5],
      ['b', 25, null],
    ];
    await fc.assert(
      fc.asyncProperty(worldOf(anyStep, fc.constant(true)), spineOf, known, async (world, spine, knownAsOf) => {
        const open = await openWorld(parts, world);
        const before = await open.train(spine, knownAsOf);
        await open.write({ kind: 'append', receipt: 1, rows: future });
        expect(await open.train(spine, knownAsOf)).toEqual(before);
      }),
      runs(25),
    );
  });

  it(
    'does not see compaction, checkpoints, statistics and vacuum, whose retention keeps the version it is pinned at (property 7)',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(worldOf(anyStep), spineOf, async (world, spine) => {
          const open = await openWorld(parts, world);
          const before = await open.train(spine);
          await open.maintain();
          expect(await open.train(spine)).toEqual(before);
        }),
        runs(25),
      );
    },
  );

  it('knows what was known, whatever compaction has done to the files since (property 7, P14)', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(worldOf(anyStep), spineOf, known, async (world, spine, knownAsOf) => {
        const open = await openWorld(parts, world);
        const before = await open.train(spine, knownAsOf);
        await open.group.table.optimize({ where: { kind: 'and', filters: [] } });
        expect(await open.train(spine, knownAsOf)).toEqual(before);
      }),
      runs(15),
    );
  });

  it('gives the same for one upsert as for its rows in several (property 6)', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(worldOf(anyStep), rows, spineOf, fc.nat({ max: 5 }), async (world, last, spine, cut) => {
        const upsert = (each: readonly Row[], at: number): readonly Step[] => (each.length === 0 ? [] : [{ kind: 'upsert', receipt: at, rows: each }]);
        const one = await openWorld(parts, { ...world, steps: [...world.steps, ...upsert(last, 30)] });
        const several = await openWorld(parts, { ...world, steps: [...world.steps, ...upsert(last.slice(0, cut), 30), ...upsert(last.slice(cut), 31)] });
        expect(await several.train(spine)).toEqual(await one.train(spine));
      }),
      runs(25),
    );
  });

  it('equals the online vector at this moment, functions and transforms included (property 8)', { timeout: 120_000 }, async () => {
    const now = (join: JoinSpec): JoinSpec => ({
      ...join,
      boundary: 'inclusive',
      delay: 0,
      lookback: join.lookback === undefined ? undefined : join.lookback + 48,
    });
    const worlds = worldOf(anyStep, fc.constant(true)).map((world) => ({
      ...world,
      ttl: world.ttl === undefined ? undefined : world.ttl + 45,
      joins: [now(world.joins[0]), now(world.joins[1])] as const,
    }));
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const open = await openWorld(parts, world);
        const keys = ['a', 'b', 'c'];
        const spine = keys.map((each): SpineRow => [each, NOW_SECONDS]);
        const [values, functions] = [await open.train(spine), await open.functionValues(spine)];
        expect(await open.lookUp(keys)).toEqual(values.map((outcome, i) => [...outcome.map(([value]) => value), functions[i]]));
        const fitted = await open.fit(keys.flatMap((each): SpineRow[] => [3, 7, 12, NOW_SECONDS].map((at) => [each, at])));
        expect(await open.lookUp(keys, fitted)).toEqual(await open.transformed(spine, fitted));
      }),
      runs(40),
    );
  });
});

function sharesRecords(world: World, batch: readonly Row[]): boolean {
  return new Set(batch.map(([k, at]) => (world.isGlobal ? at : `${k} ${at}`))).size < batch.length;
}
