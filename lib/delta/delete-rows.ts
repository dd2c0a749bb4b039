/** Deletes rows by key, by (key, event time) or by filter: an edit of the log (semantics D1, U1). */
import { type Batch, batchOfRows } from '../core/batch.ts';
import type { Column, Value } from '../core/types.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import type { Filter } from './filter.ts';
import { findMatching, type MatchingRows, removeMatching } from './matching-rows.ts';
import { readFile, selectColumns } from './read.ts';
import { identityOver } from './row-identity.ts';
import type { Snapshot } from './snapshot-state.ts';
import { candidates } from './upsert.ts';
import { NO_ROWS } from './write-outcome.ts';

/** Rows of these identities, in `columns`' order. */
export interface KeySet {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

export type DeleteWhat = { readonly kind: 'keys'; readonly sets: readonly KeySet[] } | { readonly kind: 'where'; readonly filter: Filter };

export interface DeleteTarget {
  readonly root: string;
  readonly txnId: string;
  readonly sortBy: readonly string[];
}

/** A planner of the delete for `commitWrite`; `notFound` counts the keys the last plan found no row of. */
export function deletePlanner(
  deps: DeltaDeps,
  target: DeleteTarget,
  what: DeleteWhat,
): { readonly plan: (snapshot: Snapshot) => Promise<PlannedWrite>; readonly notFound: () => number } {
  let notFound = 0;
  let ordinal = 0;
  const find = async (snapshot: Snapshot): Promise<MatchingRows> => {
    if (what.kind === 'where') return findMatching(deps, { root: target.root, snapshot }, what.filter);
    const removals = new Map<string, Set<number>>();
    const take = (path: string, position: number): void => {
      const positions = removals.get(path);
      if (positions === undefined) removals.set(path, new Set([position]));
      else positions.add(position);
    };
    notFound = 0;
    for (const set of what.sets) notFound += await findByKeys(deps, { ...target, snapshot }, { set, take });
    const positions = new Map([...removals].map(([path, found]) => [path, [...found].sort((a, b) => a - b)]));
    return { whole: [], positions, rowCount: [...positions.values()].reduce((sum, found) => sum + found.length, 0) };
  };
  const plan = async (snapshot: Snapshot): Promise<PlannedWrite> => {
    const matching = await find(snapshot);
    const actions = await removeMatching(deps, { ...target, snapshot, ordinal }, matching);
    ordinal += actions.filter((action) => action.kind === 'add').length;
    if (actions.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    return {
      kind: 'write',
      actions,
      fold: 'edit',
      operation: 'DELETE',
      isBlindAppend: false,
      // Keys are personal where erasure is asked for; a predicate in the log would outlive them.
      operationParameters: { predicate: '[]' },
      counts: { ...NO_ROWS, rowsDeleted: matching.rowCount },
    };
  };
  return { plan, notFound: () => notFound };
}

interface Found {
  readonly take: (path: string, position: number) => void;
}

async function findByKeys(
  deps: DeltaDeps,
  target: DeleteTarget & { readonly snapshot: Snapshot },
  { set, take }: Found & { readonly set: KeySet },
): Promise<number> {
  const columns = selectColumns(target.snapshot, set.columns);
  const keys = batchOfRows(
    columns.map(({ name, type }): Column => ({ name, type, nullable: true })),
    set.rows,
  );
  const identityOf = identityOver(keys, set.columns);
  const missing = new Set(Array.from({ length: keys.rowCount }, (_, i) => identityOf(i) ?? ''));
  const wanted = new Set(missing);
  for (const file of candidateFiles(target.snapshot, keys, set.columns)) {
    for await (const { batch, positions } of readFile(deps, { ...target, file }, { columns })) {
      const rowIdentity = identityOver(batch, set.columns);
      for (let i = 0; i < batch.rowCount; i += 1) {
        const identity = rowIdentity(i);
        if (identity === undefined || !wanted.has(identity)) continue;
        missing.delete(identity);
        take(file.path, positions[i] ?? 0);
      }
    }
  }
  return missing.size;
}

function candidateFiles(snapshot: Snapshot, keys: Batch, identityColumns: readonly string[]): ReturnType<typeof candidates> {
  return identityColumns.length === 0 ? [...snapshot.files.values()] : candidates(snapshot, { batch: keys, identityColumns });
}
