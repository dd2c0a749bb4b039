/** What a listing of the log folder offers: commits, compactions, and checkpoints of which every part is there. */
import type { ListOptions, ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import { logDirectory, parseLogFile, versionName } from './log-path.ts';

export interface CheckpointFiles {
  readonly version: number;
  readonly format: 'json' | 'parquet';
  /** In the order of their parts. */
  readonly files: readonly ObjectInfo[];
}

export interface CompactionFile {
  readonly from: number;
  readonly to: number;
  readonly info: ObjectInfo;
}

export interface LogListing {
  readonly commits: ReadonlyMap<number, ObjectInfo>;
  /** Newest first; of one version single files before parts. */
  readonly checkpoints: readonly CheckpointFiles[];
  /** By first version; of one the widest first. */
  readonly compactions: readonly CompactionFile[];
}

export interface LogRange extends ListOptions {
  readonly fromVersion?: number;
  readonly toVersion?: number;
}

/** Lists commits and checkpoints from `fromVersion` to `toVersion` (to either end without it). */
export async function listLog(store: ObjectStore, root: string, options: LogRange = {}): Promise<LogListing> {
  const directory = `${logDirectory(root)}/`;
  const { fromVersion, toVersion, ...rest } = options;
  const end = toVersion === undefined ? ':' : versionName(toVersion + 1);
  const startAfter = fromVersion === undefined ? {} : { startAfter: directory + versionName(fromVersion) };
  const infos: { readonly name: string; readonly info: ObjectInfo }[] = [];
  for await (const info of store.list(directory, { ...rest, ...startAfter })) {
    const name = info.path.slice(directory.length);
    // Versioned names begin with a digit; what sorts after them (`_last_checkpoint`, `_sidecars/`) is of no interest.
    if (name > end) break;
    infos.push({ name, info });
  }
  return sortListing(infos);
}

/** The oldest version that can be read, and the modification time (epoch ms) of what it is read from. */
export interface OldestVersion {
  readonly version: number;
  readonly committedAt: number;
  readonly from: 'commit' | 'checkpoint';
}

/** From the beginning of a listing; undefined for a log that begins with neither version 0 nor a checkpoint. */
export async function listOldest(store: ObjectStore, root: string): Promise<OldestVersion | undefined> {
  const directory = `${logDirectory(root)}/`;
  const infos: { readonly name: string; readonly info: ObjectInfo }[] = [];
  let seen: number | undefined;
  for await (const info of store.list(directory)) {
    const name = info.path.slice(directory.length);
    const file = parseLogFile(name);
    if (name > ':' || (seen !== undefined && name > versionName(seen + 1))) break;
    infos.push({ name, info });
    if (file.kind === 'commit' && file.version === 0) return { version: 0, committedAt: info.modifiedAt, from: 'commit' };
    if (file.kind === 'checkpoint') seen ??= sortListing(infos).checkpoints[0]?.version;
  }
  const oldest = sortListing(infos).checkpoints.at(-1);
  return oldest === undefined ? undefined : { version: oldest.version, committedAt: oldest.files[0]?.modifiedAt ?? 0, from: 'checkpoint' };
}

/** Version 0 while its commit is there, else the oldest checkpoint. */
export function oldestReadable(listing: LogListing): number {
  return listing.commits.has(0) ? 0 : (listing.checkpoints.at(-1)?.version ?? 0);
}

/** The same of objects listed already; `directory` is the log's, with a slash at its end. */
export function logListingOf(directory: string, files: readonly ObjectInfo[]): LogListing {
  return sortListing(files.map((info) => ({ name: info.path.slice(directory.length), info })));
}

function sortListing(infos: readonly { readonly name: string; readonly info: ObjectInfo }[]): LogListing {
  const commits = new Map<number, ObjectInfo>();
  const compactions: CompactionFile[] = [];
  const whole: CheckpointFiles[] = [];
  const parts = new Map<string, { readonly version: number; readonly parts: number; readonly files: Map<number, ObjectInfo> }>();
  for (const { name, info } of infos) {
    const file = parseLogFile(name);
    if (file.kind === 'commit') commits.set(file.version, info);
    if (file.kind === 'compaction') compactions.push({ from: file.from, to: file.to, info });
    if (file.kind !== 'checkpoint') continue;
    const { version, form } = file;
    if (form.kind === 'multipart') {
      const key = `${version}/${form.parts}`;
      const group = parts.get(key) ?? { version, parts: form.parts, files: new Map<number, ObjectInfo>() };
      group.files.set(form.part, info);
      parts.set(key, group);
    } else {
      whole.push({ version, format: form.kind === 'uuid' ? form.format : 'parquet', files: [info] });
    }
  }
  const multipart = [...parts.values()].filter((group) => group.files.size === group.parts);
  const complete = multipart.map(({ version, files }): CheckpointFiles => ({
    version,
    format: 'parquet',
    files: [...files].toSorted(([a], [b]) => a - b).map(([, info]) => info),
  }));
  return {
    commits,
    checkpoints: [...whole, ...complete].toSorted((a, b) => b.version - a.version || a.files.length - b.files.length),
    compactions: compactions.toSorted((a, b) => a.from - b.from || b.to - a.to),
  };
}

/** The newest version there is, or undefined in an empty log. */
export function headOf(listing: LogListing): number | undefined {
  let head = listing.checkpoints[0]?.version;
  for (const version of listing.commits.keys()) if (head === undefined || version > head) head = version;
  return head;
}
