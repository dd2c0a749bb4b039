import { describe, expect, it } from 'vitest';
import { crc32, crc32Hex } from '../../lib/core/crc32.ts';
import { utf8 } from '../../lib/core/bytes.ts';

/** Bit by bit, as the standard defines it. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('CRC-32', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => Math.imul(i + 1, 2_654_435_761) >>> 24);

  it('has the check value of the standard', () => {
    expect([crc32Hex(utf8('123456789')), crc32(new Uint8Array())]).toEqual(['cbf43926', 0]);
  });

  it('is that of the definition for every length, wherever the bytes begin', () => {
    for (let start = 0; start < 20; start += 1) {
      for (let length = 0; length < 70; length += 1) {
        const piece = bytes.subarray(start, start + length);
        expect(crc32(piece), `${start}+${length}`).toBe(slowly(piece));
      }
    }
  });

  it('goes on from piece to piece', () => {
    for (const cut of [0, 1, 15, 16, 17, 150, 300]) expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(slowly(bytes));
  });
});
