import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, batchOfRows, rowAt } from '../../lib/core/batch.ts';
import { concatBytes, decodeUtf8 } from '../../lib/core/bytes.ts';
import { canonicalPieces } from '../../lib/core/canonical-bytes.ts';
import { canonicalRow } from '../../lib/core/canonical.ts';
import { hashOfPieces } from '../../lib/core/hash.ts';
import { startNativeSha256 } from '../../lib/adapters/system/sha256.ts';
import { formatInstant, instant } from '../../lib/core/time.ts';
import type { Column, ColumnType, Value } from '../../lib/core/types.ts';

const FIRST = instant('0001-01-01T00:00:00Z');
const LAST = instant('9999-12-31T23:59:59.999999Z');

describe('an instant as text', () => {
  it('is what Date writes, with microseconds and without zeros at the end, in every year', () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt({ min: FIRST, max: LAST }), fc.bigInt({ min: -2_000_000n, max: 2_000_000n })), (micros) => {
        const millis = Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n);
        const digits = `${new Date(millis).toISOString().slice(20, 23)}${String(((micros % 1000n) + 1000n) % 1000n).padStart(3, '0')}`.replace(/0+$/, '');
        expect(formatInstant(micros)).toBe(`${new Date(millis).toISOString().slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`);
        expect(instant(formatInstant(micros))).toBe(micros);
      }),
      { numRuns: 2000 },
    );
    expect([-1n, FIRST, LAST, 2n ** 53n, 2n ** 53n + 1n].map(formatInstant)).toEqual([
      '1969-12-31T23:59:59.999999Z',
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999999Z',
      '2255-06-05T23:47:34.740992Z',
      '2255-06-05T23:47:34.740993Z',
    ]);
  });
});

const INT64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const NEAR_LIMITS = fc.constantFrom(...[-1n, 0n, 1n].flatMap((step) => [0n, 53n, 63n, 31n, 32n].flatMap((bits) => [2n ** bits + step, -(2n ** bits) + step])));
const BIGINTS = fc.oneof(
  INT64,
  fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
  NEAR_LIMITS.map((value) => BigInt.asIntN(64, value)),
);
const INSTANTS = fc.oneof(fc.bigInt({ min: FIRST, max: LAST }), fc.bigInt({ min: -2_000_000n, max: 2_000_000n }), fc.constantFrom(FIRST, LAST, 2n ** 53n));
const NUMBERS = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 0, 1e21, 1e-7, 5e-324, 123456789012345680000, Number.MAX_VALUE, Number.NaN, -Infinity, 2 ** 53),
);
const TEXTS = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('"', '\\', '\n', '\u007f', '\ud800', 'é', '😀', 'a'.repeat(2000)));
const INTS = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const DAYS = fc.integer({ min: -719_162, max: 2_932_896 });

const CELLS: readonly (readonly [ColumnType, fc.Arbitrary<Value>])[] = [
  [{ kind: 'bigint' }, BIGINTS],
  [{ kind: 'timestamp' }, INSTANTS],
  [{ kind: 'timestampNtz' }, INSTANTS],
  [{ kind: 'double' }, NUMBERS],
  [{ kind: 'float' }, NUMBERS.map(Math.fround)],
  [{ kind: 'int' }, INTS],
  [{ kind: 'date' }, DAYS],
  [{ kind: 'boolean' }, fc.boolean()],
  [{ kind: 'string' }, TEXTS],
  [{ kind: 'binary' }, fc.uint8Array({ maxLength: 9 })],
  [{ kind: 'decimal', precision: 18, scale: 4 }, fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })],
  [{ kind: 'array', element: { kind: 'bigint' } }, fc.array(BIGINTS, { maxLength: 3 })],
  [{ kind: 'vector', length: 2 }, fc.tuple(fc.float(), fc.float())],
];
const COLUMNS = CELLS.map(([type], i): Column => ({ name: `c"${i}`, type, nullable: true }));
const ROWS = fc.array(fc.tuple(...CELLS.map(([, value]) => fc.option(value, { freq: 8 }))), { maxLength: 12 });

function textOf(pieces: Iterable<Uint8Array>): string | undefined {
  return decodeUtf8(concatBytes(Array.from(pieces, (piece) => piece.slice())));
}

function linesOf(batch: Batch): readonly string[] {
  return Array.from({ length: batch.rowCount }, (_, i) => `${canonicalRow(batch.columns, rowAt(batch, i))}\n`);
}

describe('canonical lines', () => {
  it('as bytes are those of the rows, one by one, whatever the values', () => {
    fc.assert(
      fc.property(ROWS, (rows) => {
        const batch = batchOfRows(COLUMNS, rows);
        expect(textOf(canonicalPieces(batch))).toBe(linesOf(batch).join(''));
      }),
      { numRuns: 500 },
    );
  });

  it('of a range, of rows without columns, of values in another storage than their type’s, and of more than one piece', () => {
    const [column] = COLUMNS;
    if (column === undefined) throw new Error('expected a column');
    const many = batchOfRows(
      [column],
      Array.from({ length: 50_000 }, (_, i) => [BigInt(i) ** 4n]),
    );
    expect([...canonicalPieces(many)].length).toBeGreaterThan(2);
    expect(textOf(canonicalPieces(many))).toBe(linesOf(many).join(''));
    expect(textOf(canonicalPieces(many, 7, 9))).toBe(linesOf(many).slice(7, 9).join(''));
    expect(textOf(canonicalPieces(many, 7, 7))).toBe('');
    expect(textOf(canonicalPieces({ columns: [], vectors: [], rowCount: 2 }))).toBe('{}\n{}\n');
    expect(textOf(canonicalPieces({ columns: [column], vectors: [{ type: column.type, length: 3, values: [1n, null, 2n ** 60n] }], rowCount: 3 }))).toBe(
      `{"c\\"0":1}\n{"c\\"0":null}\n{"c\\"0":"${2n ** 60n}"}\n`,
    );
  });

  it('have one hash, whether the runtime or JavaScript computes it', () => {
    const pieces = [new Uint8Array(0), new TextEncoder().encode('ab'), new TextEncoder().encode('c')];
    const expected = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect([hashOfPieces(pieces), hashOfPieces(pieces, startNativeSha256)]).toEqual([expected, expected]);
  });
});
