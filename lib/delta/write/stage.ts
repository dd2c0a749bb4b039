/** Data files written before the commit that names them: immutable, uniquely named, valid across attempts. */
import { type Batch, takeRows, valueAt, isNullAt, findVector } from '../../core/batch.ts';
import { compareUtf8 } from '../../core/bytes.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { crc32Hex } from '../../core/crc32.ts';
import { LakefoldError } from '../../core/errors.ts';
import { TARGET_FILE_BYTES } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import { type Column, formatType, typesEqual, type Value } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import { checkRows, constraintsOf } from '../sql/constraints.ts';
import type { DeltaDeps } from '../deps.ts';
import { unknownColumn } from '../filter/filter.ts';
import { parsePartitionValue, partitionDirectory, serializePartitionValue } from '../filter/partition-values.ts';
import { hasDeletionVectors } from '../actions/protocol.ts';
import { sortRows } from '../rows/row-order.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import { collectStats } from '../statistics/stats.ts';
import { checkValues } from '../schema/value-rules.ts';

export interface StageTarget {
  readonly root: string;
  readonly snapshot: Snapshot;
  readonly txnId: string;
  /** Files sort by these columns, so that key and event-time ranges of pages stay narrow. */
  readonly sortBy?: readonly string[];
  /** False for rewrites, which change no rows. */
  readonly dataChange: boolean;
  /** Change files stand in a folder of their own; data files beside the log. */
  readonly folder?: '_change_data';
  /**
   * Takes the write of a single small file, which is then under way, where the store can make the entry ready beside it: whoever names the file
   * waits for it. Else it is waited for here.
   */
  readonly pending?: Promise<void>[];
  /** Number of the first file; files of one transaction never share a number. */
  readonly ordinal: number;
  /** Rows of one file, about: those of a partition are shared out evenly. */
  readonly rowsMax?: number;
}

/** A staged file and where its rows came from: `sources[i]` is the batch row at physical position i. */
export interface StagedFile {
  readonly add: AddFile;
  readonly sources: Uint32Array;
}

/** Hint on an `add`: CRC-32 of the file, eight hex digits. Parquet as we write it would let a changed byte pass as another value. */
export const FILE_CRC_TAG = 'lakefold.fileCrc32';

const STAGE_CONCURRENCY = 4;
/** A larger file takes longer to write than its entry, which is stamped before it, should be behind. */
const PENDING_BYTES_MAX = 1024 * 1024;
/** Rows are at least this wide on average once compressed; bounds a file's rows before its bytes are known. */
const ROW_BYTES_MIN = 16;

/**
 * Writes the rows as sorted data files, one or more per partition.
 * @throws LakefoldError UNKNOWN_FEATURE for a column the table lacks, CONSTRAINT_VIOLATED for a null in a required one, and for what the schema or a constraint forbids
 */
export async function stageRows(deps: DeltaDeps, target: StageTarget, batch: Batch): Promise<readonly StagedFile[]> {
  const columns = batch.columns.map((column) => tableColumn(target.snapshot, column.name));
  checkRequired(target.snapshot, batch);
  // Rewrites that change no row, and change files, hold what was checked before.
  if (target.dataChange) {
    checkValues(target.snapshot.columns, batch);
    checkRows(constraintsOf(target.snapshot.metadata), target.snapshot.columns, batch);
  }
  const pieces = partitionRows(target, batch).flatMap((indices) => splitRows(sortRows(batch, indices, target.sortBy ?? []), target.rowsMax));
  const { pending, ...waited } = target;
  // The bytes of many would all be held until they are written.
  const each = pieces.length > 1 || pending === undefined ? waited : { ...waited, pending };
  return mapConcurrent(pieces, { concurrencyMax: STAGE_CONCURRENCY }, (indices, i) =>
    stageFile(deps, each, { batch, columns, indices, ordinal: target.ordinal + i }),
  );
}

/** Why files staged on one snapshot can't be committed on a later one; undefined when they can. */
export function stagedConflict(stagedOn: Snapshot, now: Snapshot): string | undefined {
  if (stagedOn.metadata === now.metadata) return undefined;
  if (stagedOn.metadata.id !== now.metadata.id) return 'the table was replaced by another';
  if (partitionNames(stagedOn).join('\0') !== partitionNames(now).join('\0')) return 'the table is partitioned by other columns now';
  const checked = new Set(constraintsOf(stagedOn.metadata).map(({ text }) => text));
  const added = constraintsOf(now.metadata).find(({ text }) => !checked.has(text));
  if (added !== undefined) return `constraint ${added.name} was added`;
  for (const column of now.columns) {
    const before = stagedOn.columns.find((candidate) => candidate.name === column.name);
    const same = stagedOn.columns.find((candidate) => candidate.physicalName === column.physicalName);
    if (!column.nullable && same?.nullable !== false) return `column ${column.name} is required now`;
    if (before !== undefined && (before.physicalName !== column.physicalName || !typesEqual(before.type, column.type)))
      return `column ${column.name} was ${formatType(before.type)}, it is ${formatType(column.type)} now`;
  }
  return undefined;
}

/** As files and paths know them: a column that got another name is the same. */
function partitionNames({ metadata, columns }: Snapshot): readonly string[] {
  return metadata.partitionColumns.map((name) => columns.find((column) => column.name === name)?.physicalName ?? name);
}

async function stageFile(
  deps: DeltaDeps,
  target: StageTarget,
  piece: { readonly batch: Batch; readonly columns: readonly TableColumn[]; readonly indices: Uint32Array; readonly ordinal: number },
): Promise<StagedFile> {
  const { partitionColumns } = target.snapshot.metadata;
  const rows = takeRows(piece.batch, piece.indices);
  const stored = piece.columns.flatMap((column, i) => (partitionColumns.includes(column.name) ? [] : [{ column, vector: rows.vectors[i] }]));
  const physical: Batch = {
    columns: stored.map(({ column }) => physicalColumn(column)),
    vectors: stored.flatMap(({ column, vector }) => (vector === undefined ? [] : [{ ...vector, type: column.physicalType ?? vector.type }])),
    rowCount: rows.rowCount,
  };
  const bytes = await deps.codec.encode(physical);
  const values = partitionColumns.map((name): [TableColumn, Value] => {
    const position = piece.columns.findIndex((column) => column.name === name);
    const vector = rows.vectors[position];
    return [tableColumn(target.snapshot, name), vector === undefined ? null : valueAt(vector, 0)];
  });
  const logical: Batch = { columns: stored.map(({ column }) => column), vectors: physical.vectors, rowCount: rows.rowCount };
  const add = await stageBytes(
    deps,
    { ...target, ordinal: piece.ordinal },
    {
      bytes,
      partitionValues: Object.fromEntries(values.map(([column, value]) => [column.physicalName, serializePartitionValue(column.type, value)])),
      stats: statsOfRows(target.snapshot, logical),
    },
  );
  return { add, sources: piece.indices };
}

/** The statistics of a file of these rows, as the table wants them; `rows` has stored columns of the table alone. */
export function statsOfRows(snapshot: Snapshot, rows: Batch): string {
  return collectStats(
    rows,
    rows.columns.map((column) => tableColumn(snapshot, column.name)),
    statsOptions(snapshot),
  );
}

/** Writes a data file as it is; its rows all have the partition values. */
export async function stageBytes(
  deps: DeltaDeps,
  target: StageTarget,
  file: { readonly bytes: Uint8Array; readonly stats: string; readonly partitionValues: AddFile['partitionValues'] },
): Promise<AddFile> {
  const { bytes, stats, partitionValues } = file;
  const columns = target.snapshot.metadata.partitionColumns.map((name) => tableColumn(target.snapshot, name));
  const name = `${target.folder === undefined ? 'part' : 'cdc'}-${target.txnId}-${String(target.ordinal).padStart(5, '0')}.${deps.codec.extension}`;
  const directory = partitionDirectory(
    columns,
    columns.map((column) => parsePartitionValue(column.type, partitionValues[column.physicalName] ?? null)),
  );
  const path = joinPath(target.folder ?? '', directory, name);
  const writing = writeStaged(deps, joinPath(target.root, path), { bytes, txnId: target.txnId });
  if (target.pending === undefined || deps.store.createIfAbsentAfter === undefined || bytes.length > PENDING_BYTES_MAX) await writing;
  else {
    target.pending.push(writing);
    // A plan that comes to nothing waits for it too, but may fail before it does.
    writing.catch(() => undefined);
  }
  return {
    kind: 'add',
    path,
    size: bytes.length,
    modificationTime: deps.clock.now(),
    dataChange: target.dataChange,
    tags: { [FILE_CRC_TAG]: crc32Hex(bytes) },
    partitionValues,
    stats,
  };
}

/** Writes a file of this transaction; a repeat of the same write is the same file. @throws LakefoldError STORE_UNAVAILABLE */
export async function writeStaged(
  deps: DeltaDeps,
  path: ReturnType<typeof joinPath>,
  file: { readonly bytes: Uint8Array; readonly txnId: string },
): Promise<void> {
  for (let attempt = 1; attempt <= STAGE_CONCURRENCY; attempt += 1) {
    const outcome = await deps.store.createIfAbsent(path, file.bytes, { identity: file.txnId });
    if (outcome.kind === 'created') return;
    if (outcome.kind === 'exists') throw new LakefoldError('CORRUPT_STORE', `expected ${path} to be free, found another's object`, { context: { path } });
  }
  throw new LakefoldError('STORE_UNAVAILABLE', `could not tell whether ${path} was written`, { context: { path } });
}

function physicalColumn({ physicalName, type, physicalType = type, nullable, fieldId }: TableColumn): Column {
  return { name: physicalName, type: physicalType, nullable, ...(fieldId === undefined ? {} : { fieldId }) };
}

function statsOptions(snapshot: Snapshot): { readonly statsColumns?: readonly string[]; readonly indexedColumnsMax?: number; readonly tightBounds: boolean } {
  // Spark writes the member on tables with deletion vectors alone.
  const tightBounds = hasDeletionVectors(snapshot);
  const named = snapshot.metadata.configuration['delta.dataSkippingStatsColumns'];
  if (named !== undefined) return { tightBounds, statsColumns: named.split(',').map((name) => name.trim().replace(/^`|`$/g, '')) };
  const count = Number(snapshot.metadata.configuration['delta.dataSkippingNumIndexedCols'] ?? '32');
  return { tightBounds, indexedColumnsMax: count < 0 ? Number.MAX_SAFE_INTEGER : count };
}

function tableColumn(snapshot: Snapshot, name: string): TableColumn {
  const column = snapshot.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw unknownColumn(name, snapshot.columns);
  return column;
}

function checkRequired(snapshot: Snapshot, batch: Batch): void {
  for (const column of snapshot.columns) {
    if (column.nullable) continue;
    const vector = batch.vectors[batch.columns.findIndex((candidate) => candidate.name === column.name)];
    const row = vector === undefined ? 0 : firstNull(vector, batch.rowCount);
    if (batch.rowCount > 0 && row !== undefined) {
      throw new LakefoldError('CONSTRAINT_VIOLATED', `expected a value in required column ${column.name}, found null in row ${row}`, {
        context: { column: column.name, row, constraint: 'NOT NULL' },
      });
    }
  }
}

function firstNull(vector: Batch['vectors'][number], rowCount: number): number | undefined {
  if (vector.nulls === undefined && !Array.isArray(vector.values)) return undefined;
  for (let i = 0; i < rowCount; i += 1) if (isNullAt(vector, i)) return i;
  return undefined;
}

function partitionRows(target: StageTarget, batch: Batch): readonly Uint32Array[] {
  if (batch.rowCount === 0) return [];
  const { partitionColumns } = target.snapshot.metadata;
  if (partitionColumns.length === 0) return [rowNumbers(batch.rowCount)];
  const vectors = partitionColumns.map((name) => ({
    column: tableColumn(target.snapshot, name),
    vector: findVector(batch, name),
  }));
  const groups = new Map<string, number[]>();
  for (let i = 0; i < batch.rowCount; i += 1) {
    const key = JSON.stringify(vectors.map(({ column, vector }) => partitionText(column, { value: vector === undefined ? null : valueAt(vector, i), row: i })));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  }
  return [...groups.entries()].toSorted(([a], [b]) => compareUtf8(a, b)).map(([, indices]) => Uint32Array.from(indices));
}

function rowNumbers(count: number): Uint32Array {
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i += 1) numbers[i] = i;
  return numbers;
}

// Delta spells the empty text as null: it would read back as another value than was written.
function partitionText(column: TableColumn, { value, row }: { readonly value: Value; readonly row: number }): string | null {
  const text = serializePartitionValue(column.type, value);
  if (text === null && value !== null) {
    throw new LakefoldError('CONSTRAINT_VIOLATED', `expected a partition value that is not empty in ${column.name}, found an empty one in row ${row}`, {
      context: { column: column.name, row, constraint: 'PARTITION' },
    });
  }
  return text;
}

function splitRows(indices: Uint32Array, wanted = Number.POSITIVE_INFINITY): readonly Uint32Array[] {
  const shared = Math.ceil(indices.length / Math.max(1, Math.round(indices.length / wanted)));
  const rowsMax = Math.min(shared, Math.floor(TARGET_FILE_BYTES / ROW_BYTES_MIN));
  return Array.from({ length: Math.ceil(indices.length / rowsMax) }, (_, i) => indices.subarray(i * rowsMax, (i + 1) * rowsMax));
}
