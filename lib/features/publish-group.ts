/** Brings a group's online values up to its table (semantics §2), and does for its log what commits need. */
import { LakefoldError } from '../core/errors.ts';
import { checkpointInterval } from '../delta/log-maintenance.ts';
import { type OnlineReceipt, onlineReceipt, zeroCounts } from '../online/fold-counts.ts';
import type { FoldCommit } from '../online/fold-source.ts';
import { publish, type PublishResult } from '../online/publish.ts';
import type { FeatureDeps } from './deps.ts';
import { foldSourceOf } from './fold-source.ts';
import { groupName, type OpenGroup } from './open-group.ts';

type Published = Extract<PublishResult, { kind: 'published' }>;

/** Publishes up to the head, or to the commit just made. @throws LakefoldError UNSUPPORTED_OPERATION when the group is not online */
export async function publishGroup(
  deps: FeatureDeps,
  group: OpenGroup,
  options: { readonly known?: FoldCommit; readonly to?: number } = {},
): Promise<Published> {
  if (!group.definition.onlineEnabled)
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected an online group, found ${groupName(group.definition)} with onlineEnabled: false`);
  const source = foldSourceOf(deps, group.table, { keyColumns: group.keyColumns });
  const result = await publish(deps, { table: group.onlineTable, source, group: group.fold, ...options });
  if (result.kind === 'rebuildRequired') {
    throw new LakefoldError(
      'SCHEMA_DRIFT',
      `expected online values of table ${result.expected} for ${groupName(group.definition)}, found those of ${result.found}`,
      { context: { expected: result.expected, found: result.found } },
    );
  }
  return result;
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
