/** Row groups of a Parquet file one by one, their columns as Arrow has them: no value is made before it is asked for. */
import { DataType, tableFromIPC, Type, type Data, type RecordBatch } from 'apache-arrow';
import { readParquet } from 'parquet-wasm/esm';
import type { Vector } from '../core/batch.ts';
import type { RawColumn } from '../core/raw-column.ts';
import { SEAL } from '../core/seal.ts';
import type { DecodeOptions, FetchedColumns, FileSource, RowGroupReader, RowGroups } from '../ports/table-codec.ts';
import { LakefoldError } from '../core/errors.ts';
import { PARQUET_FETCHED_BYTES_MAX, PARQUET_PAGE_RATIO_MAX } from '../core/limits.ts';
import { nullVector, vectorOfArrow } from './arrow/arrow-decode.ts';
import { tooLarge } from './decoded-size.ts';
import { openParquet, remarksOf, type Footer, type RowGroup, type SchemaNode } from './footer.ts';
import { leavesOf, nodeOf, projectRowGroup, withFieldsOf } from './projection.ts';
import { numberAt, structAt } from './thrift.ts';
import type { StreamMeasure } from './unpacked-size.ts';
import { corruptFile, isTrap, runWasm, runWasmNow, type ParquetWasm } from './wasm-runtime.ts';

/** What the codec is made of. */
interface CodecParts {
  readonly wasm: ParquetWasm;
  readonly measure: StreamMeasure | undefined;
}

export async function openRowGroups({ wasm, measure }: CodecParts, source: FileSource): Promise<RowGroups> {
  const { footer, near } = await openParquet(source);
  const readers: RowGroupReader[] = [];
  let firstRow = 0;
  for (const group of footer.rowGroups) {
    const at = firstRow;
    if (group.rowCount > 0)
      readers.push({
        firstRow: at,
        rowCount: group.rowCount,
        fetch: (options) => fetchColumns({ wasm, measure }, { source: near, footer, group, firstRow: at }, options),
      });
    firstRow += group.rowCount;
  }
  const remarks = new Map([...remarksOf(footer)].filter(([name]) => name !== SEAL));
  return { groups: readers, remarks };
}

interface GroupPlace {
  readonly source: FileSource;
  readonly footer: Footer;
  readonly group: RowGroup;
  readonly firstRow: number;
}

async function fetchColumns(
  { wasm, measure }: CodecParts,
  { source, footer, group, firstRow }: GroupPlace,
  options: Omit<DecodeOptions, 'rows'>,
): Promise<FetchedColumns> {
  const wanted = options.columns.map((column) => {
    const node = nodeOf(footer, column);
    const narrowed = node === undefined ? undefined : withFieldsOf(node, column.type);
    return narrowed === undefined || isAllNull(group, narrowed) ? undefined : narrowed;
  });
  const nodes = wanted.filter((node) => node !== undefined);
  const projected = nodes.length === 0 ? undefined : await projectRowGroup({ source, wasm, measure }, { footer, group, nodes }, options);
  const file = projected?.file;
  if (projected !== undefined && projected.decodedBytes > Math.max(PARQUET_FETCHED_BYTES_MAX, projected.file.length * PARQUET_PAGE_RATIO_MAX))
    throw tooLarge(projected.decodedBytes);
  const decode = (): readonly (Data | undefined)[] =>
    file === undefined ? wanted.map(() => undefined) : decodeColumns(file, { wanted, rowCount: group.rowCount });
  const onTrap = (cause: unknown): LakefoldError => corruptFile('the Parquet reader broke down', cause);
  const rawOf = (columns: readonly (Data | undefined)[]): (RawColumn | undefined)[] =>
    columns.map((data, i) => (data === undefined ? undefined : rawOfArrow(data, options.columns[i]?.name ?? '')));
  return {
    sizeBytes: file?.length ?? 0,
    raw: async () => rawOf(await runWasm(wasm, decode, onTrap)),
    rawNow: () => rawOf(runWasmNow(wasm, decode, onTrap)),
    vectorsNow: () => {
      const columns = runWasmNow(wasm, decode, onTrap);
      return options.columns.map((column, i): Vector => {
        const data = columns[i];
        return data === undefined ? nullVector(column.type, group.rowCount) : vectorOfArrow(data, column.type, { column: column.name, firstRow });
      });
    },
  };
}

/** By the statistics of the column chunks; where they say nothing, no. */
function isAllNull(group: RowGroup, node: SchemaNode): boolean {
  return leavesOf(node).every((leaf) => {
    const meta = structAt(group.chunks[leaf]?.element ?? new Map(), 3) ?? new Map();
    const statistics = structAt(meta, 12);
    const nullCount = statistics === undefined ? undefined : numberAt(statistics, 3);
    return nullCount !== undefined && nullCount === numberAt(meta, 5);
  });
}

function decodeColumns(
  file: Uint8Array,
  { wanted, rowCount }: { readonly wanted: readonly (SchemaNode | undefined)[]; readonly rowCount: number },
): readonly (Data | undefined)[] {
  const [batch, more] = readBatches(file, rowCount);
  if (batch?.numRows !== rowCount || more !== undefined)
    throw corruptFile(`a row group of ${batch?.numRows ?? 0} rows where ${rowCount} were expected`, undefined);
  let next = 0;
  return wanted.map((node) => {
    if (node === undefined) return undefined;
    next += 1;
    return batch.data.children[next - 1];
  });
}

/** Synchronous, so that a trap comes back here; see projection.ts. */
function readBatches(file: Uint8Array, rowCount: number): readonly RecordBatch[] {
  try {
    return tableFromIPC(readParquet(file, { batchSize: rowCount }).intoIPCStream()).batches;
  } catch (cause) {
    if (isTrap(cause)) throw cause;
    throw corruptFile(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function rawOfArrow(data: Data, name: string): RawColumn {
  const { type, length } = data;
  const base = { length, ...(data.nullCount === 0 ? {} : { valid: data.nullBitmap }) };
  const child = (index: number): RawColumn => {
    const inner = data.children[index];
    if (inner === undefined) throw unexpected(name, type);
    return rawOfArrow(inner, name);
  };
  if (data.offset !== 0) throw unexpected(name, type);
  if (DataType.isUtf8(type) || DataType.isBinary(type)) return { kind: 'text', ...base, offsets: data.valueOffsets, bytes: data.values };
  if (DataType.isBool(type)) return { kind: 'booleans', ...base, bits: data.values };
  if (DataType.isStruct(type)) return { kind: 'struct', ...base, fields: new Map(type.children.map((field, i) => [field.name, child(i)])) };
  if (DataType.isList(type)) return { kind: 'list', ...base, offsets: data.valueOffsets, items: child(0) };
  if (DataType.isMap(type)) {
    const [keys, values] = data.children[0]?.children ?? [];
    if (keys === undefined || values === undefined) throw unexpected(name, type);
    return { kind: 'map', ...base, offsets: data.valueOffsets, keys: rawOfArrow(keys, name), values: rawOfArrow(values, name) };
  }
  const values: unknown = data.values;
  if (
    values instanceof Int32Array ||
    values instanceof BigInt64Array ||
    values instanceof Int16Array ||
    values instanceof Int8Array ||
    values instanceof Uint32Array
  )
    return { kind: 'numbers', ...base, values };
  throw unexpected(name, type);
}

function unexpected(column: string, type: DataType): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected text, whole numbers or booleans in column ${column}, found ${Type[type.typeId] ?? 'another type'}`, {
    context: { column },
  });
}
