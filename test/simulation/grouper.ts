/** Writes of one process that commit together, called at once; some of them twice, as by a double click. */
import { sha256, toBase32, utf8 } from '../../lib/core/bytes.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { GroupCommitter } from '../../lib/delta/group/group-committer.ts';
import { REQUEST_APP_ID } from '../../lib/delta/write/write-outcome.ts';
import { judgeError, openTable, type Actor, type Stage } from './actors.ts';
import { DAY, HOUR, SECOND } from './knobs.ts';
import { batchOf, type Op } from './model.ts';
import { KEY_WINDOW, type Attempt, type Member } from './oracle.ts';

/** Writes called at the same time. */
export interface Wave {
  readonly at: number;
  readonly calls: readonly Call[];
}

export interface Call {
  readonly key: string;
  readonly isTwice: boolean;
  readonly op: () => Op & { readonly kind: 'append' | 'upsert' };
}

interface Delivered {
  readonly member: Member;
  isDone: boolean;
}

/** Delivers each write until it is known to be done. */
export function grouper(name: string, waves: readonly Wave[], options: Pick<Actor, 'freezeAfter'> = {}): Actor {
  const all = new Map<string, Delivered>();
  return {
    name,
    ...options,
    run: async (stage) => {
      const { world, process } = stage;
      const { oracle } = world;
      const table = await openTable(stage);
      process.attempt = { who: process.name, op: { kind: 'group' }, key: undefined, startedAt: world.scheduler.now, ackedBefore: 0, headBefore: 0 };
      const committer = new GroupCommitter(stage.deps, table);
      for (const delivered of all.values()) delivered.member.isUncertain = true;
      for (const { at, calls } of waves) {
        await stage.sleepUntil(at);
        const left = calls.filter(({ key }) => all.get(key)?.isDone !== true);
        const doing = left.flatMap(({ key, isTwice, op }) => {
          const known = all.get(key) ?? { member: { appId: appIdOf(key), op: op(), isUncertain: isTwice }, isDone: false };
          all.set(key, known);
          oracle.members.set(known.member.appId, known.member);
          for (const row of known.member.op.rows) oracle.rows.set(row.id, row);
          const deliver = (): Promise<void> => persistently(stage, committer, { key, delivered: known });
          return isTwice ? [deliver(), deliver()] : [deliver()];
        });
        await Promise.all(doing);
      }
    },
  };
}

async function persistently(
  stage: Stage,
  committer: GroupCommitter,
  { key, delivered }: { readonly key: string; readonly delivered: Delivered },
): Promise<void> {
  const { world, process } = stage;
  for (;;) {
    const { op } = delivered.member;
    const attempt: Attempt = {
      who: process.name,
      op,
      key,
      startedAt: world.scheduler.now,
      ackedBefore: world.oracle.acked,
      headBefore: world.oracle.head,
    };
    if (await delivery(stage, committer, { attempt, delivered })) return;
    await stage.deps.clock.sleep(world.dice.unit() * SECOND);
  }
}

async function delivery(
  stage: Stage,
  committer: GroupCommitter,
  { attempt, delivered }: { readonly attempt: Attempt; readonly delivered: Delivered },
): Promise<boolean> {
  const { oracle, knobs, trace, scheduler } = stage.world;
  const { member } = delivered;
  try {
    const outcome = await committer.write({
      batch: batchOf(knobs.hasEventTime, member.op.rows),
      what:
        member.op.kind === 'append' ? { kind: 'append', sortBy: ['k'] } : { kind: 'upsert', keys: ['k'], ...(knobs.hasEventTime ? { eventTime: 'e' } : {}) },
      idempotency: { kind: 'request', key: attempt.key ?? '', bodyHash: 'same', windowMillis: KEY_WINDOW },
    });
    trace.note(scheduler.now, attempt.who, `${attempt.key} is ${outcome.kind}`, 'version' in outcome ? String(outcome.version) : '');
    switch (outcome.kind) {
      case 'committed': {
        const { rowsInserted, rowsUpdated, rowsDeleted, stale } = outcome.counts;
        oracle.checkMember(attempt, member, { version: outcome.version, counts: [rowsInserted, rowsUpdated, rowsDeleted, stale] });
        break;
      }
      case 'alreadyApplied':
        oracle.checkMember(attempt, member, { version: outcome.version, counts: undefined });
        break;
      case 'conflict':
        oracle.checkMemberAbsent(attempt, member, `of a conflict (${outcome.reason})`);
        return false;
      case 'unknown':
        member.isUncertain = true;
        return false;
      case 'nothing':
        oracle.fail(`${attempt.who} was told that ${attempt.key} had nothing to do`);
    }
    delivered.isDone = true;
    return true;
  } catch (error) {
    trace.note(scheduler.now, attempt.who, `${attempt.key} fails`, error instanceof Error ? error.message : String(error));
    member.isUncertain = true;
    // Slept over for longer than a vacuum leaves them, its own files are gone: it is refused alone, and stages them again.
    const isSwept = isLakefoldError(error, 'FILE_MISSING') && scheduler.now - attempt.startedAt > DAY - HOUR && oracle.wasDeleted(pathIn(error.message));
    if (!isSwept) judgeError(stage, { attempt, error });
    return false;
  }
}

/** The file that a reason names. */
function pathIn(reason: string): string {
  return /\S+\.(?:ndjson|parquet)/.exec(reason)?.[0] ?? '';
}

/** By which the log knows a request. */
export function appIdOf(key: string): string {
  return `${REQUEST_APP_ID}${toBase32(sha256(utf8(key)).subarray(0, 16))}`;
}
