/**
 * The truth: sits inside the store, sees every object appear and vanish at its instant, and says at once what must not be.
 *
 * It reads log entries and data files with nothing of the code under test but the bitmap decoder.
 */
import { deletionVectorPath } from '../../lib/delta/rows/deletion-vector.ts';
import { decodeRoaring } from '../../lib/delta/rows/roaring.ts';
import type { Bucket, Stored, Watcher } from './bucket.ts';
import { DAY, HOUR, SKEW_MAX, type Knobs } from './knobs.ts';
import { commitName, dvId, LOG, needs, pathsOf, ROOT, type DeletionVector, type FileAction, type LineAction } from './log-lines.ts';
import { applyOp, minus, textOf, together, type Changes, type Op, type SimRow, type Step } from './model.ts';

const COMMIT = new RegExp(`^${LOG}(\\d{20})\\.json$`);
const CHECKPOINT = new RegExp(`^${LOG}(\\d{20})\\.checkpoint\\.parquet$`);
/** A file of a queued write is named after the ULID of its intent. */
const QUEUED = new RegExp(`^${ROOT}/part-[0-7][0-9A-HJKMNP-TV-Z]{25}-`);
/** Longest time between what a writer noted and what its commit did. */
const SLACK = 2 * SKEW_MAX + 2 * HOUR;

/** Whoever writes what no actor of the product does. */
export const DISTURBER = 'disturber';

/** One try of one operation by one process. */
export interface Attempt {
  readonly who: string;
  readonly op: Op;
  /** Idempotency key; deliveries of one request share it. */
  readonly key: string | undefined;
  readonly startedAt: number;
  /** Newest version acknowledged to anyone when it began. */
  readonly ackedBefore: number;
  readonly headBefore: number;
}

/** A write that commits together with others, over all its deliveries. */
export interface Member {
  readonly appId: string;
  readonly op: Op & { readonly kind: 'append' | 'upsert' };
  /** A delivery whose end nobody was told of may land at any time. */
  isUncertain: boolean;
}

export interface Commit {
  readonly version: number;
  readonly attempt: Attempt | undefined;
  readonly at: number;
  /** What it says of its time itself, epoch ms. */
  readonly committedAt: number;
  readonly counts: readonly number[] | undefined;
  readonly changes: Changes | undefined;
  /** Counts of each request of a group, by appId. */
  readonly requests: ReadonlyMap<string, readonly number[]>;
  /** Live files by path, with their deletion vectors. */
  readonly files: ReadonlyMap<string, FileAction>;
}

export class Oracle implements Watcher {
  readonly commits: Commit[] = [];
  readonly states: (readonly number[])[] = [];
  readonly rows = new Map<number, SimRow>();
  /** By appId. */
  readonly members = new Map<string, Member>();
  violation: string | undefined;
  acked = 0;
  /** Deletes of log entries and checkpoints so far. */
  logDeletes = 0;
  bucket: Bucket | undefined;
  readonly #knobs: Knobs;
  readonly #now: () => number;
  readonly #deleted = new Set<string>();
  readonly #keys = new Map<string, { readonly version: number; readonly at: number }>();
  /** Objects some version needed, by path: until when. */
  readonly #neededUntil = new Map<string, number>();
  /** The version that is pointed at as that of the newest checkpoint; -1 where another's lie stands there. */
  #pointer = -1;
  /** Files that any version added. */
  readonly #added = new Set<string>();
  readonly #idsOfFile = new Map<string, readonly number[]>();

  constructor(knobs: Knobs, now: () => number) {
    this.#knobs = knobs;
    this.#now = now;
  }

  get head(): number {
    return this.commits.length - 1;
  }

  fail(message: string): void {
    this.violation ??= message;
  }

  created(path: string, stored: Stored, by: unknown): void {
    if (path.endsWith('/_last_checkpoint')) this.#pointed(stored, by);
    const version = COMMIT.exec(path)?.[1];
    if (version !== undefined) this.#committed(Number(version), stored, by as Attempt | undefined);
  }

  overwritten(path: string, stored: Stored, by: unknown): void {
    if (path.endsWith('/_last_checkpoint')) this.#pointed(stored, by);
    // Hints: whoever does not trust them reads more.
    else if (!path.endsWith('/_lakefold/vacuum.json')) this.fail(`G8: ${path} was overwritten`);
  }

  deleted(path: string, stored: Stored): void {
    this.#deleted.add(path);
    const age = this.#now() - stored.modifiedAt;
    if (path.startsWith(LOG)) {
      this.logDeletes += 1;
      this.#logDeleted(path, age);
      return;
    }
    const last = this.commits.at(-1);
    if (last !== undefined && needs(last, path)) return this.fail(`G14: ${path} was deleted, and the newest version needs it`);
    const until = this.#neededUntil.get(path);
    if (until !== undefined && this.#now() - until < this.#knobs.retentionMillis - SLACK)
      return this.fail(`G8: ${path} was deleted ${hours(this.#now() - until)} h after a version needed it, within the retention`);
    if (until === undefined && age < (QUEUED.test(path) ? 15 * DAY : DAY) - SLACK)
      this.fail(`G14: ${path} was deleted ${hours(age)} h after it was staged: its commit may still come`);
  }

  /** Of checkpointers that race the newest is pointed at, whoever writes last. */
  #pointed({ bytes }: Stored, by: unknown): void {
    const version = by === DISTURBER ? -1 : (JSON.parse(new TextDecoder().decode(bytes)) as { readonly version: number }).version;
    if (by !== DISTURBER && version < this.#pointer) this.fail(`G13: the checkpoint of version ${version} is pointed at instead of that of ${this.#pointer}`);
    this.#pointer = version;
  }

  /** Whether an object of that version has been deleted, by the rules. */
  isExpired(version: number): boolean {
    const commit = this.commits[version];
    if (commit === undefined) return false;
    for (const path of pathsOf(commit)) if (this.#deleted.has(path)) return true;
    return this.#deleted.has(commitName(version)) || this.#deleted.has(commitName(0));
  }

  /** Whether the version was replaced so long ago that its files may go any time. */
  isExpiring(version: number): boolean {
    const next = this.commits[version + 1];
    return next !== undefined && this.#now() - next.at > this.#knobs.retentionMillis - 12 * HOUR - SLACK;
  }

  /** Whether a request landed so long ago that it may be taken for a new one. */
  isForgotten(key: string): boolean {
    return this.commits.some(({ attempt, at }) => attempt?.key === key && this.#now() - at > KEY_WINDOW - SLACK);
  }

  wasDeleted(path: string): boolean {
    return this.#deleted.has(path);
  }

  checkRead(who: string, version: number, ids: readonly number[]): void {
    const expected = this.states[version];
    if (expected === undefined) return this.fail(`G7: ${who} read version ${version}, which nobody committed`);
    if (textOf(expected) !== textOf(ids)) this.fail(`G7: ${who} read version ${version} as [${textOf(ids)}], it is [${textOf(expected)}]`);
  }

  checkAcked(attempt: Attempt, version: number, counts: readonly number[] | undefined): void {
    const commit = this.commits[version];
    const isOwn = commit?.attempt === attempt;
    const isSameRequest = attempt.key !== undefined && commit?.attempt?.key === attempt.key;
    if (!isOwn && !isSameRequest) return this.fail(`G3: ${attempt.who} was told that ${attempt.op.kind} is version ${version}, which is another's`);
    if (isOwn && version <= attempt.ackedBefore)
      return this.fail(`G6: ${attempt.who} committed version ${version} after version ${attempt.ackedBefore} was acknowledged`);
    if (isOwn && counts !== undefined && commit?.counts !== undefined && counts.join() !== commit.counts.join())
      this.fail(`${attempt.who}: version ${version} (${attempt.op.kind}) counts ${counts.join()}, expected ${commit.counts.join()}`);
    this.acked = Math.max(this.acked, version);
  }

  /** `counts`: where it landed by this very delivery. */
  checkMember(attempt: Attempt, member: Member, answer: { readonly version: number; readonly counts: readonly number[] | undefined }): void {
    const { version, counts } = answer;
    const expected = this.commits[version]?.requests.get(member.appId);
    if (expected === undefined) return this.fail(`G3: ${attempt.who} was told that ${attempt.key} is in version ${version}, which does not have it`);
    if (counts !== undefined && version <= attempt.ackedBefore)
      return this.fail(`G6: ${attempt.who} committed version ${version} after version ${attempt.ackedBefore} was acknowledged`);
    if (counts !== undefined && counts.join() !== expected.join())
      this.fail(`${attempt.who}: ${attempt.key} (${member.op.kind}) in version ${version} counts ${counts.join()}, expected ${expected.join()}`);
    this.acked = Math.max(this.acked, version);
  }

  checkMemberAbsent(attempt: Attempt, member: Member, why: string): void {
    const commit = member.isUncertain ? undefined : this.commits.find(({ requests }) => requests.has(member.appId));
    if (commit !== undefined) this.fail(`G5: ${attempt.who} was told ${why}, but ${attempt.key} is in version ${commit.version}`);
  }

  /** Whether `version` was, at some time since `headBefore` was the newest, the last one committed by `instant`. */
  checkInstant(who: string, version: number, asked: { readonly instant: number; readonly headBefore: number }): void {
    const { instant, headBefore } = asked;
    const [found, next] = [this.commits[version], this.commits[version + 1]];
    if (found === undefined || found.committedAt > instant || (next !== undefined && next.committedAt <= instant && next.version <= headBefore))
      this.fail(`G7: ${who} was shown version ${version} as of ${instant}; it is of ${found?.committedAt}, the next one of ${next?.committedAt}`);
  }

  /** Rows that came and went in a version, each as often as it did. */
  checkChanges(who: string, version: number, read: Changes): void {
    const told = this.commits[version]?.changes;
    const [before, after] = [this.states[version - 1] ?? [], this.states[version] ?? []];
    const found = told === undefined ? { came: minus(read.came, read.went), went: minus(read.went, read.came) } : read;
    const expected = told ?? { came: minus(after, before), went: minus(before, after) };
    const textsOf = ({ came, went }: Changes): string => `+${textOf(came)} -${textOf(went)}`;
    if (textsOf(found) !== textsOf(expected))
      this.fail(`G7: ${who} read the changes of version ${version} as ${textsOf(found)}, they are ${textsOf(expected)}`);
  }

  /** A definite failure left nothing behind. */
  checkAbsent(attempt: Attempt, why: string): void {
    const commit = this.commits.find((candidate) => candidate.attempt === attempt);
    if (commit !== undefined) this.fail(`G5: ${attempt.who} was told ${why}, but its ${attempt.op.kind} is version ${commit.version}`);
  }

  /** Nothing to do must have been true at some version while it was asked. */
  checkNothing(attempt: Attempt): void {
    this.checkAbsent(attempt, 'there was nothing to do');
    const { op } = attempt;
    if (op.kind !== 'deleteKeys' && op.kind !== 'deleteWhere' && op.kind !== 'update') return;
    for (let version = attempt.ackedBefore; version <= this.head; version += 1) {
      if (textOf(applyOp(this.rows, [this.states[version] ?? []], op).ids) === textOf(this.states[version] ?? [])) return;
    }
    this.fail(`G7: ${attempt.who} found nothing to ${op.kind}, though rows matched at every version from ${attempt.ackedBefore} to ${this.head}`);
  }

  /** Data files no retained version needs that are still there at the end. */
  checkOrphans(): void {
    const last = this.commits.at(-1);
    if (last === undefined || this.bucket === undefined) return;
    for (const [path, stored] of this.bucket.objects) {
      if (!path.startsWith(`${ROOT}/part-`) && !path.startsWith(`${ROOT}/_dv/`)) continue;
      const until = this.#neededUntil.get(path) ?? stored.modifiedAt;
      if (!needs(last, path) && this.#now() - until > Math.max(DAY, this.#knobs.retentionMillis) + SLACK)
        return this.fail(`G14: ${path} is needed by nobody and was left by the last vacuum`);
    }
  }

  #committed(version: number, stored: Stored, attempt: Attempt | undefined): void {
    if (version > this.head + 1) return this.fail(`G1: version ${version} was created after ${this.head}`);
    // A writer that slept past log clean-up: harmless iff nobody is told so, which `checkAcked` sees.
    if (version <= this.head) return;
    const lines = new TextDecoder().decode(stored.bytes).split('\n');
    if (lines.pop() !== '') return this.fail(`G1: version ${version} ends without a newline`);
    const actions = lines.map((line) => JSON.parse(line) as LineAction);
    const files = this.#applied(version, actions, attempt?.op.kind);
    this.#checkTxns(version, actions, attempt);
    const op: Op = attempt?.op ?? { kind: 'alter' };
    const before = this.commits.at(-1);
    const requests = new Map<string, readonly number[]>();
    const step = op.kind === 'group' ? this.#grouped(version, actions, requests) : applyOp(this.rows, this.states, op);
    const stated = actions[0]?.commitInfo?.timestamp ?? 0;
    const committedAt = Math.max(stated, (before?.committedAt ?? -1) + 1);
    if (
      before !== undefined &&
      (op.kind === 'optimize' || op.kind === 'alter' || op.kind === 'addColumn') &&
      actions.some(({ add, remove }) => (add ?? remove)?.dataChange === true)
    )
      this.fail(`G8: version ${version} is ${op.kind} and says that it changes data`);
    this.states.push(step.ids);
    this.commits.push({ version, attempt, at: this.#now(), committedAt, files, counts: step.counts, changes: step.changes, requests });
    if (before !== undefined) for (const path of pathsOf(before)) this.#neededUntil.set(path, this.#now());
    const commit = this.commits[version];
    if (commit === undefined || this.violation !== undefined) return;
    for (const path of pathsOf(commit)) {
      this.#neededUntil.delete(path);
      if (this.bucket?.objects.has(path) !== true) return this.fail(`G14: version ${version} (${op.kind}) names ${path}, which is not there`);
    }
    if (this.#knobs.codec === 'ndjson') this.#checkRows(commit, step.ids);
  }

  /** The requests of a group one after the other, as their order in the entry is. */
  #grouped(version: number, actions: readonly LineAction[], requests: Map<string, readonly number[]>): Step {
    let ids = this.states.at(-1) ?? [];
    let changes: Changes = { came: [], went: [] };
    for (const { txn } of actions) {
      if (txn === undefined) continue;
      const member = this.members.get(txn.appId);
      if (member === undefined || requests.has(txn.appId)) {
        this.fail(`G4: version ${version} answers ${txn.appId}, ${member === undefined ? 'which nobody asked for' : 'twice'}`);
        continue;
      }
      const step = applyOp(this.rows, [ids], member.op);
      requests.set(txn.appId, step.counts ?? []);
      changes = together(changes, step.changes ?? changes);
      ({ ids } = step);
    }
    return { ids, changes };
  }

  #applied(version: number, actions: readonly LineAction[], kind: Op['kind'] | undefined): ReadonlyMap<string, FileAction> {
    const before = this.commits.at(-1)?.files;
    const files = new Map(before);
    for (const { remove } of actions) {
      if (remove === undefined) continue;
      const live = files.get(remove.path);
      if (live === undefined || dvId(live) !== dvId(remove)) this.fail(`G13: version ${version} removes ${remove.path} ${dvId(remove)}, which is not live`);
      files.delete(remove.path);
    }
    for (const { add } of actions) {
      if (add === undefined) continue;
      if (files.has(add.path)) this.fail(`G13: version ${version} adds ${add.path} a second time`);
      // Whatever was staged lands once; only a restore brings back what had gone.
      if (kind !== 'restore' && this.#added.has(add.path) && before?.has(add.path) !== true)
        this.fail(`G4: version ${version} (${kind}) commits ${add.path} again, which had been replaced since`);
      this.#added.add(add.path);
      files.set(add.path, add);
    }
    return files;
  }

  #checkTxns(version: number, actions: readonly LineAction[], attempt: Attempt | undefined): void {
    for (const { txn } of actions) {
      if (txn === undefined) continue;
      const known = this.#keys.get(txn.appId);
      if (known !== undefined && this.#now() - known.at < KEY_WINDOW - SLACK)
        this.fail(`G4: ${attempt?.who} committed ${attempt?.key} as version ${version}, it was version ${known.version}`);
      this.#keys.set(txn.appId, { version, at: this.#now() });
    }
  }

  #checkRows(commit: Commit, expected: readonly number[]): void {
    const found: number[] = [];
    for (const file of commit.files.values()) found.push(...this.#liveIds(file));
    if (textOf(found) !== textOf(expected))
      this.fail(
        `G3: version ${commit.version} (${commit.attempt?.op.kind} by ${commit.attempt?.who}) holds [${textOf(found)}], expected [${textOf(expected)}]`,
      );
  }

  #liveIds(file: FileAction): readonly number[] {
    const key = `${file.path} ${dvId(file)}`;
    const known = this.#idsOfFile.get(key);
    if (known !== undefined) return known;
    const bytes = this.bucket?.objects.get(`${ROOT}/${file.path}`)?.bytes ?? new Uint8Array();
    if (file.size !== bytes.length) this.fail(`G2: ${file.path} has ${bytes.length} bytes, its action says ${file.size}`);
    const lines = new TextDecoder().decode(bytes).split('\n').slice(0, -1);
    const hidden = new Set(this.#positions(file.deletionVector));
    const ids = lines.flatMap((line, i) => (hidden.has(i) ? [] : [(JSON.parse(line) as { readonly v: number }).v]));
    this.#idsOfFile.set(key, ids);
    return ids;
  }

  #positions(vector: DeletionVector | undefined): readonly number[] {
    if (vector === undefined) return [];
    const bytes = this.bucket?.objects.get(deletionVectorPath(ROOT, vector))?.bytes ?? new Uint8Array();
    const positions = [...decodeRoaring(bytes.subarray(vector.offset + 4, vector.offset + 4 + vector.sizeInBytes))];
    if (positions.length !== vector.cardinality) this.fail(`G3: a deletion vector has ${positions.length} positions, its action says ${vector.cardinality}`);
    return positions;
  }

  #logDeleted(path: string, age: number): void {
    const version = COMMIT.exec(path)?.[1];
    if (version !== undefined && age < DAY - SLACK)
      return this.fail(`G8: ${path} was deleted at the age of ${hours(age)} h: a writer may have been planning on it`);
    const isWhole = (from: number): boolean => {
      for (let n = from; n <= this.head; n += 1) if (this.bucket?.objects.has(commitName(n)) !== true) return false;
      return true;
    };
    if (isWhole(0)) return;
    for (const key of this.bucket?.objects.keys() ?? []) {
      const checkpoint = CHECKPOINT.exec(key)?.[1];
      if (checkpoint !== undefined && isWhole(Number(checkpoint) + 1)) return;
    }
    this.fail(`G8: after ${path} was deleted, the log no longer says what the newest version is`);
  }
}

/** How long a request's key is remembered, ms. */
export const KEY_WINDOW = 7 * DAY;

function hours(millis: number): string {
  return (millis / HOUR).toFixed(1);
}
