import { describe, expect, it } from 'vitest';
import { toHex } from '../../lib/core/bytes.ts';
import { encodeDeletionVectorFile } from '../../lib/delta/rows/deletion-vector.ts';

describe('a deletion-vector file', () => {
  it('has its layout byte for byte', () => {
    expect(toHex(encodeDeletionVectorFile([[0], [7]]).bytes)).toBe(
      '01' +
        '00000022' +
        'd1d33964' +
        '0100000000000000' +
        '00000000' +
        '3a300000' +
        '01000000' +
        '00000000' +
        '10000000' +
        '0000' +
        'f7a6b4b5' +
        '00000022' +
        'd1d33964' +
        '0100000000000000' +
        '00000000' +
        '3a300000' +
        '01000000' +
        '00000000' +
        '10000000' +
        '0700' +
        'b8e72272',
    );
  });
});
