/**
 * A publisher that takes commits in random order as far as U6 lets it, and that can be told to break one rule of U6.
 * It applies commits with the real fold.
 */
import { applyEdit, applyMerges } from '../../lib/online/fold.ts';
import { isCovered, positionOf, recordApplied } from '../../lib/online/watermark.ts';
import type { PublishOnce } from './fold-chaos.ts';

export interface PublishRules {
  /** A merge at v waits for every edit of (n, v). */
  readonly mergeWaitsForEdits: boolean;
  /** An edit at v waits until n = v − 1. */
  readonly editWaitsItsTurn: boolean;
}

export function randomOrderPublisher(rules: PublishRules): PublishOnce {
  return async (deps, { table, source, group }) => {
    for (let round = 0; round < 20; round += 1) {
      const watermark = await deps.online.watermark(table, { consistent: true });
      const position = positionOf(watermark);
      const head = await source.head();
      const commits = await source.commits(position.version, head);
      const allowed = commits.filter((commit) => {
        if (isCovered(position, commit.version)) return false;
        if (commit.kind === 'edit') return !rules.editWaitsItsTurn || commit.version === position.version + 1;
        return !rules.mergeWaitsForEdits || !commits.some((other) => other.kind === 'edit' && other.version < commit.version);
      });
      // The item is created by commit 0, so that a position ahead always has something below it.
      const commit = watermark === undefined ? commits[0] : allowed[Math.floor(deps.random.unit() * allowed.length)];
      if (commit === undefined) return;
      const applied =
        commit.kind === 'edit'
          ? await applyEdit(deps, { table, source, group, commit })
          : commit.kind === 'merge'
            ? await applyMerges(deps, { table, group, commits: [commit] })
            : { done: [commit.version] };
      await recordApplied(deps, { table, tableId: source.tableId, watermark, done: applied.done, committedAt: async () => 1000 });
    }
  };
}
