import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vectorOf } from '../../lib/core/batch.ts';
import { formatType, parseType, type ColumnType, type Value } from '../../lib/core/types.ts';
import { compilePayloadEncoder, compilePayloadReader, type PayloadColumns } from '../../lib/online/payload.ts';

const FINGERPRINT = 'a1b2c3d4e5f60718';

const scalarType: fc.Arbitrary<ColumnType> = fc.constantFrom<ColumnType>(
  { kind: 'boolean' },
  { kind: 'int' },
  { kind: 'bigint' },
  { kind: 'float' },
  { kind: 'double' },
  { kind: 'date' },
  { kind: 'timestamp' },
  { kind: 'string' },
  { kind: 'binary' },
  { kind: 'decimal', precision: 18, scale: 3 },
  { kind: 'decimal', precision: 38, scale: 0 },
  { kind: 'vector', length: 3 },
);
const anyType: fc.Arbitrary<ColumnType> = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    scalarType,
    tie('type').map((element): ColumnType => ({ kind: 'array', element })),
    tie('type').map((value): ColumnType => ({ kind: 'map', key: { kind: 'string' }, value })),
    fc
      .array(tie('type'), { minLength: 1, maxLength: 3 })
      .map((types): ColumnType => ({ kind: 'struct', fields: types.map((type, i) => ({ name: `f${i}`, type })) })),
  ),
})).type;

function valueOf(type: ColumnType): fc.Arbitrary<Value> {
  return fc.option(present(type), { nil: null, freq: 5 });
}

function present(type: ColumnType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean();
    case 'int':
    case 'date':
      return fc.integer();
    case 'bigint':
    case 'timestamp':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'decimal':
      return fc.bigInt({ min: 1n - 10n ** BigInt(type.precision), max: 10n ** BigInt(type.precision) - 1n });
    case 'vector':
      return fc.array(fc.float(), { minLength: type.length, maxLength: type.length });
    case 'string':
      return fc.string({ unit: 'grapheme' });
    case 'binary':
      return fc.uint8Array();
    case 'array':
      return fc.array(valueOf(type.element), { maxLength: 12 });
    case 'map':
      return fc.array(fc.tuple(fc.string(), valueOf(type.value)), { maxLength: 4 });
    case 'struct':
      return fc.tuple(...type.fields.map((field) => valueOf(field.type)));
    default:
      return fc.constant(null);
  }
}

const columnsAndRow = fc.array(anyType, { maxLength: 20 }).chain((types) => fc.tuple(fc.constant(types), fc.tuple(...types.map(valueOf))));

function schemaOf(types: readonly ColumnType[]): PayloadColumns {
  return { fingerprint: FINGERPRINT, columns: types.map((type, i) => [`c${i}`, formatType(type), true] as const) };
}

describe('online payload', () => {
  it('gives back every value of every type', () => {
    fc.assert(
      fc.property(columnsAndRow, ([types, row]) => {
        const read = compilePayloadReader(
          [schemaOf(types)],
          types.map((type, i) => ({ name: `c${i}`, type })),
        );
        expect(read(compilePayloadEncoder(schemaOf(types)).encode(row))).toEqual({ kind: 'values', values: [...row] });
      }),
      { numRuns: 300 },
    );
  });

  it('reads any column alone as it reads it among all', () => {
    fc.assert(
      fc.property(columnsAndRow, ([types, row]) => {
        const payload = compilePayloadEncoder(schemaOf(types)).encode(row);
        types.forEach((type, i) => {
          expect(compilePayloadReader([schemaOf(types)], [{ name: `c${i}`, type }])(payload)).toEqual({ kind: 'values', values: [row[i] ?? null] });
        });
      }),
      { numRuns: 50 },
    );
  });

  it('reads from bytes that are a part of a larger buffer', () => {
    const types: ColumnType[] = [{ kind: 'string' }, { kind: 'double' }];
    const payload = compilePayloadEncoder(schemaOf(types)).encode(['x', 2.5]);
    const larger = new Uint8Array(payload.length + 7);
    larger.set(payload, 5);
    const read = compilePayloadReader(
      [schemaOf(types)],
      [
        { name: 'c1', type: { kind: 'double' } },
        { name: 'c0', type: { kind: 'string' } },
      ],
    );
    expect(read(larger.subarray(5, 5 + payload.length))).toEqual({ kind: 'values', values: [2.5, 'x'] });
  });

  it('raises what an older schema wrote: a missing column is null, a widened one exact', () => {
    const old: PayloadColumns = {
      fingerprint: '0000000000000001',
      columns: [
        ['i', 'int', false],
        ['f', 'float', true],
        ['j', 'int', true],
        ['p', 'decimal(5,2)', true],
      ],
    };
    const now: PayloadColumns = {
      fingerprint: '0000000000000002',
      columns: [
        ['i', 'bigint', false],
        ['f', 'double', true],
        ['j', 'double', true],
        ['p', 'decimal(20,2)', true],
        ['new', 'string', true],
      ],
    };
    const read = compilePayloadReader(
      [old, now],
      now.columns.map(([name, type]) => ({ name, type: parseType(type) })),
    );
    expect(read(compilePayloadEncoder(old).encode([-7, Math.fround(0.1), 3, -12345n]))).toEqual({
      kind: 'values',
      values: [-7n, 0.10000000149011612, 3, -12345n, null],
    });
    expect(read(compilePayloadEncoder(now).encode([9n, 0.1, null, 1n, 'x']))).toEqual({ kind: 'values', values: [9n, 0.1, null, 1n, 'x'] });
  });

  it('refuses to read a column whose type does not widen', () => {
    const old: PayloadColumns = { fingerprint: '0000000000000001', columns: [['i', 'bigint', false]] };
    expect(() => compilePayloadReader([old], [{ name: 'i', type: { kind: 'int' } }])).toThrow(expect.objectContaining({ code: 'SCHEMA_DRIFT' }));
  });

  it('encodes columns of a narrower batch as their schema says', () => {
    const encoder = compilePayloadEncoder({
      fingerprint: FINGERPRINT,
      columns: [
        ['i', 'bigint', false],
        ['missing', 'int', true],
      ],
    });
    expect(encoder.bind([vectorOf({ kind: 'int' }, [4, 5]), undefined])(1)).toEqual(encoder.encode([5n, null]));
    expect(() => encoder.bind([vectorOf({ kind: 'string' }, ['x'])])).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('tells a schema it does not know from bytes that are none', () => {
    const read = compilePayloadReader([schemaOf([{ kind: 'string' }])], [{ name: 'c0', type: { kind: 'string' } }]);
    const payload = compilePayloadEncoder(schemaOf([{ kind: 'string' }])).encode(['hello']);
    const other = payload.slice();
    other[3] = 0;
    expect(read(other)).toEqual({ kind: 'unknownSchema' });
    expect(read(Uint8Array.of(2, ...payload.slice(1)))).toEqual({ kind: 'corrupt', reason: 'expected payload layout 1, found 2' });
    expect(read(payload.subarray(0, 4))).toMatchObject({ kind: 'corrupt' });
  });

  it('answers corrupt, never a crash or a wrong length, for a payload cut anywhere', () => {
    const types = ['string', 'array<struct<a:string,b:int>>', 'map<string,binary>', 'vector(2)', 'decimal(30,1)'].map(parseType);
    const payload = compilePayloadEncoder(schemaOf(types)).encode(['hello', [['x', 1], null], [['k', Uint8Array.of(1)]], [1, 2], 3n]);
    const read = compilePayloadReader(
      [schemaOf(types)],
      types.map((type, i) => ({ name: `c${i}`, type })),
    );
    for (let length = 9; length < payload.length; length += 1) expect(read(payload.subarray(0, length))).toMatchObject({ kind: 'corrupt' });
  });

  it('answers values or corrupt for any damaged byte', () => {
    const types = ['string', 'array<string>', 'struct<a:string,b:int>'].map(parseType);
    const payload = compilePayloadEncoder(schemaOf(types)).encode(['hello', ['a', 'b'], ['q', 2]]);
    const read = compilePayloadReader(
      [schemaOf(types)],
      types.map((type, i) => ({ name: `c${i}`, type })),
    );
    fc.assert(
      fc.property(fc.integer({ min: 9, max: payload.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const damaged = payload.slice();
        damaged[at] = byte;
        expect(['values', 'corrupt']).toContain(read(damaged).kind);
      }),
    );
  });
});
