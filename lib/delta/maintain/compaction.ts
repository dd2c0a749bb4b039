/**
 * Log compactions: several commits as one object, so that a cold reader fetches one instead of ten.
 *
 * A compaction holds one action a key, the newest; provenance is left out. Ours begin with a line that other engines
 * ignore: the range, what each commit says of its own time, and a seal. Others' are believed only where commits are
 * missing, since engines exist that replay their own compactions wrongly.
 */
import { concatBytes, decodeUtf8, sha256, toHex, utf8 } from '../../core/bytes.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson, stringifyJson, type Json } from '../../core/json.ts';
import { LOG_COMPACTION_BYTES_MAX, LOG_COMPACTION_INTERVAL, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { parseActions, parseLogEntry, serializeActions, type EntryPlace } from '../actions/action-codec.ts';
import type { Action, CompactedRange, LogEntry } from '../actions/actions.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import { dvUniqueId } from '../rows/deletion-vector.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { commitPath, compactionPath } from '../snapshot/log-path.ts';
import { listLog, type LogListing } from '../snapshot/log-segment.ts';
import { checkSeal, seal, SEAL, UNSEALED } from '../../core/seal.ts';
import { statedTime } from '../snapshot/time-travel.ts';

/** Versions `from` to `to`, both included. */
export interface CompactionRange {
  readonly from: number;
  readonly to: number;
}

const HEAD = 'lakefoldCompaction';
const FORMAT = 1;

/**
 * The compactions that are due up to `head`: every `LOG_COMPACTION_INTERVAL` commits behind the newest checkpoint and the
 * last compaction, so that two planners at work at once plan the same ones and none overlap. With `rest`, what is left
 * over becomes one more.
 */
export function planCompactions(listing: LogListing, head: number, options: { readonly rest?: 'compact' } = {}): readonly CompactionRange[] {
  const checkpoint = listing.checkpoints.find(({ version }) => version <= head)?.version ?? -1;
  const last = listing.compactions.reduce((to, compaction) => Math.max(to, compaction.to), checkpoint);
  const ranges: CompactionRange[] = [];
  let from = last + 1;
  for (; from + LOG_COMPACTION_INTERVAL - 1 <= head; from += LOG_COMPACTION_INTERVAL) ranges.push({ from, to: from + LOG_COMPACTION_INTERVAL - 1 });
  if (options.rest === 'compact' && from < head) ranges.push({ from, to: head });
  return ranges.filter((range) => bytesOf(listing, range) <= LOG_COMPACTION_BYTES_MAX);
}

function bytesOf(listing: LogListing, { from, to }: CompactionRange): number {
  let bytes = 0;
  for (let version = from; version <= to; version += 1) bytes += listing.commits.get(version)?.sizeBytes ?? Number.POSITIVE_INFINITY;
  return bytes;
}

/**
 * Writes compactions, unless there are such, and takes those back that overlap another planner's: of two that race one at
 * least sees the other's, and what both take back the next call writes. Readers of one that is gone read its commits.
 * @throws LakefoldError LOG_CORRUPT, LOG_GAP when a commit of a range can't be read
 */
export async function writeCompactions(
  deps: { readonly store: ObjectStore; readonly engineInfo: string },
  root: string,
  { ranges, behind }: { readonly ranges: readonly CompactionRange[]; /** Version of the checkpoint they follow. */ readonly behind: number },
): Promise<void> {
  if (ranges.length === 0) return;
  for (const range of ranges) await writeCompaction(deps, root, range);
  const { compactions } = await listLog(deps.store, root, { fromVersion: Math.max(0, behind) });
  for (const { from, to } of ranges) {
    const isOverlapped = compactions.some((other) => (other.from !== from || other.to !== to) && other.from <= to && from <= other.to);
    if (isOverlapped) await deps.store.delete(compactionPath(root, from, to));
  }
}

/** @throws LakefoldError LOG_CORRUPT, LOG_GAP when a commit of the range can't be read */
export async function writeCompaction(deps: { readonly store: ObjectStore; readonly engineInfo: string }, root: string, range: CompactionRange): Promise<void> {
  const versions = Array.from({ length: range.to - range.from + 1 }, (_, i) => range.from + i);
  const tableLocation = tableLocationOf(deps.store.location, root);
  const entries = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, async (version): Promise<LogEntry> => {
    const path = commitPath(root, version);
    const object = await deps.store.get(path);
    if (object === undefined) throw new LakefoldError('LOG_GAP', `expected the commit ${path}, found nothing there`, { context: { version } });
    return { version, actions: parseLogEntry(object.bytes, { path, version, tableLocation }) };
  });
  const bytes = serializeCompaction(entries, deps.engineInfo);
  const path = compactionPath(root, range.from, range.to);
  await deps.store.createIfAbsent(path, bytes, { identity: `compaction-${toHex(sha256(bytes)).slice(0, 32)}` });
}

/** The bytes of a compaction of these commits, which follow each other. */
export function serializeCompaction(entries: readonly LogEntry[], engineInfo: string): Uint8Array {
  const times = entries.map((entry) => statedTime(commitInfoOf(entry.actions)) ?? null);
  const head = { [SEAL]: UNSEALED, format: FORMAT, engineInfo, from: entries[0]?.version, to: entries.at(-1)?.version, times };
  return seal(concatBytes([utf8(`${stringifyJson({ [HEAD]: head })}\n`), serializeActions(reconcile(entries))]));
}

/** One action a key, the newest, removals as tombstones: what the entries come to. */
export function reconcile(entries: readonly LogEntry[]): readonly Action[] {
  const newest = new Map<string, Action>();
  for (const { actions } of entries) {
    const removals = actions.filter((action) => action.kind === 'remove');
    for (const action of [...removals, ...actions.filter((other) => other.kind !== 'remove')]) {
      const key = keyOf(action);
      if (key !== undefined) newest.set(key, action);
    }
  }
  const order: readonly Action['kind'][] = ['protocol', 'metaData', 'txn', 'domainMetadata', 'remove', 'add'];
  return [...newest.values()].toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** `ours`: written by us and whole, so that it may stand for its commits. */
export interface Compaction {
  readonly ours: boolean;
  readonly entry: LogEntry;
}

/** The first action of a key wins. @throws LakefoldError LOG_CORRUPT, PATH_OUTSIDE_TABLE */
export function parseCompaction(bytes: Uint8Array, range: CompactionRange, place: EntryPlace): Compaction {
  const state = checkSeal(bytes);
  if (state === 'broken') {
    throw new LakefoldError('LOG_CORRUPT', `expected the bytes that the checksum of ${place.path}, ${SEAL}, was made of, found others`, {
      context: { version: place.version, path: place.path },
    });
  }
  const times = state === 'intact' ? timesOf(bytes, range) : undefined;
  const seen = new Map<string, Action>();
  for (const action of parseActions(bytes, place)) {
    const key = keyOf(action);
    if (key !== undefined && !seen.has(key)) seen.set(key, action);
  }
  const compacted: CompactedRange = { from: range.from, times: times ?? Array.from({ length: range.to - range.from + 1 }, () => null) };
  return { ours: times !== undefined, entry: { version: range.to, actions: [...seen.values()], compacted } };
}

function timesOf(bytes: Uint8Array, { from, to }: CompactionRange): readonly (number | null)[] | undefined {
  const line = decodeUtf8(bytes.subarray(0, Math.max(0, bytes.indexOf(0x0a))));
  const members: Json = line === undefined || line === '' ? null : parseJson(line);
  const head = isJsonObject(members) ? members[HEAD] : undefined;
  if (!isJsonObject(head) || head['format'] !== FORMAT || head['from'] !== from || head['to'] !== to || !Array.isArray(head['times'])) return undefined;
  const times = head['times'].flatMap((time: Json) => (time === null || typeof time === 'number' ? [time] : []));
  return times.length === to - from + 1 ? times : undefined;
}

function keyOf(action: Action): string | undefined {
  switch (action.kind) {
    case 'add':
    case 'remove':
      return `file ${action.path}\0${dvUniqueId(action.deletionVector)}`;
    case 'txn':
      return `txn ${action.appId}`;
    case 'domainMetadata':
      return `domain ${action.domain}`;
    case 'protocol':
    case 'metaData':
      return action.kind;
    default:
      return undefined;
  }
}
