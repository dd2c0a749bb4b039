/**
 * Carries out an optimisation: small files, and files with many deleted rows, become few near the target size. Changes no
 * row (`dataChange: false`), publishes nothing (U8), and yields: a bin that lost a file to another commit is dropped.
 */
import { concatBatches, sliceRows, takeRows, type Batch } from '../../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { REWRITE_MEMORY_BYTES_MAX, TARGET_FILE_BYTES } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import type { RowRange, RowRanges } from '../../core/row-ranges.ts';
import { bytesSource, type CutPiece } from '../../ports/table-codec.ts';
import type { AddFile } from '../actions/actions.ts';
import type { PlannedWrite } from '../write/commit.ts';
import { readDeletionVector } from '../rows/deletion-vector.ts';
import type { DeltaDeps } from '../deps.ts';
import { type Bin, type OptimizeOptions, type OptimizePlan, ORDER_TAG, rowBytesOf } from './optimize-plan.ts';
import { readFile, readWholeFile, toDecodeColumn } from '../rows/read.ts';
import { isSameFile, removeOf } from '../write/removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stageBytes, stageRows, statsOfRows } from '../write/stage.ts';
import { mergeStats } from '../statistics/stats-merge.ts';
import { NO_ROWS } from '../write/write-outcome.ts';
import { zOrder } from './z-order.ts';

export interface OptimizeTarget {
  readonly root: string;
  readonly txnId: string;
  readonly order: string | undefined;
  readonly options: OptimizeOptions;
  /** What became of each bin, kept across attempts; filled here. */
  readonly made?: Map<Bin, readonly AddFile[]>;
  /** True once no further bin is to be begun; the first of a group always is. */
  readonly isLate?: () => boolean;
  /** Rows held at once, as estimated from the schema, bytes. */
  readonly memoryBytesMax?: number;
  readonly signal?: AbortSignal;
}

/** Bins that are committed together: about one target file's worth, so that a crash costs no more than that. */
export function commitGroups({ bins }: OptimizePlan, targetBytes: number = TARGET_FILE_BYTES): readonly (readonly Bin[])[] {
  const groups: { bins: Bin[]; bytes: number }[] = [];
  for (const bin of bins) {
    const open = groups.at(-1);
    if (open !== undefined && open.bytes + bin.bytes <= targetBytes) {
      open.bins.push(bin);
      open.bytes += bin.bytes;
    } else groups.push({ bins: [bin], bytes: bin.bytes });
  }
  return groups.map((group) => group.bins);
}

/** A planner of the packing for `commitWrite`: each bin is read and written once. */
export function optimizePlanner(deps: DeltaDeps, target: OptimizeTarget, bins: readonly Bin[]): (snapshot: Snapshot) => Promise<PlannedWrite> {
  const packed = target.made ?? new Map<Bin, readonly AddFile[]>();
  let ordinal = 0;
  return async (snapshot) => {
    const whole = bins.filter((bin) => bin.files.every((file) => isSameFile(file, snapshot.files.get(file.path))));
    if (whole.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    for (const bin of whole) {
      target.signal?.throwIfAborted();
      if (packed.has(bin)) continue;
      if (ordinal > 0 && target.isLate?.() === true) break;
      const adds = await makeBin(deps, { target, snapshot, ordinal }, bin);
      ordinal += adds.length;
      packed.set(bin, adds);
    }
    const intact = whole.filter((bin) => packed.has(bin));
    const at = deps.clock.now();
    return {
      kind: 'write',
      fold: 'none',
      counts: NO_ROWS,
      operation: 'OPTIMIZE',
      isBlindAppend: false,
      basis: { kind: 'optimize', reads: { found: new Set(intact.flatMap((bin) => bin.files.map(({ path }) => path))), mayHold: () => false } },
      operationParameters: {
        predicate: '[]',
        zOrderBy: JSON.stringify(target.options.zOrder ?? []),
        clusterBy: JSON.stringify(target.options.clusterBy ?? []),
      },
      actions: intact.flatMap((bin) => [...bin.files.map((file) => removeOf(file, { at, dataChange: false })), ...(packed.get(bin) ?? [])]),
    };
  };
}

interface BinPlace {
  readonly target: OptimizeTarget;
  readonly snapshot: Snapshot;
  readonly ordinal: number;
}

async function makeBin(deps: DeltaDeps, place: BinPlace, bin: Bin): Promise<readonly AddFile[]> {
  const { target, snapshot, ordinal } = place;
  const made = bin.how === 'pack' ? await packBin(deps, place, bin) : await cutBin(deps, place, bin);
  if (made !== undefined) return [made];
  const adds: AddFile[] = [];
  for await (const batch of readBin(deps, target, { snapshot, bin }))
    adds.push(...(await stageOrdered(deps, { ...place, ordinal: ordinal + adds.length }, { batch, bin })));
  return adds;
}

async function stageOrdered(
  deps: DeltaDeps,
  { target, snapshot, ordinal }: BinPlace,
  { batch, bin }: { readonly batch: Batch; readonly bin: Bin },
): Promise<readonly AddFile[]> {
  const { zOrder: curve, clusterBy, sortBy = [], targetBytes = TARGET_FILE_BYTES } = target.options;
  const ordered = curve === undefined ? batch : takeRows(batch, zOrder(batch, curve));
  const by = curve === undefined ? (clusterBy ?? sortBy) : [];
  const rowsMax = bin.rows === undefined || target.order === undefined ? {} : { rowsMax: Math.ceil((bin.rows * targetBytes) / bin.bytes) };
  const place = { root: target.root, txnId: target.txnId, snapshot, sortBy: by, dataChange: false, ordinal };
  const staged = await stageRows(deps, { ...place, ...rowsMax }, ordered);
  return staged.map(({ add }) => (target.order === undefined ? add : { ...add, tags: { ...add.tags, [ORDER_TAG]: target.order } }));
}

/** The files' bytes under one footer; undefined where they differ in layout, or their statistics do not tell enough. */
async function packBin(deps: DeltaDeps, { target, snapshot, ordinal }: BinPlace, bin: Bin): Promise<AddFile | undefined> {
  const [first] = bin.files;
  const stats = mergeStats(bin.files, snapshot.columns);
  if (deps.codec.pack === undefined || stats === undefined || first === undefined) return undefined;
  const files: Uint8Array[] = [];
  for (const file of bin.files) {
    target.signal?.throwIfAborted();
    files.push(await readWholeFile(deps.store, target.root, file));
  }
  const bytes = await deps.codec.pack(files).catch((cause: unknown) => {
    throw inFile(cause, target.root, bin.files);
  });
  if (bytes === undefined) return undefined;
  const { rowCount } = await deps.codec.describe(bytesSource(bytes));
  if (rowCount !== bin.rows)
    throw new LakefoldError('FILE_CORRUPT', `expected ${bin.rows} rows in ${bin.files.length} files from ${first.path} on, found ${rowCount}`);
  return stageBytes(
    deps,
    { root: target.root, txnId: target.txnId, snapshot, dataChange: false, ordinal },
    { bytes, stats, partitionValues: first.partitionValues },
  );
}

/** The files' rows less those deleted, none looked at; undefined where rows are to be ordered or filled in, or the files differ in layout. */
async function cutBin(deps: DeltaDeps, { target, snapshot, ordinal }: BinPlace, bin: Bin): Promise<AddFile | undefined> {
  const [first] = bin.files;
  if (deps.codec.cut === undefined || bin.isAsStored !== true || first === undefined) return undefined;
  const pieces: CutPiece[] = [];
  for (const file of bin.files) {
    target.signal?.throwIfAborted();
    const bytes = await readWholeFile(deps.store, target.root, file);
    const { rowCount } = await deps.codec.describe(bytesSource(bytes));
    const deleted = file.deletionVector === undefined ? [] : await readDeletionVector(deps, target.root, file.deletionVector);
    pieces.push({ file: bytes, rows: rowsBetween(deleted, rowCount) });
  }
  const { partitionColumns } = snapshot.metadata;
  const columns = snapshot.columns.filter(({ name }) => !partitionColumns.includes(name));
  const cut = await deps.codec.cut(pieces, columns.map(toDecodeColumn)).catch((cause: unknown) => {
    throw inFile(cause, target.root, bin.files);
  });
  if (cut === undefined) return undefined;
  const stats = statsOfRows(snapshot, { columns, vectors: cut.bounds, rowCount: cut.rowCount });
  return stageBytes(
    deps,
    { root: target.root, txnId: target.txnId, snapshot, dataChange: false, ordinal },
    { bytes: cut.bytes, stats, partitionValues: first.partitionValues },
  );
}

/** The rows of `[0, rowCount)` that are none of those. */
function rowsBetween(deleted: Iterable<number>, rowCount: number): RowRanges {
  const ranges: RowRange[] = [];
  let start = 0;
  for (const row of [...deleted, rowCount].toSorted((a, b) => a - b)) {
    if (row > start && start < rowCount) ranges.push({ start, end: Math.min(row, rowCount) });
    start = row + 1;
  }
  return ranges;
}

/** The fault of one of the files, by its name. */
function inFile(cause: unknown, root: string, files: readonly AddFile[]): unknown {
  const file = isLakefoldError(cause) ? files[Number(cause.context['file'] ?? Number.NaN)] : undefined;
  if (!isLakefoldError(cause) || file === undefined) return cause;
  return new LakefoldError(cause.code, `${joinPath(root, file.path)}: ${cause.message}`, { cause, context: { path: file.path } });
}

/** The rows of a bin, as many at once as memory takes: a file too large for it is read, ordered and written piece by piece. */
async function* readBin(
  deps: DeltaDeps,
  { root, signal, memoryBytesMax = REWRITE_MEMORY_BYTES_MAX }: OptimizeTarget,
  { snapshot, bin }: { readonly snapshot: Snapshot; readonly bin: Bin },
): AsyncIterable<Batch> {
  const { columns } = snapshot;
  const rowsMax = Math.max(1, Math.floor(memoryBytesMax / rowBytesOf(columns)));
  const options = { columns, ...(signal === undefined ? {} : { signal }) };
  let held: Batch[] = [];
  let rows = 0;
  for (const file of bin.files) {
    for await (const { batch } of readFile(deps, { root, snapshot, file }, options)) {
      for (let start = 0; start < batch.rowCount;) {
        const end = Math.min(batch.rowCount, start + rowsMax - rows);
        held.push(sliceRows(batch, start, end));
        rows += end - start;
        start = end;
        if (rows < rowsMax) continue;
        yield concatBatches(columns, held);
        held = [];
        rows = 0;
      }
    }
  }
  if (rows > 0) yield concatBatches(columns, held);
}
