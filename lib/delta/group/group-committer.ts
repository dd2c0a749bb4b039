/** Writes of one process to one table, committed together: while an entry is being written, the next group gathers. */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { GROUP_LOG_BYTES_MAX, GROUP_ROWS_MAX, GROUP_WAITING_MAX, GROUP_WRITES_MAX, PLAN_AGE_MAX_MILLIS } from '../../core/limits.ts';
import { ageOf, instantOf, type Instant } from '../../ports/clock.ts';
import { serializeEntry } from '../actions/action-codec.ts';
import type { AddFile } from '../actions/actions.ts';
import type { DeltaDeps } from '../deps.ts';
import type { GroupMember } from './group-member.ts';
import { type GroupWriteRequest, stageMember } from './group-stage.ts';
import type { DeltaTable, GroupOutcome } from '../table.ts';
import { NO_ROWS, type WriteOutcome } from '../write/write-outcome.ts';

interface Waiting {
  readonly member: GroupMember;
  readonly stagedAt: Instant;
  readonly answer: (outcome: WriteOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Appends and upserts called at once on one open table, in few entries: each has its own `txn`, counts and outcome, one that
 * can't land is refused alone. Rows count in the order of the calls.
 */
export class GroupCommitter {
  readonly #deps: DeltaDeps;
  readonly #table: DeltaTable;
  #waiting: Waiting[] = [];
  #isRunning = false;
  /** Settles when every write so far is staged or refused. */
  #staged: Promise<unknown> = Promise.resolve();
  /** Writes that have no answer yet. */
  #open = 0;

  constructor(deps: DeltaDeps, table: DeltaTable) {
    this.#deps = deps;
    this.#table = table;
  }

  /**
   * The outcome as of a write of its own, `nothing` without rows; of a repeat of another call of the same group, that one's version.
   * @throws LakefoldError as `stageMember`, and what `commitGroup` throws; why it is refused alone; OVERLOADED when too many wait
   */
  async write(request: GroupWriteRequest): Promise<WriteOutcome> {
    if (this.#open >= GROUP_WAITING_MAX)
      throw new LakefoldError('OVERLOADED', `expected at most ${GROUP_WAITING_MAX} writes to wait for ${this.#table.root}, found as many already`, {
        context: { limit: 'GROUP_WAITING_MAX' },
      });
    this.#open += 1;
    try {
      return await this.#writeMember(request);
    } finally {
      this.#open -= 1;
    }
  }

  async #writeMember(request: GroupWriteRequest): Promise<WriteOutcome> {
    if (request.batch.rowCount === 0) return { kind: 'nothing', counts: NO_ROWS };
    const { root, snapshot } = this.#table;
    const stagedAt = instantOf(this.#deps.clock);
    const staging = stageMember(this.#deps, { root, snapshot, id: this.#deps.random.uuid() }, request);
    // Staged side by side, they join the group in the order of the calls.
    const before = this.#staged;
    this.#staged = Promise.allSettled([before, staging]);
    const member = await staging;
    await before;
    return new Promise((answer, fail) => {
      this.#waiting.push({ member, stagedAt, answer, fail });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    let countMax = GROUP_WRITES_MAX;
    while (this.#waiting.length > 0) {
      this.#refuseSlept();
      const count = Math.min(countMax, groupSize(this.#waiting.map(({ member }) => member)));
      const group = this.#waiting.slice(0, count);
      this.#waiting = this.#waiting.slice(count);
      try {
        const stagedAt = oldestOf(group.map((waiting) => waiting.stagedAt));
        const outcome = await this.#table.commitGroup(
          group.map(({ member }) => member),
          stagedAt === undefined ? {} : { stagedAt },
        );
        for (const [i, waiting] of group.entries()) settleMember(outcome, i, waiting);
        countMax = GROUP_WRITES_MAX;
      } catch (error) {
        if (isLakefoldError(error, 'PLAN_TOO_LARGE') && group.length > 1) {
          // Too much together: half of them may not be, and one that is alone is told so.
          countMax = Math.ceil(group.length / 2);
          this.#waiting = [...group, ...this.#waiting];
          continue;
        }
        for (const { fail } of group) fail(error);
      }
    }
    this.#isRunning = false;
  }

  // A vacuum takes files of a day ago that nothing names: a write that slept must not name them, nor take the others with it.
  #refuseSlept(): void {
    const slept = this.#waiting.filter(({ stagedAt }) => ageOf(this.#deps.clock, stagedAt) > PLAN_AGE_MAX_MILLIS);
    this.#waiting = this.#waiting.filter((waiting) => !slept.includes(waiting));
    for (const { fail, member } of slept)
      fail(
        new LakefoldError('WRITER_FENCED', `expected to commit within 12 hours of staging, found the files of ${member.id} older than that`, {
          context: { path: this.#table.root },
        }),
      );
  }
}

/** The one longest ago, by the clock of the wall; of equal ones by the other. */
function oldestOf(instants: readonly Instant[]): Instant | undefined {
  return instants.toSorted((a, b) => a.wall - b.wall || a.monotonic - b.monotonic)[0];
}

/** How many of the members, from the first, one entry takes: all upserts among them know rows by the same columns. At least one. */
export function groupSize(members: readonly GroupMember[]): number {
  let rows = 0;
  let bytes = 0;
  let identity: string | undefined;
  for (const [i, member] of members.entries()) {
    rows += member.rowCount;
    bytes += logBytesOf(member);
    const own = member.operation === 'upsert' ? member.identityColumns.join('\0') : identity;
    if (i > 0 && (i >= GROUP_WRITES_MAX || rows > GROUP_ROWS_MAX || bytes > GROUP_LOG_BYTES_MAX || (identity !== undefined && own !== identity))) return i;
    identity = own;
  }
  return members.length;
}

const LOG_BYTES = new WeakMap<readonly AddFile[], number>();

/** What a member brings to the entry, bytes. */
function logBytesOf({ adds }: GroupMember): number {
  const known = LOG_BYTES.get(adds);
  if (known !== undefined) return known;
  const bytes = serializeEntry(adds).length;
  LOG_BYTES.set(adds, bytes);
  return bytes;
}

function settleMember({ outcome, verdicts, counts }: GroupOutcome, i: number, { member, answer, fail }: Waiting): void {
  if (outcome.kind !== 'committed' && outcome.kind !== 'nothing') return answer(outcome);
  const verdict = verdicts[i];
  if (verdict === undefined) return fail(new LakefoldError('INTERNAL', 'expected a verdict for every member of a group'));
  switch (verdict.kind) {
    case 'refused':
      return fail(new LakefoldError(verdict.code, verdict.reason));
    case 'applied': {
      const version = verdict.version ?? (outcome.kind === 'committed' ? outcome.version : undefined);
      return answer(version === undefined ? { kind: 'nothing', counts: NO_ROWS } : { kind: 'alreadyApplied', version });
    }
    case 'landed':
      return answer(outcome.kind === 'committed' ? { ...outcome, counts: counts[i] ?? NO_ROWS, filesAdded: member.adds.length, filesRemoved: 0 } : outcome);
  }
}
