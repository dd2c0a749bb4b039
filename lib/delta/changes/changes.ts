/** What single commits did to the rows: derived from adds, removes and deletion-vector differences. */
import { takeRows } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { joinPath } from '../../core/path.ts';
import { parseLogEntry } from '../actions/action-codec.ts';
import type { Action, AddFile, DeletionVectorDescriptor, LogEntry, RemoveFile } from '../actions/actions.ts';
import type { FoldKind } from '../write/commit.ts';
import { commitInfoOf, isOurs } from '../actions/commit-info.ts';
import { readDeletionVector } from '../rows/deletion-vector.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { commitPath } from '../snapshot/log-path.ts';
import { readFile, type FileRows, type ReadDeps } from '../rows/read.ts';
import { CARRIED_TAG } from '../write/removals.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';

/** An entry as it stands in the log, with the store's own time of it, epoch ms. */
export interface RecordedEntry extends LogEntry {
  readonly modifiedAt: number;
  readonly sizeBytes: number;
}

/** Undefined when there is no such entry: not yet, or no longer. */
export async function readEntry(deps: Pick<ReadDeps, 'store'>, root: string, version: number): Promise<RecordedEntry | undefined> {
  const path = commitPath(root, version);
  const object = await deps.store.get(path);
  if (object === undefined) return undefined;
  return {
    version,
    actions: parseLogEntry(object.bytes, { path, version, tableLocation: tableLocationOf(deps.store.location, root) }),
    modifiedAt: object.modifiedAt,
    sizeBytes: object.sizeBytes,
  };
}

/** Semantics U1, U8: a commit that only adds rows is a merge, one that removes rows an edit, one without data change nothing. */
export function foldKindOf(actions: readonly Action[]): FoldKind {
  const info = commitInfoOf(actions);
  const tag = info?.tags?.['lakefold.fold'];
  if (isOurs(info) && (tag === 'merge' || tag === 'edit' || tag === 'none')) return tag;
  const changes = actions.filter((action) => (action.kind === 'add' || action.kind === 'remove') && action.dataChange);
  if (changes.length === 0) return 'none';
  return changes.some((action) => action.kind === 'remove') ? 'edit' : 'merge';
}

interface TableAt {
  readonly root: string;
  /** Any snapshot at or after the commit: it tells the columns. */
  readonly snapshot: Snapshot;
}

interface TableBefore extends TableAt {
  /** The version before the commit: what its removes leave out. */
  readonly before: () => Promise<Snapshot>;
}

/** Whether the rows of a file were in the table before, in a file the same commit removes. */
function carriedBy(actions: readonly Action[]): (add: AddFile) => boolean {
  const txnId = commitInfoOf(actions)?.txnId;
  return (add) => txnId !== undefined && add.tags?.[CARRIED_TAG] === txnId;
}

/** Rows of the files a merge added. */
export async function* addedRows(deps: ReadDeps, table: TableAt, actions: readonly Action[], columns: readonly TableColumn[]): AsyncIterable<FileRows> {
  const isCarried = carriedBy(actions);
  const removed = new Set(actions.flatMap((action) => (action.kind === 'remove' ? [action.path] : [])));
  for (const action of actions) {
    if (action.kind === 'add' && action.dataChange && !removed.has(action.path) && !isCarried(action))
      yield* readFile(deps, { ...table, file: action }, { columns });
  }
}

/** Rows that a commit wrote again as they were, out of files it removed. */
export async function* carriedRows(deps: ReadDeps, table: TableAt, actions: readonly Action[], columns: readonly TableColumn[]): AsyncIterable<FileRows> {
  const isCarried = carriedBy(actions);
  for (const action of actions) if (action.kind === 'add' && isCarried(action)) yield* readFile(deps, { ...table, file: action }, { columns });
}

/** Rows that an edit added or brought back. */
export async function* rowsAppeared(deps: ReadDeps, table: TableAt, actions: readonly Action[], columns: readonly TableColumn[]): AsyncIterable<FileRows> {
  const { adds, removes } = dataChanges(actions);
  const isCarried = carriedBy(actions);
  for (const [path, add] of adds) {
    if (isCarried(add)) continue;
    const remove = removes.get(path);
    if (remove === undefined) yield* readFile(deps, { ...table, file: add }, { columns });
    else yield* rowsBetween(deps, table, { file: add, shownBy: add.deletionVector, hiddenBy: remove.deletionVector }, columns);
  }
}

/** Rows that an edit took away, with those it wrote again. */
export async function* rowsDisappeared(
  deps: ReadDeps,
  table: TableBefore,
  actions: readonly Action[],
  columns: readonly TableColumn[],
): AsyncIterable<FileRows> {
  const { adds, removes } = dataChanges(actions);
  for (const [path, remove] of removes) {
    const add = adds.get(path);
    if (add === undefined) yield* readFile(deps, { ...table, file: await asFile(deps, table, remove) }, { columns });
    else yield* rowsBetween(deps, table, { file: add, shownBy: remove.deletionVector, hiddenBy: add.deletionVector }, columns);
  }
}

function dataChanges(actions: readonly Action[]): { readonly adds: ReadonlyMap<string, AddFile>; readonly removes: ReadonlyMap<string, RemoveFile> } {
  return {
    adds: new Map(actions.flatMap((action) => (action.kind === 'add' && action.dataChange ? [[action.path, action] as const] : []))),
    removes: new Map(actions.flatMap((action) => (action.kind === 'remove' && action.dataChange ? [[action.path, action] as const] : []))),
  };
}

// Rows of one file that `hiddenBy` hides and `shownBy` does not.
async function* rowsBetween(
  deps: ReadDeps,
  table: TableAt,
  pair: { readonly file: AddFile; readonly shownBy: DeletionVectorDescriptor | undefined; readonly hiddenBy: DeletionVectorDescriptor | undefined },
  columns: readonly TableColumn[],
): AsyncIterable<FileRows> {
  const positionsOf = async (vector: DeletionVectorDescriptor | undefined): Promise<ReadonlySet<number>> =>
    new Set<number>(vector === undefined ? [] : await readDeletionVector(deps, table.root, vector));
  const [stillHidden, hidden] = [await positionsOf(pair.shownBy), await positionsOf(pair.hiddenBy)];
  for await (const { batch, positions } of readFile(deps, { ...table, file: pair.file }, { columns, includeDeleted: 'yes' })) {
    const changed = [...positions.keys()].filter((i) => hidden.has(positions[i] ?? 0) && !stillHidden.has(positions[i] ?? 0));
    if (changed.length > 0) yield { batch: takeRows(batch, changed), positions: Uint32Array.from(changed, (i) => positions[i] ?? 0) };
  }
}

async function asFile(deps: ReadDeps, table: TableBefore, remove: RemoveFile): Promise<AddFile> {
  const path = joinPath(table.root, remove.path);
  const info = await deps.store.head(path);
  if (info === undefined)
    throw new LakefoldError('HISTORY_EXPIRED', `expected the removed file ${path} to be kept, found nothing there`, { context: { path, reason: 'RETENTION' } });
  return {
    kind: 'add',
    path: remove.path,
    partitionValues: await partitionValuesOf(table, remove),
    size: info.sizeBytes,
    modificationTime: info.modifiedAt,
    dataChange: true,
    ...(remove.deletionVector === undefined ? {} : { deletionVector: remove.deletionVector }),
  };
}

// Other writers may leave them out of a remove.
async function partitionValuesOf(table: TableBefore, remove: RemoveFile): Promise<AddFile['partitionValues']> {
  if (remove.partitionValues !== undefined) return remove.partitionValues;
  if (table.snapshot.metadata.partitionColumns.length === 0) return {};
  return (await table.before()).files.get(remove.path)?.partitionValues ?? {};
}
