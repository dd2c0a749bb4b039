/** Table codecs with one fault each: what the contract has to notice. */
import { takeRows, type Vector } from '../../lib/core/batch.ts';
import type { DecodedBatch, TableCodec } from '../../lib/ports/table-codec.ts';

type Break = (decoded: DecodedBatch) => DecodedBatch;

function decodesWrong(codec: TableCodec, wrong: Break): TableCodec {
  return {
    ...codec,
    decode: async function* (source, options) {
      for await (const decoded of codec.decode(source, options)) yield wrong(decoded);
    },
  };
}

function eachVector(change: (vector: Vector) => Vector): Break {
  return ({ batch, firstRow }) => ({ firstRow, batch: { ...batch, vectors: batch.vectors.map(change) } });
}

function withoutNulls({ type, length, values }: Vector): Vector {
  return { type, length, values: ArrayBuffer.isView(values) ? values : values.map((value) => value ?? '') };
}

function millisOnly(vector: Vector): Vector {
  const { values } = vector;
  return vector.type.kind === 'timestamp' && values instanceof BigInt64Array ? { ...vector, values: values.map((micros) => (micros / 1000n) * 1000n) } : vector;
}

function reversed({ batch, firstRow }: DecodedBatch): DecodedBatch {
  return {
    firstRow,
    batch: takeRows(
      batch,
      Array.from({ length: batch.rowCount }, (_, i) => batch.rowCount - 1 - i),
    ),
  };
}

export interface BrokenCodec {
  readonly fault: string;
  /** Name of a case that must fail. */
  readonly caughtBy: string;
  readonly codec: TableCodec;
}

/** Codecs that have a fault and are `codec`, of NDJSON, otherwise. */
export function brokenCodecs(codec: TableCodec): readonly BrokenCodec[] {
  let written = 0;
  return [
    { fault: 'drops nulls', caughtBy: 'gives back every value of string, absent ones too', codec: decodesWrong(codec, eachVector(withoutNulls)) },
    {
      fault: 'reorders rows',
      caughtBy: 'tells the position of each batch and keeps the physical order over many batches',
      codec: decodesWrong(codec, reversed),
    },
    { fault: 'loses microseconds', caughtBy: 'gives back every value of timestamp, absent ones too', codec: decodesWrong(codec, eachVector(millisOnly)) },
    {
      fault: 'starts every batch at row 0',
      caughtBy: 'tells the position of each batch and keeps the physical order over many batches',
      codec: decodesWrong(codec, (decoded) => ({ ...decoded, firstRow: 0 })),
    },
    {
      fault: 'ignores the asked order of columns',
      caughtBy: 'yields the columns asked for, in the order asked for',
      codec: decodesWrong(codec, ({ batch, firstRow }) => ({
        firstRow,
        batch: { ...batch, columns: batch.columns.toReversed(), vectors: batch.vectors.toReversed() },
      })),
    },
    {
      fault: 'knows columns by their logical name only',
      caughtBy: 'finds a renamed column by its physical name',
      codec: {
        ...codec,
        decode: (source, options) => codec.decode(source, { ...options, columns: options.columns.map((column) => ({ ...column, physicalName: column.name })) }),
      },
    },
    {
      fault: 'writes other bytes each time',
      caughtBy: 'gives equal bytes for equal batches',
      codec: {
        ...codec,
        encode: async (batch, options) => {
          written += 1;
          return new Uint8Array([...new Uint8Array(written).fill(0x20), ...(await codec.encode(batch, options))]);
        },
      },
    },
    {
      fault: 'calls a broken file empty',
      caughtBy: 'refuses a file cut short',
      codec: {
        ...codec,
        decode: async function* (source, options) {
          try {
            yield* codec.decode(source, options);
          } catch {
            return;
          }
        },
      },
    },
    {
      fault: 'accepts a null anywhere',
      caughtBy: 'refuses a null in a column that is not nullable',
      codec: {
        ...codec,
        encode: (batch, options) => codec.encode({ ...batch, columns: batch.columns.map((column) => ({ ...column, nullable: true })) }, options),
      },
    },
    {
      fault: 'reads every row, whichever are asked for',
      caughtBy: 'reads the rows asked for alone, at their positions',
      codec: { ...codec, decode: (source, { columns, signal }) => codec.decode(source, { columns, ...(signal === undefined ? {} : { signal }) }) },
    },
    {
      fault: 'misses the last row a range may meet',
      caughtBy: 'finds every row whose ts is in a range',
      codec: {
        ...codec,
        pageRanges: async (source, options) => {
          const found = await codec.pageRanges(source, options);
          return found.flatMap(({ start, end }, i) => (i < found.length - 1 ? [{ start, end }] : end - start > 1 ? [{ start, end: end - 1 }] : []));
        },
      },
    },
    {
      fault: 'tells no rows apart',
      caughtBy: 'tells the few rows of a sorted column that may hold a value',
      codec: { ...codec, pageRanges: async () => [{ start: 0, end: 1000 }] },
    },
    {
      fault: 'miscounts rows',
      caughtBy: 'describes how many rows and which columns a file has',
      codec: { ...codec, describe: async (source) => ({ ...(await codec.describe(source)), rowCount: 1 }) },
    },
    {
      fault: 'takes any bytes for those it sealed',
      caughtBy: 'seals the file of batches, so that none of its bytes changes unnoticed, nor its end goes missing',
      codec: { ...codec, checkSeal: async () => 'intact' as const },
    },
    {
      fault: 'goes on when told to stop',
      caughtBy: 'stops when told to',
      codec: { ...codec, decode: (source, { columns }) => codec.decode(source, { columns }) },
    },
  ];
}
