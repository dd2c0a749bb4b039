/**
 * Sets of row positions as Roaring bitmaps, in the two layouts of deletion vectors.
 *
 * Written: the portable layout (magic 1681511377), each container in its smallest form: sorted array, bitset or runs.
 * Read: that and the older `native` one (magic 1681511376). Both are little-endian.
 */
import { LakefoldError } from '../../core/errors.ts';

const MAGIC_PORTABLE = 1681511377;
const MAGIC_NATIVE = 1681511376;
const COOKIE_PLAIN = 12346;
const COOKIE_RUNS = 12347;
const ARRAY_VALUES_MAX = 4096;
const BITSET_BYTES = 8192;
/** Below this many containers a bitmap with runs carries no offset header. */
const OFFSETS_FROM_CONTAINERS = 4;

/** Positions must ascend strictly and stay below 2^32. */
export function encodeRoaring(positions: ArrayLike<number>): Uint8Array {
  const containers = containersOf(positions);
  const withRuns = containers.some((container) => container.form === 'runs');
  const count = containers.length;
  const flagBytes = withRuns ? Math.ceil(count / 8) : 0;
  const withOffsets = !withRuns || count >= OFFSETS_FROM_CONTAINERS;
  const headerBytes = (withRuns ? 4 + flagBytes : 8) + 4 * count + (withOffsets ? 4 * count : 0);
  const bodyBytes = containers.reduce((sum, container) => sum + container.bytes, 0);
  const empty = count === 0;
  const prefixBytes = empty ? 12 : 16;
  const bytes = new Uint8Array(prefixBytes + (empty ? 0 : headerBytes + bodyBytes));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_PORTABLE, true);
  view.setBigUint64(4, empty ? 0n : 1n, true);
  if (empty) return bytes;
  view.setUint32(12, 0, true);
  let at = prefixBytes;
  if (withRuns) {
    view.setUint32(at, COOKIE_RUNS | ((count - 1) << 16), true);
    at += 4;
    containers.forEach((container, i) => {
      if (container.form === 'runs') bytes[at + (i >> 3)] = (bytes[at + (i >> 3)] ?? 0) | (1 << (i & 7));
    });
    at += flagBytes;
  } else {
    view.setUint32(at, COOKIE_PLAIN, true);
    view.setUint32(at + 4, count, true);
    at += 8;
  }
  for (const container of containers) {
    view.setUint16(at, container.key, true);
    view.setUint16(at + 2, container.end - container.start - 1, true);
    at += 4;
  }
  if (withOffsets) {
    let offset = headerBytes;
    for (const container of containers) {
      view.setUint32(at, offset, true);
      at += 4;
      offset += container.bytes;
    }
  }
  for (const container of containers) at = writeContainer(view, at, container, positions);
  return bytes;
}

/** Ascending positions. @throws LakefoldError DELETION_VECTOR_CORRUPT, UNSUPPORTED_TABLE_FEATURE for positions from 2^32 on */
export function decodeRoaring(bytes: Uint8Array): Uint32Array {
  const reader = new RoaringReader(bytes);
  const magic = reader.u32();
  const collected: Uint32Array[] = [];
  if (magic === MAGIC_PORTABLE) {
    const buckets = reader.u64();
    for (let i = 0; i < buckets; i += 1) {
      const high = reader.u32();
      collected.push(bucketBelow32Bits(high, reader.bitmap()));
    }
  } else if (magic === MAGIC_NATIVE) {
    const bitmaps = reader.u32();
    for (let high = 0; high < bitmaps; high += 1) {
      const end = reader.u32() + reader.at;
      const bitmap = reader.bitmap();
      if (reader.at !== end) throw corrupt(`a bitmap that ends at byte ${end}`, `one that ends at ${reader.at}`);
      collected.push(bucketBelow32Bits(high, bitmap));
    }
  } else {
    throw corrupt(`magic ${MAGIC_PORTABLE} or ${MAGIC_NATIVE}`, String(magic));
  }
  if (reader.at !== bytes.length) throw corrupt(`the end at byte ${reader.at}`, `${bytes.length} bytes`);
  const positions = joined(collected);
  for (let i = 1; i < positions.length; i += 1) {
    if ((positions[i] ?? 0) <= (positions[i - 1] ?? 0)) throw corrupt('ascending positions', `${positions[i]} after ${positions[i - 1]}`);
  }
  return positions;
}

interface Container {
  /** High 16 bits. */
  readonly key: number;
  /** Its positions are `positions[start]` to `positions[end - 1]`. */
  readonly start: number;
  readonly end: number;
  readonly form: 'array' | 'bitset' | 'runs';
  readonly runs: number;
  readonly bytes: number;
}

function containersOf(positions: ArrayLike<number>): Container[] {
  const containers: Container[] = [];
  let start = 0;
  while (start < positions.length) {
    const key = Math.floor((positions[start] ?? 0) / 0x10000);
    let end = start + 1;
    let runs = 1;
    while (end < positions.length && Math.floor((positions[end] ?? 0) / 0x10000) === key) {
      if (positions[end] !== (positions[end - 1] ?? 0) + 1) runs += 1;
      end += 1;
    }
    const cardinality = end - start;
    const plain = cardinality <= ARRAY_VALUES_MAX ? 2 * cardinality : BITSET_BYTES;
    const asRuns = 2 + 4 * runs;
    const form = asRuns < plain ? 'runs' : cardinality <= ARRAY_VALUES_MAX ? 'array' : 'bitset';
    containers.push({ key, start, end, form, runs, bytes: form === 'runs' ? asRuns : plain });
    start = end;
  }
  return containers;
}

function writeContainer(view: DataView, at: number, container: Container, positions: ArrayLike<number>): number {
  const { start, end } = container;
  const low = (i: number): number => (positions[i] ?? 0) & 0xffff;
  switch (container.form) {
    case 'array':
      for (let i = start; i < end; i += 1) view.setUint16(at + 2 * (i - start), low(i), true);
      break;
    case 'bitset':
      for (let i = start; i < end; i += 1) view.setUint8(at + (low(i) >> 3), view.getUint8(at + (low(i) >> 3)) | (1 << (low(i) & 7)));
      break;
    case 'runs': {
      view.setUint16(at, container.runs, true);
      let run = at + 2;
      for (let i = start; i < end;) {
        let last = i;
        while (last + 1 < end && low(last + 1) === low(last) + 1) last += 1;
        view.setUint16(run, low(i), true);
        view.setUint16(run + 2, last - i, true);
        run += 4;
        i = last + 1;
      }
      break;
    }
  }
  return at + container.bytes;
}

class RoaringReader {
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(): number {
    return this.#take(2, (at) => this.#view.getUint16(at, true));
  }

  u32(): number {
    return this.#take(4, (at) => this.#view.getUint32(at, true));
  }

  u64(): number {
    const value = this.#take(8, (at) => this.#view.getBigUint64(at, true));
    if (value > 0xffffffffn) throw corrupt('at most 2^32 buckets', String(value));
    return Number(value);
  }

  /** One standard 32-bit bitmap from here. */
  bitmap(): Uint32Array {
    const cookie = this.u32();
    const withRuns = (cookie & 0xffff) === COOKIE_RUNS;
    if (!withRuns && cookie !== COOKIE_PLAIN) throw corrupt(`cookie ${COOKIE_PLAIN} or ${COOKIE_RUNS}`, String(cookie));
    const count = withRuns ? (cookie >>> 16) + 1 : this.u32();
    if (count > 0x10000) throw corrupt('at most 65536 containers', String(count));
    const isRun: boolean[] = [];
    if (withRuns) {
      for (let i = 0; i < Math.ceil(count / 8); i += 1) {
        const flags = this.#take(1, (at) => this.#view.getUint8(at));
        for (let bit = 0; bit < 8; bit += 1) isRun.push((flags & (1 << bit)) !== 0);
      }
    }
    const heads = Array.from({ length: count }, () => ({ key: this.u16(), cardinality: this.u16() + 1 }));
    if (!withRuns || count >= OFFSETS_FROM_CONTAINERS) this.#take(4 * count, () => 0);
    const positions = new Uint32Array(heads.reduce((sum, head) => sum + head.cardinality, 0));
    let filled = 0;
    heads.forEach((head, i) => {
      const read =
        isRun[i] === true
          ? this.#runs(head, positions, filled)
          : head.cardinality <= ARRAY_VALUES_MAX
            ? this.#array(head, positions, filled)
            : this.#bitset(head, positions, filled);
      if (read !== filled + head.cardinality) throw corrupt(`${head.cardinality} positions in container ${head.key}`, String(read - filled));
      filled = read;
    });
    return positions;
  }

  #array(head: { readonly key: number; readonly cardinality: number }, into: Uint32Array, from: number): number {
    for (let i = 0; i < head.cardinality; i += 1) into[from + i] = head.key * 0x10000 + this.u16();
    return from + head.cardinality;
  }

  #bitset(head: { readonly key: number; readonly cardinality: number }, into: Uint32Array, from: number): number {
    let filled = from;
    this.#take(BITSET_BYTES, (at) => {
      for (let byte = 0; byte < BITSET_BYTES; byte += 1) {
        let bits = this.#view.getUint8(at + byte);
        for (; bits !== 0; bits &= bits - 1) {
          if (filled < into.length) into[filled] = head.key * 0x10000 + byte * 8 + (31 - Math.clz32(bits & -bits));
          filled += 1;
        }
      }
      return 0;
    });
    return filled;
  }

  #runs(head: { readonly key: number; readonly cardinality: number }, into: Uint32Array, from: number): number {
    let filled = from;
    const runs = this.u16();
    for (let i = 0; i < runs; i += 1) {
      const start = this.u16();
      const length = this.u16() + 1;
      if (start + length > 0x10000 || filled + length > from + head.cardinality)
        throw corrupt(`${head.cardinality} positions in container ${head.key}`, 'runs of more');
      for (let j = 0; j < length; j += 1) into[filled + j] = head.key * 0x10000 + start + j;
      filled += length;
    }
    return filled;
  }

  #take<T>(length: number, read: (at: number) => T): T {
    if (this.at + length > this.#view.byteLength) throw corrupt(`${length} more bytes at ${this.at}`, `${this.#view.byteLength - this.at}`);
    const value = read(this.at);
    this.at += length;
    return value;
  }
}

function bucketBelow32Bits(high: number, positions: Uint32Array): Uint32Array {
  if (high === 0 || positions.length === 0) return positions;
  throw new LakefoldError('UNSUPPORTED_TABLE_FEATURE', `expected row positions below 2^32, found a bucket ${high}`, {
    context: { feature: 'deletionVectors' },
  });
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function corrupt(expected: string, found: string): LakefoldError {
  return new LakefoldError('DELETION_VECTOR_CORRUPT', `expected a Roaring bitmap with ${expected}, found ${found}`);
}
