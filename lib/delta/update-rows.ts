/** Sets columns of the rows a filter passes: each goes out as it was and comes back changed, in one commit. */
import { type Batch, concatBatches, takeRows, type Vector, vectorOf } from '../core/batch.ts';
import { LakefoldError } from '../core/errors.ts';
import { UPDATE_ROWS_MAX } from '../core/limits.ts';
import { INGESTED_AT } from '../core/names.ts';
import type { Value } from '../core/types.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from './deps.ts';
import { type Filter, unknownColumn } from './filter.ts';
import { filterSql, nameSql, valueSql } from './filter-sql.ts';
import { findMatching, type MatchingRows, removeMatching } from './matching-rows.ts';
import { readFile } from './read.ts';
import { isSameFile } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';
import { NO_ROWS } from './write-outcome.ts';

export interface Update {
  readonly filter: Filter;
  /** New values by column, typed as the columns are. */
  readonly set: ReadonlyMap<string, Value>;
}

interface Changed {
  readonly snapshot: Snapshot;
  readonly matching: MatchingRows;
  readonly staged: readonly StagedFile[];
}

/**
 * A planner of the update for `commitWrite`; changed rows are staged again only where another commit touched their files.
 * @throws LakefoldError UNKNOWN_FEATURE, CONSTRAINT_VIOLATED for a null in a required column, PLAN_TOO_LARGE
 */
export function updatePlanner(
  deps: DeltaDeps,
  target: { readonly root: string; readonly txnId: string; readonly sortBy: readonly string[] },
  update: Update,
): (snapshot: Snapshot) => Promise<PlannedWrite> {
  let ordinal = 0;
  let changed: Changed | undefined;
  const stageChanged = async (snapshot: Snapshot, matching: MatchingRows): Promise<readonly StagedFile[]> => {
    const rows = withValues(await readMatching(deps, { root: target.root, snapshot }, matching), update.set);
    const staged = await stageRows(deps, { ...target, snapshot, dataChange: true, ordinal }, rows);
    ordinal += staged.length;
    return staged;
  };
  return async (snapshot) => {
    for (const name of update.set.keys()) {
      if (!snapshot.columns.some((column) => column.name === name)) throw unknownColumn(name, snapshot.columns);
    }
    const matching = await findMatching(deps, { root: target.root, snapshot }, update.filter);
    if (matching.rowCount === 0) return { kind: 'nothing', counts: NO_ROWS };
    if (matching.rowCount > UPDATE_ROWS_MAX) throw tooMany(matching.rowCount, { root: target.root, snapshot }, update);
    if (changed === undefined || !isStillSo(changed, { snapshot, matching })) {
      changed = { snapshot, matching, staged: await stageChanged(snapshot, matching) };
    }
    const removed = await removeMatching(deps, { ...target, snapshot, ordinal }, matching);
    ordinal += removed.filter((action) => action.kind === 'add').length;
    return {
      kind: 'write',
      actions: [...removed, ...changed.staged.map(({ add }) => add)],
      counts: { ...NO_ROWS, rowsUpdated: matching.rowCount },
      fold: 'edit',
      operation: 'UPDATE',
      // Values may be personal; a predicate in the log would outlive an erasure.
      operationParameters: { predicate: '[]' },
      isBlindAppend: false,
    };
  };
}

/** Whether the rows staged for one snapshot are those another would stage. */
function isStillSo(before: Changed, now: { readonly snapshot: Snapshot; readonly matching: MatchingRows }): boolean {
  if (before.snapshot === now.snapshot) return true;
  if (before.snapshot.columns !== now.snapshot.columns || stagedConflict(before.snapshot, now.snapshot) !== undefined) return false;
  const paths = ({ whole, positions }: MatchingRows): readonly string[] => [...whole.map(({ path }) => path), ...positions.keys()];
  const [then, later] = [paths(before.matching), paths(now.matching)];
  return (
    then.length === later.length &&
    then.every((path) => {
      const file = before.snapshot.files.get(path);
      return later.includes(path) && file !== undefined && isSameFile(file, now.snapshot.files.get(path));
    })
  );
}

async function readMatching(deps: DeltaDeps, table: { readonly root: string; readonly snapshot: Snapshot }, matching: MatchingRows): Promise<Batch> {
  const { columns, files } = table.snapshot;
  const batches: Batch[] = [];
  for (const file of matching.whole) for await (const { batch } of readFile(deps, { ...table, file }, { columns })) batches.push(batch);
  for (const [path, positions] of matching.positions) {
    const file = files.get(path);
    if (file === undefined) continue;
    const wanted = new Set(positions);
    for await (const rows of readFile(deps, { ...table, file }, { columns })) {
      const indices = [...rows.positions.keys()].filter((i) => wanted.has(rows.positions[i] ?? -1));
      if (indices.length > 0) batches.push(takeRows(rows.batch, indices));
    }
  }
  return concatBatches(columns, batches);
}

function withValues(batch: Batch, set: ReadonlyMap<string, Value>): Batch {
  const vectors = batch.columns.map((column, position): Vector | undefined => {
    const value = set.get(column.name);
    if (value !== undefined) return constant(column.type, value, batch.rowCount);
    // What was received is not what is there now: as of an earlier receipt the new values were not known.
    return column.name === INGESTED_AT ? constant(column.type, null, batch.rowCount) : batch.vectors[position];
  });
  return { ...batch, vectors: vectors.flatMap((vector) => (vector === undefined ? [] : [vector])) };
}

function constant(type: Vector['type'], value: Value, length: number): Vector {
  return vectorOf(
    type,
    Array.from({ length }, () => value),
  );
}

function tooMany(found: number, { root, snapshot }: { readonly root: string; readonly snapshot: Snapshot }, update: Update): LakefoldError {
  const { columns } = snapshot;
  const sets = [...update.set].map(
    ([name, value]) => `${nameSql(name)} = ${valueSql(columns.find((column) => column.name === name)?.type ?? { kind: 'void' }, value)}`,
  );
  return new LakefoldError(
    'PLAN_TOO_LARGE',
    `expected an update of at most ${UPDATE_ROWS_MAX} rows, found ${found}; narrow its filter, or let an engine run it`,
    {
      context: {
        estimate: found,
        budget: UPDATE_ROWS_MAX,
        alternative: `UPDATE delta.${nameSql(root)} SET ${sets.join(', ')} WHERE ${filterSql(update.filter, columns)}`,
      },
    },
  );
}
