/** What writes may read and hold, and what they ask of the store where they need not read. */
import { describe, expect, it } from 'vitest';
import { PROBE_BYTES_MAX, PROBE_FILES_MAX, PROBE_ROWS_MAX, REWRITE_BYTES_MAX } from '../../../lib/core/limits.ts';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { checkProbeBudget, checkRewriteBudget } from '../../../lib/delta/write/plan-budget.ts';
import { createMatcher } from '../../../lib/delta/rows/matching-rows.ts';
import { createProber } from '../../../lib/delta/rows/probe.ts';
import { createNdjsonCodec } from '../../../lib/parquet/ndjson-codec.ts';
import type { TableCodec } from '../../../lib/ports/table-codec.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { KEY, NUMBER, pathsIn, RECEIVED, rowsBatch, T_ROOT, tableFixture, TIME } from '../../support/table-fixture.ts';

describe('a plan beyond its budget', () => {
  it('is refused with its size and the SQL that would do it, and leaves nothing behind', async () => {
    const { table, store, foreign } = await tableFixture();
    await foreign([{ add: { path: 'huge', size: PROBE_BYTES_MAX + 1, partitionValues: {}, modificationTime: 1, dataChange: true } }]);
    await table.refresh();
    const before = await pathsIn(store);
    await expect(table.upsert(rowsBatch(['a', 1, 1n]), { keys: ['k'] })).rejects.toMatchObject({
      code: 'PLAN_TOO_LARGE',
      context: {
        limit: 'PROBE_BYTES_MAX',
        estimate: PROBE_BYTES_MAX + 1,
        budget: PROBE_BYTES_MAX,
        files: 1,
        bytes: PROBE_BYTES_MAX + 1,
        rows: 0,
        alternative: expect.stringMatching(/^MERGE INTO delta\.`.*demo\/t` AS target USING updates AS source ON target\.`k` = source\.`k`/),
      },
    });
    await expect(table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] })).rejects.toMatchObject({
      code: 'PLAN_TOO_LARGE',
      context: { limit: 'PROBE_BYTES_MAX', alternative: expect.stringMatching(/^DELETE FROM delta\.`.*demo\/t` WHERE \(`k` = 'a'\)$/) },
    });
    expect(await pathsIn(store)).toEqual(before);
  });

  it('is refused by the rows it would take out, from one more than the limit on', () => {
    const sql = (): string => 'SQL';
    expect(() => checkProbeBudget({ files: 1, bytes: 1, rows: PROBE_ROWS_MAX }, sql)).not.toThrow();
    expect(() => checkProbeBudget({ files: 1, bytes: 1, rows: PROBE_ROWS_MAX + 1 }, sql)).toThrow(
      expect.objectContaining({
        code: 'PLAN_TOO_LARGE',
        context: {
          limit: 'PROBE_ROWS_MAX',
          estimate: PROBE_ROWS_MAX + 1,
          budget: PROBE_ROWS_MAX,
          files: 1,
          bytes: 1,
          rows: PROBE_ROWS_MAX + 1,
          alternative: 'SQL',
        },
      }),
    );
  });

  it('is refused as well where rows are found by a filter, unless statistics tell that every row passes', async () => {
    const { table, store, foreign } = await tableFixture();
    const huge = { size: PROBE_BYTES_MAX + 1, partitionValues: {}, modificationTime: 1, dataChange: true };
    const bounds = (max: number): string => `{"numRecords":9,"minValues":{"v":1},"maxValues":{"v":${max}},"nullCount":{"v":0}}`;
    await foreign([{ add: { path: 'huge', ...huge, stats: bounds(9) } }, { add: { path: 'whole', ...huge, stats: bounds(2) } }]);
    await table.refresh();
    const before = await pathsIn(store);
    const filter = { kind: 'compare', column: 'v', op: '<=', value: 2 } as const;
    const refused = (alternative: RegExp) => ({
      code: 'PLAN_TOO_LARGE',
      context: { limit: 'PROBE_BYTES_MAX', estimate: PROBE_BYTES_MAX + 1, files: 1, alternative: expect.stringMatching(alternative) },
    });
    await expect(table.delete({ kind: 'where', filter })).rejects.toMatchObject(refused(/^DELETE FROM delta\.`.*` WHERE `v` <= 2$/));
    await expect(table.update({ filter, set: new Map([['v', 3]]) })).rejects.toMatchObject(refused(/^UPDATE delta\.`.*` SET `v` = 3 WHERE `v` <= 2$/));
    await expect(table.overwrite(rowsBatch(['a', 1, 1n]), { where: filter })).rejects.toMatchObject({
      code: 'PLAN_TOO_LARGE',
      context: { estimate: PROBE_BYTES_MAX + 1 },
    });
    expect(await pathsIn(store)).toEqual(before);
    expect((await table.delete({ kind: 'where', filter: { ...filter, value: 9 } })).outcome).toMatchObject({ kind: 'committed', filesRemoved: 2 });
  });

  it('is refused while a file is read, before more rows are held than may be', async () => {
    let decoded = 0;
    const vectors = [{ type: NUMBER.type, values: new Int32Array(100).fill(1), length: 100 }];
    const codec: TableCodec = {
      ...createNdjsonCodec(),
      decode: async function* decode() {
        for (let firstRow = 0; ; firstRow += 100) {
          decoded += 100;
          yield { batch: { columns: [NUMBER], vectors, rowCount: 100 }, firstRow };
        }
      },
    };
    const { table, foreign, file, deps } = await tableFixture({ codec });
    await foreign([{ add: { ...(await file('endless', rowsBatch())), partitionValues: {}, modificationTime: 1, dataChange: true } }]);
    const snapshot = await table.refresh();
    const refused = { code: 'PLAN_TOO_LARGE', context: { limit: 'PROBE_ROWS_MAX', estimate: 1100, budget: 1000, files: 1 } };
    const matcher = createMatcher(deps, T_ROOT, { kind: 'compare', column: 'v', op: '=', value: 1 }, { rowsMax: 1000 });
    await expect(matcher.find(snapshot)).rejects.toMatchObject(refused);
    const keys = { batch: batchOfRows([NUMBER], [[1]]), identityColumns: ['v'], withReceipts: false, rowsMax: 1000 };
    await expect(createProber(deps, T_ROOT, keys, () => 'SQL').find(snapshot)).rejects.toMatchObject(refused);
    expect(decoded).toBe(2200);
  });

  it.each([
    ['narrow', [], 2_000_000],
    ['wide', Array.from({ length: 998 }, (_, i) => ({ ...KEY, name: `c${i}`, nullable: true })), 10_495],
  ])('is refused by the rows an update holds, fewer where they are wide: %s ones', async (_, more, budget) => {
    const { table, foreign } = await tableFixture({ columns: [KEY, NUMBER, ...more] });
    const add = (numRecords: number): object => ({
      add: { path: `of${numRecords}`, size: 1, partitionValues: {}, modificationTime: 1, dataChange: true, stats: `{"numRecords":${numRecords}}` },
    });
    await foreign([add(budget)]);
    await table.refresh();
    const update = { filter: { kind: 'and', filters: [] }, set: new Map([['v', 3]]) } as const;
    // As many may be: it gets as far as reading the file.
    await expect(table.update(update)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    await foreign([add(1)]);
    await table.refresh();
    await expect(table.update(update)).rejects.toMatchObject({
      code: 'PLAN_TOO_LARGE',
      context: { estimate: budget + 1, budget, alternative: expect.stringMatching(/^UPDATE/) },
    });
  });

  it('is refused by files and by bytes to write again too', () => {
    const size = { files: PROBE_FILES_MAX + 1, bytes: REWRITE_BYTES_MAX + 1, rows: 0 };
    const sql = (): string => 'SQL';
    expect(() => checkProbeBudget(size, sql)).toThrow(
      expect.objectContaining({ context: expect.objectContaining({ limit: 'PROBE_FILES_MAX', alternative: 'SQL' }) }),
    );
    expect(() => checkRewriteBudget(size, sql)).toThrow(
      expect.objectContaining({ context: expect.objectContaining({ limit: 'REWRITE_BYTES_MAX', alternative: 'SQL' }) }),
    );
  });
});

describe('an upsert', () => {
  const at = (k: string, e: bigint): readonly [string, bigint, number, bigint] => [k, e, 1, 1n];
  const batch = (...rows: ReturnType<typeof at>[]) => batchOfRows([KEY, TIME, NUMBER, RECEIVED], rows);

  it('reads no file whose event times and keys do not meet its own, to the slack of a millisecond', async () => {
    const { table, open, store } = await tableFixture({ columns: [KEY, TIME, NUMBER, RECEIVED] });
    await table.append(batch(at('b', 5_000_000n), at('d', 6_000_123n)));
    const counting = countingObjectStore(store);
    const own = await open(counting);
    const probes = async (k: string, e: bigint): Promise<number> => {
      counting.requests.length = 0;
      await own.upsert(batch(at(k, e)), { keys: ['k'], eventTime: 'e' });
      return counting.requests.filter(({ kind }) => kind === 'GET').length;
    };
    expect([await probes('c', 4_999_999n), await probes('c', 6_001_000n), await probes('a', 5_500_000n), await probes('e', 5_500_000n)]).toEqual([0, 0, 0, 0]);
    expect(await probes('c', 6_000_999n)).toBe(1);
  });
});
