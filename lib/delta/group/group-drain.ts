/**
 * The committer of a table's inbox (delta.md, "Group commit"): whoever holds the lease drains it in the order of its keys,
 * many intents an entry, until a query after releasing the lease finds nothing.
 */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { CONTROL_WRITE_CONCURRENCY, DOORBELL_AGAIN_SECONDS } from '../../core/limits.ts';
import type { QueueMessage } from '../../ports/queue.ts';
import { firstIntents, IntentGatherer, type IntentGroup } from './group-gather.ts';
import { buryIntent, type InboxDeps, inboxOf, parseDoorbell } from './group-inbox.ts';
import type { Refusal } from './group-member.ts';
import { type Lease, releaseLease, renewLease, takeLease } from './group-lease.ts';
import type { DeltaTable } from '../table.ts';

export interface DrainReport {
  /** `taken`: another committer is at it. */
  readonly kind: 'drained' | 'taken';
  /** Versions written, in order. */
  readonly versions: readonly number[];
  /** Intents that landed, that had landed before, that were refused. */
  readonly landed: number;
  readonly repeated: number;
  readonly refused: number;
}

/**
 * Drains the inbox of the table called `name`.
 * @throws LakefoldError COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, STORE_UNAVAILABLE: what is left in the inbox is drained by the next call
 */
export async function drainInbox(deps: InboxDeps, name: string, table: DeltaTable): Promise<DrainReport> {
  const owner = deps.random.uuid();
  const total = { versions: [] as number[], landed: 0, repeated: 0, refused: 0 };
  for (;;) {
    const lease = await takeLease(deps, name, owner);
    if (lease === undefined || (await drainUnderLease(deps, { name, table, total }, lease)) === 'lost') return { kind: 'taken', ...total };
    // An intent put while the lease was being released found its doorbell's consumer turned away.
    if ((await firstIntents(deps.control, name, { countMax: 1 })).length === 0) return { kind: 'drained', ...total };
  }
}

interface Total {
  readonly versions: number[];
  landed: number;
  repeated: number;
  refused: number;
}

/** Until the inbox is empty, or another has taken the lease over. The next intents are gathered while an entry is written. */
async function drainUnderLease(
  deps: InboxDeps,
  { name, table, total }: { readonly name: string; readonly table: DeltaTable; readonly total: Total },
  taken: Lease,
): Promise<'done' | 'lost'> {
  const gatherer = new IntentGatherer(deps, { name, root: table.root });
  let lease = taken;
  // Those an entry decides stay in the inbox until it has landed, and for as long as it takes to take them out.
  let decided: readonly string[] = [];
  let tidying: Promise<unknown> = Promise.resolve();
  try {
    // Another may have committed here since: a version it took is better known than tried for.
    const [first] = await Promise.all([gatherer.next(), (lease.head ?? 0) > table.snapshot.version ? table.refresh() : undefined]);
    let group = first;
    while (group.intents.length + group.unreadable.size > 0) {
      const own = [...group.intents.map(({ id }) => id), ...group.unreadable.keys()];
      const landing = commitIntents(table, group);
      const landed = landing.then(
        () => true,
        () => false,
      );
      const ahead = quietly(gatherer.next({ decided: new Set([...decided, ...own]), writes: own.length, landed }));
      const drained = await landing;
      await tidying;
      count(total, drained);
      tidying = quietly(takeOut(deps, name, { bytes: group.bytes, ...drained }));
      decided = own;
      const [next, renewed] = await Promise.all([ahead, renewLease(deps, lease)]);
      if (renewed === undefined) return 'lost';
      lease = renewed;
      group = next;
    }
    return 'done';
  } finally {
    await Promise.allSettled([gatherer.settle(), tidying]);
    // Not released it runs out by itself; the failure that led here is the one to be told.
    await releaseLease(deps, lease, table.snapshot.version).catch((error: unknown) => deps.log.warn('group.lease_not_released', { table: name, error }));
  }
}

/** The promise, awaited later: that nothing waits for it yet is no failure. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function count(total: Total, { versions, landed, settled, refusals }: Committed): void {
  total.versions.push(...versions);
  total.landed += landed;
  total.repeated += settled.length - landed;
  total.refused += refusals.size;
}

/** Serves one doorbell: gone when its table is drained, back in 5 s when another is at it. @throws as `drainInbox` */
export async function answerDoorbell(deps: InboxDeps, message: QueueMessage, open: (name: string) => Promise<DeltaTable>): Promise<DrainReport> {
  const name = parseDoorbell(message.body);
  const report = await drainInbox(deps, name, await open(name));
  if (report.kind === 'taken') await deps.queue.release(message.receipt, { delaySeconds: DOORBELL_AGAIN_SECONDS });
  else await deps.queue.acknowledge(message.receipt);
  return report;
}

/** Takes what is decided out of the inbox. */
async function takeOut(deps: InboxDeps, name: string, done: Committed & Pick<IntentGroup, 'bytes'>): Promise<void> {
  const { versions, landed, settled, refusals, bytes } = done;
  for (const [id, refusal] of refusals) {
    const intent = bytes.get(id);
    if (intent !== undefined) await buryIntent(deps, name, { id, ...refusal, intent });
  }
  await mapConcurrent(settled, { concurrencyMax: CONTROL_WRITE_CONCURRENCY }, (id) => deps.control.delete(inboxOf(name), id));
  deps.log.info('group.drained', { table: name, versions, landed, repeated: settled.length - landed, refused: refusals.size });
}

interface Committed {
  readonly versions: readonly number[];
  readonly landed: number;
  /** Landed now or before. */
  readonly settled: readonly string[];
  readonly refusals: ReadonlyMap<string, Refusal>;
}

/** Commits the intents, as one entry unless its plan would be too large: then as two, and one that is too large alone is refused. */
async function commitIntents(table: DeltaTable, group: Pick<IntentGroup, 'intents' | 'unreadable'>): Promise<Committed> {
  const { intents, unreadable } = group;
  try {
    return await commitEntry(table, group);
  } catch (error) {
    if (!isLakefoldError(error, 'PLAN_TOO_LARGE')) throw error;
    const [only] = intents;
    if (intents.length === 1 && only !== undefined)
      return { versions: [], landed: 0, settled: [], refusals: new Map([...unreadable, [only.id, { code: error.code, reason: error.message }]]) };
  }
  const half = Math.ceil(intents.length / 2);
  const first = await commitIntents(table, { intents: intents.slice(0, half), unreadable });
  const second = await commitIntents(table, { intents: intents.slice(half), unreadable: new Map() });
  return {
    versions: [...first.versions, ...second.versions],
    landed: first.landed + second.landed,
    settled: [...first.settled, ...second.settled],
    refusals: new Map([...first.refusals, ...second.refusals]),
  };
}

/** @throws LakefoldError COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, PLAN_TOO_LARGE */
async function commitEntry(table: DeltaTable, { intents, unreadable }: Pick<IntentGroup, 'intents' | 'unreadable'>): Promise<Committed> {
  if (intents.length === 0) return { versions: [], landed: 0, settled: [], refusals: unreadable };
  const authors = new Set(intents.map(({ committedBy }) => committedBy));
  const [author] = authors.size === 1 ? authors : [];
  const { outcome, verdicts } = await table.commitGroup(intents, author === undefined ? {} : { committedBy: author });
  if (outcome.kind === 'conflict')
    throw new LakefoldError('COMMIT_CONFLICT', `expected to commit ${intents.length} intents, lost to version ${outcome.winner}: ${outcome.reason}`, {
      context: { winner: outcome.winner, reason: outcome.reason },
    });
  if (outcome.kind === 'unknown')
    throw new LakefoldError('COMMIT_OUTCOME_UNKNOWN', `whether version ${outcome.version} was committed can't be told now; the intents stay in the inbox`, {
      context: { version: outcome.version, txnId: outcome.txnId },
    });
  const refusals = new Map(unreadable);
  const settled: string[] = [];
  for (const [i, { id }] of intents.entries()) {
    const verdict = verdicts[i];
    if (verdict?.kind === 'refused') refusals.set(id, { code: verdict.code, reason: verdict.reason });
    else if (verdict !== undefined) settled.push(id);
  }
  const landed = verdicts.filter(({ kind }) => kind === 'landed').length;
  return { versions: outcome.kind === 'committed' ? [outcome.version] : [], landed, settled, refusals };
}
