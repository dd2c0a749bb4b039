/** The rows a filter passes, by file and position: what deletes, updates and partial overwrites take out. */
import type { Action, AddFile } from '../actions/actions.ts';
import type { DeltaDeps } from '../deps.ts';
import type { ReadSet } from '../write/conflict.ts';
import { readDeletionVector } from './deletion-vector.ts';
import { type Filter, filterColumns, mayPass, mustPass, passingRows } from '../filter/filter.ts';
import { fileRowCount } from '../statistics/live-rows.ts';
import { boundsOf, filesThatMayPass, readFile, type ReadDeps, selectColumns } from './read.ts';
import { checkProbeBudget, sizeOf } from '../write/plan-budget.ts';
import { fileKey, narrowed } from './probe.ts';
import { planRemovals, type RemovalTarget, removeOf } from '../write/removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

export interface MatchingRows {
  /** Files that hold nothing but passing rows, told by their partition values and statistics alone. */
  readonly whole: readonly AddFile[];
  /** Physical positions of passing rows in the other files, ascending. */
  readonly positions: ReadonlyMap<string, readonly number[]>;
  readonly rowCount: number;
}

export interface Matcher {
  /** `changed`: the only paths that may differ from the last call's snapshot, whose columns were the same. */
  readonly find: (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<MatchingRows>;
  /** What the last call depends on. */
  readonly reads: () => ReadSet;
}

/**
 * Finds them, however often the plan is made: the filter's columns are read, once a file, and only where statistics leave it open.
 * `sql` would do what they are found for.
 * @throws LakefoldError from `find`: PLAN_TOO_LARGE, UNKNOWN_FEATURE, FILE_MISSING, FILE_CORRUPT
 */
export function createMatcher(
  deps: ReadDeps,
  root: string,
  filter: Filter,
  { sql, rowsMax }: { readonly sql?: (snapshot: Snapshot) => string; readonly rowsMax?: number } = {},
): Matcher {
  const physical = new Map<string, readonly number[]>();
  let columns: Snapshot['columns'] | undefined;
  let suspects = new Map<string, AddFile>();
  let last: MatchingRows = { whole: [], positions: new Map(), rowCount: 0 };
  const mayHold = (snapshot: Snapshot, file: AddFile): boolean => mayPass(filter, (name) => boundsOf(snapshot, file, name));

  const find = async (snapshot: Snapshot, changed?: ReadonlySet<string>): Promise<MatchingRows> => {
    if (columns !== snapshot.columns) physical.clear();
    suspects =
      changed === undefined || columns !== snapshot.columns
        ? new Map(filesThatMayPass(snapshot, filter).map((file) => [file.path, file]))
        : narrowed(suspects, { snapshot, changed, mayHold });
    columns = snapshot.columns;
    const whole: AddFile[] = [];
    const others: AddFile[] = [];
    for (const file of suspects.values()) (mustPass(filter, (name) => boundsOf(snapshot, file, name)) ? whole : others).push(file);
    const unread = others.filter((file) => !physical.has(fileKey(file)));
    let held = 0;
    const hold = (rows: number): void => {
      held += rows;
      checkProbeBudget(sizeOf(unread, held), sql === undefined ? undefined : () => sql(snapshot), rowsMax);
    };
    hold(0);
    const positions = new Map<string, readonly number[]>();
    let rowCount = 0;
    for (const file of whole) rowCount += await fileRowCount(deps, { root, snapshot, file });
    for (const file of others) {
      const known = physical.get(fileKey(file));
      if (known !== undefined) hold(known.length);
      const passing = known ?? (await passingPositions(deps, { root, snapshot, file }, { filter, hold }));
      physical.set(fileKey(file), passing);
      if (passing.length === 0) continue;
      const deleted = file.deletionVector === undefined ? undefined : new Set(await readDeletionVector(deps, root, file.deletionVector));
      const found = deleted === undefined ? passing : passing.filter((position) => !deleted.has(position));
      if (found.length > 0) positions.set(file.path, found);
      rowCount += found.length;
    }
    last = { whole, positions, rowCount };
    return last;
  };
  return { find, reads: () => ({ found: new Set([...last.whole.map(({ path }) => path), ...last.positions.keys()]), mayHold }) };
}

/** Physical positions, deleted rows' too; `hold` is told of them as they are found. */
async function passingPositions(
  deps: ReadDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile },
  { filter, hold }: { readonly filter: Filter; readonly hold: (rows: number) => void },
): Promise<readonly number[]> {
  const columns = selectColumns(target.snapshot, [...filterColumns(filter)]);
  const found: number[] = [];
  for await (const rows of readFile(deps, target, { columns, includeDeleted: 'yes', where: filter })) {
    const passing = passingRows(filter, rows.batch);
    hold(passing.length);
    for (const index of passing) found.push(rows.positions[index] ?? 0);
  }
  return found;
}

/** The actions that take them out; files that hold nothing else are not read for it. */
export async function removeMatching(deps: DeltaDeps, target: RemovalTarget, matching: MatchingRows): Promise<readonly Action[]> {
  const at = deps.clock.now();
  return [...matching.whole.map((file) => removeOf(file, { at, dataChange: true })), ...(await planRemovals(deps, target, matching.positions))];
}
