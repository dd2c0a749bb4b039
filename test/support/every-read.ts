/** The ways in which rows are read of a Parquet file: all of it, the pages of some rows, and row groups by themselves. */
import { rowsOf, type Row } from '../../lib/core/batch.ts';
import { intersectRanges, type RowRanges } from '../../lib/core/row-ranges.ts';
import type { DecodeColumn, TableCodec } from '../../lib/ports/table-codec.ts';
import { decodeAll, sourceOf } from '../contract/table-codec.contract.ts';

export interface EveryRead {
  readonly whole: readonly Row[];
  /** Of the rows at `ranges`. */
  readonly selected: readonly Row[];
  readonly byGroup: readonly Row[];
}

/** Fails where the codec has no row groups. */
export async function readEveryWay(
  codec: TableCodec,
  bytes: Uint8Array,
  options: { readonly columns: readonly DecodeColumn[]; readonly ranges: RowRanges },
): Promise<EveryRead> {
  const { columns, ranges } = options;
  const { rows: whole } = await decodeAll(codec, bytes, columns);
  const selected: Row[] = [];
  for await (const { batch } of codec.decode(sourceOf(bytes), { columns, rows: ranges })) selected.push(...rowsOf(batch));
  const byGroup: Row[] = [];
  const opened = await codec.rowGroups(sourceOf(bytes));
  if (opened === undefined) throw new Error('expected a codec with row groups');
  for (const { rowCount, fetch } of opened.groups) byGroup.push(...rowsOf({ columns, vectors: (await fetch({ columns })).vectorsNow(), rowCount }));
  return { whole, selected, byGroup };
}

/** What `readEveryWay` answers for a file of these rows. */
export function everyReadOf(rows: readonly Row[], ranges: RowRanges): EveryRead {
  const inside = intersectRanges(ranges, [{ start: 0, end: rows.length }]);
  return { whole: rows, selected: inside.flatMap(({ start, end }) => rows.slice(start, end)), byGroup: rows };
}
