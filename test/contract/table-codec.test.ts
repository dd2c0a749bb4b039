/** The table codec contract on both codecs, and the proof that it notices broken ones. */
import { describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { brokenCodecs } from '../support/broken-codecs.ts';
import { describeTableCodec, tableCodecCases } from './table-codec.contract.ts';

const wasm = readParquetWasm();

describeTableCodec('parquet', () => createParquetCodec({ wasm }));
describeTableCodec('ndjson', createNdjsonCodec);

describe('the table codec contract', () => {
  for (const { fault, caughtBy, codec } of brokenCodecs(createNdjsonCodec())) {
    it(`fails a codec that ${fault}`, async () => {
      const guard = tableCodecCases.find((each) => each.name === caughtBy);
      await expect(guard?.run(codec)).rejects.toThrow();
    });
  }
});
