/** CRC-32 (IEEE 802.3), as deletion-vector files and our own seals use it. */

/** Eight tables, so that eight bytes cost one step: files are hashed whole. */
const TABLES = makeTables();

/** Of `bytes`; `before` is the CRC of what came before them, so that pieces need not be joined. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  const at = (table: Uint32Array, index: number): number => table[index & 255] ?? 0;
  let crc = ~before;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = crc ^ ((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24));
    crc =
      at(t7, low) ^
      at(t6, low >>> 8) ^
      at(t5, low >>> 16) ^
      at(t4, low >>> 24) ^
      at(t3, bytes[i + 4] ?? 0) ^
      at(t2, bytes[i + 5] ?? 0) ^
      at(t1, bytes[i + 6] ?? 0) ^
      at(t0, bytes[i + 7] ?? 0);
  }
  for (; i < bytes.length; i += 1) crc = (crc >>> 8) ^ at(t0, crc ^ (bytes[i] ?? 0));
  return ~crc >>> 0;
}

/** Eight lower-case hex digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return hex32(crc32(bytes));
}

export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

type Tables = readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array, Uint32Array];

function makeTables(): Tables {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value >>> 0;
  });
  const next = (table: Uint32Array): Uint32Array => table.map((value) => (value >>> 8) ^ (first[value & 255] ?? 0));
  const t1 = next(first);
  const t2 = next(t1);
  const t3 = next(t2);
  const t4 = next(t3);
  const t5 = next(t4);
  const t6 = next(t5);
  return [first, t1, t2, t3, t4, t5, t6, next(t6)];
}
