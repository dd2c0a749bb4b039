/** Reads checkpoints of every form: classic, multi-part, V2 in JSON or Parquet, with or without sidecars. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { type ErrorCode, isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { ObjectPath } from '../../core/path.ts';
import { type RowRanges, uniteRanges } from '../../core/row-ranges.ts';
import { SEAL } from '../../core/seal.ts';
import type { Column } from '../../core/types.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { bytesSource, type FileSource, type RowGroupReader, type TableCodec } from '../../ports/table-codec.ts';
import { parseJsonCheckpoint, type EntryPlace } from '../actions/action-codec.ts';
import type { Action, AddFile, DomainMetadata, Metadata, Protocol, RemoveFile, Txn } from '../actions/actions.ts';
import {
  actionsOfRaw,
  actionsOfRows,
  ADD_COLUMN,
  CHECKPOINT_COLUMNS,
  OTHER_COLUMNS,
  PARTITION_COLUMN,
  REMOVE_COLUMN,
  SIDECAR_COLUMNS,
  STATS_COLUMN,
  type CheckpointRows,
} from './checkpoint-rows.ts';
import { FileColumns } from '../snapshot/file-columns.ts';
import { ADD_FORM, REMOVE_FORM } from '../snapshot/file-forms.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { LazyStats } from '../statistics/lazy-stats.ts';
import type { CheckpointFiles } from '../snapshot/log-segment.ts';
import { withMoreOfOthers } from '../actions/more-of-others.ts';
import { type ListedValues, parsePartitionDirectory, PARTITION_DIRECTORY } from '../filter/partition-directory.ts';
import { PartitionTuples, type PartitionValues } from '../snapshot/partition-tuples.ts';
import { fillAdds, fillRemoves, type RawPlace } from './raw-files.ts';
import { tombstoneKey } from '../snapshot/replay.ts';
import { sidecarPath } from './sidecar-files.ts';
import { parseSchema } from '../schema/schema.ts';
import { parsedStatsColumn } from '../statistics/stats-parsed.ts';

/** What a checkpoint says; protocol or metadata are missing only from broken ones. */
export interface CheckpointState {
  readonly protocol: Protocol | undefined;
  readonly metadata: Metadata | undefined;
  readonly files: ReadonlyMap<string, AddFile>;
  readonly tombstones: ReadonlyMap<string, RemoveFile>;
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, DomainMetadata>;
}

export interface ReadCheckpointDeps {
  readonly store: ObjectStore;
  readonly codec: TableCodec;
}

export interface ReadCheckpointOptions {
  /** Makes of the checkpoint's metadata a test of partition values. Only adds that pass are read, and no removes. */
  readonly pruneBy?: (metadata: Metadata) => (values: PartitionValues) => boolean;
  /** Refuses sidecars that are of another size than the checkpoint says. Engines read them all the same, so readers do. */
  readonly sizes?: 'checked';
}

/** What a file that is none of a checkpoint's answers: an older checkpoint or the entries may still tell the same. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set(['FILE_CORRUPT', 'FILE_MISSING', 'LOG_CORRUPT', 'LIMIT_EXCEEDED', 'UNSUPPORTED_FORMAT']);

/** @throws LakefoldError CHECKPOINT_CORRUPT when a file is missing or can't be understood, PATH_OUTSIDE_TABLE */
export async function readCheckpoint(
  deps: ReadCheckpointDeps,
  root: string,
  checkpoint: CheckpointFiles,
  options: ReadCheckpointOptions = {},
): Promise<CheckpointState> {
  const { version } = checkpoint;
  try {
    return await readState(deps, root, checkpoint, options);
  } catch (error) {
    if (!isLakefoldError(error) || !UNREADABLE.has(error.code)) throw error;
    throw new LakefoldError('CHECKPOINT_CORRUPT', `expected a readable checkpoint of version ${version}, found: ${error.message}`, {
      cause: error,
      context: { version },
    });
  }
}

async function readState(deps: ReadCheckpointDeps, root: string, checkpoint: CheckpointFiles, options: ReadCheckpointOptions): Promise<CheckpointState> {
  const { version } = checkpoint;
  const tableLocation = tableLocationOf(deps.store.location, root);
  const isPruned = options.pruneBy !== undefined;
  const open = (path: ObjectPath, sizeBytes: number, stated?: number): Promise<OpenedFile> =>
    openFile(deps, { path, sizeBytes, isRanged: isPruned && sizeBytes > RANGED_BYTES_MIN, stated }, { path, version, tableLocation });
  const tops = await mapConcurrent(checkpoint.files, { concurrencyMax: STORE_READ_CONCURRENCY }, async ({ path, sizeBytes }): Promise<OpenedFile> => {
    if (checkpoint.format !== 'json') return readOthers(deps.codec, await open(path, sizeBytes));
    const place = { path, version, tableLocation };
    return { place, source: undefined, groups: undefined, remarks: undefined, rows: parseJsonCheckpoint(await readWhole(deps.store, path), place) };
  });
  const others = tops.flatMap((top) => top.rows.actions);
  // Of one that lacks only one of them its version is at fault; without either it is something else that has the name of a checkpoint.
  if (!others.some(({ kind }) => kind === 'protocol' || kind === 'metaData'))
    throw new LakefoldError('LOG_CORRUPT', 'a file without a protocol and without metadata', { context: { version } });
  const sidecars = tops.flatMap((top) => top.rows.sidecars);
  const besides = await mapConcurrent(sidecars, { concurrencyMax: STORE_READ_CONCURRENCY }, async ({ path, sizeInBytes }): Promise<OpenedFile> => {
    const opened = await open(sidecarPath(root, path), sizeInBytes, options.sizes === undefined ? undefined : sizeInBytes);
    return opened.groups === undefined ? { ...opened, rows: await decodeRows(deps.codec, opened, SIDECAR_COLUMNS) } : opened;
  });
  const state = new Filling(others);
  for (const file of [...tops, ...besides]) await state.fill(file, options);
  return state.finish();
}

/** A file of a checkpoint: what it has besides files, and its row groups where the codec has such. */
interface OpenedFile {
  readonly place: EntryPlace;
  readonly source: FileSource | undefined;
  readonly groups: readonly RowGroupReader[] | undefined;
  /** What it says besides its rows. */
  readonly remarks: ReadonlyMap<string, string> | undefined;
  readonly rows: CheckpointRows;
}

const NO_ROWS: CheckpointRows = { actions: [], sidecars: [] };

async function openFile(
  deps: ReadCheckpointDeps,
  file: { readonly path: ObjectPath; readonly sizeBytes: number; readonly isRanged: boolean; readonly stated: number | undefined },
  place: EntryPlace,
): Promise<OpenedFile> {
  const source = file.isRanged ? rangedSource(deps.store, file.path, file.sizeBytes) : bytesSource(await readChecked(deps, file));
  const { groups, remarks } = (await deps.codec.rowGroups(source)) ?? { groups: undefined, remarks: undefined };
  return { place, source, groups, remarks, rows: NO_ROWS };
}

/** All but adds and removes; from a codec without columns those too. */
async function readOthers(codec: TableCodec, file: OpenedFile): Promise<OpenedFile> {
  if (file.groups === undefined) return { ...file, rows: await decodeRows(codec, file, CHECKPOINT_COLUMNS) };
  const actions: Action[] = [];
  const sidecars: CheckpointRows['sidecars'][number][] = [];
  const remarks = file.remarks?.size === 0 ? undefined : file.remarks;
  for (const group of file.groups) {
    const raw = await (await group.fetch({ columns: OTHER_COLUMNS })).raw();
    const rows = actionsOfRaw(raw, { ...file.place, firstRow: group.firstRow });
    for (const action of rows.actions) actions.push(withMoreOfOthers(action, remarks));
    sidecars.push(...rows.sidecars);
  }
  return { ...file, rows: { actions, sidecars } };
}

async function decodeRows(codec: TableCodec, file: OpenedFile, columns: typeof CHECKPOINT_COLUMNS): Promise<CheckpointRows> {
  const actions: Action[] = [];
  const sidecars: CheckpointRows['sidecars'][number][] = [];
  if (file.source === undefined) return NO_ROWS;
  for await (const { batch, firstRow } of codec.decode(file.source, { columns })) {
    const rows = actionsOfRows(batch, { ...file.place, firstRow });
    for (const action of rows.actions) actions.push(action);
    sidecars.push(...rows.sidecars);
  }
  return { actions, sidecars };
}

/** The state while file after file of the checkpoint is read. */
class Filling {
  #protocol: Protocol | undefined;
  #metadata: Metadata | undefined;
  readonly #txns = new Map<string, Txn>();
  readonly #domains = new Map<string, DomainMetadata>();
  #parsedColumn: { readonly column: Column | undefined } | undefined;
  readonly #stats = new LazyStats();
  readonly #files: FileColumns<AddFile>;
  readonly #tombstones: FileColumns<RemoveFile>;

  /** `others`: actions of all the files but adds and removes, which are taken with their file. */
  constructor(others: readonly Action[]) {
    const shared = { tuples: new PartitionTuples(), stats: this.#stats };
    this.#files = new FileColumns(ADD_FORM, shared);
    this.#tombstones = new FileColumns(REMOVE_FORM, shared);
    for (const action of others) {
      if (action.kind === 'protocol') this.#protocol = action;
      else if (action.kind === 'metaData') this.#metadata = action;
      else if (action.kind === 'txn') this.#txns.set(action.appId, action);
      else if (action.kind === 'domainMetadata' && !action.removed) this.#domains.set(action.domain, action);
    }
  }

  async fill(file: OpenedFile, options: ReadCheckpointOptions): Promise<void> {
    for (const action of file.rows.actions) {
      if (action.kind === 'add') this.#files.setFile(action.path, action);
      else if (action.kind === 'remove') this.#tombstones.setFile(tombstoneKey(action), action);
    }
    const test = this.#metadata === undefined ? undefined : options.pruneBy?.(this.#metadata);
    const keeps = test === undefined ? undefined : this.#keptTuples(test);
    const rowsAhead = (file.groups ?? []).reduce((sum, group) => sum + group.rowCount, 0);
    const listed = test === undefined ? undefined : listedValues(file);
    for (const [i, group] of (file.groups ?? []).entries()) {
      const place = { ...file.place, firstRow: group.firstRow };
      const values = listed?.[i];
      const rows = test === undefined || values === undefined ? undefined : uniteRanges(values.filter((each) => test(each.values)).map((each) => each.rows));
      if (rows?.length === 0) continue;
      if (keeps !== undefined && values === undefined && !(await this.#hasKept(group, keeps))) continue;
      await this.#fillGroup(group, { place, keeps, rows, isPruned: options.pruneBy !== undefined, rowsAhead });
    }
  }

  finish(): CheckpointState {
    return {
      protocol: this.#protocol,
      metadata: this.#metadata,
      files: this.#files,
      tombstones: this.#tombstones,
      txns: this.#txns,
      domains: this.#domains,
    };
  }

  async #fillGroup(
    group: RowGroupReader,
    {
      place,
      keeps,
      rows,
      isPruned,
      rowsAhead,
    }: {
      readonly place: RawPlace;
      readonly keeps: ((tuple: number) => boolean) | undefined;
      readonly rows: RowRanges | undefined;
      readonly isPruned: boolean;
      readonly rowsAhead: number;
    },
  ): Promise<void> {
    const [add, remove] = await (await group.fetch({ columns: isPruned ? [ADD_COLUMN] : [ADD_COLUMN, REMOVE_COLUMN] })).raw();
    if (add !== undefined) {
      const path = add.kind === 'struct' ? add.fields.get('path') : undefined;
      if (keeps === undefined) this.#files.reserve(rowsAhead - place.firstRow, path?.kind === 'text' ? path.bytes.length : 0);
      fillAdds(this.#files, { add, statsRow: await this.#statsOf(group), rows, ...(keeps === undefined ? {} : { keeps }) }, place);
    }
    fillRemoves(this.#tombstones, remove, place);
  }

  /** The number of the group's first row in the lazy statistics; undefined when it has none. */
  async #statsOf(group: RowGroupReader): Promise<number | undefined> {
    const column = (this.#parsedColumn ??= parsedColumnOf(this.#metadata)).column;
    const text = await group.fetch({ columns: [STATS_COLUMN] });
    const parsed = column === undefined ? undefined : { column, fetched: await group.fetch({ columns: [column] }) };
    const hasText = text.sizeBytes > 0;
    const hasParsed = parsed !== undefined && parsed.fetched.sizeBytes > 0;
    if (!hasText && !hasParsed) return undefined;
    return this.#stats.add({ rowCount: group.rowCount, text: hasText ? text : undefined, parsed: hasParsed ? parsed : undefined });
  }

  /** Asks the test once for each tuple. */
  #keptTuples(test: (values: PartitionValues) => boolean): (tuple: number) => boolean {
    const { tuples } = this.#files.shared;
    const answers: (boolean | undefined)[] = [];
    return (tuple) => (answers[tuple] ??= test(tuples.at(tuple)));
  }

  async #hasKept(group: RowGroupReader, keeps: (tuple: number) => boolean): Promise<boolean> {
    const [add] = await (await group.fetch({ columns: [PARTITION_COLUMN] })).raw();
    // A struct of which no row has partition values may still be of adds.
    if (add?.kind !== 'struct') return true;
    const map = add.fields.get('partitionValues');
    for (let row = 0; row < add.length; row += 1) {
      const tuple = this.#files.shared.tuples.idOfRow(map, row);
      if (tuple === undefined || keeps(tuple)) return true;
    }
    return false;
  }
}

/** The partition values in each row group, where the file says. */
function listedValues({ groups, remarks }: OpenedFile): readonly (readonly ListedValues[])[] | undefined {
  const directory = remarks?.get(PARTITION_DIRECTORY);
  if (groups === undefined || directory === undefined) return undefined;
  const rowCounts = groups.map(({ rowCount }) => rowCount);
  return parsePartitionDirectory(directory, rowCounts);
}

/** Of a schema that can't be read nothing is asked; whether the table can be is told by its protocol first. */
function parsedColumnOf(metadata: Metadata | undefined): { readonly column: Column | undefined } {
  try {
    return { column: metadata === undefined ? undefined : parsedStatsColumn(parseSchema(metadata.schemaString)) };
  } catch (error) {
    if (isLakefoldError(error)) return { column: undefined };
    throw error;
  }
}

/** `stated`: the size it must have, if any. */
async function readChecked(
  { store, codec }: ReadCheckpointDeps,
  { path, stated }: { readonly path: ObjectPath; readonly stated: number | undefined },
): Promise<Uint8Array> {
  const bytes = await readWhole(store, path);
  if (stated !== undefined && bytes.length !== stated)
    throw new LakefoldError('FILE_CORRUPT', `expected ${stated} bytes in ${path}, found ${bytes.length}`, { context: { path } });
  if ((await codec.checkSeal(bytes)) === 'broken')
    throw new LakefoldError('FILE_CORRUPT', `expected the bytes that the checksum of ${path}, ${SEAL}, was made of, found others`, { context: { path } });
  return bytes;
}

async function readWhole(store: ObjectStore, path: ObjectPath): Promise<Uint8Array> {
  const object = await store.get(path);
  if (object === undefined) throw new LakefoldError('FILE_MISSING', `expected ${path}, found nothing there`, { context: { path } });
  return object.bytes;
}

/** Below this a whole file is one request sooner there than its parts. */
const RANGED_BYTES_MIN = 8 * 1024 * 1024;

function rangedSource(store: ObjectStore, path: ObjectPath, sizeBytes: number): FileSource {
  const readAll = (): Promise<Uint8Array> => readWhole(store, path);
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    const object = await store.get(path, { range: { start, end } });
    if (object === undefined) throw new LakefoldError('FILE_MISSING', `expected ${path}, found nothing there`, { context: { path } });
    return object.bytes;
  };
  return { sizeBytes, read, readAll };
}
