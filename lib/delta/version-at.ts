/**
 * Which version an instant means, in as few requests as a binary search takes.
 *
 * The time of a version is exact by itself where its writer made it so: an in-commit timestamp, or a commit of ours, which is
 * always later than the one before. Of a foreign commit it depends on those before it, down to an exact one, and these are
 * read. Where the probes contradict each other, every commit is read.
 */
import { mapConcurrent } from '../core/concurrency.ts';
import { STORE_READ_CONCURRENCY } from '../core/limits.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { parseActions, parseLogEntry } from './action-codec.ts';
import type { CommitInfo } from './actions.ts';
import { commitInfoOf, isOurs } from './commit-info.ts';
import { tableLocationOf } from './file-path.ts';
import { commitPath } from './log-path.ts';
import { listOldest, oldestReadable, type LogListing } from './log-segment.ts';
import { missingCommit } from './log-tail.ts';
import { commitTime, resolveVersion, type VersionTime } from './time-travel.ts';

/** Enough for a `commitInfo`; a longer one costs a second request. */
const FIRST_LINE_BYTES = 8192;

interface Place {
  readonly store: ObjectStore;
  readonly root: string;
}

/**
 * The newest version committed at or before `instant` (epoch ms); `head` is the table's newest.
 * @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED as `resolveVersion`, LOG_CORRUPT
 */
export async function versionAt(
  place: Place,
  table: { readonly head: number; readonly listWhole: () => Promise<LogListing> },
  instant: number,
): Promise<VersionTime> {
  const oldest = await listOldest(place.store, place.root);
  const found = oldest === undefined ? undefined : await search(new Probes(place, oldest), { from: oldest.version, to: table.head }, instant);
  return found ?? resolveVersion(await allCommitTimes(place, await table.listWhole()), instant);
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
}

/** One request for most commits, whatever their size; undefined when there is none of the version. */
export async function readCommitTime({ store, root }: Place, version: number): Promise<CommitClock | undefined> {
  const path = commitPath(root, version);
  const place = { path, version, tableLocation: tableLocationOf(store.location, root) };
  const head = await store.get(path, { range: { start: 0, end: FIRST_LINE_BYTES } });
  if (head === undefined) return undefined;
  if (head.sizeBytes <= FIRST_LINE_BYTES) return { info: commitInfoOf(parseLogEntry(head.bytes, place)), fileTime: head.modifiedAt };
  const end = head.bytes.indexOf(0x0a);
  const first = end === -1 ? undefined : commitInfoOf(parseActions(head.bytes.subarray(0, end), place));
  if (first !== undefined) return { info: first, fileTime: head.modifiedAt };
  const whole = await store.get(path);
  return whole === undefined ? undefined : { info: commitInfoOf(parseLogEntry(whole.bytes, place)), fileTime: whole.modifiedAt };
}

/** Undefined where the probes don't tell. */
async function search(probes: Probes, range: { readonly from: number; readonly to: number }, instant: number): Promise<VersionTime | undefined> {
  let low = range.from;
  let high = range.to + 1;
  let found: VersionTime | undefined;
  // All below `low` are at or before the instant, all from `high` on after it.
  while (low < high) {
    const version = (low + high) >>> 1;
    const committedAt = await probes.timeOf(version);
    if (committedAt === undefined) return undefined;
    if (committedAt <= instant) {
      found = { version, committedAt };
      low = version + 1;
    } else {
      high = version;
    }
  }
  if (!probes.agree()) return undefined;
  const first = await probes.timeOf(range.from);
  return found ?? (first === undefined ? undefined : resolveVersion([{ version: range.from, committedAt: first }], instant));
}

class Probes {
  readonly #place: Place;
  readonly #oldest: VersionTime;
  readonly #clocks = new Map<number, CommitClock>();
  readonly #times = new Map<number, number>();

  /** `oldest.committedAt`: of its checkpoint, in case the commit itself is gone. */
  constructor(place: Place, oldest: VersionTime) {
    this.#place = place;
    this.#oldest = oldest;
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
      const time = clock === undefined ? this.#oldest.committedAt : commitTime(clock.info, clock.fileTime, previous);
      this.#times.set(at, time);
      previous = time;
    }
    return previous;
  }

  /** Whether the times met ascend with the versions. */
  agree(): boolean {
    const times = [...this.#times].toSorted(([a], [b]) => a - b);
    return times.every(([, time], i) => i === 0 || time > (times[i - 1]?.[1] ?? 0));
  }

  /** The newest version up to this one whose time depends on no other. */
  async #exactAtOrBefore(version: number): Promise<number | undefined> {
    let step = 1;
    for (let to = version; to >= this.#oldest.version; to -= step, step = Math.min(step * 2, STORE_READ_CONCURRENCY)) {
      const from = Math.max(this.#oldest.version, to - step + 1);
      const versions = Array.from({ length: to - from + 1 }, (_, i) => to - i);
      const isKnown = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (each) => this.#read(each));
      for (const [i, each] of versions.entries()) {
        if (isKnown[i] !== true && each !== this.#oldest.version) return undefined;
        if (each === this.#oldest.version || this.#isExact(each)) return each;
      }
    }
    return undefined;
  }

  async #read(version: number): Promise<boolean> {
    if (this.#clocks.has(version)) return true;
    const clock = await readCommitTime(this.#place, version);
    if (clock !== undefined) this.#clocks.set(version, clock);
    return clock !== undefined;
  }

  #isExact(version: number): boolean {
    const info = this.#clocks.get(version)?.info;
    return info?.inCommitTimestamp !== undefined || (isOurs(info) && info?.timestamp !== undefined);
  }
}
