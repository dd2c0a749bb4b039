/**
 * The committer of a table's inbox (delta.md, "Group commit"): whoever holds the lease drains it in the order of its keys,
 * many intents an entry, until a query after releasing the lease finds nothing.
 */
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { mapConcurrent } from '../core/concurrency.ts';
import { DOORBELL_AGAIN_SECONDS, GROUP_LOG_BYTES_MAX, GROUP_WRITES_MAX, STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { isUlid } from '../core/ulid.ts';
import type { ControlRecord } from '../ports/control.ts';
import type { QueueMessage } from '../ports/queue.ts';
import { groupSize } from './group-committer.ts';
import { buryIntent, type InboxDeps, inboxOf, parseDoorbell } from './group-inbox.ts';
import { decodeIntent, type Intent } from './group-intent.ts';
import type { Refusal } from './group-member.ts';
import { type Lease, releaseLease, renewLease, takeLease } from './group-lease.ts';
import { stagedSizes } from './group-staged-files.ts';
import type { DeltaTable } from './table.ts';

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
    if ((await firstIntents(deps, name, { countMax: 1 })).length === 0) return { kind: 'drained', ...total };
  }
}

interface Total {
  readonly versions: number[];
  landed: number;
  repeated: number;
  refused: number;
}

/** Until the inbox is empty, or another has taken the lease over. */
async function drainUnderLease(
  deps: InboxDeps,
  { name, table, total }: { readonly name: string; readonly table: DeltaTable; readonly total: Total },
  taken: Lease,
): Promise<'done' | 'lost'> {
  let lease = taken;
  let settled: ReadonlySet<string> = new Set();
  let tidying: Promise<Lease | undefined> = Promise.resolve(lease);
  try {
    for (;;) {
      // What has landed is taken out of the inbox while the next intents are asked for, and their files.
      const records = await firstIntents(deps, name, { countMax: GROUP_WRITES_MAX, without: settled });
      const group = readIntents(records);
      const adds = group.intents.flatMap((intent) => intent.adds);
      const [sizes, renewed] = await Promise.all([stagedSizes(deps.store, table.root, adds), tidying]);
      if (renewed === undefined) return 'lost';
      lease = renewed;
      if (records.length === 0) return 'done';
      const drained = await commitIntents(table, group, sizes);
      if (drained.version !== undefined) total.versions.push(drained.version);
      total.landed += drained.landed;
      total.repeated += drained.settled.length - drained.landed;
      total.refused += drained.refusals.size;
      settled = new Set([...drained.settled, ...drained.refusals.keys()]);
      tidying = Promise.all([takeOut(deps, name, { records, ...drained }), renewLease(deps, lease)]).then(([, next]) => next);
      tidying.catch(() => {});
    }
  } finally {
    // Not released it runs out by itself; the failure that led here is the one to be told.
    await releaseLease(deps, lease).catch((error: unknown) => deps.log.warn('group.lease_not_released', { table: name, error }));
  }
}

/** Serves one doorbell: gone when its table is drained, back in 5 s when another is at it. @throws as `drainInbox` */
export async function answerDoorbell(deps: InboxDeps, message: QueueMessage, open: (name: string) => Promise<DeltaTable>): Promise<DrainReport> {
  const name = parseDoorbell(message.body);
  const report = await drainInbox(deps, name, await open(name));
  if (report.kind === 'taken') await deps.queue.release(message.receipt, { delaySeconds: DOORBELL_AGAIN_SECONDS });
  else await deps.queue.acknowledge(message.receipt);
  return report;
}

interface IntentGroup {
  /** What one entry takes. */
  readonly intents: readonly Intent[];
  readonly unreadable: ReadonlyMap<string, Refusal>;
}

function readIntents(records: readonly ControlRecord[]): IntentGroup {
  const unreadable = new Map<string, Refusal>();
  const readable = records.flatMap((record): Intent[] => {
    const intent = readIntent(record);
    if (!('reason' in intent)) return [intent];
    unreadable.set(record.sort, intent);
    return [];
  });
  return { intents: readable.slice(0, groupSize(readable)), unreadable };
}

/** Takes what is decided out of the inbox. */
async function takeOut(deps: InboxDeps, name: string, done: Committed & { readonly records: readonly ControlRecord[] }): Promise<void> {
  const { version, landed, settled, refusals, records } = done;
  const bytesOf = new Map(records.map(({ sort, bytes }) => [sort, bytes]));
  for (const [id, refusal] of refusals) {
    const intent = bytesOf.get(id);
    if (intent !== undefined) await buryIntent(deps, name, { id, ...refusal, intent });
  }
  await mapConcurrent(settled, { concurrencyMax: STORE_READ_CONCURRENCY }, (id) => deps.control.delete(inboxOf(name), id));
  deps.log.info('group.drained', { table: name, version, landed, repeated: settled.length - landed, refused: refusals.size });
}

interface Committed {
  readonly version: number | undefined;
  readonly landed: number;
  /** Landed now or before. */
  readonly settled: readonly string[];
  readonly refusals: ReadonlyMap<string, Refusal>;
}

/** Commits the intents as one entry. @throws LakefoldError COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN */
async function commitIntents(table: DeltaTable, { intents, unreadable }: IntentGroup, sizes: ReadonlyMap<string, number>): Promise<Committed> {
  if (intents.length === 0) return { version: undefined, landed: 0, settled: [], refusals: unreadable };
  const authors = new Set(intents.map(({ committedBy }) => committedBy));
  const [author] = authors.size === 1 ? authors : [];
  const { outcome, verdicts } = await table.commitGroup(
    intents.map((intent) => withFault(intent, sizes)),
    author === undefined ? {} : { committedBy: author },
  );
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
  return { version: outcome.kind === 'committed' ? outcome.version : undefined, landed, settled, refusals };
}

function withFault(intent: Intent, sizes: ReadonlyMap<string, number>): Intent {
  for (const { path, size } of intent.adds) {
    const found = sizes.get(path);
    if (found === undefined) return { ...intent, fault: { code: 'FILE_MISSING', reason: `expected the staged file ${path}, found nothing there` } };
    if (found !== size) return { ...intent, fault: { code: 'FILE_CORRUPT', reason: `expected ${size} bytes of ${path}, found ${found}` } };
  }
  return intent;
}

function readIntent({ sort, bytes }: ControlRecord): Intent | Refusal {
  try {
    const intent = decodeIntent(bytes);
    if (intent.id === sort && isUlid(sort)) return intent;
    return { code: 'CORRUPT_STORE', reason: `expected the intent ${sort} under its ULID, found one of ${intent.id}` };
  } catch (error) {
    if (isLakefoldError(error)) return { code: error.code, reason: error.message };
    throw error;
  }
}

/** The first intents of the inbox that one entry may take; at least one when there are any. */
async function firstIntents(
  deps: InboxDeps,
  name: string,
  { countMax, without }: { readonly countMax: number; readonly without?: ReadonlySet<string> },
): Promise<readonly ControlRecord[]> {
  const records: ControlRecord[] = [];
  let bytes = 0;
  for await (const record of deps.control.query(inboxOf(name))) {
    if (without?.has(record.sort) === true) continue;
    bytes += record.bytes.length;
    if (records.length > 0 && bytes > GROUP_LOG_BYTES_MAX) break;
    records.push(record);
    if (records.length >= countMax) break;
  }
  return records;
}
