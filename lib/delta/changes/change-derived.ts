/** What one commit did to rows, derived from its adds, removes and deletion-vector differences. */
import { parseJson } from '../../core/json.ts';
import type { Action } from '../actions/actions.ts';
import { type ChangedRows, type ChangeSides, pairChanges, type Pairing, withoutCarried, withoutUnchanged } from './change-rows.ts';
import { carriedRows, rowsAppeared, rowsDisappeared } from './changes.ts';
import { commitInfoOf, isOurs } from '../actions/commit-info.ts';
import type { FileRows, ReadDeps } from '../rows/read.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';

/** Primary key and event time of a feature group's table (storage.md §2). */
export function identityOf({ metadata: { configuration } }: Snapshot): readonly string[] | undefined {
  const text = configuration['lakefold.primaryKey'];
  if (text === undefined) return undefined;
  const keys = parseJson(text);
  const eventTime = configuration['lakefold.eventTime'];
  if (!Array.isArray(keys)) return undefined;
  return [...keys.map(String), ...(eventTime === undefined ? [] : [eventTime])];
}

/** The changes of one commit from its adds and removes. */
export async function* derivedChanges(
  deps: ReadDeps,
  table: { readonly root: string; readonly snapshot: Snapshot; readonly before: () => Promise<Snapshot> },
  commit: { readonly actions: readonly Action[]; readonly columns: readonly TableColumn[]; readonly identity: readonly string[] | undefined },
): AsyncIterable<ChangedRows> {
  const { actions, columns, identity } = commit;
  const gone = (): AsyncIterable<FileRows> => rowsDisappeared(deps, table, actions, columns);
  const came = (): AsyncIterable<FileRows> => rowsAppeared(deps, table, actions, columns);
  const changes = actions.filter((action) => (action.kind === 'add' || action.kind === 'remove') && action.dataChange);
  const isOneSided = changes.every(({ kind }) => kind === changes[0]?.kind);
  if (isOneSided) {
    yield* pairChanges({ gone, came }, { kind: 'none' });
    return;
  }
  const operation = commitInfoOf(actions)?.operation;
  const carried = (): AsyncIterable<FileRows> => carriedRows(deps, table, actions, columns);
  const sides: ChangeSides = isOurs(commitInfoOf(actions))
    ? await withoutCarried({ gone, came }, carried)
    : operation === undefined || ROW_OPERATIONS.has(operation)
      ? await withoutUnchanged({ gone, came })
      : { gone, came };
  yield* pairChanges(sides, pairingOf(operation, identity));
}

/** Other engines' operations that write whole files again for the sake of some of their rows. */
const ROW_OPERATIONS = new Set(['UPDATE', 'DELETE', 'MERGE']);

function pairingOf(operation: string | undefined, identity: readonly string[] | undefined): Pairing {
  // An update neither adds nor removes rows.
  if (operation === 'UPDATE') return { kind: 'all' };
  return identity === undefined ? { kind: 'none' } : { kind: 'identity', columns: identity };
}
