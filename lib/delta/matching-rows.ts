/** The rows a filter passes, by file and position: what deletes, updates and partial overwrites take out. */
import type { Action, AddFile } from './actions.ts';
import type { DeltaDeps } from './deps.ts';
import { type Filter, filterColumns, mustPass, passingRows } from './filter.ts';
import { fileRowCount } from './live-rows.ts';
import { boundsOf, filesThatMayPass, readFile, type ReadDeps, selectColumns } from './read.ts';
import { planRemovals, type RemovalTarget, removeOf } from './removals.ts';
import type { Snapshot } from './snapshot-state.ts';

export interface MatchingRows {
  /** Files that hold nothing but passing rows, told by their partition values and statistics alone. */
  readonly whole: readonly AddFile[];
  /** Physical positions of passing rows in the other files, ascending. */
  readonly positions: ReadonlyMap<string, readonly number[]>;
  readonly rowCount: number;
}

/** Reads the filter's columns, and only of files whose statistics leave it open. @throws LakefoldError UNKNOWN_FEATURE, FILE_MISSING, FILE_CORRUPT */
export async function findMatching(deps: ReadDeps, table: { readonly root: string; readonly snapshot: Snapshot }, filter: Filter): Promise<MatchingRows> {
  const { snapshot } = table;
  const columns = selectColumns(snapshot, [...filterColumns(filter)]);
  const whole: AddFile[] = [];
  const positions = new Map<string, readonly number[]>();
  let rowCount = 0;
  for (const file of filesThatMayPass(snapshot, filter)) {
    if (mustPass(filter, (name) => boundsOf(snapshot, file, name))) {
      whole.push(file);
      rowCount += await fileRowCount(deps, { ...table, file });
      continue;
    }
    const found: number[] = [];
    for await (const rows of readFile(deps, { ...table, file }, { columns })) {
      for (const index of passingRows(filter, rows.batch)) found.push(rows.positions[index] ?? 0);
    }
    if (found.length > 0) positions.set(file.path, found);
    rowCount += found.length;
  }
  return { whole, positions, rowCount };
}

/** The actions that take them out; files that hold nothing else are not read for it. */
export async function removeMatching(deps: DeltaDeps, target: RemovalTarget, matching: MatchingRows): Promise<readonly Action[]> {
  const at = deps.clock.now();
  return [...matching.whole.map((file) => removeOf(file, { at, dataChange: true })), ...(await planRemovals(deps, target, matching.positions))];
}
