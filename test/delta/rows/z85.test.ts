import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../lib/core/bytes.ts';
import { decodeZ85, encodeZ85 } from '../../../lib/delta/rows/z85.ts';

describe('Z85', () => {
  it('gives the example of its specification', () => {
    expect(encodeZ85(Uint8Array.from([0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]))).toBe('HelloWorld');
  });

  it('decodes the uuid of the Delta protocol', () => {
    expect(toHex(decodeZ85('^-aqEH.-t@S}K{vb[*k^') ?? new Uint8Array())).toBe('d2c639aa8816431aaaf6d3fe2512ff61');
  });

  it('gives back what it was given, padded with zeros to four bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
        padded.set(bytes);
        expect(decodeZ85(encodeZ85(bytes))).toEqual(padded);
      }),
    );
  });

  it('takes leading # of the last block for bytes that are not there', () => {
    expect(toHex(decodeZ85('Hello##093') ?? new Uint8Array())).toBe('864fd26f0300');
    expect(decodeZ85('##093Hello')).toBeUndefined();
    expect(decodeZ85('Hello###83')).toBeUndefined();
  });

  it.each(['abcd', 'abcd"', '#####', 'ab cd'])('refuses %s', (text) => {
    expect(decodeZ85(text)).toBeUndefined();
  });
});
