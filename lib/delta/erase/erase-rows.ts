/** Takes erased rows out of the files that hold them or hide them under a deletion vector, and ends history there (semantics D3). */
import { batchOfRows } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { Column } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import type { PlannedWrite } from '../write/commit.ts';
import type { DeleteWhat, KeySet } from '../write/delete-rows.ts';
import { ERASE_OPERATION, eraseTxn } from './erasure.ts';
import type { DeltaDeps } from '../deps.ts';
import { filterColumns, passingRows } from '../filter/filter.ts';
import { indexIdentities } from '../snapshot/identity-index.ts';
import type { OptimizePlan } from '../maintain/optimize-plan.ts';
import { candidateFiles } from '../rows/probe.ts';
import { filesThatMayPass, readFile, type ReadDeps, selectColumns } from '../rows/read.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { NO_ROWS } from '../write/write-outcome.ts';

interface TableAt {
  readonly root: string;
  readonly snapshot: Snapshot;
}

/** Live files with a row of these, whether it is shown or hidden by a deletion vector. Reads the columns that tell, of the files that may. */
export async function filesHolding(deps: ReadDeps, table: TableAt, what: DeleteWhat): Promise<readonly AddFile[]> {
  const found = new Map<string, AddFile>();
  const tests = what.kind === 'where' ? [whereTest(deps, table, what)] : what.sets.map((set) => keyTest(deps, table, set));
  for (const { candidates, holds } of tests) {
    for (const file of candidates) if (!found.has(file.path) && (await holds(file))) found.set(file.path, file);
  }
  return [...found.values()];
}

interface HoldTest {
  readonly candidates: readonly AddFile[];
  readonly holds: (file: AddFile) => Promise<boolean>;
}

function keyTest(deps: ReadDeps, table: TableAt, { columns: names, rows }: KeySet): HoldTest {
  const columns = selectColumns(table.snapshot, names);
  const batch = batchOfRows(
    columns.map(({ name, type }): Column => ({ name, type, nullable: true })),
    rows,
  );
  const lookUp = indexIdentities(batch, names);
  const holds = async (file: AddFile): Promise<boolean> => {
    for await (const part of readFile(deps, { ...table, file }, { columns, includeDeleted: 'yes' }))
      if (lookUp(part.batch).some((row) => row >= 0)) return true;
    return false;
  };
  return { candidates: candidateFiles(table.snapshot, { batch, identityColumns: names }), holds };
}

function whereTest(deps: ReadDeps, table: TableAt, { filter }: Extract<DeleteWhat, { kind: 'where' }>): HoldTest {
  const columns = selectColumns(table.snapshot, [...filterColumns(filter)]);
  const holds = async (file: AddFile): Promise<boolean> => {
    // A filter without columns passes every row.
    if (columns.length === 0) return true;
    for await (const part of readFile(deps, { ...table, file }, { columns, includeDeleted: 'yes' }))
      if (passingRows(filter, part.batch).length > 0) return true;
    return false;
  };
  return { candidates: filesThatMayPass(table.snapshot, filter), holds };
}

/** Each file written again by itself from its live rows; one without any goes. */
export function planRewrite(snapshot: Snapshot, files: readonly AddFile[]): OptimizePlan {
  const bins = files.map((file) => ({ files: [file], bytes: file.size, rows: undefined, how: 'rewrite' as const, memoryBytes: 0 }));
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { version: snapshot.version, bins, files: files.length, bytes, memoryBytes: 0, order: undefined };
}

/**
 * A planner of the commit that ends history: the files it stands on hold none of the rows.
 *
 * It goes by itself: an entry with removes would name files, and with them the values of partitions, that are to be forgotten.
 */
export function eraseEndPlanner(
  deps: DeltaDeps,
  root: string,
  erase: { readonly what: DeleteWhat; readonly rowsErased: number },
): (snapshot: Snapshot) => Promise<PlannedWrite> {
  return async (snapshot) => {
    if ((await filesHolding(deps, { root, snapshot }, erase.what)).length > 0)
      throw new LakefoldError('COMMIT_CONFLICT', `expected no rows of the erased keys in version ${snapshot.version} of ${root}, another write brought some`);
    return {
      kind: 'write',
      actions: [eraseTxn(snapshot.version + 1, deps.clock.now())],
      counts: { ...NO_ROWS, rowsDeleted: erase.rowsErased },
      fold: 'none',
      operation: ERASE_OPERATION,
      operationParameters: {},
      isBlindAppend: false,
    };
  };
}
