/** Replaces every row of the table, or every row a filter passes, by the given ones. */
import { type Batch, rowAt, vectorOf } from '../../core/batch.ts';
import { canonicalRow } from '../../core/canonical.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { Action } from '../actions/actions.ts';
import type { PlannedWrite } from './commit.ts';
import { READS_NOTHING } from './conflict.ts';
import type { DeltaDeps } from '../deps.ts';
import type { AppendTarget } from './append.ts';
import { type Filter, filterColumns, passingRows } from '../filter/filter.ts';
import { filterSql } from '../sql/filter-sql.ts';
import { liveRowCount } from '../statistics/live-rows.ts';
import { createMatcher, removeMatching } from '../rows/matching-rows.ts';
import { removeOf, type Rewrites } from './removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stagedConflict, type StagedFile, stageRows } from './stage.ts';
import { newestReceipt, schemaConflict } from './upsert.ts';
import { NO_ROWS } from './write-outcome.ts';

/** A planner of the overwrite for `commitWrite`; stages once. Without `where` every row goes. */
export function overwritePlanner(
  deps: DeltaDeps,
  target: AppendTarget,
  { batch, where }: { readonly batch: Batch; readonly where?: Filter },
): (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<PlannedWrite> {
  const matcher = where === undefined ? undefined : createMatcher(deps, target.root, where);
  const rewrites: Rewrites = new Map();
  let staged: readonly StagedFile[] | undefined;
  let stagedOn: Snapshot | undefined;
  let ordinal = 0;
  return async (snapshot, changed) => {
    const fault = schemaConflict(batch, snapshot) ?? stagedConflict(stagedOn ?? snapshot, snapshot);
    if (fault !== undefined) return { kind: 'conflict', reason: fault };
    if (where !== undefined) refuseOthers(batch, where, snapshot);
    stagedOn ??= snapshot;
    // Before anything is staged, which a refusal would leave behind.
    const matching = await matcher?.find(snapshot, changed);
    staged ??= await stageRows(deps, { ...target, snapshot, dataChange: true, ordinal }, batch);
    ordinal = Math.max(ordinal, staged.length);
    const removal =
      matching === undefined
        ? await removeAll(deps, target.root, snapshot)
        : { actions: await removeMatching(deps, { ...target, snapshot, ordinal, rewrites }, matching), rowCount: matching.rowCount };
    ordinal += removal.actions.filter((action) => action.kind === 'add').length;
    if (where !== undefined && removal.actions.length === 0 && batch.rowCount === 0) return { kind: 'nothing', counts: NO_ROWS };
    const newest = newestReceipt(batch);
    return {
      kind: 'write',
      actions: [...removal.actions, ...staged.map(({ add }) => add)],
      fold: removal.actions.length === 0 ? 'merge' : 'edit',
      counts: { ...NO_ROWS, rowsInserted: batch.rowCount, rowsDeleted: removal.rowCount },
      operation: 'WRITE',
      operationParameters: {
        mode: 'Overwrite',
        partitionBy: JSON.stringify(snapshot.metadata.partitionColumns),
        // Not its text: values may be personal and would outlive an erasure.
        ...(where === undefined ? {} : { predicate: '[]' }),
      },
      isBlindAppend: false,
      basis: matcher === undefined ? { kind: 'overwrite', reads: READS_NOTHING } : { kind: 'overwriteWhere', reads: matcher.reads() },
      ...(newest === undefined ? {} : { ingestedAt: newest }),
    };
  };
}

interface Removal {
  readonly actions: readonly Action[];
  readonly rowCount: number;
}

async function removeAll(deps: DeltaDeps, root: string, snapshot: Snapshot): Promise<Removal> {
  const at = deps.clock.now();
  return {
    actions: [...snapshot.files.values()].map((file) => removeOf(file, { at, dataChange: true })),
    rowCount: await liveRowCount(deps, root, snapshot),
  };
}

// A row the filter does not pass would stand beside what it was to replace.
function refuseOthers(batch: Batch, where: Filter, snapshot: Snapshot): void {
  const passing = passingRows(where, withColumns(batch, where, snapshot));
  const row = passing.findIndex((index, i) => index !== i);
  const first = row === -1 ? passing.length : row;
  if (first >= batch.rowCount) return;
  const constraint = filterSql(where, snapshot.columns);
  const found = canonicalRow(batch.columns, rowAt(batch, first));
  throw new LakefoldError('CONSTRAINT_VIOLATED', `expected every new row to pass ${constraint}, found row ${first}: ${found.slice(0, SHOWN_MAX)}`, {
    context: { constraint: 'replaceWhere', expression: constraint, row: first },
  });
}

/** Characters of a refused row that are shown. */
const SHOWN_MAX = 200;

/** With the filter's columns that the rows leave out, as nulls. */
function withColumns(batch: Batch, where: Filter, snapshot: Snapshot): Batch {
  const missing = snapshot.columns.filter(({ name }) => filterColumns(where).has(name) && !batch.columns.some((column) => column.name === name));
  if (missing.length === 0) return batch;
  const vectors = missing.map(({ type }) =>
    vectorOf(
      type,
      Array.from({ length: batch.rowCount }, () => null),
    ),
  );
  return { columns: [...batch.columns, ...missing], vectors: [...batch.vectors, ...vectors], rowCount: batch.rowCount };
}
