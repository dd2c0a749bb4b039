/**
 * The one conditional append: the next entry of a create-once sequence, by optimistic concurrency (delta.md, "Commit protocol").
 *
 * The Delta log and the registry are both written here and nowhere else. A lost race reads the winners and asks for a
 * new plan; what was staged stays valid across attempts. Nothing staged is ever deleted on `unknown`.
 */
import { mapConcurrent } from '../core/concurrency.ts';
import { LakefoldError } from '../core/errors.ts';
import { COMMIT_ATTEMPTS_MAX, COMMIT_BACKOFF_MAX_MILLIS, COMMIT_BACKOFF_MILLIS, COMMIT_TIME_MAX_MILLIS, PLAN_AGE_MAX_MILLIS } from '../core/limits.ts';
import type { ObjectPath } from '../core/path.ts';
import { ageOf, instantOf, type Clock, type Instant } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { CreateOptions, CreateOutcome, ObjectStore } from '../ports/object-store.ts';
import type { Random } from '../ports/random.ts';

export interface CommitLogDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** An entry that took a version this writer had tried for. */
export interface Winner {
  readonly version: number;
  readonly bytes: Uint8Array;
  /** When the store recorded it, epoch ms. */
  readonly modifiedAt: number;
}

/** `stop`: nothing is to be written any more (it is already there, or there is nothing to do). */
export type AttemptPlan<T> =
  /** `after`: what the entry names is written by then. */
  | { readonly kind: 'write'; readonly bytes: Uint8Array; readonly value: T; readonly after?: Promise<unknown> }
  | { readonly kind: 'stop'; readonly value: T }
  | { readonly kind: 'conflict'; readonly reason: string };

export type AppendOutcome<T> =
  | { readonly kind: 'committed'; readonly version: number; readonly value: T; readonly attempts: number }
  | { readonly kind: 'stopped'; readonly value: T }
  | { readonly kind: 'conflict'; readonly winner: number; readonly reason: string }
  | { readonly kind: 'unknown'; readonly version: number; readonly txnId: string };

export interface AppendRequest<T> {
  /** The write's identity: the same on every attempt, unlike any other write's. */
  readonly txnId: string;
  /** The newest version the first plan is made on; the first try is `base + 1`. */
  readonly base: number;
  readonly pathOf: (version: number) => ObjectPath;
  /** Called before each try with the entries that won since the last call. */
  readonly plan: (version: number, winners: readonly Winner[]) => Promise<AttemptPlan<T>>;
  /** When the first of what the entry names was staged; now unless given. */
  readonly stagedAt?: Instant;
  readonly signal?: AbortSignal;
  readonly attemptsMax?: number;
}

/** Reason of a conflict that is none with any one winner: attempts or time ran out. */
export const CONTENTION = 'contention';
/** Entries read ahead at once after a lost race. */
const WINNER_WINDOW = 4;
/** Tries of another writer that the first pause lets by at most. */
const CONTENTION_TRIES = 2;
/** A try that took longer was slow for reasons of its own. */
const FIRST_PAUSE_MAX_MILLIS = 140;
/** Tries to learn the fate of one PUT before it is called unknown. */
const UNKNOWN_TRIES_MAX = 4;

/**
 * Appends one entry, or tells why not.
 * @throws LakefoldError WRITER_FENCED when the log this write was planned on has been cleaned away
 */
export async function appendEntry<T>(deps: CommitLogDeps, request: AppendRequest<T>): Promise<AppendOutcome<T>> {
  const startedAt = request.stagedAt ?? instantOf(deps.clock);
  const beganAt = deps.clock.monotonicMillis();
  const attemptsMax = request.attemptsMax ?? COMMIT_ATTEMPTS_MAX;
  let version = request.base + 1;
  let winners: readonly Winner[] = [];
  for (let attempt = 1; ; attempt += 1) {
    request.signal?.throwIfAborted();
    const plan = await request.plan(version, winners);
    if (plan.kind === 'stop') return { kind: 'stopped', value: plan.value };
    if (plan.kind === 'conflict') return { kind: 'conflict', winner: version - 1, reason: plan.reason };
    const askedAt = deps.clock.monotonicMillis();
    const created = await create(deps, request, { version, bytes: plan.bytes, after: plan.after, startedAt });
    const tookMillis = deps.clock.monotonicMillis() - askedAt;
    if (created.kind === 'created' && (await followsItsLog(deps, request, { version, startedAt }))) {
      return { kind: 'committed', version, value: plan.value, attempts: attempt };
    }
    if (created.kind !== 'exists') {
      deps.log.warn('commit.outcome_unknown', { path: request.pathOf(version), txnId: request.txnId });
      return { kind: 'unknown', version, txnId: request.txnId };
    }
    if (attempt >= attemptsMax || deps.clock.monotonicMillis() - beganAt > COMMIT_TIME_MAX_MILLIS) {
      return { kind: 'conflict', winner: version, reason: CONTENTION };
    }
    // As long as a try takes, others land theirs: a pause much shorter than that only meets them again.
    await backOff(deps, { attempt, tookMillis: tookMillis * CONTENTION_TRIES }, request.signal);
    winners = await readWinners(deps, request, version);
    version += winners.length;
  }
}

interface TriedEntry {
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly after: Promise<unknown> | undefined;
  readonly startedAt: Instant;
}

async function create<T>(deps: CommitLogDeps, request: AppendRequest<T>, entry: TriedEntry): Promise<CreateOutcome> {
  let outcome: CreateOutcome | undefined;
  for (let attempt = 1; ; attempt += 1) {
    // Asked before every request and after every wait: of a log that was cleaned meanwhile an old version is free again,
    // and of what was staged nothing may be left.
    if (isTooOld(deps, entry.startedAt)) {
      if (outcome !== undefined) return outcome;
      throw sleptTooLong(request.pathOf(entry.version));
    }
    // A store may answer `unknown` without having waited.
    if (attempt > 1) await entry.after;
    const options = { identity: request.txnId, ...signalOf(request) };
    outcome = await (attempt === 1 && entry.after !== undefined
      ? createAfter(deps, request, { ...entry, after: entry.after }, options)
      : deps.store.createIfAbsent(request.pathOf(entry.version), entry.bytes, options));
    if (outcome.kind !== 'unknown' || attempt >= UNKNOWN_TRIES_MAX) return outcome;
    await backOff(deps, { attempt: attempt + 2, tookMillis: 0 }, request.signal);
  }
}

async function createAfter<T>(
  deps: CommitLogDeps,
  request: AppendRequest<T>,
  entry: TriedEntry & { readonly after: Promise<unknown> },
  options: CreateOptions,
): Promise<CreateOutcome> {
  const path = request.pathOf(entry.version);
  const after = entry.after.then(() => {
    if (isTooOld(deps, entry.startedAt)) throw sleptTooLong(path);
  });
  if (deps.store.createIfAbsentAfter !== undefined) return deps.store.createIfAbsentAfter(path, entry.bytes, { ...options, after });
  await after;
  return deps.store.createIfAbsent(path, entry.bytes, options);
}

async function readWinners<T>(deps: CommitLogDeps, request: AppendRequest<T>, from: number): Promise<readonly Winner[]> {
  const winners: Winner[] = [];
  for (let attempt = 1; ;) {
    const versions = Array.from({ length: WINNER_WINDOW }, (_, i) => from + winners.length + i);
    const objects = await mapConcurrent(versions, { concurrencyMax: WINNER_WINDOW }, (version) => deps.store.get(request.pathOf(version), signalOf(request)));
    const end = objects.indexOf(undefined);
    for (const [i, object] of objects.slice(0, end === -1 ? undefined : end).entries()) {
      if (object !== undefined) winners.push({ version: versions[i] ?? 0, bytes: object.bytes, modifiedAt: object.modifiedAt });
    }
    if (end === -1) continue;
    if (winners.length > 0) return winners;
    // The version was taken a moment ago. A store may be slow to show it; else only log clean-up can have removed it since.
    if (attempt >= UNKNOWN_TRIES_MAX) throw fenced(request.pathOf(from), 'the entry that took its version has left the log');
    await backOff(deps, { attempt, tookMillis: 0 }, request.signal);
    attempt += 1;
  }
}

// S3 refuses requests signed long ago; a local file system does not, so a writer that slept past log clean-up could
// re-create a deleted version that nobody would ever read. False: it slept so long that a clean-up may have come after it.
async function followsItsLog<T>(
  deps: CommitLogDeps,
  request: AppendRequest<T>,
  entry: { readonly version: number; readonly startedAt: Instant },
): Promise<boolean> {
  if (deps.store.localPath === undefined || entry.version === 0) return true;
  const previous = await deps.store.head(request.pathOf(entry.version - 1));
  if (previous !== undefined) return true;
  if (isTooOld(deps, entry.startedAt)) return false;
  throw fenced(request.pathOf(entry.version), `version ${entry.version - 1} has left the log`);
}

function isTooOld(deps: CommitLogDeps, startedAt: Instant): boolean {
  return ageOf(deps.clock, startedAt) > PLAN_AGE_MAX_MILLIS;
}

function sleptTooLong(path: string): LakefoldError {
  return fenced(path, 'the writer slept for longer than what it was planned on is sure to be kept');
}

function fenced(path: string, why: string): LakefoldError {
  return new LakefoldError('WRITER_FENCED', `expected the log to hold what ${path} was planned on, but ${why}`, { context: { path } });
}

function signalOf<T>(request: AppendRequest<T>): { readonly signal?: AbortSignal } {
  return request.signal === undefined ? {} : { signal: request.signal };
}

function backOff(
  deps: CommitLogDeps,
  { attempt, tookMillis }: { readonly attempt: number; readonly tookMillis: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  const first = Math.min(Math.max(COMMIT_BACKOFF_MILLIS, tookMillis), FIRST_PAUSE_MAX_MILLIS);
  const ceiling = Math.min(COMMIT_BACKOFF_MAX_MILLIS, first * 2 ** Math.min(attempt - 1, 10));
  return deps.clock.sleep(deps.random.unit() * ceiling, signal);
}
