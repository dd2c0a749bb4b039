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
    let lease = await takeLease(deps, name, owner);
    if (lease === undefined) return { kind: 'taken', ...total };
    try {
      for (;;) {
        const drained = await drainOnce(deps, name, table);
        if (drained === undefined) break;
        if (drained.version !== undefined) total.versions.push(drained.version);
        total.landed += drained.landed;
        total.repeated += drained.repeated;
        total.refused += drained.refused;
        const renewed: Lease | undefined = await renewLease(deps, lease);
        if (renewed === undefined) return { kind: 'taken', ...total };
        lease = renewed;
      }
    } finally {
      // Not released it runs out by itself; the failure that led here is the one to be told.
      await releaseLease(deps, lease).catch((error: unknown) => deps.log.warn('group.lease_not_released', { table: name, error }));
    }
    // An intent put while the lease was being released found its doorbell's consumer turned away.
    if ((await firstIntents(deps, name, 1)).length === 0) return { kind: 'drained', ...total };
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

interface Drained {
  readonly version: number | undefined;
  readonly landed: number;
  readonly repeated: number;
  readonly refused: number;
}

/** Commits the first intents as one entry; undefined when there are none. */
async function drainOnce(deps: InboxDeps, name: string, table: DeltaTable): Promise<Drained | undefined> {
  const records = await firstIntents(deps, name, GROUP_WRITES_MAX);
  if (records.length === 0) return undefined;
  const unreadable = new Map<string, Refusal>();
  const readable = records.flatMap((record): Intent[] => {
    const intent = readIntent(record);
    if (!('reason' in intent)) return [intent];
    unreadable.set(record.sort, intent);
    return [];
  });
  const { refusals, ...done } = await commitIntents(deps, table, readable.slice(0, groupSize(readable)));
  const bytesOf = new Map(records.map(({ sort, bytes }) => [sort, bytes]));
  for (const [id, refusal] of [...unreadable, ...refusals]) {
    const intent = bytesOf.get(id);
    if (intent !== undefined) await buryIntent(deps, name, { id, ...refusal, intent });
  }
  await mapConcurrent(done.settled, { concurrencyMax: STORE_READ_CONCURRENCY }, (id) => deps.control.delete(inboxOf(name), id));
  const report = { version: done.version, landed: done.landed, repeated: done.settled.length - done.landed, refused: unreadable.size + refusals.size };
  deps.log.info('group.drained', { table: name, ...report });
  return report;
}

interface Committed {
  readonly version: number | undefined;
  readonly landed: number;
  /** Landed now or before. */
  readonly settled: readonly string[];
  readonly refusals: ReadonlyMap<string, Refusal>;
}

async function commitIntents(deps: InboxDeps, table: DeltaTable, intents: readonly Intent[]): Promise<Committed> {
  if (intents.length === 0) return { version: undefined, landed: 0, settled: [], refusals: new Map() };
  const adds = intents.flatMap((intent) => intent.adds);
  const sizes = await stagedSizes(deps.store, table.root, adds);
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
  const refusals = new Map<string, Refusal>();
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
async function firstIntents(deps: InboxDeps, name: string, countMax: number): Promise<readonly ControlRecord[]> {
  const records: ControlRecord[] = [];
  let bytes = 0;
  for await (const record of deps.control.query(inboxOf(name))) {
    bytes += record.bytes.length;
    if (records.length > 0 && bytes > GROUP_LOG_BYTES_MAX) break;
    records.push(record);
    if (records.length >= countMax) break;
  }
  return records;
}
