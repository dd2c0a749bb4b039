/** The change feed of a group: what the commits of a range did to its rows (semantics §5, `readChanges`). */
import type { Column } from '../../core/types.ts';
import { CHANGE_COLUMNS } from '../../delta/changes/change-feed.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { identityColumns, type OpenGroup } from '../open-group.ts';
import type { GroupRead } from './read-rows.ts';

export interface ChangesRequest extends RequestOptions {
  /** Exclusive; from before version 0 unless given. */
  readonly fromVersion?: number;
  /** Inclusive; the newest version unless given. */
  readonly toVersion?: number;
}

/**
 * Rows in the schema of `toVersion` without system columns, then Delta's three columns of a change; commits ascending,
 * within a commit removals and preimages before inserts and postimages. `version` is the last one of the range, so that
 * the next call begins there.
 * @throws LakefoldError INVALID_ARGUMENT for a range that is none, NO_SUCH_COMMIT above the head, HISTORY_EXPIRED where the log or a file of the range is gone
 */
export async function readGroupChanges(group: OpenGroup, { fromVersion, toVersion }: ChangesRequest): Promise<GroupRead> {
  const head = await group.table.refresh();
  const to = toVersion ?? head.version;
  // What lies above the head is refused by the feed itself, when its first batch is drawn.
  const snapshot = to < head.version && to > (fromVersion ?? -1) ? await group.table.at({ version: to }) : head;
  const shown = snapshot.columns.filter(({ name }) => !name.startsWith('_'));
  const rows = group.table.changes({
    toVersion: to,
    keys: identityColumns(group).map(({ name }) => name),
    columns: shown.map(({ name }) => name),
    ...(fromVersion === undefined ? {} : { fromVersion }),
  });
  const columns: readonly Column[] = [...shown, ...CHANGE_COLUMNS];
  return { version: to, columns, rows };
}
