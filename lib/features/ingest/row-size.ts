/** How large a row is online (U10): too large is refused before anything is written, costly to read is a warning. */
import { type Batch, valueAt } from '../../core/batch.ts';
import { ONLINE_PAYLOAD_BYTES_MAX, ONLINE_PAYLOAD_BYTES_WARN } from '../../core/limits.ts';
import type { Value } from '../../core/types.ts';
import { bindFoldRows } from '../../online/fold-group.ts';
import type { OpenGroup } from '../open-group.ts';
import type { Warning } from './receipt.ts';
import type { RowCheck } from './validate-rows.ts';

export interface RowScales {
  readonly check: RowCheck;
  /** After all rows were checked. */
  readonly warnings: () => readonly Warning[];
}

/** More than any value of a bounded type takes. */
const BOUNDED_BYTES = 24;
const UTF8_BYTES_MAX = 3;

export function rowScales(group: OpenGroup, batch: Batch): RowScales {
  const vectors = group.features.map((column) => batch.vectors[batch.columns.findIndex((candidate) => candidate.name === column.name)]);
  let payloadOf: ((row: number) => Uint8Array) | undefined;
  let large = 0;
  const check: RowCheck = (_, row) => {
    // Most rows are small by their values alone; only the others are encoded to be weighed.
    const bound = vectors.reduce((sum, vector) => sum + (vector === undefined ? 0 : bytesAtMost(valueAt(vector, row))), BOUNDED_BYTES);
    if (bound <= ONLINE_PAYLOAD_BYTES_WARN) return undefined;
    payloadOf ??= bindFoldRows(group.fold, batch, { ingestedAtDefault: 0n }).payload;
    const bytes = payloadOf(row).length;
    if (bytes > ONLINE_PAYLOAD_BYTES_MAX)
      return { code: 'ROW_TOO_LARGE', message: `expected an online row of at most ${ONLINE_PAYLOAD_BYTES_MAX} bytes, found ${bytes}` };
    if (bytes > ONLINE_PAYLOAD_BYTES_WARN) large += 1;
    return undefined;
  };
  const warnings = (): readonly Warning[] =>
    large === 0
      ? []
      : [
          {
            code: 'LARGE_ROW',
            message: `${large} rows are larger than ${ONLINE_PAYLOAD_BYTES_WARN} bytes online: each lookup of them costs a further read unit`,
          },
        ];
  return { check, warnings };
}

function bytesAtMost(value: Value): number {
  if (typeof value === 'string') return BOUNDED_BYTES + value.length * UTF8_BYTES_MAX;
  if (value instanceof Uint8Array) return BOUNDED_BYTES + value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, item: Value) => sum + bytesAtMost(item), BOUNDED_BYTES);
  return BOUNDED_BYTES;
}
