/** What the log says of files that no live version has: which have expired, and which are kept for a while. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { readEntry, type RecordedEntry } from '../changes/changes.ts';
import { listLog, oldestReadable } from '../snapshot/log-segment.ts';
import { pathsOf } from '../write/removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

export interface Expired {
  /** Paths that commits took out of the table longer ago than the retention, with the newest version that did; 0 where no kept entry tells. */
  readonly files: Map<string, number>;
  /** Paths that were taken out within the retention, and pinned ones. */
  readonly kept: Set<string>;
  /** Every entry up to this one has only removals that expired. */
  readonly through: number;
  /** False where entries are gone whose removals nobody has seen to. */
  readonly tellsAll: boolean;
  readonly oldestInLog: number;
}

export interface RetentionAt {
  readonly now: number;
  readonly retentionMillis: number;
  readonly pinned: ReadonlySet<string>;
  /** Entries up to this one were seen to before. */
  readonly after: number;
}

/** One pass over tombstones and kept entries, a window of entries in memory. */
export async function expiredByLog(
  deps: { readonly store: ObjectStore },
  { root, snapshot }: { readonly root: string; readonly snapshot: Snapshot },
  options: RetentionAt,
): Promise<Expired> {
  const files = new Map<string, number>();
  const kept = new Set(options.pinned);
  const note = ({ paths, at, version }: Removed): boolean => {
    const isKept = options.now - at <= options.retentionMillis;
    for (const path of paths) {
      if (isKept) kept.add(path);
      else files.set(path, Math.max(files.get(path) ?? 0, version));
    }
    return isKept || paths.some((path) => options.pinned.has(path));
  };
  const listing = await listLog(deps.store, root);
  const versions = [...listing.commits.keys()].filter((version) => version > options.after && version <= snapshot.version).toSorted((a, b) => a - b);
  const tellsAll = versions.length === snapshot.version - options.after;
  if (options.after < 0 || !tellsAll)
    for (const file of snapshot.tombstones.values())
      note({ paths: pathsOf(root, file, deps.store.location), at: file.deletionTimestamp ?? options.now, version: 0 });
  let firstKept: number | undefined;
  for (let i = 0; i < versions.length; i += STORE_READ_CONCURRENCY) {
    const window = versions.slice(i, i + STORE_READ_CONCURRENCY);
    const entries = await mapConcurrent(window, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, root, version));
    for (const [at, entry] of entries.entries()) {
      // One that log clean-up took meanwhile has not been seen to.
      const isKept = entry === undefined || removedBy(entry, root, deps.store.location).filter(note).length > 0;
      if (isKept) firstKept ??= window[at];
    }
  }
  return { files, kept, through: (firstKept ?? snapshot.version + 1) - 1, tellsAll, oldestInLog: oldestReadable(listing) };
}

interface Removed {
  readonly paths: readonly string[];
  /** Epoch ms. */
  readonly at: number;
  readonly version: number;
}

function removedBy(entry: RecordedEntry, root: string, location: string): readonly Removed[] {
  return entry.actions.flatMap((action): Removed[] => {
    // A file lives until the commit that removes it lands, however early that was planned.
    if (action.kind === 'remove')
      return [{ paths: pathsOf(root, action, location), at: Math.max(action.deletionTimestamp ?? 0, entry.modifiedAt), version: entry.version }];
    // Change files make no version unreadable.
    return action.kind === 'cdc' ? [{ paths: [joinPath(root, action.path)], at: entry.modifiedAt, version: 0 }] : [];
  });
}
