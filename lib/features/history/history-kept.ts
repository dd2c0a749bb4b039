/** Whether what an earlier version of a group is made of is still there. */
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import { isSameFile, pathsOf } from '../../delta/write/removals.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { groupName, type OpenGroup } from '../open-group.ts';

/**
 * Nothing to ask of the newest version; of an earlier one a HEAD for every file that is no longer live.
 * @throws LakefoldError HISTORY_EXPIRED when vacuum has taken one
 */
export async function assertKept(deps: { readonly store: ObjectStore }, group: OpenGroup, snapshot: Snapshot): Promise<void> {
  if (snapshot.version >= group.table.snapshot.version) return;
  const head = await group.table.refresh();
  const { root } = group.table;
  const replaced = [...snapshot.files.values()].filter((file) => !isSameFile(file, head.files.get(file.path)));
  const paths = [...new Set(replaced.flatMap((file) => pathsOf(root, file, deps.store.location)))];
  await mapConcurrent(paths, { concurrencyMax: STORE_READ_CONCURRENCY }, async (path) => {
    if ((await deps.store.head(joinPath(path))) !== undefined) return;
    throw new LakefoldError(
      'HISTORY_EXPIRED',
      `expected every file of version ${snapshot.version} of ${groupName(group.definition)}, but ${path} is no longer kept`,
      { context: { version: snapshot.version, reason: 'RETENTION' } },
    );
  });
}
