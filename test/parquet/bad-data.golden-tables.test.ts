/** Broken Parquet files of the format's own test data: each is refused with a typed error or read, and the codec goes on. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { batchOfRows } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';

const folder = resolve(import.meta.dirname, '../../../shared/corpora/parquet-bad-data/bad_data');
const isThere = existsSync(folder);
const files = isThere ? readdirSync(folder).filter((name) => name.endsWith('.parquet')) : [];
const codec = createParquetCodec({ wasm: readParquetWasm() });

const outcomeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'read',
    (error: unknown) => (error instanceof LakefoldError ? error.code : error),
  );

/** Those not listed are merely odd and may be read. */
const DESCRIBED: Readonly<Record<string, string>> = {
  'ARROW-GH-41317.parquet': 'UNSUPPORTED_FORMAT',
  'ARROW-GH-41321.parquet': 'UNSUPPORTED_FORMAT',
  'ARROW-RS-GH-6229-DICTHEADER.parquet': 'MALFORMED_FILE',
  'PARQUET-1481.parquet': 'UNSUPPORTED_FORMAT',
};
const DECODED: Readonly<Record<string, string>> = {
  'ARROW-GH-45185.parquet': 'FILE_CORRUPT',
  'ARROW-GH-47662.parquet': 'FILE_CORRUPT',
  'ARROW-RS-GH-6229-LEVELS.parquet': 'FILE_CORRUPT',
};

describe.skipIf(!isThere)(isThere ? 'broken Parquet files' : `broken Parquet files: SKIPPED, ${folder} is not there`, () => {
  it('finds the files', () => {
    expect(files.length).toBeGreaterThanOrEqual(8);
  });

  it.each(files)('answers %s with a typed error or rows, and reads on afterwards', async (name) => {
    const bytes = new Uint8Array(readFileSync(join(folder, name)));
    const described = await codec.describe(sourceOf(bytes)).then(
      (found) => found.columns,
      (error: unknown) => error,
    );
    if (Array.isArray(described)) expect(await outcomeOf(decodeAll(codec, bytes, described))).toBe(DECODED[name] ?? 'read');
    else expect(described).toMatchObject({ name: 'LakefoldError', code: DESCRIBED[name] });
    const good = await codec.encode(batchOfRows([column('a', 'int')], [[1]]));
    expect((await decodeAll(codec, good, [column('a', 'int')])).rows).toEqual([[1]]);
  });

  it('refuses each column it cannot read by a code, whatever it is asked as', async () => {
    const outcomes = new Set<unknown>();
    for (const name of files) {
      const bytes = new Uint8Array(readFileSync(join(folder, name)));
      const names = new Set([...new TextDecoder('latin1').decode(bytes).matchAll(/[A-Za-z_][A-Za-z0-9_]{2,30}/g)].map(([word]) => word).slice(0, 400));
      for (const type of ['int', 'string', 'array<int>']) {
        for (const word of names) outcomes.add(await outcomeOf(decodeAll(codec, bytes, [column(word, type)])));
      }
    }
    expect(outcomes).toEqual(new Set(['FILE_CORRUPT', 'read']));
  });
});
