/** Sets columns of the rows a filter passes: each goes out as it was and comes back changed, in one commit. */
import { type Batch, concatBatches, takeRows, type Vector, vectorOf } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { REWRITE_MEMORY_BYTES_MAX, UPDATE_ROWS_MAX } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { Value } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import type { PlannedWrite } from './commit.ts';
import type { DeltaDeps } from '../deps.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { type Filter, unknownColumn } from '../filter/filter.ts';
import { createMatcher, type MatchingRows, removeMatching } from '../rows/matching-rows.ts';
import { rowBytesOf } from '../maintain/optimize-plan.ts';
import { readFile } from '../rows/read.ts';
import { isSameFile, type Rewrites } from './removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { sparkSqlOf } from '../sql/spark-sql.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';
import { NO_ROWS } from './write-outcome.ts';

export interface Update {
  readonly filter: Filter;
  /** New values by column, typed as the columns are. */
  readonly set: ReadonlyMap<string, Value>;
}

/** Changed rows that were staged, and what they were made of. */
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
): (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<PlannedWrite> {
  const sql = ({ columns }: Snapshot): string =>
    sparkSqlOf({ location: tableLocationOf(deps.store.location, target.root), columns }, { kind: 'update', ...update });
  const matcher = createMatcher(deps, target.root, update.filter, { sql });
  const rewrites: Rewrites = new Map();
  let ordinal = 0;
  let changed: Changed | undefined;
  const stageChanged = async (snapshot: Snapshot, matching: MatchingRows): Promise<readonly StagedFile[]> => {
    if (matching.whole.length + matching.positions.size === 0) return [];
    const rows = withValues(await readMatching(deps, { root: target.root, snapshot }, matching), update.set);
    const staged = await stageRows(deps, { ...target, snapshot, dataChange: true, ordinal }, rows);
    ordinal += staged.length;
    return staged;
  };
  return async (snapshot, paths) => {
    for (const name of update.set.keys()) {
      if (!snapshot.columns.some((column) => column.name === name)) throw unknownColumn(name, snapshot.columns);
    }
    const matching = await matcher.find(snapshot, paths);
    if (matching.rowCount === 0) return { kind: 'nothing', counts: NO_ROWS };
    checkRows(matching.rowCount, snapshot, sql);
    const more = changed === undefined ? matching : beyond(changed, { snapshot, matching });
    const staged = more === undefined ? [] : (changed?.staged ?? []);
    changed = { snapshot, matching, staged: [...staged, ...(await stageChanged(snapshot, more ?? matching))] };
    const removed = await removeMatching(deps, { ...target, snapshot, ordinal, rewrites, refusal: () => sql(snapshot) }, matching);
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
      basis: { kind: 'update', reads: matcher.reads() },
    };
  };
}

/** What matches beside the rows that are staged; undefined where one of those is no longer what it was. A file's rows stay what they are. */
function beyond(before: Changed, now: { readonly snapshot: Snapshot; readonly matching: MatchingRows }): MatchingRows | undefined {
  if (before.snapshot.columns !== now.snapshot.columns || stagedConflict(before.snapshot, now.snapshot) !== undefined) return undefined;
  const [then, later] = [before.matching, now.matching];
  const isThere = (file: AddFile): boolean => then.whole.some((other) => isSameFile(file, other));
  const whole = later.whole.filter((file) => !isThere(file));
  const positions = new Map([...later.positions].filter(([path]) => !then.positions.has(path)));
  const isKept =
    later.whole.length - whole.length === then.whole.length && [...then.positions].every(([path, found]) => isSameList(found, later.positions.get(path)));
  return isKept ? { whole, positions, rowCount: 0 } : undefined;
}

function isSameList(a: readonly number[], b: readonly number[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((position, i) => position === b[i]);
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

/** Changed rows are in memory together, so that wide ones are fewer. @throws LakefoldError PLAN_TOO_LARGE */
function checkRows(found: number, snapshot: Snapshot, sql: (snapshot: Snapshot) => string): void {
  const budget = Math.min(UPDATE_ROWS_MAX, Math.floor(REWRITE_MEMORY_BYTES_MAX / rowBytesOf(snapshot.columns)));
  if (found <= budget) return;
  throw new LakefoldError('PLAN_TOO_LARGE', `expected an update of at most ${budget} rows, found ${found}; narrow its filter, or let an engine run it`, {
    context: { estimate: found, budget, alternative: sql(snapshot) },
  });
}
