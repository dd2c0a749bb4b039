/** Many Parquet files as one without a row becoming a value: row groups are copied; small ones are spliced, the smallest encoded again inside the wasm. */
import { readParquet, writeParquet } from 'parquet-wasm/esm';
import { bytesEqual } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { PARQUET_GROUP_BYTES_MAX } from '../core/limits.ts';
import { finishParquet } from './finish.ts';
import { readFooterStruct } from './footer.ts';
import { joinParquet } from './join-files.ts';
import { corruptFile } from './projection.ts';
import { spliceParquet } from './splice-files.ts';
import { listAt, numberAt, readThriftPrefix, structAt, structOf, writeThriftStruct, type ThriftStruct } from './thrift.ts';
import { isTrap, runWasm } from './wasm-runtime.ts';
import { weighFile, type WeighDeps } from './weigh-file.ts';
import { ROW_GROUP_ROWS, writerProperties } from './writer-properties.ts';

/** Row groups of fewer rows on average are made larger: a reader pays for each, and small ones compress badly. */
const COPIED_ROWS_MIN = 32_768;
/** Row groups of more rows on average become large ones page by page; of fewer, their pages would be too many and too small. */
const SPLICED_ROWS_MIN = 4096;
/** Rows encoded again at a time, which bounds the wasm's memory. */
const RECODED_ROWS = 8 * ROW_GROUP_ROWS;

/**
 * The rows of the files in order; undefined where the files are not alike (other columns, types or writers).
 * @throws LakefoldError FILE_CORRUPT, LIMIT_EXCEEDED, UNSUPPORTED_FORMAT with the position of the file, as a read of it would
 */
export async function packParquet(deps: WeighDeps, files: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  for (const [i, file] of files.entries()) await checkFile(deps, file, i);
  const metas = files.map(readFooterStruct);
  const groups = metas.flatMap((meta) => listAt(meta, 4));
  const rows = metas.reduce((sum, meta) => sum + rowsOf(meta), 0);
  const isLarge = rows >= groups.length * COPIED_ROWS_MIN || groups.length < 2;
  const spliced = isLarge || rows < groups.length * SPLICED_ROWS_MIN ? undefined : await spliceParquet(files, (file) => recode(deps, file));
  const joined = spliced ?? joinParquet(files);
  if (joined === undefined || isLarge || rows >= groups.length * SPLICED_ROWS_MIN) return joined;
  const parts: Uint8Array[] = [];
  for (const run of runsOf(files, metas)) {
    const source = joinParquet(run) ?? joined;
    const part = await recode(deps, source);
    // A layout that does not come back as it was is copied instead.
    if (part === undefined || !bytesEqual(schemaBytes(part), schemaBytes(source))) return joined;
    parts.push(part);
  }
  return joinParquet(parts) ?? joined;
}

async function checkFile(deps: WeighDeps, file: Uint8Array, position: number): Promise<void> {
  try {
    await weighFile(deps, file);
  } catch (cause) {
    if (!(cause instanceof LakefoldError)) throw cause;
    throw new LakefoldError(cause.code, cause.message, { cause, context: { ...cause.context, file: position } });
  }
}

function rowsOf(meta: ThriftStruct): number {
  return numberAt(meta, 3) ?? 0;
}

function runsOf(files: readonly Uint8Array[], metas: readonly ThriftStruct[]): readonly (readonly Uint8Array[])[] {
  const runs: Uint8Array[][] = [];
  let rows = RECODED_ROWS;
  files.forEach((file, i) => {
    if (rows >= RECODED_ROWS) {
      runs.push([]);
      rows = 0;
    }
    runs.at(-1)?.push(file);
    rows += rowsOf(metas[i] ?? new Map());
  });
  return runs;
}

/** Undefined where the rows together would take more memory than a row group may. */
async function recode({ wasm, measure }: WeighDeps, file: Uint8Array): Promise<Uint8Array | undefined> {
  if ((await weighFile({ wasm, measure }, file)) > PARQUET_GROUP_BYTES_MAX) return undefined;
  const plain = columnsWithoutDictionary(file);
  const work = (): Uint8Array => {
    try {
      return writeParquet(readParquet(file, { batchSize: ROW_GROUP_ROWS }), writerProperties({ plain }));
    } catch (cause) {
      if (isTrap(cause)) throw cause;
      throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
    }
  };
  const onTrap = (cause: unknown): LakefoldError =>
    new LakefoldError('LIMIT_EXCEEDED', `expected files the Parquet writer has memory for, found ${file.length} bytes`, { cause });
  return finishParquet(await runWasm(wasm, work, onTrap));
}

function schemaBytes(file: Uint8Array): Uint8Array {
  const schema = readFooterStruct(file).get(2);
  return schema === undefined ? new Uint8Array() : writeThriftStruct(new Map([[2, schema]]));
}

/** Flat columns most of whose values differ, by the sizes of the dictionaries they have; those without stay without. */
function columnsWithoutDictionary(file: Uint8Array): readonly string[] {
  const distinct = new Map<string, number>();
  const values = new Map<string, number>();
  for (const group of listAt(readFooterStruct(file), 4)) {
    for (const chunk of listAt(structOf(group) ?? new Map(), 1)) {
      const meta = structAt(structOf(chunk) ?? new Map(), 3) ?? new Map();
      const path = listAt(meta, 3).map((part) => new TextDecoder().decode(part instanceof Uint8Array ? part : new Uint8Array()));
      const [name] = path;
      if (path.length !== 1 || name === undefined || name.includes('.')) continue;
      const count = numberAt(meta, 5) ?? 0;
      values.set(name, (values.get(name) ?? 0) + count);
      distinct.set(name, (distinct.get(name) ?? 0) + (dictionarySize(file, meta) ?? count));
    }
  }
  return [...values].flatMap(([name, count]) => ((distinct.get(name) ?? 0) > count / 2 ? [name] : []));
}

function dictionarySize(file: Uint8Array, meta: ThriftStruct): number | undefined {
  const offset = numberAt(meta, 11) ?? 0;
  if (offset <= 0) return undefined;
  const dictionary = structAt(readThriftPrefix(file.subarray(offset)).struct, 7);
  return dictionary === undefined ? undefined : numberAt(dictionary, 1);
}
