/** The commits behind a checkpoint, read in as few requests as the log allows. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { parseLogEntry } from '../actions/action-codec.ts';
import type { LogEntry } from '../actions/actions.ts';
import { parseCompaction, type Compaction } from '../maintain/compaction.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { commitPath, compactionPath } from './log-path.ts';
import type { LogListing } from './log-segment.ts';

/** Versions to read as one object: a commit where `from` is `to`, else a compaction. */
export interface TailPiece {
  readonly from: number;
  readonly to: number;
}

/** What to read for versions `from` to `to`, the widest compactions first; `missing` is the first version nothing covers. */
export function planTail(listing: LogListing, from: number, to: number): { readonly pieces: readonly TailPiece[]; readonly missing: number | undefined } {
  const widest = new Map<number, number>();
  for (const compaction of listing.compactions) if (compaction.to <= to && !widest.has(compaction.from)) widest.set(compaction.from, compaction.to);
  const pieces: TailPiece[] = [];
  for (let version = from; version <= to;) {
    const end = widest.get(version) ?? version;
    if (end === version && !listing.commits.has(version)) return { pieces, missing: version };
    pieces.push({ from: version, to: end });
    version = end + 1;
  }
  return { pieces, missing: undefined };
}

/**
 * `known`: bytes of commits that were read already, by version.
 * @throws LakefoldError LOG_GAP when nothing covers a version, LOG_CORRUPT, PATH_OUTSIDE_TABLE
 */
export async function readTail(
  store: ObjectStore,
  root: string,
  tail: { readonly listing: LogListing; readonly from: number; readonly to: number; readonly known?: ReadonlyMap<number, Uint8Array> | undefined },
): Promise<readonly LogEntry[]> {
  const { pieces, missing } = planTail(tail.listing, tail.from, tail.to);
  if (missing !== undefined) throw missingCommit(missing, tail.to);
  const entries = await mapConcurrent(pieces, { concurrencyMax: STORE_READ_CONCURRENCY }, (piece) =>
    piece.from === piece.to
      ? readCommit(store, root, piece.to, tail.known?.get(piece.to)).then((entry) => [entry])
      : readCompacted(store, root, { piece, listing: tail.listing }),
  );
  return entries.flat();
}

export function missingCommit(missing: number, target: number): LakefoldError {
  return new LakefoldError('LOG_GAP', `expected every commit up to version ${target}, found none of version ${missing}`, { context: { version: missing } });
}

async function readCommit(store: ObjectStore, root: string, version: number, known?: Uint8Array): Promise<LogEntry> {
  const path = commitPath(root, version);
  const bytes = known ?? (await store.get(path))?.bytes;
  // Listed a moment ago: only log clean-up takes commits away.
  if (bytes === undefined) throw missingCommit(version, version);
  return { version, actions: parseLogEntry(bytes, { path, version, tableLocation: tableLocationOf(store.location, root) }) };
}

// The commits are the truth: they are read where they are all there, unless the compaction is known to be ours.
async function readCompacted(
  store: ObjectStore,
  root: string,
  { piece, listing }: { readonly piece: TailPiece; readonly listing: LogListing },
): Promise<readonly LogEntry[]> {
  const versions = Array.from({ length: piece.to - piece.from + 1 }, (_, i) => piece.from + i);
  const hasCommits = versions.every((version) => listing.commits.has(version));
  const compaction = await readCompaction(store, root, { piece, hasCommits });
  if (compaction !== undefined && (compaction.ours || !hasCommits)) return [compaction.entry];
  return mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readCommit(store, root, version));
}

async function readCompaction(
  store: ObjectStore,
  root: string,
  { piece, hasCommits }: { readonly piece: TailPiece; readonly hasCommits: boolean },
): Promise<Compaction | undefined> {
  const path = compactionPath(root, piece.from, piece.to);
  const object = await store.get(path);
  if (object === undefined) return undefined;
  try {
    return parseCompaction(object.bytes, piece, { path, version: piece.to, tableLocation: tableLocationOf(store.location, root) });
  } catch (error) {
    if (hasCommits && isLakefoldError(error)) return undefined;
    throw error;
  }
}
