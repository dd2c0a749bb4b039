/** The Parquet codec, loaded when the first file is read or written. */
import type { TableCodec } from '../ports/table-codec.ts';

export function lazyParquetCodec(): TableCodec {
  let loading: Promise<TableCodec> | undefined;
  const codec = (): Promise<TableCodec> => (loading ??= load());
  return {
    extension: 'zstd.parquet',
    encode: async (batch, options) => (await codec()).encode(batch, options),
    encodeGroups: async (batches, options) => (await codec()).encodeGroups(batches, options),
    checkSeal: async (file) => (await codec()).checkSeal(file),
    rowGroups: async (source) => (await codec()).rowGroups(source),
    decode: async function* (source, options) {
      yield* (await codec()).decode(source, options);
    },
    pageRanges: async (source, options) => (await codec()).pageRanges(source, options),
    pack: async (files) => (await codec()).pack?.(files),
    cut: async (pieces, columns) => (await codec()).cut?.(pieces, columns),
    describe: async (source) => (await codec()).describe(source),
  };
}

async function load(): Promise<TableCodec> {
  const [{ createParquetCodec }, { readParquetWasm }, { measureStream }, { systemZstd }] = await Promise.all([
    import('../parquet/parquet-codec.ts'),
    import('../adapters/system/parquet-wasm.ts'),
    import('../adapters/system/stream-measure.ts'),
    import('../adapters/system/zstd.ts'),
  ]);
  return createParquetCodec({ wasm: readParquetWasm(), measure: measureStream, zstd: systemZstd() });
}
