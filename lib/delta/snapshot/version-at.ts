/**
 * Which version an instant means: where the times of the files point, if two probes bear it out, else in as few requests as
 * a binary search takes.
 *
 * The time of a version is exact by itself where its writer made it so: an in-commit timestamp, or a commit of ours, which is
 * always later than the one before. Of a foreign commit it depends on those before it, down to an exact one, and these are
 * read. Where the probes contradict each other, every commit is read.
 */
import { mapConcurrent } from '../../core/concurrency.ts';
import { isLakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { parseActions, parseLogEntry } from '../actions/action-codec.ts';
import type { CommitInfo } from '../actions/actions.ts';
import { commitInfoOf, isOurs } from '../actions/commit-info.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { commitPath } from './log-path.ts';
import { headOf, listLog, listOldest, oldestReadable, type LogListing, type LogRange, type OldestVersion } from './log-segment.ts';
import { missingCommit } from './log-tail.ts';
import { commitTime, resolveVersion, type VersionTime } from './time-travel.ts';

/** Enough for a `commitInfo`; a longer one costs a second request. */
const FIRST_LINE_BYTES = 8192;
/** Versions listed to both sides of one that the times of files point at: with checksums and checkpoints one page of a listing. */
const GUESS_VERSIONS = 64;
/** Such listings; a table of which they are not enough is searched by halves. */
const GUESSES_MAX = 2;
/** Listings of one search; log clean-up runs once a day, and takes what it takes within one of them. */
const LISTINGS_MAX = 3;
/** Entries kept for who loads the version then: a search by halves meets no more. */
const ENTRIES_KEPT_MAX = 64;

interface Place {
  readonly store: ObjectStore;
  readonly root: string;
}

/** A version, and what was read on the way to it. */
export interface FoundVersion extends VersionTime {
  /** A piece of the log about it, where one was listed. */
  readonly listing?: LogListing;
  /** Commits read whole, by version. */
  readonly entries: ReadonlyMap<number, Uint8Array>;
}

export interface VersionsOfTable {
  /** Of the newest checkpoint: a hint. */
  readonly pointer: { readonly version: number; readonly modifiedAt: number } | undefined;
  readonly listWhole: () => Promise<LogListing>;
}

/**
 * The newest version committed at or before `instant` (epoch ms).
 *
 * Log clean-up may take away what a listing named before it is read; a listing made after it no longer names that.
 * @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED as `resolveVersion`, LOG_CORRUPT; LOG_GAP where that happened again and again
 */
export async function versionAt(place: Place, table: VersionsOfTable, instant: number): Promise<FoundVersion> {
  for (let left = LISTINGS_MAX; ; left -= 1) {
    const probes = new Probes(place);
    const found = await searchLog(probes, table, instant);
    if (found !== undefined) return found;
    if (probes.agree() && left > 1) continue;
    try {
      return { ...resolveVersion(await allCommitTimes(place, await table.listWhole()), instant), entries: probes.entries };
    } catch (error) {
      if (left <= 1 || !isLakefoldError(error, 'LOG_GAP')) throw error;
    }
  }
}

/** Undefined where the probes contradict each other, or found nothing where a commit was listed. @throws LakefoldError as `versionAt` */
async function searchLog(probes: Probes, table: VersionsOfTable, instant: number): Promise<FoundVersion | undefined> {
  const { pointer } = table;
  const guessed = pointer === undefined ? undefined : await guessVersion(probes, pointer, instant);
  if (guessed !== undefined) return guessed;
  const oldest = await probes.oldest();
  if (oldest === undefined) return undefined;
  // A pointer may name a version that is not there yet.
  const ahead = pointer === undefined ? undefined : headOf(await probes.list({ fromVersion: pointer.version }));
  const head = ahead ?? headOf(await table.listWhole()) ?? 0;
  const found = await search(probes, { from: oldest.version, to: head }, instant);
  if (found === 'unclear') return undefined;
  const times = found === 'later' ? [{ version: oldest.version, committedAt: (await probes.timeOf(oldest.version)) ?? oldest.committedAt }] : [found];
  return { ...resolveVersion(times, instant), entries: probes.entries };
}

/** Undefined where the probes don't bear out what the times of the files say. */
async function guessVersion(probes: Probes, pointer: NonNullable<VersionsOfTable['pointer']>, instant: number): Promise<FoundVersion | undefined> {
  const isRecent = instant >= pointer.modifiedAt;
  const listing = isRecent ? await probes.list({ fromVersion: pointer.version }) : await listAbout(probes, pointer, instant);
  const dated = datedVersions(listing);
  const [first, last] = [dated[0], dated.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const start = dated.findLast(({ committedAt }) => committedAt <= instant)?.version ?? first.version;
  const found = await search(probes, { from: first.version, to: last.version, start }, instant);
  // The last one of an older piece may not be the last one of that time.
  if (found === 'later' || found === 'unclear' || (!isRecent && found.version === last.version)) return undefined;
  return { ...found, ...(listing === undefined ? {} : { listing }), entries: probes.entries };
}

/** The piece of the log in which the files have about that time. */
async function listAbout(probes: Probes, pointer: NonNullable<VersionsOfTable['pointer']>, instant: number): Promise<LogListing | undefined> {
  let low: VersionTime | undefined = await probes.oldest();
  let high: VersionTime = { version: pointer.version, committedAt: pointer.modifiedAt };
  for (let i = 0; low !== undefined && i < GUESSES_MAX; i += 1) {
    const share = (instant - low.committedAt) / Math.max(1, high.committedAt - low.committedAt);
    const guess = low.version + Math.round(Math.min(1, Math.max(0, share)) * (high.version - low.version));
    const listing = await probes.list({ fromVersion: Math.max(low.version, guess - GUESS_VERSIONS), toVersion: guess + GUESS_VERSIONS });
    const dated = datedVersions(listing);
    const [first, last] = [dated[0], dated.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    if (instant < first.committedAt && first.version > low.version) high = first;
    else if (instant >= last.committedAt && last.version < high.version) low = last;
    else return listing;
  }
  return undefined;
}

/** Versions by the times of their files, ascending. */
function datedVersions(listing: LogListing | undefined): readonly VersionTime[] {
  const dated = [...(listing?.commits ?? [])].map(([version, { modifiedAt }]) => ({ version, committedAt: modifiedAt }));
  return dated.toSorted((a, b) => a.version - b.version);
}

/** Commit times of every version that can be read, oldest first. */
export async function allCommitTimes({ store, root }: Place, listing: LogListing): Promise<VersionTime[]> {
  const oldest = oldestReadable(listing);
  const versions = [...listing.commits.keys()].filter((version) => version >= oldest);
  const commits = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readCommitTime({ store, root }, version));
  const times: VersionTime[] = [];
  if (versions[0] !== oldest) times.push({ version: oldest, committedAt: listing.checkpoints.at(-1)?.files[0]?.modifiedAt ?? 0 });
  for (const [i, version] of versions.entries()) {
    const commit = commits[i];
    if (commit === undefined) throw missingCommit(version, version);
    times.push({ version, committedAt: commitTime(commit.info, commit.fileTime, times.at(-1)?.committedAt) });
  }
  return times;
}

/** What a commit says of its time. */
export interface CommitClock {
  readonly info: CommitInfo | undefined;
  /** Modification time of its file, epoch ms. */
  readonly fileTime: number;
  /** The whole entry, where it was read. */
  readonly bytes?: Uint8Array;
}

/** One request for most commits, whatever their size; undefined when there is none of the version. */
export async function readCommitTime({ store, root }: Place, version: number): Promise<CommitClock | undefined> {
  const path = commitPath(root, version);
  const place = { path, version, tableLocation: tableLocationOf(store.location, root) };
  const head = await store.get(path, { range: { start: 0, end: FIRST_LINE_BYTES } });
  if (head === undefined) return undefined;
  if (head.sizeBytes <= FIRST_LINE_BYTES) return { info: commitInfoOf(parseLogEntry(head.bytes, place)), fileTime: head.modifiedAt, bytes: head.bytes };
  const end = head.bytes.indexOf(0x0a);
  const first = end === -1 ? undefined : commitInfoOf(parseActions(head.bytes.subarray(0, end), place));
  if (first !== undefined) return { info: first, fileTime: head.modifiedAt };
  const whole = await store.get(path);
  return whole === undefined ? undefined : { info: commitInfoOf(parseLogEntry(whole.bytes, place)), fileTime: whole.modifiedAt };
}

interface SearchRange {
  readonly from: number;
  readonly to: number;
  /** Where to look first, and then ever farther from there. */
  readonly start?: number;
}

/** `later`: than the instant is every version of the range. `unclear`: the probes don't tell. */
async function search(probes: Probes, range: SearchRange, instant: number): Promise<VersionTime | 'later' | 'unclear'> {
  let low = range.from;
  let high = range.to + 1;
  let found: VersionTime | undefined;
  let step = range.start === undefined ? 0 : 1;
  let version = range.start ?? (low + high) >>> 1;
  let wasLater: boolean | undefined;
  // All below `low` are at or before the instant, all from `high` on after it.
  while (low < high) {
    const committedAt = await probes.timeOf(version);
    if (committedAt === undefined) return 'unclear';
    const isLater = committedAt > instant;
    if (isLater) high = version;
    else {
      found = { version, committedAt };
      low = version + 1;
    }
    if (wasLater !== undefined && wasLater !== isLater) step = 0;
    wasLater = isLater;
    const next = isLater ? version - step : version + step;
    version = step === 0 ? (low + high) >>> 1 : Math.min(high - 1, Math.max(low, next));
    step *= 2;
  }
  return probes.agree() ? (found ?? 'later') : 'unclear';
}

class Probes {
  /** Commits read whole, by version. */
  readonly entries = new Map<number, Uint8Array>();
  readonly #place: Place;
  readonly #clocks = new Map<number, CommitClock>();
  readonly #times = new Map<number, number>();
  #oldest: Promise<OldestVersion | undefined> | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  /** The oldest version that can be read. Listed once. */
  oldest(): Promise<OldestVersion | undefined> {
    this.#oldest ??= listOldest(this.#place.store, this.#place.root);
    return this.#oldest;
  }

  list(range: LogRange): Promise<LogListing> {
    return listLog(this.#place.store, this.#place.root, range);
  }

  /** Commit time of a version, epoch ms; undefined when a commit that it depends on is missing. */
  async timeOf(version: number): Promise<number | undefined> {
    const known = this.#times.get(version);
    if (known !== undefined) return known;
    const start = await this.#exactAtOrBefore(version);
    if (start === undefined) return undefined;
    let previous: number | undefined;
    for (let at = start; at <= version; at += 1) {
      const clock = this.#clocks.get(at);
      const time = clock === undefined ? await this.#checkpointTime() : commitTime(clock.info, clock.fileTime, previous);
      if (time === undefined) return undefined;
      this.#times.set(at, time);
      previous = time;
    }
    return previous;
  }

  /** All that is left of the time of the oldest version where its commit is gone; without a checkpoint it was taken away a moment ago. */
  async #checkpointTime(): Promise<number | undefined> {
    const oldest = await this.oldest();
    return oldest?.from === 'checkpoint' ? oldest.committedAt : undefined;
  }

  /** Whether the times met ascend with the versions. */
  agree(): boolean {
    const times = [...this.#times].toSorted(([a], [b]) => a - b);
    return times.every(([, time], i) => i === 0 || time > (times[i - 1]?.[1] ?? 0));
  }

  /** The newest version up to this one whose time depends on no other. */
  async #exactAtOrBefore(version: number): Promise<number | undefined> {
    if ((await this.#read(version)) && this.#isExact(version)) return version;
    const oldest = await this.oldest();
    if (oldest === undefined) return undefined;
    let step = 1;
    for (let to = version; to >= oldest.version; to -= step, step = Math.min(step * 2, STORE_READ_CONCURRENCY)) {
      const from = Math.max(oldest.version, to - step + 1);
      const versions = Array.from({ length: to - from + 1 }, (_, i) => to - i);
      const isKnown = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (each) => this.#read(each));
      for (const [i, each] of versions.entries()) {
        if (isKnown[i] !== true && each !== oldest.version) return undefined;
        if (each === oldest.version || this.#isExact(each)) return each;
      }
    }
    return undefined;
  }

  async #read(version: number): Promise<boolean> {
    if (this.#clocks.has(version)) return true;
    const clock = await readCommitTime(this.#place, version);
    if (clock !== undefined) this.#clocks.set(version, clock);
    if (clock?.bytes !== undefined && this.entries.size < ENTRIES_KEPT_MAX) this.entries.set(version, clock.bytes);
    return clock !== undefined;
  }

  #isExact(version: number): boolean {
    const info = this.#clocks.get(version)?.info;
    return info?.inCommitTimestamp !== undefined || (isOurs(info) && info?.timestamp !== undefined);
  }
}
