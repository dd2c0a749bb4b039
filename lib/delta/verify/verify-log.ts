/**
 * The log against itself: replayed commit by commit, with every checkpoint, compaction and checksum on the way held
 * against what the commits come to. Holds the state and one commit in memory.
 */
import type { ObjectInfo } from '../../ports/object-store.ts';
import { parseActions, parseLogEntry, type EntryPlace } from '../actions/action-codec.ts';
import type { Action, AddFile } from '../actions/actions.ts';
import { readCheckpoint } from '../checkpoint/checkpoint-read.ts';
import { commitInfoOf, isOurs } from '../actions/commit-info.ts';
import { parseCompaction } from '../maintain/compaction.ts';
import { isLakefoldError } from '../../core/errors.ts';
import { dvUniqueId } from '../rows/deletion-vector.ts';
import { entryFault } from '../actions/entry-rules.ts';
import { endsHistory } from '../erase/erasure.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { operationOf } from '../snapshot/history.ts';
import { checksumPath, commitPath, logDirectory, parseLogFile, versionName } from '../snapshot/log-path.ts';
import { headOf, logListingOf, type CheckpointFiles, type CompactionFile, type LogListing } from '../snapshot/log-segment.ts';
import type { ReadDeps } from '../rows/read.ts';
import { replay, tombstoneKey } from '../snapshot/replay.ts';
import { checkSeal } from '../../core/seal.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { FILE_CRC_TAG } from '../write/stage.ts';
import { checksumDifference, checksumFault } from './verify-checksum.ts';
import { findingOf, type Findings } from './verify-findings.ts';
import type { ChangeFile, History } from './verify-history.ts';
import { verifyPointer } from './verify-pointer.ts';
import { stateDifference } from './verify-state.ts';
import { fileTotals, type FileTotals } from '../checkpoint/version-checksum.ts';

export interface Unsealed {
  readonly version: number;
  /** The commit's. */
  readonly path: string;
}

export interface VerifiedLog {
  readonly head: number;
  /** Undefined where the log does not get that far. */
  readonly state: Snapshot | undefined;
  /** No append and no commit of another engine in what is kept of the log: then (key, event time) is unique. */
  readonly isKeyed: boolean;
  /** Commits whose seal is broken: what they say is believed for as long as it makes sense. */
  readonly unsealed: readonly Unsealed[];
  readonly history: History;
}

/** Commits that log clean-up leaves whatever their age: what is missing among them was not cleaned up. */
const VERSIONS_KEPT_MIN = 100;

/** @throws LakefoldError UNSUPPORTED_TABLE_FEATURE, STORE_UNAVAILABLE: what is no damage */
export async function verifyLog(deps: ReadDeps, root: string, findings: Findings): Promise<VerifiedLog | undefined> {
  const directory = `${logDirectory(root)}/`;
  const files: ObjectInfo[] = [];
  for await (const info of deps.store.list(directory)) if (!info.path.slice(directory.length).includes('/')) files.push(info);
  const listing = logListingOf(directory, files);
  const head = headOf(listing);
  if (head === undefined) return undefined;
  verifyNames(root, { directory, files, listing, head, isEnded: await isEndedAt(deps, root, listing) }, findings);
  await verifyPointer(deps, root, listing, findings);
  const walk = new Walk(deps, root, { listing, checksums: checksumsOf(directory, files) }, findings);
  const start = listing.commits.has(0) ? 0 : (listing.checkpoints.at(-1)?.version ?? 0);
  for (let version = start; version <= head; version += 1) await walk.step(version);
  const { state, isKeyed, unsealed, removedFiles, removals, changeFiles } = walk;
  return { head, state, isKeyed, unsealed, history: { removedFiles, removals, changeFiles, start } };
}

/** Whether the oldest checkpoint is of the commit with which an erasure ended history. What can't be read is reported by the walk. */
async function isEndedAt(deps: ReadDeps, root: string, { checkpoints, commits }: LogListing): Promise<boolean> {
  const base = checkpoints.at(-1)?.version;
  if (base === undefined || !commits.has(base)) return false;
  const object = await deps.store.get(commitPath(root, base));
  try {
    return (
      object !== undefined &&
      endsHistory(parseActions(object.bytes, { path: commitPath(root, base), version: base, tableLocation: tableLocationOf(deps.store.location, root) }))
    );
  } catch (error) {
    if (isLakefoldError(error)) return false;
    throw error;
  }
}

function checksumsOf(directory: string, files: readonly ObjectInfo[]): ReadonlySet<number> {
  return new Set(
    files.flatMap(({ path }) => {
      const file = parseLogFile(path.slice(directory.length));
      return file.kind === 'crc' ? [file.version] : [];
    }),
  );
}

/** What names alone tell: parts of checkpoints that are missing, compactions that overlap, commits missing at the start. */
function verifyNames(
  root: string,
  {
    directory,
    files,
    listing,
    head,
    isEnded,
  }: {
    readonly directory: string;
    readonly files: readonly ObjectInfo[];
    readonly listing: LogListing;
    readonly head: number;
    /** An erasure ended the history before the oldest checkpoint: what stands there are numbers that are taken. */
    readonly isEnded: boolean;
  },
  findings: Findings,
): void {
  const groups = new Map<string, { readonly version: number; readonly parts: number; readonly found: Set<number> }>();
  for (const { path } of files) {
    const file = parseLogFile(path.slice(directory.length));
    if (file.kind !== 'checkpoint' || file.form.kind !== 'multipart') continue;
    const { version, form } = file;
    const group = groups.get(`${version}/${form.parts}`) ?? { version, parts: form.parts, found: new Set<number>() };
    group.found.add(form.part);
    groups.set(`${version}/${form.parts}`, group);
  }
  const ten = (part: number): string => String(part).padStart(10, '0');
  for (const { version, parts, found } of groups.values()) {
    for (let part = 1; part <= parts && found.size < parts; part += 1) {
      if (found.has(part)) continue;
      const path = `_delta_log/${versionName(version)}.checkpoint.${ten(part)}.${ten(parts)}.parquet`;
      findings.add('MISSING_FILE', `expected part ${part} of ${parts} of the checkpoint of version ${version}, found nothing`, { path, version });
      // The other parts say how many there are; naming a thousand absent ones helps nobody.
      if (found.size + part > parts + 8) break;
    }
  }
  let before: CompactionFile | undefined;
  for (const compaction of listing.compactions) {
    if (before !== undefined && compaction.from <= before.to) {
      const names = `${before.from}–${before.to} and ${compaction.from}–${compaction.to}`;
      findings.add('COMPACTION_OVERLAPS', `expected compactions of versions apart, found ${names}`, {
        path: under(root, compaction.info.path),
        version: compaction.from,
      });
    }
    if (before === undefined || compaction.to > before.to) before = compaction;
  }
  // Checksums and compactions are written after their commits.
  const remembered = files.reduce((newest, { path }) => {
    const file = parseLogFile(path.slice(directory.length));
    return Math.max(newest, file.kind === 'crc' ? file.version : file.kind === 'compaction' ? file.to : -1);
  }, -1);
  if (remembered > head) {
    const path = under(root, commitPath(root, head + 1));
    findings.add('LOG_GAP', `expected every commit up to version ${remembered}, found none of version ${head + 1}`, { path, version: head + 1 });
  }
  const oldest = [...listing.commits.keys()].reduce((least, version) => Math.min(least, version), head);
  const base = listing.checkpoints.at(-1)?.version;
  if (oldest > 0 && base !== undefined && oldest < base && head - oldest < VERSIONS_KEPT_MIN && !isEnded)
    findings.add('LOG_GAP', `expected every commit up to version ${head}, found none of version ${oldest - 1}`, {
      path: under(root, commitPath(root, oldest - 1)),
      version: oldest - 1,
    });
}

/** One pass over the commits. */
class Walk {
  readonly #deps: ReadDeps;
  readonly #root: string;
  readonly #log: { readonly listing: LogListing; readonly checksums: ReadonlySet<number> };
  readonly #findings: Findings;
  readonly #fileTimes: ReadonlyMap<number, number>;
  readonly #basesOf = new Map<CompactionFile, Snapshot | undefined>();
  #totals: FileTotals | undefined;
  #isGap = false;
  #wasSealed = false;
  state: Snapshot | undefined;
  isKeyed = true;
  readonly unsealed: Unsealed[] = [];
  readonly removedFiles = new Map<string, { readonly crc: string | undefined; readonly version: number }>();
  readonly removals = new Map<string, number>();
  readonly changeFiles: ChangeFile[] = [];

  constructor(deps: ReadDeps, root: string, log: { readonly listing: LogListing; readonly checksums: ReadonlySet<number> }, findings: Findings) {
    this.#deps = deps;
    this.#root = root;
    this.#log = log;
    this.#findings = findings;
    this.#fileTimes = new Map([...log.listing.commits].map(([version, info]) => [version, info.modifiedAt]));
  }

  async step(version: number): Promise<void> {
    const { listing } = this.#log;
    const isFirst = version === 0 || this.state !== undefined;
    for (const compaction of listing.compactions) if (compaction.from === version && isFirst) this.#basesOf.set(compaction, this.state);
    const checkpoints = listing.checkpoints.filter((checkpoint) => checkpoint.version === version);
    const actions = await this.#readCommit(version, checkpoints.length > 0);
    const before = this.state;
    this.state = actions !== undefined && isFirst ? this.#apply(version, actions) : undefined;
    if (actions !== undefined) this.#noteHistory(version, { before, actions });
    if (this.state !== undefined && actions !== undefined) this.#totals = totalsAfter(this.#totals, { before, after: this.state, actions });
    await this.#verifyChecksum(version, actions ?? []);
    if (this.state !== undefined && actions !== undefined) {
      for (const compaction of listing.compactions) if (compaction.to === version) await this.#verifyCompaction(compaction);
    }
    for (const checkpoint of checkpoints) await this.#verifyCheckpoint(checkpoint);
  }

  async #readCommit(version: number, hasCheckpoint: boolean): Promise<readonly Action[] | undefined> {
    const path = commitPath(this.#root, version);
    const object = this.#log.listing.commits.has(version) ? await this.#deps.store.get(path) : undefined;
    if (object === undefined) {
      // The commit of the checkpoint that a log begins with may be gone.
      const isBase = hasCheckpoint && this.state === undefined && !this.#log.listing.commits.has(version - 1);
      if (!this.#isGap && !isBase)
        this.#findings.add('LOG_GAP', `expected the commit ${path}, found nothing there`, { path: under(this.#root, path), version });
      this.#isGap = !isBase;
      return undefined;
    }
    this.#isGap = false;
    const place: EntryPlace = { path, version, tableLocation: tableLocationOf(this.#deps.store.location, this.#root) };
    try {
      const actions = parseLogEntry(object.bytes, place);
      this.#noteOrigin(version, actions, checkSeal(object.bytes));
      return actions;
    } catch (error) {
      return this.#readBroken(error, object.bytes, place);
    }
  }

  // What an entry says is looked at although its seal is broken or it contradicts itself: the cause is worth more than the code.
  #readBroken(error: unknown, bytes: Uint8Array, place: EntryPlace): readonly Action[] | undefined {
    const found = findingOf(error);
    const isBroken = checkSeal(bytes) === 'broken';
    const at = { path: found.code === 'PATH_OUTSIDE_TABLE' ? (found.path ?? place.path) : under(this.#root, place.path), version: place.version };
    try {
      const actions = parseActions(bytes, place);
      const fault = entryFault(actions);
      if (isBroken) this.#noteUnsealed(place.version);
      if (fault?.kind === 'add')
        this.#findings.add('DUPLICATE_ADD', `expected one add of ${fault.path} in version ${place.version}, found two`, {
          path: fault.path ?? at.path,
          version: place.version,
        });
      else if (!isBroken) this.#findings.add(found.code, found.message, at);
      this.#noteOrigin(place.version, actions, 'intact');
      return fault === undefined ? actions : withoutRepeats(actions);
    } catch (again) {
      const cause = findingOf(again);
      if (isBroken) this.#noteUnsealed(place.version);
      this.#findings.add(cause.code, cause.message, cause.code === 'PATH_OUTSIDE_TABLE' ? { ...at, path: cause.path ?? at.path } : at);
      return undefined;
    }
  }

  #noteOrigin(version: number, actions: readonly Action[], seal: ReturnType<typeof checkSeal>): void {
    const info = commitInfoOf(actions);
    const operation = operationOf(info);
    if (operation === 'append' || operation === 'other') this.isKeyed = false;
    if (seal === 'absent' && this.#wasSealed && isOurs(info)) this.#noteUnsealed(version);
    this.#wasSealed ||= seal === 'intact' && isOurs(info);
  }

  #noteUnsealed(version: number): void {
    this.unsealed.push({ version, path: under(this.#root, commitPath(this.#root, version)) });
  }

  #noteHistory(version: number, { before, actions }: { readonly before: Snapshot | undefined; readonly actions: readonly Action[] }): void {
    // A copied table has younger files than commits.
    const committedAt = Math.min(this.#fileTimes.get(version) ?? 0, commitInfoOf(actions)?.timestamp ?? Number.POSITIVE_INFINITY);
    for (const action of actions) {
      if (action.kind === 'cdc') this.changeFiles.push({ file: action, version, committedAt });
      if (action.kind !== 'remove') continue;
      this.removals.set(tombstoneKey(action), version);
      this.removedFiles.set(action.path, { crc: before?.files.get(action.path)?.tags?.[FILE_CRC_TAG] ?? undefined, version });
    }
  }

  #apply(version: number, actions: readonly Action[]): Snapshot | undefined {
    this.#verifyAdds(version, actions);
    try {
      return replay(this.state, [{ version, actions }], this.#fileTimes);
    } catch (error) {
      if (isLakefoldError(error) && error.kind !== 'corrupt') throw error;
      this.#findings.add('FILE_CORRUPT', findingOf(error).message, { path: under(this.#root, commitPath(this.#root, version)), version });
      return undefined;
    }
  }

  #verifyAdds(version: number, actions: readonly Action[]): void {
    const state = this.state;
    if (state === undefined) return;
    const removed = new Set(actions.flatMap((action) => (action.kind === 'remove' ? [tombstoneKey(action)] : [])));
    const restores = commitInfoOf(actions)?.operation === 'RESTORE';
    for (const action of actions) {
      if (action.kind !== 'add') continue;
      const live = state.files.get(action.path);
      const at = { path: action.path, version };
      if (live !== undefined && dvUniqueId(live.deletionVector) !== dvUniqueId(action.deletionVector) && !removed.has(tombstoneKey(live)))
        this.#findings.add('DUPLICATE_ADD', `expected a removal of ${action.path} before it is added with another deletion vector, found none`, at);
      else if (action.deletionVector !== undefined && !restores && live !== undefined && state.tombstones.has(tombstoneKey(action)))
        this.#findings.add('DELETION_VECTOR_DIFFERS', `expected ${action.path} with a new deletion vector, found one that was removed before`, at);
    }
  }

  async #verifyChecksum(version: number, actions: readonly Action[]): Promise<void> {
    const path = checksumPath(this.#root, version);
    const { state } = this;
    const object = this.#log.checksums.has(version) ? await this.#deps.store.get(path) : undefined;
    if (object === undefined) return;
    // What stands on a changed entry would be blamed for it.
    const isComparable = state !== undefined && this.unsealed.length === 0 && actions.length > 0;
    if (isComparable) this.#totals ??= fileTotals(state);
    const difference = isComparable
      ? checksumDifference(object.bytes, { path, state, totals: this.#totals ?? fileTotals(state), info: commitInfoOf(actions) })
      : checksumFault(object.bytes, path);
    if (difference !== undefined) this.#findings.add('CHECKSUM_DIFFERS', difference, { path: under(this.#root, path), version });
  }

  async #verifyCompaction(compaction: CompactionFile): Promise<void> {
    const { state } = this;
    if (!this.#basesOf.has(compaction) || state === undefined) return;
    const base = this.#basesOf.get(compaction);
    this.#basesOf.delete(compaction);
    const { path } = compaction.info;
    const at = { path: under(this.#root, path), version: compaction.to };
    const object = await this.#deps.store.get(path);
    if (object === undefined) return;
    try {
      const place = { path, version: compaction.to, tableLocation: tableLocationOf(this.#deps.store.location, this.#root) };
      const found = replay(base, [parseCompaction(object.bytes, compaction, place).entry], this.#fileTimes);
      const difference = stateDifference(state, found, { mayDrop: 'nothing', columns: state.columns });
      // What stands on a changed entry would be blamed for it.
      if (difference !== undefined && this.unsealed.length === 0) this.#findings.add('CHECKPOINT_DIFFERS', `in ${at.path}: ${difference}`, at);
    } catch (error) {
      const { code, message } = findingOf(error);
      this.#findings.add(code, message, at);
    }
  }

  async #verifyCheckpoint(checkpoint: CheckpointFiles): Promise<void> {
    const { version } = checkpoint;
    const path = under(this.#root, checkpoint.files[0]?.path ?? '');
    try {
      const found = {
        ...(await readCheckpoint(this.#deps, this.#root, checkpoint, { sizes: 'checked' })),
        version,
        committedAt: this.#fileTimes.get(version) ?? 0,
        checkpointVersion: version,
      };
      if (this.state === undefined) {
        this.#totals = undefined;
        this.state = replay(found, [], this.#fileTimes);
        return;
      }
      const difference = stateDifference(this.state, found, { mayDrop: 'expired', columns: this.state.columns });
      if (difference !== undefined && this.unsealed.length === 0) this.#findings.add('CHECKPOINT_DIFFERS', `in ${path}: ${difference}`, { path, version });
    } catch (error) {
      const found = findingOf(error);
      this.#findings.add(found.code, found.message, { path: found.path === undefined ? path : under(this.#root, found.path), version });
    }
  }
}

/** Of adds of one path the last, as a reader that minds nothing would take it. */
function withoutRepeats(actions: readonly Action[]): readonly Action[] {
  const last = new Map(actions.flatMap((action) => (action.kind === 'add' ? [[action.path, action] as const] : [])));
  return actions.filter((action) => action.kind !== 'add' || last.get(action.path) === action);
}

function pathsNamed(actions: readonly Action[]): ReadonlySet<string> {
  return new Set(actions.flatMap((action) => (action.kind === 'add' || action.kind === 'remove' ? [action.path] : [])));
}

/** Totals from those before, at the cost of the entry; undefined in, undefined out. */
function totalsAfter(
  totals: FileTotals | undefined,
  { before, after, actions }: { readonly before: Snapshot | undefined; readonly after: Snapshot; readonly actions: readonly Action[] },
): FileTotals | undefined {
  if (totals === undefined || before === undefined) return undefined;
  const paths = pathsNamed(actions);
  const among = (state: Snapshot): FileTotals => {
    const files = new Map<string, AddFile>();
    for (const path of paths) {
      const file = state.files.get(path);
      if (file !== undefined) files.set(path, file);
    }
    return fileTotals({ files });
  };
  const [old, now] = [among(before), among(after)];
  return {
    files: totals.files + now.files - old.files,
    bytes: totals.bytes + now.bytes - old.bytes,
    deletionVectors: totals.deletionVectors + now.deletionVectors - old.deletionVectors,
    deletedRows: totals.deletedRows + now.deletedRows - old.deletedRows,
  };
}

function under(root: string, path: string): string {
  return root !== '' && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
