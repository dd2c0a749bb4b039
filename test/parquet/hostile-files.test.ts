/** Hostile Parquet: each file is refused by a code of its own, in little memory, and the codec reads on. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { measureStream } from '../../lib/adapters/system/stream-measure.ts';
import { batchOfRows, type Row } from '../../lib/core/batch.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { column, decodeAll, sourceOf } from '../contract/table-codec.contract.ts';
import { HOSTILE_FILES, hostileFile, type Page } from '../support/hostile-parquet.ts';
import { runTypeScript } from '../support/run-typescript.ts';

const codec = createParquetCodec({ wasm: readParquetWasm(), measure: measureStream });
const INTS: Page = { valueCount: 2, body: Uint8Array.from([1, 0, 0, 0, 2, 0, 0, 0]) };

/**
 * Peak memory above that of an honest read, of a process that reads the files of a folder one after the other.
 * What one has left behind is collected before the next: when a busy machine's collector would come is no property of the codec.
 */
const child = (folder: string): string => `
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { readParquetWasm } from './lib/adapters/system/parquet-wasm.ts';
import { measureStream } from './lib/adapters/system/stream-measure.ts';
import { createParquetCodec } from './lib/parquet/parquet-codec.ts';
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const codec = createParquetCodec({ wasm: readParquetWasm(), measure: measureStream });
async function read({ file, kind }) {
  const bytes = readFileSync(${JSON.stringify(folder)} + '/' + file);
  const source = { sizeBytes: bytes.length, read: async (start, end) => bytes.subarray(start, end), readAll: async () => bytes };
  for await (const part of codec.decode(source, { columns: [{ name: 'c', type: { kind }, nullable: true }] })) part.batch;
}
const [honest, ...hostile] = JSON.parse(readFileSync(${JSON.stringify(folder)} + '/files.json', 'utf8'));
await read(honest);
const before = process.resourceUsage().maxRSS;
const outcomes = {};
for (const each of hostile) {
  collect();
  outcomes[each.name] = await read(each).then(() => 'read', (error) => error.code);
}
console.log(JSON.stringify({ grownBytes: (process.resourceUsage().maxRSS - before) * 1024, outcomes }));
`;

/** An honest file and every hostile one, and `files.json`, which lists them. */
async function writeFiles(folder: string): Promise<void> {
  const honest = { name: 'honest', bytes: () => hostileFile({ pages: [INTS], rowCount: 2 }), type: 'int' };
  const files = [honest, ...HOSTILE_FILES].map(({ name, bytes, type = 'int' }, i) => ({ name, kind: type, file: `${i}.parquet`, bytes }));
  for (const { file, bytes } of files) await writeFile(join(folder, file), bytes());
  await writeFile(join(folder, 'files.json'), JSON.stringify(files.map(({ name, kind, file }) => ({ name, kind, file }))));
}

describe('a hostile Parquet file', () => {
  it('differs from an honest one, which is read', async () => {
    const bytes = hostileFile({ pages: [INTS], rowCount: 2 });
    expect((await decodeAll(codec, bytes, [column('c', 'int')])).rows).toEqual([[1], [2]]);
  });

  it('is none for one long text among many short ones: its row group is decoded in pieces, rows and positions as they are', async () => {
    const long = 'x'.repeat(100_000);
    const rows = Array.from({ length: 3000 }, (_, i): Row => [i % 500 === 7 ? long : `s${i % 9}`, i, [`t${i}`]]);
    const columns = [column('s', 'string'), column('i', 'int'), column('a', 'array<string>')];
    const bytes = await codec.encode(batchOfRows(columns, rows), { rowGroupRows: 3000 });
    const { rows: found, batches } = await decodeAll(codec, bytes, columns);
    expect(found).toEqual(rows);
    expect(batches.length).toBeGreaterThan(5);
    let firstRow = 0;
    for (const each of batches) {
      expect(each.firstRow).toBe(firstRow);
      firstRow += each.batch.rowCount;
    }
  });

  it.each(HOSTILE_FILES)('with $name is refused as $code', async ({ bytes, code, type = 'int', isDescribed }) => {
    const file = bytes();
    await expect(decodeAll(codec, file, [column('c', type)])).rejects.toMatchObject({ name: 'LakefoldError', code });
    if (isDescribed === undefined)
      await expect(codec.describe(sourceOf(file))).rejects.toMatchObject({ code: code === 'FILE_CORRUPT' ? 'MALFORMED_FILE' : code });
  });

  // Levels are looked into where they are decoded, which packing need not.
  it.each(HOSTILE_FILES.filter(({ name }) => !name.startsWith('levels')))('with $name is not packed with others, as $code', async ({ bytes, code }) => {
    const honest = hostileFile({ pages: [INTS], rowCount: 2 });
    await expect(codec.pack?.([honest, bytes()])).rejects.toMatchObject({ name: 'LakefoldError', code, context: { file: 1 } });
  });

  it('takes less than 256 MB, whichever it is', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFiles(folder);
    const [line = ''] = await runTypeScript(child(folder));
    const { grownBytes, outcomes } = JSON.parse(line) as { readonly grownBytes: number; readonly outcomes: Record<string, string> };
    expect(outcomes).toEqual(Object.fromEntries(HOSTILE_FILES.map(({ name, code }) => [name, code])));
    expect(grownBytes).toBeLessThan(256 * 1024 * 1024);
  });
});
