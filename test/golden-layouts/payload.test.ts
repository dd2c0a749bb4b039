/** Payload layout 1 (storage.md §4), byte for byte. A change here is a new layout number, never an edit of these bytes. */
import { describe, expect, it } from 'vitest';
import { vectorOf, type Vector } from '../../lib/core/batch.ts';
import { fromHex, toHex } from '../../lib/core/bytes.ts';
import { parseType, type Value } from '../../lib/core/types.ts';
import { compilePayloadEncoder, compilePayloadReader, type PayloadColumns } from '../../lib/online/payload.ts';

const SCHEMA: PayloadColumns = {
  fingerprint: '9f3c00112233aabb',
  columns: [
    ['flag', 'boolean', true],
    ['n', 'int', false],
    ['big', 'bigint', true],
    ['f', 'float', true],
    ['d', 'double', true],
    ['day', 'date', true],
    ['at', 'timestamp', true],
    ['p', 'decimal(9,2)', true],
    ['q', 'decimal(30,4)', true],
    ['vec', 'vector(2)', true],
    ['s', 'string', true],
    ['b', 'binary', true],
    ['list', 'array<int>', true],
    ['st', 'struct<x:int,y:string>', true],
    ['m', 'map<string,double>', true],
    ['gone', 'string', true],
  ],
};

const ROW: readonly Value[] = [
  true,
  -2,
  5n,
  1.5,
  -0,
  1,
  1_000_000n,
  -1n,
  -(2n ** 64n) - 1n,
  [0.5, -1],
  'é',
  Uint8Array.of(0, 255),
  [7, null, 9],
  [3, 'z'],
  [['k', 2]],
  null,
];

const ROW_HEX = [
  '01',
  '9f3c00112233aabb',
  '0080', // column 15 is null
  '01',
  'feffffff',
  '0500000000000000',
  '0000c03f',
  '0000000000000080',
  '01000000',
  '40420f0000000000',
  'ffffffffffffffff',
  'fffffffffffffffffeffffffffffffff',
  '0000003f000080bf',
  '02000000',
  '04000000',
  '15000000',
  '1f000000',
  '36000000',
  '36000000', // ends: s b list st m gone
  'c3a9',
  '00ff',
  '03000000' + '02' + '07000000' + '00000000' + '09000000',
  '00' + '03000000' + '01000000' + '7a',
  '01000000' + '00' + '0e000000' + '00' + '0000000000000040' + '01000000' + '6b',
].join('');

describe('online payload, layout 1', () => {
  it('encodes a row of every type to these bytes', () => {
    expect(toHex(compilePayloadEncoder(SCHEMA).encode(ROW))).toBe(ROW_HEX);
  });

  it('decodes these bytes to that row', () => {
    const read = compilePayloadReader(
      [SCHEMA],
      SCHEMA.columns.map(([name, type]) => ({ name, type: parseType(type) })),
    );
    expect(read(fromHex(ROW_HEX))).toEqual({ kind: 'values', values: ROW });
  });

  it('writes absent values as zeros behind the null bitmap', () => {
    const schema: PayloadColumns = {
      fingerprint: '0000000000000001',
      columns: [
        ['a', 'int', true],
        ['b', 'string', true],
        ['c', 'vector(1)', true],
      ],
    };
    expect(toHex(compilePayloadEncoder(schema).encode([null, null, null]))).toBe('010000000000000001' + '07' + '00000000' + '00000000' + '00000000');
  });

  it('writes a schema without columns as its header alone', () => {
    expect(toHex(compilePayloadEncoder({ fingerprint: 'ffffffffffffffff', columns: [] }).encode([]))).toBe('01ffffffffffffffff');
  });

  it('keeps the bits of NaNs that come in columns', () => {
    const doubles = new Float64Array(1);
    new DataView(doubles.buffer).setBigUint64(0, 0x7ff4_0000_dead_beefn, true);
    const floats = new Float32Array(1);
    new DataView(floats.buffer).setUint32(0, 0xffa1_2345, true);
    const vectors: Vector[] = [
      { type: { kind: 'double' }, length: 1, values: doubles },
      { type: { kind: 'float' }, length: 1, values: floats },
      vectorOf({ kind: 'int' }, [1]),
    ];
    const encoder = compilePayloadEncoder({
      fingerprint: '0000000000000000',
      columns: [
        ['d', 'double', false],
        ['f', 'float', false],
        ['n', 'int', false],
      ],
    });
    expect(toHex(encoder.bind(vectors)(0))).toBe('01' + '0000000000000000' + '00' + 'efbeadde0000f47f' + '4523a1ff' + '01000000');
  });
});
