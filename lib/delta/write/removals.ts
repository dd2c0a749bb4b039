/**
 * Takes rows out of live files: by deletion vectors where the table has them, else by writing the files again without
 * the rows (copy on write).
 */
import { type Batch, concatBatches, takeRows } from '../../core/batch.ts';
import { joinPath } from '../../core/path.ts';
import type { Action, AddFile, DeletionVectorDescriptor, RemoveFile } from '../actions/actions.ts';
import { deletionVectorPath, descriptorFor, dvUniqueId, encodeDeletionVectorFile, readDeletionVector } from '../rows/deletion-vector.ts';
import type { DeltaDeps } from '../deps.ts';
import { hasDeletionVectors } from '../actions/protocol.ts';
import { checkRewriteBudget, sizeOf } from './plan-budget.ts';
import { readFile } from '../rows/read.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stageRows, writeStaged } from './stage.ts';
import { parseStats } from '../statistics/stats.ts';

/** Hint on an `add`: its rows were in the table before, in a file that the commit of this `txnId` removes. */
export const CARRIED_TAG = 'lakefold.carried';

/** Physical positions to take out, by path of a live file. */
export type Removals = ReadonlyMap<string, readonly number[]>;

export interface RemovalTarget {
  readonly root: string;
  readonly snapshot: Snapshot;
  readonly txnId: string;
  readonly sortBy: readonly string[];
  /** Number of the first file a rewrite may use. */
  readonly ordinal: number;
  /** Positions that deletion vectors hide already, by path, where they were read before. */
  readonly deleted?: ReadonlyMap<string, Uint32Array>;
  /** What earlier plans of the same write made of files; this one adds to it. */
  readonly rewrites?: Rewrites;
  /** Staged files of a table with deletion vectors that no entry names yet: rows of theirs are marked in the same file of vectors. */
  readonly fresh?: readonly Touched[];
  /** The SQL that is offered where too much would have to be written again. */
  readonly refusal?: () => string;
}

/** Files written again without some rows, by file, deletion vector and rows. */
export type Rewrites = Map<string, readonly AddFile[]>;

/** The actions that take the rows out; deletion vectors of one call share one file. */
export async function planRemovals(deps: DeltaDeps, target: RemovalTarget, removals: Removals): Promise<readonly Action[]> {
  const touched = [...removals].flatMap(([path, positions]) => {
    const file = target.snapshot.files.get(path);
    return file === undefined || positions.length === 0 ? [] : [{ file, positions }];
  });
  if (touched.length === 0 && (target.fresh ?? []).length === 0) return [];
  return hasDeletionVectors(target.snapshot) ? markDeleted(deps, target, touched) : rewriteWithout(deps, target, touched);
}

/** The `remove` that takes a live file out of the table. */
export function removeOf(file: AddFile, options: { readonly at: number; readonly dataChange: boolean }): RemoveFile {
  return {
    kind: 'remove',
    path: file.path,
    deletionTimestamp: options.at,
    dataChange: options.dataChange,
    extendedFileMetadata: true,
    partitionValues: file.partitionValues,
    size: file.size,
    ...(file.deletionVector === undefined ? {} : { deletionVector: file.deletionVector }),
  };
}

export interface Touched {
  readonly file: AddFile;
  readonly positions: readonly number[];
}

async function markDeleted(deps: DeltaDeps, target: RemovalTarget, touched: readonly Touched[]): Promise<readonly Action[]> {
  const at = deps.clock.now();
  const marked: { readonly file: AddFile; readonly positions: Uint32Array }[] = [];
  const actions: Action[] = [];
  for (const { file, positions } of touched) {
    const before =
      file.deletionVector === undefined ? undefined : (target.deleted?.get(file.path) ?? (await readDeletionVector(deps, target.root, file.deletionVector)));
    const after = unitePositions(before ?? new Uint32Array(), positions);
    actions.push(removeOf(file, { at, dataChange: true }));
    if (parseStats(file, target.snapshot.columns).numRecords !== after.length) marked.push({ file, positions: after });
  }
  for (const { file, positions } of target.fresh ?? []) marked.push({ file, positions: Uint32Array.from(positions) });
  const descriptors = await writeDeletionVectors(
    deps,
    target,
    marked.map(({ positions }) => positions),
  );
  for (const [i, { file }] of marked.entries()) {
    const deletionVector = descriptors[i];
    if (deletionVector !== undefined) actions.push(withDeletionVector(file, deletionVector));
  }
  return actions;
}

/** Both, ascending, each once. */
function unitePositions(hidden: Uint32Array, positions: readonly number[]): Uint32Array {
  const all = new Uint32Array(hidden.length + positions.length);
  all.set(hidden);
  all.set(positions, hidden.length);
  all.sort();
  let length = 0;
  for (let i = 0; i < all.length; i += 1) {
    if (i > 0 && all[i] === all[i - 1]) continue;
    all[length] = all[i] ?? 0;
    length += 1;
  }
  return all.subarray(0, length);
}

/** One file `_dv/deletion_vector_<uuid>.bin` with all the vectors. */
export async function writeDeletionVectors(
  deps: DeltaDeps,
  target: { readonly root: string; readonly txnId: string },
  vectors: readonly ArrayLike<number>[],
): Promise<readonly DeletionVectorDescriptor[]> {
  if (vectors.length === 0) return [];
  const uuid = deps.random.uuid();
  const { bytes, offsets, sizes } = encodeDeletionVectorFile(vectors);
  const descriptors = vectors.map((positions, i) =>
    descriptorFor({ uuid, prefix: '_dv', offset: offsets[i] ?? 0, sizeInBytes: sizes[i] ?? 0, cardinality: positions.length }),
  );
  const [first] = descriptors;
  const path = first === undefined ? undefined : deletionVectorPath(target.root, first);
  if (path !== undefined) await writeStaged(deps, path, { bytes, txnId: target.txnId });
  return descriptors;
}

/** The same file with rows marked deleted; its bounds are no longer tight. */
export function withDeletionVector(file: AddFile, deletionVector: DeletionVectorDescriptor): AddFile {
  const stats = file.stats?.replace('"tightBounds":true', '"tightBounds":false');
  return { ...file, dataChange: true, deletionVector, ...(stats === undefined ? {} : { stats }) };
}

// File by file, so that one that another commit touched costs only its own rewrite.
async function rewriteWithout(deps: DeltaDeps, target: RemovalTarget, touched: readonly Touched[]): Promise<readonly Action[]> {
  const at = deps.clock.now();
  const rewrites: Rewrites = target.rewrites ?? new Map();
  checkRewriteBudget(sizeOf(touched.map(({ file }) => file)), target.refusal);
  const actions: Action[] = touched.map(({ file }) => removeOf(file, { at, dataChange: true }));
  let { ordinal } = target;
  for (const { file, positions } of touched) {
    const key = [file.path, dvUniqueId(file.deletionVector), ...positions].join('\0');
    const known = rewrites.get(key);
    const adds = known ?? (await rewriteFile(deps, { ...target, ordinal }, { file, positions }));
    if (known === undefined) ordinal += adds.length;
    rewrites.set(key, adds);
    actions.push(...adds);
  }
  return actions;
}

async function rewriteFile(deps: DeltaDeps, target: RemovalTarget, { file, positions }: Touched): Promise<readonly AddFile[]> {
  const gone = new Set(positions);
  const kept: Batch[] = [];
  for await (const rows of readFile(deps, { ...target, file }, { columns: target.snapshot.columns })) {
    const indices = [...rows.positions.keys()].filter((i) => !gone.has(rows.positions[i] ?? -1));
    if (indices.length > 0) kept.push(takeRows(rows.batch, indices));
  }
  const staged = kept.length === 0 ? [] : await stageRows(deps, { ...target, dataChange: true }, concatBatches(target.snapshot.columns, kept));
  return staged.map(({ add }): AddFile => ({ ...add, tags: { ...add.tags, [CARRIED_TAG]: target.txnId } }));
}

/** Every path a live file of the snapshot needs: the data file and its deletion vector's. `location` is the store's; absolute vectors need it. */
export function pathsOf(
  root: string,
  file: { readonly path: string; readonly deletionVector?: DeletionVectorDescriptor },
  location?: string,
): readonly string[] {
  const data = joinPath(root, file.path);
  const { deletionVector } = file;
  // An inline vector lies in the log itself.
  return deletionVector === undefined || deletionVector.storageType === 'i' ? [data] : [data, deletionVectorPath(root, deletionVector, location)];
}

/** The same file with the same deleted rows. */
export function isSameFile(a: AddFile, b: AddFile | undefined): boolean {
  const idOf = (file: AddFile): string => (file.deletionVector === undefined ? '' : dvUniqueId(file.deletionVector));
  return b !== undefined && a.path === b.path && idOf(a) === idOf(b);
}
