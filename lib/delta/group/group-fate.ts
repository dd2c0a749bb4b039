/** What became of a queued write, told from the log and from the refused intents: a producer that waits asks until it is decided. */
import { readEntry } from '../changes/changes.ts';
import { findDead, inboxOf, type InboxDeps } from './group-inbox.ts';
import type { Intent } from './group-intent.ts';
import { landedBefore, type Refusal } from './group-member.ts';
import { recordOf } from '../snapshot/history.ts';
import { rememberedRequest } from '../actions/request-tags.ts';
import type { DeltaTable } from '../table.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import type { Idempotency, WriteCounts } from '../write/write-outcome.ts';

export type IntentFate =
  /** Not yet: in the inbox, or under way. */
  | { readonly kind: 'waiting' }
  /** `alreadyApplied`: its request or sequence was committed before by another write, whose counts these are; without where the log tells none. */
  | { readonly kind: 'committed'; readonly version: number; readonly committedAt: number; readonly counts?: WriteCounts; readonly alreadyApplied: boolean }
  | ({ readonly kind: 'refused' } & Refusal);

/** While the intent is in the inbox nothing is asked of the table; then one refresh, and one request for the entry. @throws LakefoldError as `refresh` */
export async function intentFate(deps: InboxDeps, name: string, table: DeltaTable, intent: Intent): Promise<IntentFate> {
  if ((await deps.control.get(inboxOf(name), intent.id, { consistent: true })) !== undefined) return { kind: 'waiting' };
  const snapshot = await table.refresh();
  const before = landedBefore(snapshot, intent, deps.clock.now());
  if (before !== undefined) return fateIn(deps, { root: table.root, snapshot }, { intent, ...before });
  const dead = await findDead(deps.control, name, intent.id);
  return dead === undefined ? { kind: 'waiting' } : { kind: 'refused', code: dead.code, reason: dead.reason };
}

/** What the entry that holds its request or sequence says of it. */
async function fateIn(
  deps: InboxDeps,
  { root, snapshot }: { readonly root: string; readonly snapshot: Snapshot },
  { intent, version, idempotency }: { readonly intent: Intent; readonly version: number; readonly idempotency: Idempotency },
): Promise<IntentFate> {
  const entry = await readEntry(deps, root, version);
  if (entry === undefined) return { kind: 'committed', version, committedAt: snapshot.committedAt, alreadyApplied: true };
  const { committedAt } = recordOf(entry);
  // A stream's `txn` tells no version: one of our own key would have been found before it.
  if (idempotency.kind === 'stream') return { kind: 'committed', version, committedAt, alreadyApplied: true };
  const remembered = rememberedRequest(entry.actions, idempotency.key);
  if (remembered !== undefined && remembered.bodyHash !== idempotency.bodyHash) {
    const reason = `the idempotency key ${JSON.stringify(idempotency.key)} was first used for another request; version ${version} holds it`;
    return { kind: 'refused', code: 'IDEMPOTENCY_MISMATCH', reason };
  }
  const counts = remembered === undefined ? {} : { counts: remembered.counts };
  return { kind: 'committed', version, committedAt, ...counts, alreadyApplied: remembered !== undefined && remembered.write !== intent.id };
}
