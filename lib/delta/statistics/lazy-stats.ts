/**
 * Statistics of a checkpoint's adds, kept as the compressed bytes of the file until somebody looks: most files are pruned
 * by their partition values first, and the text is most of a checkpoint.
 */
import { valueAt, type Vector } from '../../core/batch.ts';
import { decodeUtf8 } from '../../core/bytes.ts';
import { isLakefoldError, type LakefoldError } from '../../core/errors.ts';
import { STATS_TEXT_BYTES_MAX } from '../../core/limits.ts';
import { isPresent, type RawColumn, type RawText } from '../../core/raw-column.ts';
import type { Column } from '../../core/types.ts';
import type { FetchedColumns } from '../../ports/table-codec.ts';
import { statsOfParsed } from './stats-parsed.ts';

/** One row group: the text of the log, or what the checkpoint has parsed of it. */
export interface StatsGroup {
  readonly rowCount: number;
  /** `add.stats` */
  readonly text: FetchedColumns | undefined;
  /** `add.stats_parsed`, fetched as `column`. */
  readonly parsed: { readonly column: Column; readonly fetched: FetchedColumns } | undefined;
}

interface DecodedGroup {
  readonly text: RawText | undefined;
  readonly parsed: { readonly column: Column; readonly vector: Vector } | undefined;
  readonly sizeBytes: number;
}

/** A value of `stats_parsed` as objects, estimated. */
const PARSED_ROW_BYTES = 1024;

export class LazyStats {
  readonly #groups: { readonly firstRow: number; readonly group: StatsGroup }[] = [];
  /** Oldest use first. */
  readonly #decoded = new Map<number, DecodedGroup>();
  readonly #broken = new Map<number, LakefoldError>();
  #rows = 0;
  #decodedBytes = 0;

  /** The number of the group's first row. */
  add(group: StatsGroup): number {
    this.#groups.push({ firstRow: this.#rows, group });
    this.#rows += group.rowCount;
    return this.#rows - group.rowCount;
  }

  /** The statistics of a row; none where they can't be read, for they only spare reads. */
  textAt(row: number): string | undefined {
    try {
      return this.requiredTextAt(row);
    } catch (error) {
      if (isLakefoldError(error, 'FILE_CORRUPT')) return undefined;
      throw error;
    }
  }

  /** The statistics of a row, for who writes them on. @throws LakefoldError FILE_CORRUPT when they can't be read */
  requiredTextAt(row: number): string | undefined {
    const number = this.#groupOf(row);
    const decoded = this.#decode(number);
    const at = row - (this.#groups[number]?.firstRow ?? 0);
    const { text, parsed } = decoded;
    if (text !== undefined && isPresent(text, at)) return decodeUtf8(text.bytes.subarray(text.offsets[at] ?? 0, text.offsets[at + 1] ?? 0));
    return parsed === undefined ? undefined : statsOfParsed(parsed.column, valueAt(parsed.vector, at));
  }

  #groupOf(row: number): number {
    let low = 0;
    let high = this.#groups.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#groups[middle]?.firstRow ?? 0) <= row) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #decode(number: number): DecodedGroup {
    const known = this.#decoded.get(number);
    if (known !== undefined) return known;
    const broken = this.#broken.get(number);
    if (broken !== undefined) throw broken;
    try {
      const decoded = decodeGroup(this.#groups[number]?.group);
      this.#keep(number, decoded);
      return decoded;
    } catch (error) {
      if (isLakefoldError(error, 'FILE_CORRUPT')) this.#broken.set(number, error);
      throw error;
    }
  }

  #keep(number: number, decoded: DecodedGroup): void {
    for (const [oldest, { sizeBytes }] of this.#decoded) {
      if (this.#decodedBytes + decoded.sizeBytes <= STATS_TEXT_BYTES_MAX) break;
      this.#decoded.delete(oldest);
      this.#decodedBytes -= sizeBytes;
    }
    this.#decoded.set(number, decoded);
    this.#decodedBytes += decoded.sizeBytes;
  }
}

function decodeGroup(group: StatsGroup | undefined): DecodedGroup {
  const text = textOf(group?.text?.rawNow()[0]);
  const vector = group?.parsed?.fetched.vectorsNow()[0];
  const parsed = group?.parsed === undefined || vector === undefined ? undefined : { column: group.parsed.column, vector };
  return { text, parsed, sizeBytes: (text?.bytes.length ?? 0) + (text?.offsets.byteLength ?? 0) + (vector?.length ?? 0) * PARSED_ROW_BYTES };
}

function textOf(add: RawColumn | undefined): RawText | undefined {
  const stats = add?.kind === 'struct' ? add.fields.get('stats') : undefined;
  return stats?.kind === 'text' ? stats : undefined;
}
