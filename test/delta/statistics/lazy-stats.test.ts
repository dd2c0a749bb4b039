/** Statistics left compressed until somebody looks. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { LakefoldError } from '../../../lib/core/errors.ts';
import { STATS_TEXT_BYTES_MAX } from '../../../lib/core/limits.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import { LazyStats, type StatsGroup } from '../../../lib/delta/statistics/lazy-stats.ts';
import { parsedStatsColumn } from '../../../lib/delta/statistics/stats-parsed.ts';
import type { FetchedColumns } from '../../../lib/ports/table-codec.ts';
import { sourceOf } from '../../contract/table-codec.contract.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { COLUMNS } from '../log-support.ts';

const codec = openParquetCodec();
const STATS = { name: 'add', type: parseType('struct<stats:string>'), nullable: true };

async function fetched(column: typeof STATS, rows: readonly Value[]): Promise<FetchedColumns> {
  const bytes = await codec.encode(
    batchOfRows(
      [column],
      rows.map((row) => [row]),
    ),
  );
  const [group] = (await codec.rowGroups(sourceOf(bytes)))?.groups ?? [];
  if (group === undefined) throw new Error('no row group was written');
  return group.fetch({ columns: [column] });
}

async function textGroup(texts: readonly (string | null)[], decoded: string[] = []): Promise<StatsGroup> {
  const columns = await fetched(
    STATS,
    texts.map((text) => [text]),
  );
  const rawNow: FetchedColumns['rawNow'] = () => {
    decoded.push(texts[0] ?? '');
    return columns.rawNow();
  };
  return { rowCount: texts.length, text: { ...columns, rawNow }, parsed: undefined };
}

describe('lazy statistics', () => {
  it('decode a row group when the first of its rows is asked for, once', async () => {
    const decoded: string[] = [];
    const stats = new LazyStats();
    expect([stats.add(await textGroup(['a', null], decoded)), stats.add(await textGroup(['b', 'é'], decoded))]).toEqual([0, 2]);
    expect(decoded).toEqual([]);
    expect([3, 2, 1, 0].map((row) => stats.textAt(row))).toEqual(['é', 'b', undefined, 'a']);
    expect(decoded).toEqual(['b', 'a']);
  });

  it('forget the row group decoded longest ago when all together are too large', async () => {
    const decoded: string[] = [];
    const stats = new LazyStats();
    const large = 'x'.repeat(STATS_TEXT_BYTES_MAX / 2);
    for (const name of ['a', 'b', 'c']) stats.add(await textGroup([name, large], decoded));
    for (const row of [0, 2, 0, 4, 4, 0]) stats.textAt(row);
    expect(decoded).toEqual(['a', 'b', 'a', 'c', 'a']);
  });

  it('are made of the parsed ones where the text is missing', async () => {
    const column = parsedStatsColumn(COLUMNS);
    const type =
      'struct<stats_parsed:struct<numRecords:bigint,minValues:struct<k:bigint,v:string>,maxValues:struct<k:bigint,v:string>,nullCount:struct<k:bigint,v:bigint>,tightBounds:boolean>>';
    const rows = [[[2n, [1n, 'x'], [3n, null], [0n, 1n], true]], [null], null];
    const stats = new LazyStats();
    stats.add({
      rowCount: 3,
      text: await fetched(STATS, [[null], ['text'], null]),
      parsed: { column, fetched: await fetched({ ...column, type: parseType(type) } as typeof STATS, rows) },
    });
    expect([0, 1, 2].map((row) => stats.textAt(row))).toEqual([
      '{"numRecords":2,"minValues":{"k":1,"v":"x"},"maxValues":{"k":3},"nullCount":{"k":0,"v":1},"tightBounds":true}',
      'text',
      undefined,
    ]);
  });

  it('that cannot be read count as none, unless they are to be written on', async () => {
    let tries = 0;
    const fail = (): never => {
      tries += 1;
      throw new LakefoldError('FILE_CORRUPT', 'broken');
    };
    const stats = new LazyStats();
    stats.add({ rowCount: 2, text: { sizeBytes: 1, raw: async () => fail(), rawNow: fail, vectorsNow: fail }, parsed: undefined });
    expect([stats.textAt(0), stats.textAt(1), tries]).toEqual([undefined, undefined, 1]);
    expect(() => stats.requiredTextAt(0)).toThrow(expect.objectContaining({ code: 'FILE_CORRUPT' }));
  });
});
