/**
 * Bin-packing: small files, and files with many deleted rows, become few files near the target size. Changes no row
 * (`dataChange: false`), publishes nothing (U8), and yields: a bin that lost a file to another commit is dropped.
 */
import { concatBatches, type Batch } from '../core/batch.ts';
import { compareUtf8 } from '../core/bytes.ts';
import { TARGET_FILE_BYTES } from '../core/limits.ts';
import type { AddFile } from './actions.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import { readFile } from './read.ts';
import { isSameFile, removeOf } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';
import { type StagedFile, stageRows } from './stage.ts';
import { parseStats } from './stats.ts';
import { NO_ROWS } from './write-outcome.ts';

/** Files that become one. */
export interface Bin {
  readonly files: readonly AddFile[];
  readonly bytes: number;
}

/** Share of deleted rows above which a file is written again even alone. */
const DELETED_SHARE_MAX = 0.1;

/** Pure: which files to pack together, by partition, oldest first. */
export function planBins(snapshot: Snapshot, options: { readonly targetBytes?: number } = {}): readonly Bin[] {
  const targetBytes = options.targetBytes ?? TARGET_FILE_BYTES;
  const byPartition = new Map<string, AddFile[]>();
  for (const file of snapshot.files.values()) {
    if (file.size >= targetBytes / 2 && !isMostlyDeleted(snapshot, file)) continue;
    const key = JSON.stringify(Object.entries(file.partitionValues).toSorted(([a], [b]) => compareUtf8(a, b)));
    const files = byPartition.get(key);
    if (files === undefined) byPartition.set(key, [file]);
    else files.push(file);
  }
  return [...byPartition.values()].flatMap((files) => packFiles(snapshot, files, targetBytes));
}

function packFiles(snapshot: Snapshot, files: readonly AddFile[], targetBytes: number): readonly Bin[] {
  const bins: { files: AddFile[]; bytes: number }[] = [];
  for (const file of files) {
    const open = bins.at(-1);
    if (open !== undefined && open.bytes + file.size <= targetBytes) {
      open.files.push(file);
      open.bytes += file.size;
    } else {
      bins.push({ files: [file], bytes: file.size });
    }
  }
  return bins.filter((bin) => bin.files.length > 1 || bin.files.some((file) => isMostlyDeleted(snapshot, file)));
}

function isMostlyDeleted(snapshot: Snapshot, file: AddFile): boolean {
  const rows = parseStats(file, snapshot.columns).numRecords;
  return file.deletionVector !== undefined && rows !== undefined && file.deletionVector.cardinality > rows * DELETED_SHARE_MAX;
}

export interface OptimizeTarget {
  readonly root: string;
  readonly txnId: string;
  readonly sortBy: readonly string[];
}

/** A planner of the packing for `commitWrite`: each bin is read and written once. */
export function optimizePlanner(deps: DeltaDeps, target: OptimizeTarget, bins: readonly Bin[]): (snapshot: Snapshot) => Promise<PlannedWrite> {
  const packed = new Map<Bin, readonly StagedFile[]>();
  let ordinal = 0;
  return async (snapshot) => {
    const intact = bins.filter((bin) => bin.files.every((file) => isSameFile(file, snapshot.files.get(file.path))));
    if (intact.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    for (const bin of intact) {
      if (packed.has(bin)) continue;
      const staged = await stageRows(deps, { ...target, snapshot, dataChange: false, ordinal }, await readBin(deps, { root: target.root, snapshot }, bin));
      ordinal += staged.length;
      packed.set(bin, staged);
    }
    const at = deps.clock.now();
    return {
      kind: 'write',
      fold: 'none',
      counts: NO_ROWS,
      operation: 'OPTIMIZE',
      isBlindAppend: false,
      basis: { kind: 'optimize', reads: { found: new Set(intact.flatMap((bin) => bin.files.map(({ path }) => path))), mayHold: () => false } },
      operationParameters: { predicate: '[]', zOrderBy: '[]' },
      actions: intact.flatMap((bin) => [
        ...bin.files.map((file) => removeOf(file, { at, dataChange: false })),
        ...(packed.get(bin) ?? []).map(({ add }) => add),
      ]),
    };
  };
}

async function readBin(deps: DeltaDeps, table: { readonly root: string; readonly snapshot: Snapshot }, bin: Bin): Promise<Batch> {
  const batches: Batch[] = [];
  for (const file of bin.files) for await (const { batch } of readFile(deps, { ...table, file }, { columns: table.snapshot.columns })) batches.push(batch);
  return concatBatches(table.snapshot.columns, batches);
}
