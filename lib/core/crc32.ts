/** CRC-32 (IEEE 802.3), as deletion-vector files and our own seals use it. */

/** Bytes that cost one step: files are hashed whole. */
const STEP = 16;
/** A table a byte of a step, one after the other: `TABLES[n * 256 + b]` is the CRC of `b` before `n` zero bytes. */
const TABLES = makeTables();

/** Of `bytes`; `before` is the CRC of what came before them, so that pieces need not be joined. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const tables = TABLES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = ~before;
  let i = 0;
  for (const last = bytes.length - STEP; i <= last; i += STEP) {
    const a = crc ^ view.getInt32(i, true);
    const b = view.getInt32(i + 4, true);
    const c = view.getInt32(i + 8, true);
    const d = view.getInt32(i + 12, true);
    crc =
      (tables[0xf00 | (a & 255)] ?? 0) ^
      (tables[0xe00 | ((a >>> 8) & 255)] ?? 0) ^
      (tables[0xd00 | ((a >>> 16) & 255)] ?? 0) ^
      (tables[0xc00 | (a >>> 24)] ?? 0) ^
      (tables[0xb00 | (b & 255)] ?? 0) ^
      (tables[0xa00 | ((b >>> 8) & 255)] ?? 0) ^
      (tables[0x900 | ((b >>> 16) & 255)] ?? 0) ^
      (tables[0x800 | (b >>> 24)] ?? 0) ^
      (tables[0x700 | (c & 255)] ?? 0) ^
      (tables[0x600 | ((c >>> 8) & 255)] ?? 0) ^
      (tables[0x500 | ((c >>> 16) & 255)] ?? 0) ^
      (tables[0x400 | (c >>> 24)] ?? 0) ^
      (tables[0x300 | (d & 255)] ?? 0) ^
      (tables[0x200 | ((d >>> 8) & 255)] ?? 0) ^
      (tables[0x100 | ((d >>> 16) & 255)] ?? 0) ^
      (tables[d >>> 24] ?? 0);
  }
  for (; i < bytes.length; i += 1) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[i] ?? 0)) & 255] ?? 0);
  return ~crc >>> 0;
}

/** Eight lower-case hex digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return hex32(crc32(bytes));
}

export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    tables[byte] = value;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const value = tables[at - 256] ?? 0;
    tables[at] = (value >>> 8) ^ (tables[value & 255] ?? 0);
  }
  return tables;
}
