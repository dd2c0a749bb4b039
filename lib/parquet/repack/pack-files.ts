/** Many Parquet files as one without a row becoming a value: row groups are copied, small ones spliced, the pages of the smallest made anew. */
import { readParquet, Table, writeParquet } from 'parquet-wasm/esm';
import { decodeUtf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { PARQUET_GROUP_BYTES_MAX } from '../../core/limits.ts';
import { joinArrowStreams } from '../arrow/arrow-stream.ts';
import { finishParquet } from './finish.ts';
import { joinParquet } from './join-files.ts';
import { corruptFile } from '../projection.ts';
import { spliceParquet } from './splice-files.ts';
import { listAt, numberAt, readThriftPrefix, structAt, structOf, writeThriftStruct, type ThriftStruct, type ThriftValue } from '../thrift.ts';
import { isTrap, runWasm } from '../wasm-runtime.ts';
import { weighFile, type WeighDeps, type WeighedFile } from './weigh-file.ts';
import { ROW_GROUP_ROWS, type WriterChoices, writerProperties } from '../writer-properties.ts';

/** Row groups of fewer rows on average are made larger: a reader pays for each, and small ones compress badly. */
const COPIED_ROWS_MIN = 32_768;
/** Row groups of more rows on average become large ones page by page; of fewer, pages would be too many, and smaller than the 8 KiB the format advises: they are made anew. */
const SPLICED_ROWS_MIN = 1024;

/**
 * The rows of the files in order; undefined where the files are not alike (other columns, types or writers).
 * @throws LakefoldError FILE_CORRUPT, LIMIT_EXCEEDED, UNSUPPORTED_FORMAT with the position of the file, as a read of it would
 */
export async function packParquet(deps: WeighDeps, files: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  const weighed = await checkedFiles(deps, files);
  const groups = weighed.reduce((sum, { meta }) => sum + listAt(meta, 4).length, 0);
  const rows = weighed.reduce((sum, { meta }) => sum + rowsOf(meta), 0);
  if (rows >= groups * COPIED_ROWS_MIN || groups < 2) return joinParquet(files);
  const { wasm, zstd } = deps;
  const remade = await spliceParquet(weighed, { wasm, zstd, recode: (file) => recode(deps, file), keepsPages: rows >= groups * SPLICED_ROWS_MIN });
  return remade ?? joinParquet(files);
}

/** @throws LakefoldError FILE_CORRUPT, LIMIT_EXCEEDED, UNSUPPORTED_FORMAT with the position of the file */
export async function checkedFiles(deps: WeighDeps, files: readonly Uint8Array[]): Promise<readonly WeighedFile[]> {
  const weighed: WeighedFile[] = [];
  for (const [i, bytes] of files.entries()) weighed.push(await checkFile(deps, bytes, i));
  return weighed;
}

async function checkFile(deps: WeighDeps, file: Uint8Array, position: number): Promise<WeighedFile> {
  try {
    return await weighFile(deps, file);
  } catch (cause) {
    if (!(cause instanceof LakefoldError)) throw cause;
    throw new LakefoldError(cause.code, cause.message, { cause, context: { ...cause.context, file: position } });
  }
}

function rowsOf(meta: ThriftStruct): number {
  return numberAt(meta, 3) ?? 0;
}

async function recode(deps: WeighDeps, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  return encodeAgain(deps, [await weighFile(deps, bytes)]);
}

/** Undefined where the rows together would take more memory than a row group may. */
async function encodeAgain({ wasm }: WeighDeps, files: readonly WeighedFile[]): Promise<Uint8Array | undefined> {
  const decodedBytes = files.reduce((sum, file) => sum + file.decodedBytes, 0);
  if (decodedBytes > PARQUET_GROUP_BYTES_MAX) return undefined;
  const streams = await runWasm(
    wasm,
    () => files.map(({ bytes }) => orCorrupt(() => readParquet(bytes, { batchSize: ROW_GROUP_ROWS }).intoIPCStream())),
    (cause) => tooMuch(decodedBytes, cause),
  );
  return encodeStreams({ wasm }, streams, { plain: columnsWithoutDictionary(files) });
}

/** What the wasm says of its input without breaking down, it says of a file. */
export function orCorrupt(work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (cause) {
    if (isTrap(cause)) throw cause;
    throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Arrow streams of one schema as a file. @throws LakefoldError LIMIT_EXCEEDED */
export async function encodeStreams(
  { wasm }: Pick<WeighDeps, 'wasm'>,
  streams: readonly Uint8Array[],
  choices: Pick<WriterChoices, 'plain'>,
): Promise<Uint8Array> {
  const stream = joinArrowStreams(streams);
  const file = await runWasm(
    wasm,
    () => orCorrupt(() => writeParquet(Table.fromIPCStream(stream), writerProperties(choices))),
    (cause) => tooMuch(stream.length, cause),
  );
  return finishParquet(file);
}

function tooMuch(bytes: number, cause: unknown): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected files the Parquet writer has memory for, found ${bytes} bytes`, { cause });
}

/** Of the columns of a footer. */
export function schemaBytes(meta: ThriftStruct): Uint8Array {
  const schema = meta.get(2);
  return schema === undefined ? new Uint8Array() : writeThriftStruct(new Map([[2, schema]]));
}

/** Flat columns most of whose values differ, by the sizes of the dictionaries they have; those without stay without. */
export function columnsWithoutDictionary(files: readonly WeighedFile[]): readonly string[] {
  const distinct = new Map<string, number>();
  const values = new Map<string, number>();
  for (const { file, meta } of files.flatMap((each) => listAt(each.meta, 4).flatMap((group) => chunksOf(each, group)))) {
    const [name = '', ...deeper] = listAt(meta, 3).map((part) => decodeUtf8(part instanceof Uint8Array ? part : new Uint8Array()) ?? '.');
    if (deeper.length > 0 || name.includes('.')) continue;
    const count = numberAt(meta, 5) ?? 0;
    values.set(name, (values.get(name) ?? 0) + count);
    distinct.set(name, (distinct.get(name) ?? 0) + (dictionarySize(file, meta) ?? count));
  }
  return [...values].flatMap(([name, count]) => ((distinct.get(name) ?? 0) > count / 2 ? [name] : []));
}

function chunksOf({ bytes }: WeighedFile, group: ThriftValue): { readonly file: Uint8Array; readonly meta: ThriftStruct }[] {
  return listAt(structOf(group) ?? new Map(), 1).map((chunk) => ({ file: bytes, meta: structAt(structOf(chunk) ?? new Map(), 3) ?? new Map() }));
}

function dictionarySize(file: Uint8Array, meta: ThriftStruct): number | undefined {
  const offset = numberAt(meta, 11) ?? 0;
  if (offset <= 0) return undefined;
  const dictionary = structAt(readThriftPrefix(file.subarray(offset)).struct, 7);
  return dictionary === undefined ? undefined : numberAt(dictionary, 1);
}
