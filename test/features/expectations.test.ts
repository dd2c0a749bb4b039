import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { Json } from '../../lib/core/json.ts';
import { parseType, type Value } from '../../lib/core/types.ts';
import {
  type CheckedRows,
  expectationFaults,
  judgeExpectations,
  refuseUnmet,
  unmetExpectations,
  type UnmetExpectation,
} from '../../lib/features/quality/expectations.ts';
import { ingestRows } from '../../lib/features/ingest/ingest-rows.ts';
import { expectation } from '../../lib/registry/define-expectation.ts';
import type { ColumnDefinition, ExpectationDefinition, ValidationPolicy } from '../../lib/registry/definition.ts';
import { openEmbedded } from '../../lib/store/embedded.ts';
import type { OpenStore } from '../../lib/store/open-store.ts';

function unmetBy(definition: Parameters<typeof judgeExpectations>[0], rows: CheckedRows): readonly UnmetExpectation[] {
  return unmetExpectations(judgeExpectations(definition, rows));
}

/** What is not met over one column `x` with these values, in words. */
function unmet(type: string, values: readonly Value[], ...expectations: readonly ExpectationDefinition[]): readonly string[] {
  const column = { name: 'x', type: parseType(type), nullable: true };
  const batch = batchOfRows(
    [column],
    values.map((value) => [value]),
  );
  return unmetBy({ schema: [{ name: 'x', type, nullable: true }], expectations }, { batch }).map(({ message, faults }) => {
    const rows = faults.flatMap(({ row }) => (row === undefined ? [] : [row]));
    return rows.length === 0 ? message : `rows ${rows.join(',')}: ${faults[0]?.message ?? ''}`;
  });
}

describe('a row expectation', () => {
  it.each<[string, string, readonly Value[], ExpectationDefinition, readonly string[]]>([
    ['nulls', 'int', [1, null, null], expectation.columnValuesToNotBeNull('x'), ['rows 1,2: expected x to be there, found null']],
    [
      'values out of bounds',
      'int',
      [-1, 0, null, 10, 11],
      expectation.columnValuesToBeBetween('x', { minValue: 0, maxValue: 10 }),
      ['rows 0,4: expected x at least 0 and at most 10, found -1'],
    ],
    [
      'values on strict bounds',
      'double',
      [0, 0.5, 10],
      expectation.columnValuesToBeBetween('x', { minValue: 0, maxValue: 10, strictMin: true, strictMax: true }),
      ['rows 0,2: expected x above 0 and below 10, found 0'],
    ],
    ['NaN, whatever the bounds', 'double', [1, NaN], expectation.columnValuesToBeBetween('x', { minValue: 0 }), ['rows 1: expected x at least 0, found "NaN"']],
    [
      'a bigint one above a bound that no double holds',
      'bigint',
      [2n ** 53n, 2n ** 53n + 1n],
      expectation.columnValuesToBeBetween('x', { maxValue: '9007199254740992' }),
      ['rows 1: expected x at most 9007199254740992, found "9007199254740993"'],
    ],
    [
      'a bigint between whole numbers',
      'bigint',
      [1n, 2n],
      expectation.columnValuesToBeBetween('x', { minValue: 1.5 }),
      ['rows 0: expected x at least 1.5, found 1'],
    ],
    [
      'decimals to the last digit',
      'decimal(38,2)',
      [1050n, 1051n],
      expectation.columnValuesToBeBetween('x', { maxValue: 10.5 }),
      ['rows 1: expected x at most 10.5, found "10.51"'],
    ],
    [
      'timestamps',
      'timestamp',
      [0n, -1n],
      expectation.columnValuesToBeBetween('x', { minValue: '1970-01-01T01:00:00+01:00' }),
      ['rows 1: expected x at least 1970-01-01T01:00:00+01:00, found "1969-12-31T23:59:59.999999Z"'],
    ],
    [
      'dates',
      'date',
      [0, 1],
      expectation.columnValuesToBeBetween('x', { maxValue: '1970-01-01' }),
      ['rows 1: expected x at most 1970-01-01, found "1970-01-02"'],
    ],
    ['strings', 'string', ['a', 'b'], expectation.columnValuesToBeBetween('x', { maxValue: 'a' }), ['rows 1: expected x at most a, found "b"']],
    ['values outside a set', 'string', ['a', 'b', null], expectation.columnValuesToBeInSet('x', ['a']), ['rows 1: expected x in a set of 1, found "b"']],
    [
      'floats as they are stored',
      'float',
      [Math.fround(0.1), Math.fround(0.3)],
      expectation.columnValuesToBeInSet('x', [0.1, 0.2]),
      [`rows 1: expected x in a set of 2, found ${Math.fround(0.3)}`],
    ],
    ['values of a set', 'int', [1, 2], expectation.columnValuesToNotBeInSet('x', [2, 3]), ['rows 1: expected x not in a set of 2, found 2']],
    ['texts without a match', 'string', ['ab', 'b'], expectation.columnValuesToMatchRegex('x', 'a'), ['rows 1: expected x to match a, found "b"']],
    [
      'texts by characters, not UTF-16 units',
      'string',
      ['🛫', '🛫🛬'],
      expectation.columnValueLengthsToBeBetween('x', { maxValue: 1 }),
      ['rows 1: expected x of a length at most 1, found "🛫🛬"'],
    ],
    ['every row of a group of equals', 'double', [0, 1, -0, null, null], expectation.columnValuesToBeUnique('x'), ['rows 0,2: expected x once, found 0']],
  ])('finds %s', (_, type, values, expected, messages) => {
    expect(unmet(type, values, expected)).toEqual(messages);
  });

  it('is met when `mostly` is reached to the last row', () => {
    const values = (bad: number): Value[] => [...Array.from({ length: 20 - bad }, () => 1), ...Array.from({ length: bad }, () => -1), null];
    const positive = expectation.columnValuesToBeBetween('x', { minValue: 0, mostly: 0.55 });
    expect(unmet('int', values(9), positive)).toEqual([]);
    expect(unmet('int', values(10), positive)).toEqual(['rows 10,11,12,13,14,15,16,17,18,19: expected x at least 0, found -1']);
  });

  it('counts nulls against `mostly` only where they are what it is about', () => {
    expect(
      unmet('int', [1, null], expectation.columnValuesToNotBeNull('x', { mostly: 0.5 }), expectation.columnValuesToBeBetween('x', { minValue: 0, mostly: 1 })),
    ).toEqual([]);
  });

  it('compares compound keys part by part', () => {
    const columns = ['a', 'b'].map((name) => ({ name, type: parseType('string'), nullable: true }));
    const schema: ColumnDefinition[] = columns.map(({ name }) => ({ name, type: 'string', nullable: true }));
    const batch = batchOfRows(columns, [
      ['1', '23'],
      ['12', '3'],
      ['1', '23'],
      [null, null],
      [null, null],
      ['1', null],
      ['1', null],
    ]);
    const [found] = unmetBy({ schema, expectations: [expectation.compoundColumnsToBeUnique(['a', 'b'])] }, { batch });
    expect(found?.faults.map(({ row, feature }) => [row, feature])).toEqual([
      [0, undefined],
      [2, undefined],
      [5, undefined],
      [6, undefined],
    ]);
  });
});

describe('a batch expectation', () => {
  it.each<[string, ExpectationDefinition, string]>([
    ['min', expectation.columnMinToBeBetween('x', { minValue: 2 }), 'expected min of x at least 2, found 1'],
    ['max', expectation.columnMaxToBeBetween('x', { maxValue: 3 }), 'expected max of x at most 3, found 4'],
    ['mean', expectation.columnMeanToBeBetween('x', { maxValue: 2 }), 'expected mean of x at most 2, found 2.5'],
    ['median', expectation.columnMedianToBeBetween('x', { maxValue: 2 }), 'expected median of x at most 2, found 2.5'],
    ['sum', expectation.columnSumToBeBetween('x', { minValue: 11 }), 'expected sum of x at least 11, found 10'],
    ['stdev', expectation.columnStdevToBeBetween('x', { minValue: 2 }), `expected stdev of x at least 2, found ${Math.sqrt(5 / 3)}`],
    ['distinct values', expectation.columnUniqueValueCountToBeBetween('x', { minValue: 5 }), 'expected distinct values of x at least 5, found 4'],
    ['rows', expectation.tableRowCountToBeBetween({ maxValue: 4 }), 'expected rows at most 4, found 5'],
    ['an exact number of rows', expectation.tableRowCountToEqual(4), 'expected rows exactly 4, found 5'],
  ])('holds the %s of the values that are there against its bounds', (_, expected, message) => {
    expect(unmet('int', [4, 1, null, 3, 2], expected)).toEqual([message]);
  });

  it('names the column and its own place, no row', () => {
    const error = refusalOf(() =>
      refuseUnmet(
        unmetBy(
          {
            schema: [{ name: 'x', type: 'double', nullable: true }],
            expectations: [expectation.tableRowCountToEqual(1), expectation.columnMeanToBeBetween('x', { maxValue: 1 })],
          },
          { batch: batchOfRows([{ name: 'x', type: parseType('double'), nullable: true }], [[3]]) },
        ),
        null,
      ),
    );
    const message = 'expected mean of x at most 1, found 3';
    expect(error.errors).toEqual([
      { field: 'expectations[1]', feature: 'x', code: 'EXPECTATION_FAILED', message, expected: 'mean of x at most 1', found: '3' },
    ]);
  });

  it('has nothing to say of figures that no value has, and counts nothing as 0', () => {
    const bounds = { minValue: 1 };
    expect(
      unmet(
        'double',
        [null],
        expectation.columnMinToBeBetween('x', bounds),
        expectation.columnMeanToBeBetween('x', bounds),
        expectation.columnMedianToBeBetween('x', bounds),
        expectation.columnStdevToBeBetween('x', bounds),
      ),
    ).toEqual([]);
    expect(unmet('double', [null], expectation.columnSumToBeBetween('x', bounds), expectation.columnUniqueValueCountToBeBetween('x', bounds))).toEqual([
      'expected sum of x at least 1, found 0',
      'expected distinct values of x at least 1, found 0',
    ]);
  });

  it('is never met by NaN', () => {
    for (const build of [
      expectation.columnMinToBeBetween,
      expectation.columnMaxToBeBetween,
      expectation.columnMeanToBeBetween,
      expectation.columnMedianToBeBetween,
      expectation.columnSumToBeBetween,
    ]) {
      expect(unmet('double', [1, NaN], build('x', { minValue: 0 }))).toHaveLength(1);
    }
  });
});

function refusalOf(work: () => unknown): LakefoldError {
  try {
    work();
  } catch (error) {
    if (error instanceof LakefoldError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('an expectation that does not fit its column', () => {
  it.each<[string, ExpectationDefinition, string]>([
    ['int', expectation.columnValuesToBeBetween('x', { minValue: 'a' }), 'expectations[0].kwargs.column'],
    ['boolean', expectation.columnValuesToBeBetween('x', { minValue: 0 }), 'expectations[0].kwargs.column'],
    ['string', expectation.columnMeanToBeBetween('x', { minValue: 0 }), 'expectations[0].kwargs.column'],
    ['int', expectation.columnValuesToMatchRegex('x', 'a'), 'expectations[0].kwargs.column'],
    ['int', expectation.columnValuesToBeInSet('x', ['1']), 'expectations[0].kwargs.value_set'],
    ['double', expectation.columnValueLengthsToBeBetween('x', { minValue: 1 }), 'expectations[0].kwargs.column'],
  ])('is a fault of a definition: %s', (type, expected, field) => {
    expect(expectationFaults({ schema: [{ name: 'x', type, nullable: false }], expectations: [expected] }).map((fault) => fault.field)).toEqual([field]);
  });
});

describe('a write to a group with expectations', () => {
  const cleanUp: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of cleanUp.splice(0).toReversed()) await step();
  });

  async function openStore(): Promise<OpenStore> {
    const location = await mkdtemp(`${tmpdir()}/lakefold-expectations-`);
    cleanUp.push(() => rm(location, { recursive: true, force: true }));
    const store = await openEmbedded({ location });
    cleanUp.push(() => store.close());
    await store.projects.create('default');
    return store;
  }

  const definition = (validationPolicy: ValidationPolicy, more: Readonly<Record<string, Json>> = {}): Readonly<Record<string, Json>> => ({
    name: 'delays',
    version: 1,
    primaryKey: ['origin'],
    validationPolicy,
    schema: [
      { name: 'origin', type: 'string' },
      { name: 'flights', type: 'int', nullable: true },
    ],
    expectations: [
      { expectationType: 'expect_column_values_to_be_between', kwargs: { column: 'flights', min_value: 0 } },
      { expectationType: 'expect_table_row_count_to_be_between', kwargs: { max_value: 2 } },
    ],
    ...more,
  });

  async function write(store: OpenStore, rows: readonly unknown[]): ReturnType<typeof ingestRows> {
    return ingestRows(store.deps, await store.projects.group('default', 'delays', 1), {
      rows: { format: 'objects', rows },
      operation: 'upsert',
      wait: 'commit',
    });
  }

  it('is refused whole under STRICT, with the row of the request, and leaves the table as it was', async () => {
    const store = await openStore();
    await store.projects.createGroup('default', definition('STRICT'));
    // The first SFO loses to the last one before anything is expected of it.
    const rows = [
      { origin: 'SFO', flights: -5 },
      { origin: 'LAX', flights: -1 },
      { origin: 'SFO', flights: 3 },
    ];
    await expect(write(store, rows)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      errorCount: 1,
      errors: [
        {
          row: 1,
          feature: 'flights',
          code: 'EXPECTATION_FAILED',
          message: 'expected flights at least 0, found -1',
          expected: 'flights at least 0',
          found: '-1',
        },
      ],
    });
    expect((await (await store.projects.group('default', 'delays', 1)).table.refresh()).version).toBe(0);
    const receipt = await write(
      store,
      rows.filter(({ flights }) => flights !== -1),
    );
    expect(receipt).toMatchObject({
      received: 2,
      commit: { version: 1, rowsInserted: 1, dedupedInBatch: 1 },
      validation: { policy: 'STRICT', success: true, reportId: expect.stringMatching(/^vr_/), ingestionResult: 'INGESTED' },
      warnings: [],
    });
  });

  it('is made under ALWAYS, and warned of', async () => {
    const store = await openStore();
    await store.projects.createGroup('default', definition('ALWAYS'));
    const receipt = await write(store, [{ origin: 'SFO', flights: -5 }, { origin: 'LAX', flights: 1 }, { origin: 'JFK' }]);
    expect(receipt).toMatchObject({
      commit: { version: 1, rowsInserted: 3 },
      validation: { policy: 'ALWAYS', success: false, reportId: expect.stringMatching(/^vr_/), ingestionResult: 'INGESTED' },
      warnings: [
        { code: 'EXPECTATION_FAILED', message: 'expected flights at least 0 in all 2 rows, found 1 otherwise' },
        { code: 'EXPECTATION_FAILED', message: 'expected rows at most 2, found 3' },
      ],
    });
  });

  it('is refused for a faulty row before any expectation, under ALWAYS too', async () => {
    const store = await openStore();
    await store.projects.createGroup('default', definition('ALWAYS'));
    await expect(write(store, [{ origin: 'SFO', flights: 'many' }])).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [{ row: 0, feature: 'flights', code: 'TYPE_MISMATCH' }],
    });
  });

  it.each<[string, Readonly<Record<string, Json>>, string]>([
    ['eraseSchedule', definition('STRICT', { eraseSchedule: 'P7D' }), 'UNSUPPORTED_OPERATION'],
    [
      'expectations[0].kwargs.column',
      definition('STRICT', { expectations: [{ expectationType: 'expect_column_mean_to_be_between', kwargs: { column: 'origin' } }] }),
      'INVALID_DEFINITION',
    ],
  ])('is not offered with what this version does not do: %s', async (field, group, code) => {
    const store = await openStore();
    const refused = { code, errors: [{ field }] };
    await expect(store.projects.createGroup('default', group)).rejects.toMatchObject(refused);
    await expect(store.projects.plan('default', { featureGroups: [group] })).rejects.toMatchObject(refused);
    expect((await store.projects.registry('default', { fresh: 'yes' })).state.featureGroups).toEqual([]);
  });

  it.each<[string, Readonly<Record<string, Json>>]>([['logging.sample', { logging: { sample: 0.1 } }]])(
    'is joined by no view with what this version does not do: %s',
    async (field, more) => {
      const store = await openStore();
      await store.projects.createGroup('default', definition('STRICT'));
      const view = {
        name: 'model',
        version: 1,
        spine: [{ name: 'origin', type: 'string' }],
        joins: [{ featureGroup: 'delays', version: 1, features: ['flights'], temporal: false }],
        ...more,
      };
      await expect(store.projects.createView('default', view)).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION', errors: [{ field }] });
    },
  );
});
