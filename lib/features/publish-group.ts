/** Brings a group's online values up to its table (semantics §2), and checkpoints what every tenth commit needs. */
import { LakefoldError } from '../core/errors.ts';
import { CHECKPOINT_INTERVAL } from '../core/limits.ts';
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

/** Publishes a table some event named, and checkpoints it when commits have piled up behind its last one. */
export async function publishTable(deps: FeatureDeps, group: OpenGroup): Promise<Published | undefined> {
  const published = group.definition.onlineEnabled ? await publishGroup(deps, group) : undefined;
  const snapshot = await group.table.refresh();
  if (snapshot.version - (snapshot.checkpointVersion ?? 0) >= CHECKPOINT_INTERVAL) await group.table.checkpoint();
  return published;
}

/** Every tenth commit leaves a checkpoint, after the answer. */
export function checkpointIfDue(deps: FeatureDeps, group: OpenGroup, version: number): void {
  const interval = Number(group.table.snapshot.metadata.configuration['delta.checkpointInterval'] ?? CHECKPOINT_INTERVAL);
  if (version === 0 || version % interval !== 0) return;
  deps.background.run('checkpoint', async () => {
    await group.table.checkpoint();
    deps.log.info('checkpoint.written', { table: group.table.root, version });
  });
}
