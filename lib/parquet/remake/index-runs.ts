/** Indices into a dictionary in the hybrid of runs and packed bits (parquet-format, Encodings.md, RLE/Bit-Packing Hybrid). Pure. */
import { corruptFile } from '../wasm-runtime.ts';

/** Wider indices would be into dictionaries larger than any that is read here. */
const WIDTH_MAX = 24;
/** Equal values from which on a run is shorter than their bits; also how many values are packed at a time. */
const GROUP = 8;

/** `count` indices, the byte with their width in front. @throws LakefoldError FILE_CORRUPT where they end early */
export function readIndices(bytes: Uint8Array, count: number): Int32Array {
  const indices = new Int32Array(count);
  const width = bytes[0] ?? 0;
  if (width > WIDTH_MAX) throw corruptFile(`indices of ${width} bits`, undefined);
  let at = 1;
  for (let done = 0; done < count;) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined || shift > 28) throw corruptFile('indices that end early', undefined);
      at += 1;
      header += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    const length = Math.floor(header / 2);
    const isPacked = header % 2 === 1;
    const taken = Math.min(count - done, isPacked ? length * GROUP : length);
    const needed = isPacked ? Math.ceil((taken * width) / 8) : Math.ceil(width / 8);
    if (taken === 0 || at + needed > bytes.length) throw corruptFile('indices that end early', undefined);
    if (isPacked) unpackBits(bytes, { at, width }, indices.subarray(done, done + taken));
    else {
      let value = 0;
      for (let i = needed - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0);
      indices.fill(value, done, done + taken);
    }
    at += isPacked ? length * width : needed;
    done += taken;
  }
  return indices;
}

function unpackBits(bytes: Uint8Array, { at, width }: { readonly at: number; readonly width: number }, target: Int32Array): void {
  const mask = 2 ** width - 1;
  let held = 0;
  let bits = 0;
  let next = at;
  for (let i = 0; i < target.length; i += 1) {
    while (bits < width) {
      held |= (bytes[next] ?? 0) << bits;
      next += 1;
      bits += 8;
    }
    target[i] = held & mask;
    held >>>= width;
    bits -= width;
  }
}

/** Bits of an index into a dictionary of so many values; one at least, which every reader takes. */
export function widthOfIndices(count: number): number {
  return Math.max(1, 32 - Math.clz32(Math.max(0, count - 1)));
}

/** As `readIndices` takes them. */
export function writeIndices(indices: Int32Array, width: number): Uint8Array {
  const out: number[] = [width];
  let packedFrom = 0;
  let i = 0;
  const flush = (): void => {
    if (i === packedFrom) return;
    const groups = Math.ceil((i - packedFrom) / GROUP);
    writeVarint(out, groups * 2 + 1);
    packBits(indices.subarray(packedFrom, i), { width, count: groups * GROUP }, out);
  };
  while (i < indices.length) {
    const value = indices[i] ?? 0;
    let end = i + 1;
    while (end < indices.length && indices[end] === value) end += 1;
    if (end - i < GROUP) {
      i = Math.min(indices.length, i + GROUP);
      continue;
    }
    flush();
    writeVarint(out, (end - i) * 2);
    for (let rest = value, bytes = Math.ceil(width / 8); bytes > 0; bytes -= 1, rest = Math.floor(rest / 256)) out.push(rest % 256);
    i = end;
    packedFrom = end;
  }
  flush();
  return Uint8Array.from(out);
}

function packBits(values: Int32Array, { width, count }: { readonly width: number; readonly count: number }, out: number[]): void {
  let held = 0;
  let bits = 0;
  for (let i = 0; i < count; i += 1) {
    held |= (values[i] ?? 0) << bits;
    for (bits += width; bits >= 8; bits -= 8) {
      out.push(held & 255);
      held >>>= 8;
    }
  }
}

function writeVarint(out: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
}
