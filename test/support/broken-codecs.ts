/** Table codecs with one fault each: what the contract has to notice. */
import { takeRows, type Batch, type Vector } from '../../lib/core/batch.ts';
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
  return { type, length, values: Array.isArray(values) ? values.map((value: Batch['vectors'][number]['values'][number]) => value ?? '') : values };
}

function millisOnly(vector: Vector): Vector {
  const { values } = vector;
  return vector.type.kind === 'timestamp' && values instanceof BigInt64Array ? { ...vector, values: values.map((micros) => (micros / 1000n) * 1000n) } : vector;
}

function reversed({ batch, firstRow }: DecodedBatch): DecodedBatch {
  return { firstRow, batch: takeRows(batch, Array.from({ length: batch.rowCount }, (_, i) => batch.rowCount - 1 - i)) };
}

/** Fault → a codec that has it and is `codec` otherwise. */
export function brokenCodecs(codec: TableCodec): Readonly<Record<string, TableCodec>> {
  let written = 0;
  return {
    'drops nulls': decodesWrong(codec, eachVector(withoutNulls)),
    'reorders rows': decodesWrong(codec, reversed),
    'loses microseconds': decodesWrong(codec, eachVector(millisOnly)),
    'starts every batch at row 0': decodesWrong(codec, (decoded) => ({ ...decoded, firstRow: 0 })),
    'ignores the asked order of columns': decodesWrong(codec, ({ batch, firstRow }) => ({ firstRow, batch: { ...batch, columns: batch.columns.toReversed(), vectors: batch.vectors.toReversed() } })),
    'decodes into one batch however long': {
      ...codec,
      decode: async function* (source, options) {
        const parts: DecodedBatch[] = [];
        for await (const decoded of codec.decode(source, options)) parts.push(decoded);
        const [first] = parts;
        if (first !== undefined) yield { firstRow: 0, batch: { ...first.batch, rowCount: parts.reduce((sum, part) => sum + part.batch.rowCount, 0) } };
      },
    },
    'writes other bytes each time': {
      ...codec,
      encode: async (batch, options) => {
        written += 1;
        const bytes = await codec.encode(batch, options);
        return new Uint8Array([...bytes, ...new Uint8Array(written)]);
      },
    },
    'calls a broken file empty': {
      ...codec,
      decode: async function* (source, options) {
        try {
          yield* codec.decode(source, options);
        } catch {
          return;
        }
      },
    },
    'accepts a null anywhere': { ...codec, encode: (batch, options) => codec.encode({ ...batch, columns: batch.columns.map((column) => ({ ...column, nullable: true })) }, options) },
    'miscounts rows': { ...codec, describe: async (source) => ({ ...(await codec.describe(source)), rowCount: 1 }) },
  };
}
