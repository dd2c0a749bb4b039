/**
 * Applying commits to the online store: merges by U1, edits by U7, counted by U2. Every write here is conditional, so
 * applying a commit twice, late or beside another publisher changes nothing; *when* a commit may be applied is publish.ts.
 */
import { bytesEqual } from '../core/bytes.ts';
import { INVALID_ROWS_KEPT_MAX, ONLINE_PAYLOAD_BYTES_MAX } from '../core/limits.ts';
import type { EntityKey } from '../core/keys.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineEdit, OnlineRow, OnlineStore, OnlineTable, OnlineWrite } from '../ports/online-store.ts';
import { zeroCounts, type FoldCounts, type MutableCounts } from './fold-counts.ts';
import { bindFoldRows, expiryOf, isExpired, type FoldGroup } from './fold-group.ts';
import type { FoldCommit, FoldSource } from './fold-source.ts';
import { compareRanked, type InvalidRow, type NewestRows, newestRows, orderOf, type RankedRow } from './newest-rows.ts';

/** Rows of one call of the online store: bounds the encoded rows in memory. */
const WRITE_ROWS_MAX = 4096;
/** Rows read before what they come to is written. */
const PASS_ROWS_MAX = 262_144;

export interface FoldDeps {
  readonly online: OnlineStore;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FoldTarget {
  readonly table: OnlineTable;
  readonly group: FoldGroup;
  readonly takeInvalid?: TakeInvalidRows;
}

/** Keeps the rows of a commit that no read can see, `INVALID_ROWS_KEPT_MAX` at most; the commit counts as applied only afterwards. */
export type TakeInvalidRows = (version: number, rows: readonly InvalidRow[]) => Promise<void>;

export type MergeCommit = Extract<FoldCommit, { kind: 'merge' }>;
export type EditCommit = Extract<FoldCommit, { kind: 'edit' }>;

export interface Applied {
  /** By version. */
  readonly counts: ReadonlyMap<number, FoldCounts>;
  /** Versions all of whose writes have landed. */
  readonly done: readonly number[];
  /** An edit of more keys than it may have: nothing was written. */
  readonly isTooLarge?: true;
}

/** The newest row of a key among the commits of a pass. */
interface Candidate {
  readonly row: RankedRow;
  readonly commit: number;
  /** First commit of the pass with a row of this key: it is not applied unless this row is. */
  readonly firstCommit: number;
}

/**
 * Applies consecutive merges together: of several rows of a key only the newest is written, under its own commit. Stops
 * after a bounded number of rows; `done` tells how far it came. The caller has seen to it that U6 allows these commits.
 */
export async function applyMerges(
  deps: FoldDeps,
  target: FoldTarget & { readonly commits: readonly MergeCommit[] },
  options: RequestOptions = {},
): Promise<Applied> {
  const counts = new Map<number, MutableCounts>();
  const pass = new Map<string, Candidate>();
  const now = deps.clock.nowMicros();
  let rowCount = 0;
  for (const commit of target.commits) {
    if (rowCount > PASS_ROWS_MAX) break;
    const tally = zeroCounts();
    counts.set(commit.version, tally);
    const newest = await checkedRows(target, commit);
    rowCount += newest.rowCount;
    tally.superseded += newest.superseded;
    tally.invalid += newest.invalid;
    for (const row of newest.byToken.values()) {
      if (isExpired(target.group, row.eventTime, now)) tally.expired += 1;
      else contend(pass, counts, { row, commit: commit.version, firstCommit: commit.version });
    }
    alarmOfFuture(deps, target, { version: commit.version, rows: newest.byToken.values(), now });
  }
  const blockedFrom = await writeMerges(deps, target, { candidates: [...pass.values()], counts, options });
  logInvalid(deps, target.table, counts);
  return { counts, done: [...counts.keys()].filter((version) => version < blockedFrom) };
}

/** The newest rows of a commit; those that no read can see are handed over. */
async function checkedRows({ group, takeInvalid }: FoldTarget, commit: MergeCommit | EditCommit): Promise<NewestRows> {
  const invalid: InvalidRow[] = [];
  const onInvalid = (row: InvalidRow): void => {
    if (invalid.length < INVALID_ROWS_KEPT_MAX) invalid.push(row);
  };
  const ingestedAtDefault = BigInt(commit.committedAt) * 1000n;
  const newest = await newestRows({ group, batches: commit.rows(), ingestedAtDefault, ...(takeInvalid === undefined ? {} : { onInvalid }) });
  if (invalid.length > 0) await takeInvalid?.(commit.version, invalid);
  return newest;
}

/** Folded all the same, because the log is the truth (U13). */
function alarmOfFuture(
  deps: FoldDeps,
  { table, group }: FoldTarget,
  { version, rows, now }: { readonly version: number; readonly rows: Iterable<RankedRow>; readonly now: bigint },
): void {
  if (group.maxFutureSkew === undefined) return;
  let future = 0;
  for (const row of rows) if (row.eventTime > now + group.maxFutureSkew) future += 1;
  if (future > 0) deps.log.warn('fold.future_event_time_found', { ...tableFields(table), version, rows: future, code: 'FUTURE_EVENT_TIME' });
}

/** Keeps the newer row of a key; the older one's commit counts it as kept out. */
function contend(pass: Map<string, Candidate>, counts: ReadonlyMap<number, MutableCounts>, candidate: Candidate): void {
  const { token } = candidate.row;
  const held = pass.get(token);
  if (held === undefined) {
    pass.set(token, candidate);
    return;
  }
  const order = compareRanked(candidate.row, held.row);
  const loser = counts.get(order >= 0 ? held.commit : candidate.commit);
  if (loser !== undefined) loser[order === 0 ? 'duplicate' : 'stale'] += 1;
  if (order >= 0) pass.set(token, { ...candidate, firstCommit: held.firstCommit });
}

interface MergeWrites {
  readonly candidates: readonly Candidate[];
  readonly counts: ReadonlyMap<number, MutableCounts>;
  readonly options: RequestOptions;
}

/** Answers the first version that is not wholly applied; infinity when all are. */
async function writeMerges(deps: FoldDeps, target: FoldTarget, writes: MergeWrites): Promise<number> {
  let blockedFrom = Number.POSITIVE_INFINITY;
  for (let start = 0; start < writes.candidates.length; start += WRITE_ROWS_MAX) {
    const rows: OnlineRow[] = [];
    const written: Candidate[] = [];
    for (const candidate of writes.candidates.slice(start, start + WRITE_ROWS_MAX)) {
      const row = storable(target.group, candidate.row);
      if (row === undefined) {
        const tally = writes.counts.get(candidate.commit);
        if (tally !== undefined) tally.invalid += 1;
        continue;
      }
      rows.push({ ...row, commit: candidate.commit });
      written.push(candidate);
    }
    const outcomes = await deps.online.merge(target.table, rows, writes.options);
    written.forEach((candidate, i) => {
      const outcome = outcomes[i] ?? 'failed';
      const tally = writes.counts.get(candidate.commit);
      if (tally !== undefined) tally[outcome] += 1;
      if (outcome === 'failed') blockedFrom = Math.min(blockedFrom, candidate.firstCommit);
    });
  }
  return blockedFrom;
}

export interface StorableRow extends Omit<OnlineRow, 'commit'> {
  readonly key: EntityKey;
}

/** Undefined for a row that no item can hold: it would stop every publish to come. */
export function storable(group: FoldGroup, row: RankedRow): StorableRow | undefined {
  const key = row.rows.key(row.index);
  const payload = row.rows.payload(row.index);
  if (key === undefined || payload.length > ONLINE_PAYLOAD_BYTES_MAX) return undefined;
  const expiresAt = expiryOf(group, row.eventTime);
  return { key, order: orderOf(row), payload, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

/**
 * Applies one edit: every key it touched gets what is left of it in the table at that version. The caller has seen to it
 * that every earlier commit is applied. Of more keys than `keysMax` nothing is written.
 */
export async function applyEdit(
  deps: FoldDeps,
  target: FoldTarget & { readonly source: FoldSource; readonly commit: EditCommit; readonly keysMax?: number },
  options: RequestOptions = {},
): Promise<Applied> {
  const { group, commit, keysMax = Number.POSITIVE_INFINITY } = target;
  const ingestedAtDefault = BigInt(commit.committedAt) * 1000n;
  const now = deps.clock.nowMicros();
  const tally = zeroCounts();
  const added = await checkedRows(target, commit);
  alarmOfFuture(deps, target, { version: commit.version, rows: added.byToken.values(), now });
  tally.superseded = added.superseded;
  tally.invalid = added.invalid;
  const keys = await touchedKeys(group, commit, { added: added.byToken.values(), keysMax });
  if (keys.size > keysMax) return { counts: new Map(), done: [], isTooLarge: true };
  const left =
    keys.size === 0
      ? undefined
      : await newestRows({ group, batches: target.source.rowsAt(commit.version, [...keys.values()]), ingestedAtDefault, tokens: keys });
  const tokens = [...keys.keys()];
  for (let start = 0; start < tokens.length; start += WRITE_ROWS_MAX) {
    const chunk = tokens.slice(start, start + WRITE_ROWS_MAX);
    const edits = chunk.map((token) => editOf(group, { key: keys.get(token), row: left?.byToken.get(token), version: commit.version, now }));
    const sent = edits.filter((edit) => edit !== undefined);
    const outcomes = await deps.online.edit(target.table, sent, options);
    let at = 0;
    chunk.forEach((token, i) => {
      const edit = edits[i];
      if (edit === undefined) return;
      const outcome = outcomes[at] ?? 'failed';
      at += 1;
      countEdit(tally, {
        outcome,
        edit,
        added: added.byToken.get(token),
        left: left?.byToken.get(token),
        isExpired: (row) => isExpired(group, row.eventTime, now),
      });
    });
  }
  const counts = new Map([[commit.version, tally]]);
  logInvalid(deps, target.table, counts);
  return { counts, done: tally.failed === 0 ? [commit.version] : [] };
}

/** Keys of the rows the edit removed or added; not all of them where they are more than `keysMax`. */
async function touchedKeys(
  group: FoldGroup,
  commit: EditCommit,
  { added, keysMax }: { readonly added: Iterable<RankedRow>; readonly keysMax: number },
): Promise<Map<string, EntityKey>> {
  const keys = new Map<string, EntityKey>();
  for (const row of added) {
    const key = row.rows.key(row.index);
    if (key !== undefined) keys.set(row.token, key);
  }
  for await (const batch of commit.removed()) {
    if (keys.size > keysMax) break;
    const rows = bindFoldRows(group, batch, { ingestedAtDefault: 0n });
    for (let index = 0; index < rows.rowCount; index += 1) {
      const token = rows.token(index);
      if (token === undefined || keys.has(token)) continue;
      const key = rows.key(index);
      if (key !== undefined) keys.set(token, key);
    }
  }
  return keys;
}

/** An expired remainder becomes a deleted mark: an item with an expiry could be collected, and its fence with it. */
function editOf(
  group: FoldGroup,
  input: { readonly key: EntityKey | undefined; readonly row: RankedRow | undefined; readonly version: number; readonly now: bigint },
): OnlineEdit | undefined {
  if (input.key === undefined) return undefined;
  const gone: OnlineEdit = { key: input.key, version: input.version };
  if (input.row === undefined || isExpired(group, input.row.eventTime, input.now)) return gone;
  const row = storable(group, input.row);
  if (row === undefined) return gone;
  const { order, payload, expiresAt } = row;
  return { ...gone, row: { order, payload, ...(expiresAt === undefined ? {} : { expiresAt }) } };
}

interface EditOutcome {
  readonly outcome: OnlineWrite;
  readonly edit: OnlineEdit;
  readonly added: RankedRow | undefined;
  readonly left: RankedRow | undefined;
  readonly isExpired: (row: RankedRow) => boolean;
}

function countEdit(tally: MutableCounts, result: EditOutcome): void {
  const { outcome, edit, added, left } = result;
  if (outcome === 'failed') {
    tally.failed += 1;
    return;
  }
  if (edit.row === undefined && left === undefined && outcome !== 'stale') tally.deleted += 1;
  if (added === undefined) return;
  if (result.isExpired(added)) tally.expired += 1;
  else if (edit.row === undefined) tally.invalid += 1;
  else if (left !== undefined && compareRanked(added, left) !== 0) tally.stale += 1;
  else tally[outcome] += 1;
}

/**
 * Counts of a commit that is applied already, by reading what the store holds now; nothing is written. For a repeated
 * request (U9) and for a commit another publisher was quicker with.
 */
export async function countApplied(deps: FoldDeps, target: FoldTarget & { readonly commit: FoldCommit }, options: RequestOptions = {}): Promise<FoldCounts> {
  const { group, table, commit } = target;
  const tally = zeroCounts();
  if (commit.kind === 'none') return tally;
  const now = deps.clock.nowMicros();
  const newest = await newestRows({ group, batches: commit.rows(), ingestedAtDefault: BigInt(commit.committedAt) * 1000n });
  tally.superseded = newest.superseded;
  tally.invalid = newest.invalid;
  const rows: StorableRow[] = [];
  for (const row of newest.byToken.values()) {
    const stored = isExpired(group, row.eventTime, now) ? 'expired' : storable(group, row);
    if (stored === 'expired') tally.expired += 1;
    else if (stored === undefined) tally.invalid += 1;
    else rows.push(stored);
  }
  const answer = await deps.online.read({ items: rows.map((row) => ({ table, key: row.key })), watermarks: [] }, { ...options, consistent: true });
  rows.forEach((row, i) => {
    const read = answer.items[i];
    if (read === undefined || read.kind === 'failed') tally.failed += 1;
    else if (read.kind === 'item' && read.item.order !== undefined && !read.item.deleted && bytesEqual(read.item.order, row.order)) tally.duplicate += 1;
    else tally.stale += 1;
  });
  return tally;
}

function logInvalid(deps: FoldDeps, table: OnlineTable, counts: ReadonlyMap<number, FoldCounts>): void {
  for (const [version, { invalid }] of counts) if (invalid > 0) deps.log.warn('fold.invalid_rows_skipped', { ...tableFields(table), version, rows: invalid });
}

export function tableFields(table: OnlineTable): Readonly<Record<string, unknown>> {
  return { project: table.project, featureGroup: table.featureGroup, featureGroupVersion: table.version };
}
