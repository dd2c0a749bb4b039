/** Deletes rows by key, by (key, event time) or by filter: an edit of the log (semantics D1, U1). */
import { type Batch, batchOfRows } from '../core/batch.ts';
import type { Column, Value } from '../core/types.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import { type Filter, filterColumns, passingRows } from './filter.ts';
import { filesThatMayPass, readFile, selectColumns } from './read.ts';
import { planRemovals } from './removals.ts';
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
  const plan = async (snapshot: Snapshot): Promise<PlannedWrite> => {
    const removals = new Map<string, Set<number>>();
    const take = (path: string, position: number): void => {
      const positions = removals.get(path);
      if (positions === undefined) removals.set(path, new Set([position]));
      else positions.add(position);
    };
    if (what.kind === 'where') {
      await findByFilter(deps, { ...target, snapshot }, { filter: what.filter, take });
    } else {
      notFound = 0;
      for (const set of what.sets) notFound += await findByKeys(deps, { ...target, snapshot }, { set, take });
    }
    const positions = new Map([...removals].map(([path, found]) => [path, [...found].sort((a, b) => a - b)]));
    const actions = await planRemovals(deps, { ...target, snapshot, ordinal }, positions);
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
      counts: { ...NO_ROWS, rowsDeleted: [...positions.values()].reduce((sum, found) => sum + found.length, 0) },
    };
  };
  return { plan, notFound: () => notFound };
}

interface Found {
  readonly take: (path: string, position: number) => void;
}

async function findByFilter(
  deps: DeltaDeps,
  target: DeleteTarget & { readonly snapshot: Snapshot },
  { filter, take }: Found & { readonly filter: Filter },
): Promise<void> {
  const columns = selectColumns(target.snapshot, [...filterColumns(filter)]);
  for (const file of filesThatMayPass(target.snapshot, filter)) {
    for await (const { batch, positions } of readFile(deps, { ...target, file }, { columns })) {
      for (const index of passingRows(filter, batch)) take(file.path, positions[index] ?? 0);
    }
  }
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
