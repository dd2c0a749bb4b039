/** The distinct partition values of a table's files: a file has the number of its tuple, a filter is asked once a tuple. */
import { decodeUtf8, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isPresent, type RawColumn } from '../../core/raw-column.ts';
import { TextIndex } from './text-heap.ts';

export type PartitionValues = Readonly<Record<string, string | null>>;

/** Tuples kept as objects; of a table with more distinct ones the rest are read from their bytes again. */
const OBJECTS_MAX = 65_536;
const LENGTH_BYTES = 4;
const NULL_LENGTH = 0xffff_ffff;

/** Only grows, so that snapshots that follow each other share one. */
export class PartitionTuples {
  /** A tuple's names and values, each after its length. */
  readonly #tuples = new TextIndex();
  readonly #objects: (PartitionValues | undefined)[] = [];
  #scratch = new Uint8Array(256);
  #view = new DataView(this.#scratch.buffer);
  #used = 0;
  /** Of the row before. */
  #last = -1;

  get size(): number {
    return this.#tuples.size;
  }

  idOf(values: PartitionValues): number {
    this.#used = 0;
    for (const [name, value] of Object.entries(values)) {
      const bytes = utf8(name);
      this.#append(bytes, 0, bytes.length);
      const text = value === null ? undefined : utf8(value);
      this.#append(text, 0, text?.length ?? 0);
    }
    return this.#tuples.add(this.#scratch, 0, this.#used);
  }

  /** The tuple of a row of a map column; undefined when it is no map of texts. */
  idOfRow(map: RawColumn | undefined, row: number): number | undefined {
    this.#used = 0;
    if (map !== undefined && isPresent(map, row)) {
      if (map.kind !== 'map' || map.keys.kind !== 'text' || map.values.kind !== 'text') return undefined;
      const { keys, values, offsets } = map;
      for (let at = offsets[row] ?? 0; at < (offsets[row + 1] ?? 0); at += 1) {
        this.#append(keys.bytes, keys.offsets[at] ?? 0, keys.offsets[at + 1] ?? 0);
        this.#append(isPresent(values, at) ? values.bytes : undefined, values.offsets[at] ?? 0, values.offsets[at + 1] ?? 0);
      }
    }
    // Rows of one partition mostly come together.
    if (this.#tuples.is(this.#last, this.#scratch, 0, this.#used)) return this.#last;
    this.#last = this.#tuples.add(this.#scratch, 0, this.#used);
    return this.#last;
  }

  at(id: number): PartitionValues {
    const known = this.#objects[id];
    if (known !== undefined) return known;
    const values = readTuple(this.#tuples.bytesAt(id));
    if (id < OBJECTS_MAX) this.#objects[id] = values;
    return values;
  }

  #append(bytes: Uint8Array | undefined, start: number, end: number): void {
    const length = bytes === undefined ? 0 : end - start;
    const needed = this.#used + LENGTH_BYTES + length;
    if (needed > this.#scratch.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.#scratch);
      this.#scratch = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#view.setUint32(this.#used, bytes === undefined ? NULL_LENGTH : length);
    this.#used += LENGTH_BYTES;
    for (let i = 0; i < length; i += 1) this.#scratch[this.#used + i] = bytes?.[start + i] ?? 0;
    this.#used += length;
  }
}

function readTuple(bytes: Uint8Array): PartitionValues {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const next = (): string | null => {
    const length = view.getUint32(at);
    at += LENGTH_BYTES;
    if (length === NULL_LENGTH) return null;
    at += length;
    const text = decodeUtf8(bytes.subarray(at - length, at));
    if (text === undefined) throw new LakefoldError('LOG_CORRUPT', 'expected partition values in UTF-8, found other bytes');
    return text;
  };
  const entries: [string, string | null][] = [];
  while (at < bytes.length) {
    const name = next() ?? '';
    entries.push([name, next()]);
  }
  return Object.fromEntries(entries);
}
