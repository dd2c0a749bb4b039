/** Rows of a snapshot: pruned by statistics, deletion vectors applied, partition values filled in. */
import { type Batch, type Vector, takeRows, vectorOf } from '../../core/batch.ts';
import { crc32Hex } from '../../core/crc32.ts';
import { LakefoldError } from '../../core/errors.ts';
import { FILE_OBJECTS_KEPT_MAX, SCAN_BYTES_AHEAD_MAX, SCAN_FILES_AHEAD_MAX } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { joinPath } from '../../core/path.ts';
import { intersectRanges, type RowRanges } from '../../core/row-ranges.ts';
import type { ObjectStore, RequestOptions } from '../../ports/object-store.ts';
import type { DecodeColumn, FileSource, TableCodec } from '../../ports/table-codec.ts';
import type { AddFile } from '../actions/actions.ts';
import { readDeletionVector } from './deletion-vector.ts';
import { type ColumnBounds, type Filter, filterColumns, mayPass, passingRows, unknownColumn } from '../filter/filter.ts';
import { filterRanges } from '../filter/filter-ranges.ts';
import { parsePartitionValue } from '../filter/partition-values.ts';
import { filesInPartitions, partitionBounds, partitionColumnsOf, partitionTest } from '../filter/pruning.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import { FILE_CRC_TAG } from '../write/stage.ts';
import { type FileStats, parseStats, readStats } from '../statistics/stats.ts';

export interface ReadDeps {
  readonly store: ObjectStore;
  readonly codec: TableCodec;
}

export interface ReadOptions extends RequestOptions {
  /** Logical names in the order wanted; default: every column in schema order. */
  readonly columns?: readonly string[];
  readonly where?: Filter;
  readonly limit?: number;
}

/** Rows of one file; `positions[i]` is the physical position of row i. */
export interface FileRows {
  readonly batch: Batch;
  readonly positions: Uint32Array;
}

/**
 * Rows of `snapshot`, in no particular order; absent values null.
 * @throws LakefoldError UNKNOWN_FEATURE for a column it lacks, FILE_MISSING, FILE_CORRUPT, DELETION_VECTOR_CORRUPT
 */
export async function* readRows(
  deps: ReadDeps,
  table: { readonly root: string; readonly snapshot: Snapshot },
  options: ReadOptions = {},
): AsyncIterable<Batch> {
  const wanted = selectColumns(table.snapshot, options.columns);
  const needed =
    options.where === undefined
      ? wanted
      : selectColumns(table.snapshot, [...new Set([...wanted.map((column) => column.name), ...filterColumns(options.where)])]);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  const files = eachFileThatMayPass(table.snapshot, options.where);
  // Of a few rows the first files may be all that is read.
  for (const { file, source } of sourcesAhead(deps.store, table.root, { files, filesMax: options.limit === undefined ? SCAN_FILES_AHEAD_MAX : 0 })) {
    if (left <= 0) return;
    for await (const { batch } of readFile(
      deps,
      { ...table, file, source },
      { columns: needed, ...(options.where === undefined ? {} : { where: options.where }), ...signalOf(options) },
    )) {
      const passing = options.where === undefined ? batch : takeRows(batch, passingRows(options.where, batch));
      const projected = { ...passing, columns: passing.columns.slice(0, wanted.length), vectors: passing.vectors.slice(0, wanted.length) };
      const limited =
        projected.rowCount <= left
          ? projected
          : takeRows(
              projected,
              Array.from({ length: left }, (_, i) => i),
            );
      left -= limited.rowCount;
      if (limited.rowCount > 0) yield limited;
      if (left <= 0) return;
    }
  }
}

/** Live files that may hold a passing row, by partition values and statistics. */
export function filesThatMayPass(snapshot: Snapshot, where: Filter | undefined): readonly AddFile[] {
  return [...eachFileThatMayPass(snapshot, where)];
}

/** The same one by one, for who holds on to few of them: of a large table no object is kept for a file. */
export function* eachFileThatMayPass(snapshot: Snapshot, where: Filter | undefined): Generator<AddFile, undefined> {
  if (where === undefined) {
    yield* snapshot.files.values();
    return undefined;
  }
  const columns = new Map([...filterColumns(where)].map((name) => [name, columnNamed(snapshot, name)]));
  const partitionColumns = partitionColumnsOf(snapshot);
  const read = snapshot.files.size <= FILE_OBJECTS_KEPT_MAX ? parseStats : readStats;
  const passes = (file: AddFile): boolean => {
    let stats: FileStats | undefined;
    const statsOf = (): FileStats => (stats ??= read(file, snapshot.columns));
    return mayPass(where, (name) => columnBounds({ file, statsOf, column: columns.get(name) ?? columnNamed(snapshot, name), partitionColumns }));
  };
  return yield* filesInPartitions(snapshot.files, partitionTest(snapshot, where), passes);
}

/** What the log knows of a column in a file. */
export function boundsOf(snapshot: Snapshot, file: AddFile, name: string): ColumnBounds {
  const statsOf = (): FileStats => parseStats(file, snapshot.columns);
  return columnBounds({ file, statsOf, column: columnNamed(snapshot, name), partitionColumns: partitionColumnsOf(snapshot) });
}

function columnNamed(snapshot: Snapshot, name: string): TableColumn {
  const column = snapshot.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw unknownColumn(name, snapshot.columns);
  return column;
}

interface BoundsOfFile {
  readonly file: AddFile;
  /** Asked only where partition values don't tell. */
  readonly statsOf: () => FileStats;
  readonly column: TableColumn;
  readonly partitionColumns: ReadonlyMap<string, TableColumn>;
}

function columnBounds({ file, statsOf, column, partitionColumns }: BoundsOfFile): ColumnBounds {
  const { name } = column;
  if (partitionColumns.has(name)) return partitionBounds(column, file.partitionValues);
  const stats = statsOf();
  const mayHaveNaN = column.type.kind === 'float' || column.type.kind === 'double';
  const bounds = { min: stats.min(name), max: stats.max(name), nullCount: stats.nullCount(name), rowCount: stats.numRecords, mayHaveNaN };
  return name === INGESTED_AT && column.type.kind === 'timestamp' ? receiptBounds(bounds, file) : bounds;
}

// Null receipts read as the file's time, which its statistics leave out.
function receiptBounds(bounds: ColumnBounds, file: AddFile): ColumnBounds {
  const { min, max, nullCount, rowCount } = bounds;
  if (nullCount === 0) return bounds;
  const filled = receiptOf(file);
  if (nullCount !== undefined && nullCount === rowCount) return { ...bounds, min: filled, max: filled, nullCount: 0 };
  return { ...bounds, min: typeof min === 'bigint' && min > filled ? filled : min, max: typeof max === 'bigint' && max < filled ? filled : max, nullCount: 0 };
}

/** When the rows of a file that have no receipt count as received, µs. */
function receiptOf(file: AddFile): bigint {
  return BigInt(file.modificationTime) * 1000n;
}

/** Live rows of one file, `columns` in the order given; its deletion vector is applied. With `where`, rows that cannot pass may be left out. */
export async function* readFile(
  deps: ReadDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile; readonly source?: FileSource },
  options: RequestOptions & { readonly columns: readonly TableColumn[]; readonly includeDeleted?: 'yes'; readonly where?: Filter },
): AsyncIterable<FileRows> {
  const { root, snapshot, file } = target;
  const source = target.source ?? openFile(deps.store, root, file);
  const partitionColumns = new Set(snapshot.metadata.partitionColumns);
  const stored = options.columns.filter((column) => !partitionColumns.has(column.name));
  // A projection of partition columns alone still needs the row count: one stored column brings it.
  const decoded = stored.length > 0 ? stored : snapshot.columns.filter((column) => !partitionColumns.has(column.name)).slice(0, 1);
  const deleted =
    file.deletionVector === undefined || options.includeDeleted === 'yes' ? undefined : new Set(await readDeletionVector(deps, root, file.deletionVector));
  try {
    const rows = options.where === undefined ? undefined : await rowsThatMayPass({ codec: deps.codec, source, snapshot }, options.where, signalOf(options));
    const selected = rows === undefined ? {} : { rows };
    for await (const { batch, firstRow } of deps.codec.decode(source, { columns: decoded.map(toDecodeColumn), ...selected, ...signalOf(options) })) {
      const whole = withPartitionColumns(batch, { columns: options.columns, decoded, file, partitionColumns });
      const filled = fillIngestedAt(whole, file);
      yield liveRows(filled, firstRow, deleted);
    }
  } catch (error) {
    if (error instanceof LakefoldError && error.code === 'FILE_CORRUPT' && error.context['path'] === undefined) {
      throw new LakefoldError('FILE_CORRUPT', `${joinPath(root, file.path)}: ${error.message}`, { cause: error, context: { path: file.path } });
    }
    throw error;
  }
}

/** Positions that may hold a passing row, by what the file says of its pages; undefined where the filter bounds no stored column. */
async function rowsThatMayPass(
  file: { readonly codec: TableCodec; readonly source: FileSource; readonly snapshot: Snapshot },
  where: Filter,
  options: RequestOptions,
): Promise<RowRanges | undefined> {
  const { codec, source, snapshot } = file;
  let rows: RowRanges | undefined;
  for (const { column: name, ranges } of filterRanges(where)) {
    // Absent receipts read as the file's time; partition values are not in the file.
    if (name === INGESTED_AT || snapshot.metadata.partitionColumns.includes(name)) continue;
    const found = await codec.pageRanges(source, { column: toDecodeColumn(columnNamed(snapshot, name)), ranges, ...options });
    rows = rows === undefined ? found : intersectRanges(rows, found);
    if (rows.length === 0) break;
  }
  return rows;
}

function liveRows(batch: Batch, firstRow: number, deleted: ReadonlySet<number> | undefined): FileRows {
  if (deleted === undefined) {
    const positions = new Uint32Array(batch.rowCount);
    for (let i = 0; i < positions.length; i += 1) positions[i] = firstRow + i;
    return { batch, positions };
  }
  const live: number[] = [];
  for (let i = 0; i < batch.rowCount; i += 1) if (!deleted.has(firstRow + i)) live.push(i);
  const positions = Uint32Array.from(live, (i) => firstRow + i);
  return { batch: live.length === batch.rowCount ? batch : takeRows(batch, live), positions };
}

/** The columns named, in that order. @throws LakefoldError UNKNOWN_FEATURE */
export function selectColumns(snapshot: Snapshot, names: readonly string[] | undefined): readonly TableColumn[] {
  if (names === undefined) return snapshot.columns;
  return names.map((name) => columnNamed(snapshot, name));
}

// Small files are read whole in one request; a column or two of a large one by ranges.
const WHOLE_FILE_BYTES_MAX = 8 * 1024 * 1024;

function openFile(store: ObjectStore, root: string, file: AddFile): FileSource {
  const path = joinPath(root, file.path);
  const missing = (): LakefoldError =>
    new LakefoldError('FILE_MISSING', `expected the live file ${path}, found nothing there`, { context: { path: file.path } });
  let whole: Promise<Uint8Array> | undefined;
  const readAll = (): Promise<Uint8Array> => {
    whole ??= store.get(path).then((object) => {
      if (object === undefined) throw missing();
      return object.bytes;
    });
    return whole;
  };
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    if (whole !== undefined || file.size <= WHOLE_FILE_BYTES_MAX) return (await readAll()).subarray(start, end);
    const object = await store.get(path, { range: { start, end } });
    if (object === undefined) throw missing();
    return object.bytes;
  };
  return { sizeBytes: file.size, read, readAll };
}

/** One file after the other with its source; small files that come next are on their way meanwhile, within `filesMax` and `SCAN_BYTES_AHEAD_MAX`. */
function* sourcesAhead(
  store: ObjectStore,
  root: string,
  { files, filesMax }: { readonly files: Iterator<AddFile, undefined>; readonly filesMax: number },
): Generator<{ readonly file: AddFile; readonly source: FileSource }, undefined> {
  const ahead: { readonly file: AddFile; readonly source: FileSource; readonly bytes: number }[] = [];
  let bytesAhead = 0;
  let next = files.next();
  for (;;) {
    while (next.done !== true && (ahead.length === 0 || (ahead.length <= filesMax && bytesAhead + next.value.size <= SCAN_BYTES_AHEAD_MAX))) {
      const file = next.value;
      const bytes = filesMax > 0 && file.size <= WHOLE_FILE_BYTES_MAX ? file.size : 0;
      const source = openFile(store, root, file);
      // A failure is met when the file is read; a scan that ends before never meets it.
      if (bytes > 0) source.readAll().catch(() => undefined);
      ahead.push({ file, source, bytes });
      bytesAhead += bytes;
      next = files.next();
    }
    const first = ahead.shift();
    if (first === undefined) return undefined;
    bytesAhead -= first.bytes;
    yield first;
  }
}

/** The bytes of a live file. @throws LakefoldError FILE_MISSING, FILE_CORRUPT where they are not those written */
export async function readWholeFile(store: ObjectStore, root: string, file: AddFile): Promise<Uint8Array> {
  const bytes = await openFile(store, root, file).readAll();
  const crc = file.tags?.[FILE_CRC_TAG];
  if (bytes.length !== file.size || (typeof crc === 'string' && crc !== crc32Hex(bytes)))
    throw new LakefoldError('FILE_CORRUPT', `expected the ${file.size} bytes written to ${joinPath(root, file.path)}, found others`, {
      context: { path: file.path },
    });
  return bytes;
}

/** The column as a codec is asked for it. */
export function toDecodeColumn(column: TableColumn): DecodeColumn {
  const mapped = column.fieldId === undefined ? {} : { fieldId: column.fieldId };
  return { name: column.name, type: column.physicalType ?? column.type, nullable: column.nullable, physicalName: column.physicalName, ...mapped };
}

function withPartitionColumns(
  batch: Batch,
  {
    columns,
    decoded,
    file,
    partitionColumns,
  }: {
    readonly columns: readonly TableColumn[];
    readonly decoded: readonly TableColumn[];
    readonly file: AddFile;
    readonly partitionColumns: ReadonlySet<string>;
  },
): Batch {
  const vectors = columns.map((column): Vector => {
    if (partitionColumns.has(column.name)) {
      const value = parsePartitionValue(column.type, file.partitionValues[column.physicalName] ?? null);
      return vectorOf(
        column.type,
        Array.from({ length: batch.rowCount }, () => value),
      );
    }
    const vector = batch.vectors[decoded.indexOf(column)];
    if (vector === undefined) throw new LakefoldError('INTERNAL', `the codec did not return column ${column.name}`);
    // Field names inside nested values are positions to us, so a physical type differs in names alone.
    return vector.type === column.type ? vector : { ...vector, type: column.type };
  });
  return { columns, vectors, rowCount: batch.rowCount };
}

// A row some other engine wrote has no receipt; it reads as the file's modification time (semantics §0).
function fillIngestedAt(batch: Batch, file: AddFile): Batch {
  const position = batch.columns.findIndex((column) => column.name === INGESTED_AT);
  const vector = batch.vectors[position];
  if (vector?.nulls === undefined || !(vector.values instanceof BigInt64Array)) return batch;
  const values = vector.values.slice();
  for (let i = 0; i < values.length; i += 1) if (vector.nulls[i] === 1) values[i] = receiptOf(file);
  return { ...batch, vectors: batch.vectors.with(position, { type: vector.type, length: vector.length, values }) };
}

function signalOf(options: RequestOptions): RequestOptions {
  return options.signal === undefined ? {} : { signal: options.signal };
}
