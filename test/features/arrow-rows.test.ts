/** Rows of Arrow IPC as other libraries write it: built with apache-arrow itself, so that no byte comes from our encoder. */
import {
  Binary,
  Bool,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  Int64,
  Int8,
  LargeUtf8,
  List,
  makeData,
  makeVector,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  TimestampMicrosecond,
  TimestampNanosecond,
  TimeMillisecond,
  Uint64,
  Utf8,
  Utf8View,
  vectorFromArray,
  type Vector,
} from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../lib/core/batch.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { parseType, type Column } from '../../lib/core/types.ts';
import { parseRows, type ParseRowsOptions } from '../../lib/features/ingest/parse-rows.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';

// Arrow needs no codec of tables.
const codec = createNdjsonCodec();
const column = (name: string, type: string): Column => ({ name, type: parseType(type), nullable: true });

async function read(bytes: Uint8Array, wanted: readonly Column[], options: Partial<ParseRowsOptions> = {}): Promise<unknown> {
  const received = await parseRows({ codec }, { format: 'arrow', body: bytes }, { columns: wanted, ...options });
  return { rows: rowsOf(received.batch), faults: received.faults.list().map(({ row, feature, code }) => `${row} ${feature ?? '-'} ${code}`) };
}

function streamOf(vectors: Readonly<Record<string, Vector>>): Uint8Array {
  return tableToIPC(new Table(vectors), 'stream');
}

/** The file form as C++, Rust and Java write it: a stream between the marks, a footer behind it. */
function fileOf(stream: Uint8Array): Uint8Array {
  const magic = new TextEncoder().encode('ARROW1');
  return Uint8Array.from([...magic, 0, 0, ...stream, ...new Uint8Array(40), 40, 0, 0, 0, ...magic]);
}

/** One column `v`, read as one of type `to`. */
function one(vector: Vector, to: string, options: Partial<ParseRowsOptions> = {}): Promise<unknown> {
  return read(streamOf({ v: vector }), [column('v', to)], options);
}

const rows = (...values: readonly unknown[]): unknown => ({ rows: values.map((value) => [value]), faults: [] });

describe('rows of an Arrow stream', () => {
  it('stand in the order of the columns asked for, over several record batches', async () => {
    const table = new Table({ v: vectorFromArray([1.5, null], new Float64()), k: vectorFromArray(['a', 'é'], new Utf8()) });
    const more = new Table({ v: vectorFromArray([2.5], new Float64()), k: vectorFromArray([null], new Utf8()) });
    const expected = {
      rows: [
        ['a', 1.5],
        ['é', null],
        [null, 2.5],
      ],
      faults: [],
    };
    const stream = tableToIPC(table.concat(more), 'stream');
    for (const bytes of [stream, fileOf(stream)]) expect(await read(bytes, [column('k', 'string'), column('v', 'double')])).toEqual(expected);
  });

  it('have a null or the default where a column is missing, and a fault where one is unknown', async () => {
    const bytes = streamOf({ k: vectorFromArray(['a', 'b'], new Utf8()), x: vectorFromArray([1, 2], new Int32()) });
    const wanted = [column('k', 'string'), column('n', 'int'), { ...column('d', 'int'), default: 7 }];
    expect(await read(bytes, wanted)).toEqual({
      rows: [
        ['a', null, 7],
        ['b', null, 7],
      ],
      faults: ['0 x UNKNOWN_FEATURE', '1 x UNKNOWN_FEATURE'],
    });
    expect(await read(bytes, wanted, { ignoreUnknown: true })).toEqual({
      rows: [
        ['a', null, 7],
        ['b', null, 7],
      ],
      faults: [],
    });
  });

  it.each<[string, Vector, string, unknown]>([
    ['64-bit integers into int where each fits', vectorFromArray([1n, null, -2n], new Int64()), 'int', rows(1, null, -2)],
    ['8-bit integers', vectorFromArray([1, null], new Int8()), 'bigint', rows(1n, null)],
    ['a wider integer that does not fit', vectorFromArray([1n, 2n ** 31n], new Int64()), 'int', { rows: [[1], [null]], faults: ['1 v OUT_OF_RANGE'] }],
    ['float64 into float where exact', vectorFromArray([0.5, null], new Float64()), 'float', rows(0.5, null)],
    ['float64 into float where not exact', vectorFromArray([0.1], new Float64()), 'float', { rows: [[null]], faults: ['0 v OUT_OF_RANGE'] }],
    ['float32 into double', vectorFromArray([0.5], new Float32()), 'double', rows(0.5)],
    ['text into int', vectorFromArray(['1'], new Utf8()), 'int', { rows: [[null]], faults: ['0 v TYPE_MISMATCH'] }],
    ['booleans', vectorFromArray([true, null, false], new Bool()), 'boolean', rows(true, null, false)],
    ['days', vectorFromArray([new Date('1969-12-31'), null], new DateDay()), 'date', rows(-1, null)],
    ['bytes', vectorFromArray([Uint8Array.of(1, 2), null], new Binary()), 'binary', rows(Uint8Array.of(1, 2), null)],
    ['nulls alone', vectorFromArray([null, null], new Null()), 'double', rows(null, null)],
    ['lists', vectorFromArray([[1, null], [], null], new List(new Field('item', new Int32(), true))), 'array<int>', rows([1, null], [], null)],
    [
      'lists of a fixed size into a vector',
      vectorFromArray([[1, 2], null], new FixedSizeList(2, new Field('item', new Float32(), true))),
      'vector(2)',
      rows([1, 2], null),
    ],
    [
      'lists of another length',
      vectorFromArray([[1, 2]], new FixedSizeList(2, new Field('item', new Float32(), true))),
      'vector(3)',
      { rows: [[null]], faults: ['0 v VECTOR_LENGTH'] },
    ],
    [
      'structs',
      vectorFromArray([{ b: 'x', a: 1 }], new Struct([new Field('b', new Utf8(), true), new Field('a', new Int32(), true)])),
      'struct<a:int,b:string>',
      rows([1, 'x']),
    ],
    ['text with 64-bit offsets', vectorFromArray(['a', null, 'ccc', ''], new LargeUtf8()), 'string', rows('a', null, 'ccc', '')],
    ['words by number', vectorFromArray(['x', 'y', null, 'x'], new Dictionary(new Utf8(), new Int32())), 'string', rows('x', 'y', null, 'x')],
  ])('take %s', async (_what, vector, to, expected) => {
    expect(await one(vector, to)).toEqual(expected);
  });

  it('take text by views, short and long', async () => {
    const long = 'a text longer than twelve bytes';
    const buffer = new TextEncoder().encode(long);
    const views = new Uint8Array(48);
    const view = new DataView(views.buffer);
    view.setInt32(0, 2, true);
    views.set(new TextEncoder().encode('ab'), 4);
    view.setInt32(16, buffer.length, true);
    views.set(buffer.subarray(0, 4), 20);
    const data = makeData({ type: new Utf8View(), length: 3, nullCount: 1, nullBitmap: Uint8Array.of(0b011), views, variadicBuffers: [buffer] });
    const schema = new Schema([new Field('v', new Utf8View(), true)]);
    const bytes = tableToIPC(
      new Table(new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 3, nullCount: 0, children: [data] }))),
      'stream',
    );
    expect(await read(bytes, [column('v', 'string')])).toEqual(rows('ab', long, null));
  });

  it('take decimals of no greater scale', async () => {
    const type = new Decimal(2, 10);
    const words = new Uint32Array([150, 0, 0, 0, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff]);
    const data = makeData({ type, length: 2, nullCount: 0, data: words });
    const schema = new Schema([new Field('v', type, true)]);
    const bytes = tableToIPC(
      new Table(new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 2, nullCount: 0, children: [data] }))),
      'stream',
    );
    expect(await read(bytes, [column('v', 'decimal(12,3)')])).toEqual(rows(1500n, -10n));
  });

  it('take timestamps by their zone: naive ones only with a time zone, nanoseconds only where nothing is lost', async () => {
    const micros = (zone: string | null): Vector => vectorOf64(new TimestampMicrosecond(zone), [1_000_001n]);
    const nanos = (value: bigint): Vector => vectorOf64(new TimestampNanosecond(null), [value]);
    expect(await one(micros('UTC'), 'timestamp')).toEqual(rows(1_000_001n));
    expect(await one(micros('Europe/Stockholm'), 'timestamp')).toEqual(rows(1_000_001n));
    expect(await one(micros(null), 'timestamp')).toEqual({ rows: [[null]], faults: ['0 v NAIVE_TIMESTAMP'] });
    expect(await one(micros(null), 'timestamp', { timezone: 'UTC' })).toEqual(rows(1_000_001n));
    expect(await one(nanos(5_000n), 'timestamp', { timezone: 'UTC' })).toEqual(rows(5n));
    await expect(one(nanos(5_001n), 'timestamp', { timezone: 'UTC' })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [{ row: 0, feature: 'v', code: 'TIMESTAMP_PRECISION' }],
    });
  });

  it('names the row of a value that no column holds, counted over the batches', async () => {
    const table = new Table({ v: vectorFromArray([1n], new Uint64()) }).concat(new Table({ v: vectorFromArray([2n, 2n ** 63n], new Uint64()) }));
    await expect(read(tableToIPC(table, 'stream'), [column('v', 'bigint')])).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      errors: [{ row: 2, feature: 'v', code: 'OUT_OF_RANGE' }],
    });
  });

  it('refuses a type there is no column type for, by column and name', async () => {
    await expect(one(vectorFromArray([1], new TimeMillisecond()), 'int')).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT', context: { column: 'v' } });
  });

  it('refuses a column that is there twice', async () => {
    const fields = [new Field('v', new Int32(), true), new Field('v', new Int32(), true)];
    const children = [vectorFromArray([1], new Int32()), vectorFromArray([2], new Int32())].flatMap((vector) => vector.data);
    const bytes = tableToIPC(
      new Table(new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: 1, nullCount: 0, children }))),
      'stream',
    );
    await expect(read(bytes, [column('v', 'int')])).rejects.toMatchObject({ code: 'MALFORMED_FILE' });
  });
});

function vectorOf64(type: TimestampMicrosecond | TimestampNanosecond, values: readonly bigint[]): Vector {
  return makeVector(makeData({ type, length: values.length, nullCount: 0, data: BigInt64Array.from(values) }));
}

describe('broken Arrow', () => {
  const wanted = [column('k', 'string'), column('l', 'array<int>'), column('d', 'string'), column('n', 'double')];
  const table = new Table({
    k: vectorFromArray(['alpha', null, 'gamma delta epsilon'], new LargeUtf8()),
    l: vectorFromArray([[1, 2], [], null], new List(new Field('item', new Int32(), true))),
    d: vectorFromArray(['x', 'y', 'x'], new Dictionary(new Utf8(), new Int32())),
    n: vectorFromArray([1, null, 3], new Float64()),
  });
  const forms = { stream: tableToIPC(table, 'stream'), file: fileOf(tableToIPC(table, 'stream')) };

  it.each(['stream', 'file'] as const)('that is a %s cut short at any length is refused', async (form) => {
    for (let length = 0; length < forms[form].length; length += 1)
      await expect(read(forms[form].subarray(0, length), wanted), String(length)).rejects.toMatchObject({ code: 'MALFORMED_FILE' });
  });

  it('that goes on behind its end is refused', async () => {
    await expect(read(Uint8Array.from([...forms.stream, ...forms.stream]), wanted)).rejects.toMatchObject({ code: 'MALFORMED_FILE' });
  });

  it.each(['stream', 'file'] as const)('that is a %s with bytes changed is read or refused, never an error of another kind', async (form) => {
    const change = fc.array(fc.record({ at: fc.nat(forms[form].length - 1), byte: fc.nat(255) }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(change, async (changes) => {
        const bytes = forms[form].slice();
        for (const { at, byte } of changes) bytes[at] = byte;
        try {
          await read(bytes, wanted);
        } catch (error) {
          if (!isLakefoldError(error) || !['MALFORMED_FILE', 'VALIDATION_FAILED', 'UNSUPPORTED_FORMAT', 'LIMIT_EXCEEDED'].includes(error.code)) throw error;
        }
      }),
      { numRuns: 1_500 },
    );
  });
});
