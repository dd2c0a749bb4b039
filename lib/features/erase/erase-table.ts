/** Erases rows from one Delta table: they are deleted, the files that held them written again, and the history before that goes. */
import { joinPath } from '../../core/path.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import type { DeleteWhat } from '../../delta/write/delete-rows.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { checkpointEnd, deleteOlderLog, deleteUnneededFiles } from '../../delta/erase/erase-history.ts';
import type { DeltaTable } from '../../delta/table.ts';
import type { WriteOptions } from '../../delta/write/write-outcome.ts';
import { settle } from '../ingest/settle.ts';

/** Writers that bring erased rows between two of our commits are met again so often. */
const ROUNDS_MAX = 8;

export interface EraseTableOptions extends WriteOptions {
  readonly sortBy: readonly string[];
  /** The same for every repeat of this erasure. */
  readonly key: string;
  readonly bodyHash: string;
}

export interface EndedHistory {
  readonly rowsErased: number;
  readonly filesRewritten: number;
  /** The oldest version that can be read from now on, and its commit time, epoch ms. */
  readonly version: number;
  readonly committedAt: number;
}

/**
 * Deletes the rows, rewrites what held or hides them, and commits the end of history. A repeat counts the rows the first one deleted.
 * @throws LakefoldError COMMIT_CONFLICT where other writes keep bringing such rows, COMMIT_OUTCOME_UNKNOWN: repeat
 */
export async function endTableHistory(deps: DeltaDeps, table: DeltaTable, what: DeleteWhat, options: EraseTableOptions): Promise<EndedHistory> {
  const { sortBy, key, bodyHash, signal } = options;
  const each = { sortBy, ...(signal === undefined ? {} : { signal }) };
  const total = { rowsErased: 0, filesRewritten: 0 };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    try {
      const idempotency = { kind: 'request' as const, key: `${key}/${round}`, bodyHash, windowMillis: Number.POSITIVE_INFINITY };
      await table.refresh();
      const { outcome } = await table.delete(what, { ...each, idempotency });
      total.rowsErased += (await settle(deps, table.root, { outcome, idempotency, rejected: 0 }))?.counts.rowsDeleted ?? 0;
      const rewritten = await table.rewriteHolding(what, each);
      await settle(deps, table.root, { outcome: rewritten, rejected: 0 });
      total.filesRewritten += rewritten.kind === 'committed' ? rewritten.filesRemoved : 0;
      const facts = await settle(deps, table.root, { outcome: await table.endHistory(what, { ...each, rowsErased: total.rowsErased }), rejected: 0 });
      if (facts !== undefined) return { ...total, version: facts.version, committedAt: facts.committedAt };
    } catch (error) {
      if (!isLakefoldError(error, 'COMMIT_CONFLICT')) throw error;
    }
  }
  throw new LakefoldError('COMMIT_CONFLICT', `expected to end the history of ${table.root}, but other writes kept bringing rows of the erased keys; repeat`);
}

/** Deletes what only versions before the end of history needed, and their log. */
export async function purgeTableHistory(deps: DeltaDeps, table: DeltaTable, what: DeleteWhat, version: number): Promise<void> {
  const ended = { root: table.root, version };
  const snapshot = await checkpointEnd(deps, ended);
  for await (const { path } of deps.store.list(`${joinPath(table.root, '_lakefold/pins')}/`)) {
    const pinned = /\/(\d{1,16})\.[^/]*$/.exec(path)?.[1];
    if (pinned === undefined || Number(pinned) < version) await deps.store.delete(path);
  }
  await deleteUnneededFiles(deps, { ...ended, snapshot }, what);
  await deleteOlderLog(deps, ended);
}
