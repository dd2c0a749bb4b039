/** Brings a group's online values up to its table (semantics §2), and does for its log what commits need. */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { checkpointInterval } from '../../delta/maintain/log-maintenance.ts';
import { type OnlineReceipt, onlineReceipt, zeroCounts } from '../../online/fold-counts.ts';
import type { FoldCommit } from '../../online/fold-source.ts';
import { markedTable, parseMark } from '../../online/generation-mark.ts';
import { publish, type PublishInput, type PublishResult } from '../../online/publish.ts';
import type { FeatureDeps } from '../deps.ts';
import { foldSourceOf } from './fold-source.ts';
import { loadNewGeneration, marksOwnValues, refreshGroup, tendGenerations } from './generations.ts';
import { watchLateWrites } from './late-writes.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import { quarantineOf } from '../quality/quarantine-foreign.ts';

type Published = Extract<PublishResult, { kind: 'published' }>;

/** Turns of a publisher that finds a generation replaced or has one loaded; each is rare. */
const PUBLISH_ROUNDS_MAX = 16;

export interface PublishOptions {
  readonly known?: FoldCommit;
  readonly to?: number;
}

/**
 * Publishes up to the head, or to the commit just made, into the generation that is current; where it is being replaced, into the next one
 * first, so that nobody who changes over sees less. Loads a new one where that is the shorter way (U11).
 * @throws LakefoldError UNSUPPORTED_OPERATION when the group is not online; COMMIT_CONFLICT when other loads came between each time
 */
export async function publishGroup(deps: FeatureDeps, group: OpenGroup, options: PublishOptions = {}): Promise<Published> {
  if (!group.definition.onlineEnabled)
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected an online group, found ${groupName(group.definition)} with onlineEnabled: false`);
  let current = group;
  for (let round = 0; round < PUBLISH_ROUNDS_MAX; round += 1) {
    const outcome = await publishWatched(deps, current, options);
    if (outcome.kind === 'published') return outcome;
    if (outcome.kind === 'loadRequired') {
      deps.log.info('publish.load_required', { group: groupName(group.definition), reason: outcome.reason });
      await loadNewGeneration(deps, current);
    }
    current = await refreshGroup(deps, current);
  }
  throw new LakefoldError(
    'COMMIT_CONFLICT',
    `expected to publish ${groupName(group.definition)}, found its online values replaced ${PUBLISH_ROUNDS_MAX} times`,
  );
}

type Outcome = Published | { readonly kind: 'loadRequired'; readonly reason: string } | { readonly kind: 'again' };

async function publishWatched(deps: FeatureDeps, group: OpenGroup, options: PublishOptions): Promise<Outcome> {
  const late = watchLateWrites(deps, group);
  try {
    return await publishOnce({ ...deps, online: late.online }, group, options);
  } finally {
    await late.settle();
  }
}

async function publishOnce(deps: FeatureDeps, group: OpenGroup, options: PublishOptions): Promise<Outcome> {
  const source = foldSourceOf(deps, group.table, { keyColumns: group.keyColumns });
  const input = { table: group.onlineTable, source, group: group.fold, takeInvalid: quarantineOf(deps, group), ...options };
  const result = await publishOrLoad(deps, input);
  if (result.kind !== 'notOurs') return result;
  const mark = parseMark(result.found);
  if (mark === undefined) return { kind: 'loadRequired', reason: 'otherTable' };
  // Whoever has not heard of the new generation may not have heard of the definitions it was loaded by.
  const fresh = await refreshGroup(deps, group);
  if (fresh.onlineTable.generation !== group.onlineTable.generation) return { kind: 'again' };
  if (mark.kind === 'gone' || !marksOwnValues(result.found, source.tableId)) return { kind: 'loadRequired', reason: 'gone' };
  const next = markedTable(fresh.onlineTable, mark);
  const first = await publishNext(deps, { ...input, table: next, group: fresh.fold });
  // Never further than in the generation that readers go to.
  const { known: _, ...bounded } = { ...input, to: first ?? -1 };
  const beside = await publish(deps, { ...(first === undefined || first >= targetOf(options) ? input : bounded), group: fresh.fold, mark: result.found });
  return beside.kind === 'notOurs' ? { kind: 'again' } : beside;
}

/** How far the next generation has come; undefined where it is none: never loaded, or given up. */
async function publishNext(deps: FeatureDeps, input: PublishInput): Promise<number | undefined> {
  if ((await deps.online.watermark(input.table, { consistent: true })) === undefined) return undefined;
  const result = await publish(deps, { ...input, neverLoad: true });
  return result.kind === 'published' ? result.to : undefined;
}

function targetOf({ to, known }: PublishOptions): number {
  return to ?? known?.version ?? Number.POSITIVE_INFINITY;
}

/** A log that no longer tells what comes after the watermark leaves one way. */
async function publishOrLoad(deps: FeatureDeps, input: PublishInput): Promise<PublishResult | { readonly kind: 'loadRequired'; readonly reason: string }> {
  try {
    return await publish(deps, input);
  } catch (error) {
    if (!isLakefoldError(error, 'HISTORY_EXPIRED')) throw error;
    return { kind: 'loadRequired', reason: 'historyExpired' };
  }
}

/**
 * Publishes a commit for its receipt. After a commit landed the answer is never a failure: what could not be written now
 * is `pending` and counted `failed`, and the next publish writes it.
 */
export async function publishForReceipt(
  deps: FeatureDeps,
  group: OpenGroup,
  commit: { readonly version: number; /** Rows it inserted or updated. */ readonly rows: number; readonly known?: FoldCommit },
): Promise<OnlineReceipt> {
  try {
    const { commits, to } = await publishGroup(deps, group, commit.known === undefined ? { to: commit.version } : { known: commit.known });
    return onlineReceipt(commits.get(commit.version) ?? zeroCounts(), { version: commit.version, watermark: to });
  } catch (error) {
    deps.log.error('publish.failed', { table: group.table.root, version: commit.version, cause: String(error) });
    return { ...onlineReceipt(zeroCounts(), { version: commit.version, watermark: -1 }), state: 'pending', failed: commit.rows };
  }
}

/** Publishes a table some event named, and does for its log what the newest commit needs. */
export async function publishTable(deps: FeatureDeps, group: OpenGroup): Promise<Published | undefined> {
  const published = group.definition.onlineEnabled ? await publishGroup(deps, group) : undefined;
  await tendGenerations(deps, group);
  await group.table.maintainLog();
  return published;
}

/** Every tenth commit leaves a checkpoint, after the answer. */
export function maintainIfDue(deps: FeatureDeps, group: OpenGroup, version: number): void {
  if (version === 0 || version % checkpointInterval(group.table.snapshot) !== 0) return;
  deps.background.run('maintainLog', async () => {
    const { checkpoint } = await group.table.maintainLog();
    if (checkpoint !== undefined) deps.log.info('checkpoint.written', { table: group.table.root, version: checkpoint.version });
  });
}
