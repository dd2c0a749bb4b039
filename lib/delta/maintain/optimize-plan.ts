/** What an optimisation would do: which files become one, and what that takes. Pure, and printable before it runs. */
import { compareUtf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { REWRITE_MEMORY_BYTES_MAX, TARGET_FILE_BYTES, Z_ORDER_COLUMNS_MAX } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { type Column, type ColumnType, formatType } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import { compareValues, unknownColumn, type Filter } from '../filter/filter.ts';
import { boundsOf, eachFileThatMayPass } from '../rows/read.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { parseStats } from '../statistics/stats.ts';

export interface OptimizeOptions {
  /** Bytes a file is packed to. */
  readonly targetBytes?: number;
  /** Rows sort by these columns; rewrites also files that are large enough but sorted otherwise. */
  readonly clusterBy?: readonly string[];
  /** As `clusterBy`, along a Z curve over at most four columns. */
  readonly zOrder?: readonly string[];
  /** Only files that may hold a row it passes. */
  readonly where?: Filter;
  /** Rows of a file written anew sort by these, as those of the files it is made of do; small ones are written anew for it. */
  readonly sortBy?: readonly string[];
  /** Rows held at once, as estimated from the schema, bytes; a file of more becomes several. */
  readonly memoryBytesMax?: number;
}

/** Files that become one; where rows are ordered, as many as their bytes ask for, each of a range of its own. */
export interface Bin {
  readonly files: readonly AddFile[];
  readonly bytes: number;
  /** Rows live now; undefined where a file does not tell. */
  readonly rows: number | undefined;
  /** `pack`: row groups are copied, no row is looked at. `rewrite`: rows are read, ordered and written. */
  readonly how: 'pack' | 'rewrite';
  /** Rows stay as they lie in the files, nothing but deleted ones is taken out, so that no row need be looked at. Default false. */
  readonly isAsStored?: boolean;
  /** Held at once while the bin is made, about, bytes. */
  readonly memoryBytes: number;
}

export interface OptimizePlan {
  readonly version: number;
  readonly bins: readonly Bin[];
  readonly files: number;
  readonly bytes: number;
  /** Of the greatest bin. */
  readonly memoryBytes: number;
  /** How rows will lie in the new files, as their tag says; undefined = as they come. */
  readonly order: string | undefined;
}

/** Tag of an `add`: how its rows lie, so that they are not laid so again. */
export const ORDER_TAG = 'lakefold.order';

/** Kinds whose values are neither greater nor less. */
const UNORDERED: ReadonlySet<ColumnType['kind']> = new Set(['array', 'struct', 'map', 'vector', 'void']);

/** Share of deleted rows above which a file is written again even alone. */
const DELETED_SHARE_MAX = 0.1;
/** Files of as many rows on average stay sorted each by itself when they are packed: their pages are narrow enough. */
const SORTED_ROWS_MIN = 4096;
/** Rows taken for a file that doesn't tell: its bytes by this. */
const ROW_BYTES_GUESS = 16;

/** @throws LakefoldError UNKNOWN_FEATURE for a column the table lacks, INVALID_ARGUMENT for both orders, or too many columns of one */
export function planOptimize(snapshot: Snapshot, options: OptimizeOptions = {}): OptimizePlan {
  const order = orderOf(snapshot, options);
  const targetBytes = options.targetBytes ?? TARGET_FILE_BYTES;
  const byPartition = new Map<string, AddFile[]>();
  for (const file of eachFileThatMayPass(snapshot, options.where)) {
    const isOrdered = order === undefined || file.tags?.[ORDER_TAG] === order;
    if (isOrdered && file.size >= targetBytes / 2 && !isMostlyDeleted(snapshot, file)) continue;
    const key = JSON.stringify(Object.entries(file.partitionValues).toSorted(([a], [b]) => compareUtf8(a, b)));
    const files = byPartition.get(key);
    if (files === undefined) byPartition.set(key, [file]);
    else files.push(file);
  }
  const first = (options.clusterBy ?? options.zOrder ?? [])[0];
  const bins = [...byPartition.values()].flatMap((files) =>
    packFiles(snapshot, first === undefined ? files : sortByBound(snapshot, files, first), {
      targetBytes,
      order,
      sortBy: options.sortBy ?? [],
      memoryBytesMax: options.memoryBytesMax ?? REWRITE_MEMORY_BYTES_MAX,
    }),
  );
  const total = (of: (bin: Bin) => number): number => bins.reduce((sum, bin) => sum + of(bin), 0);
  return {
    version: snapshot.version,
    bins,
    order,
    files: total((bin) => bin.files.length),
    bytes: total((bin) => bin.bytes),
    memoryBytes: bins.reduce((most, bin) => Math.max(most, bin.memoryBytes), 0),
  };
}

function orderOf(snapshot: Snapshot, { clusterBy, zOrder }: OptimizeOptions): string | undefined {
  const columns = zOrder ?? clusterBy;
  if (columns === undefined) return undefined;
  if (zOrder !== undefined && clusterBy !== undefined)
    throw new LakefoldError('INVALID_ARGUMENT', 'expected one of clusterBy and zOrder, found both', { context: { field: 'zOrder' } });
  const countMax = zOrder === undefined ? Number.POSITIVE_INFINITY : Z_ORDER_COLUMNS_MAX;
  if (columns.length < 1 || columns.length > countMax)
    throw new LakefoldError('INVALID_ARGUMENT', `expected 1 to ${countMax} columns to order by, found ${columns.length}`, {
      context: { field: zOrder === undefined ? 'clusterBy' : 'zOrder' },
    });
  for (const name of columns) {
    const column = snapshot.columns.find((candidate) => candidate.name === name);
    if (column === undefined) throw unknownColumn(name, snapshot.columns);
    if (UNORDERED.has(column.type.kind))
      throw new LakefoldError('INVALID_ARGUMENT', `expected columns with an order to order by, found ${name} of type ${formatType(column.type)}`, {
        context: { field: zOrder === undefined ? 'clusterBy' : 'zOrder' },
      });
  }
  return `${zOrder === undefined ? 'sorted' : 'z'}:${JSON.stringify(columns)}`;
}

/** Files with near values become one. */
function sortByBound(snapshot: Snapshot, files: readonly AddFile[], name: string): readonly AddFile[] {
  const min = new Map(files.map((file) => [file, boundsOf(snapshot, file, name).min ?? null]));
  return files.toSorted((a, b) => {
    const [left, right] = [min.get(a) ?? null, min.get(b) ?? null];
    if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
    return compareValues(left, right);
  });
}

interface Packing {
  readonly targetBytes: number;
  readonly order: string | undefined;
  readonly sortBy: readonly string[];
  readonly memoryBytesMax: number;
}

function packFiles(snapshot: Snapshot, files: readonly AddFile[], { targetBytes, order, sortBy, memoryBytesMax }: Packing): readonly Bin[] {
  const rowBytes = rowBytesOf(snapshot.columns);
  const bins: { files: AddFile[]; bytes: number; memory: number }[] = [];
  for (const file of files) {
    const open = bins.at(-1);
    const memory = (parseStats(file, snapshot.columns).numRecords ?? file.size / ROW_BYTES_GUESS) * rowBytes;
    // Of rows to be ordered as many as memory takes together: only between files of one bin do they part by their values.
    const fits = order !== undefined || (open !== undefined && open.bytes + file.size <= targetBytes);
    if (open !== undefined && fits && open.memory + memory <= memoryBytesMax) {
      open.files.push(file);
      open.bytes += file.size;
      open.memory += memory;
    } else {
      bins.push({ files: [file], bytes: file.size, memory });
    }
  }
  return bins
    .filter(
      (bin) => bin.files.length > 1 || bin.files.some((file) => isMostlyDeleted(snapshot, file) || (order !== undefined && file.tags?.[ORDER_TAG] !== order)),
    )
    .map((bin): Bin => {
      const rows = liveRows(snapshot, bin.files);
      const isSorted = sortBy.length === 0 || (rows ?? 0) >= bin.files.length * SORTED_ROWS_MIN;
      const isAsStored = order === undefined && isSorted && bin.files.every((file) => hasReceipts(snapshot, file));
      const how = isAsStored && bin.files.every(({ deletionVector }) => deletionVector === undefined) ? 'pack' : 'rewrite';
      return {
        files: bin.files,
        bytes: bin.bytes,
        rows,
        how,
        isAsStored,
        memoryBytes: Math.ceil(how === 'pack' ? bin.bytes * 2 : Math.min(bin.memory, memoryBytesMax) + bin.bytes),
      };
    });
}

function isMostlyDeleted(snapshot: Snapshot, file: AddFile): boolean {
  const rows = parseStats(file, snapshot.columns).numRecords;
  return file.deletionVector !== undefined && rows !== undefined && file.deletionVector.cardinality > rows * DELETED_SHARE_MAX;
}

/** No absent receipt, which a rewrite has to write down. */
function hasReceipts(snapshot: Snapshot, file: AddFile): boolean {
  return !snapshot.columns.some((column) => column.name === INGESTED_AT) || parseStats(file, snapshot.columns).nullCount(INGESTED_AT) === 0;
}

function liveRows(snapshot: Snapshot, files: readonly AddFile[]): number | undefined {
  let rows = 0;
  for (const file of files) {
    const { numRecords } = parseStats(file, snapshot.columns);
    if (numRecords === undefined) return undefined;
    rows += numRecords - (file.deletionVector?.cardinality ?? 0);
  }
  return rows;
}

/** Memory of a row in a batch, generously, bytes. */
export function rowBytesOf(columns: readonly Column[]): number {
  return columns.reduce((sum, column) => sum + valueBytes(column.type), 0);
}

/** Memory of a value in a batch, generously, bytes. */
function valueBytes(type: ColumnType): number {
  switch (type.kind) {
    case 'boolean':
      return 1;
    case 'int':
    case 'date':
    case 'float':
      return 4;
    case 'bigint':
    case 'timestamp':
    case 'timestampNtz':
    case 'double':
      return 8;
    case 'vector':
      return 16 + 8 * type.length;
    case 'struct':
      return type.fields.reduce((sum, field) => sum + 8 + valueBytes(field.type), 16);
    case 'array':
    case 'map':
      return 256;
    default:
      return 64;
  }
}
