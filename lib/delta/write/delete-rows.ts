/** Deletes rows by key, by (key, event time) or by filter: an edit of the log (semantics D1, U1). */
import { type Batch, batchOfRows, takeRows } from '../../core/batch.ts';
import type { Column, Value } from '../../core/types.ts';
import type { PlannedWrite } from './commit.ts';
import type { ReadSet } from './conflict.ts';
import type { DeltaDeps } from '../deps.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import type { Filter } from '../filter/filter.ts';
import { lastOfEachIdentity } from '../snapshot/identity-index.ts';
import { createMatcher, type MatchingRows, removeMatching } from '../rows/matching-rows.ts';
import { createProber, type Prober } from '../rows/probe.ts';
import { selectColumns } from '../rows/read.ts';
import type { Rewrites } from './removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { sparkSqlOf } from '../sql/spark-sql.ts';
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
): { readonly plan: (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<PlannedWrite>; readonly notFound: () => number } {
  let notFound = 0;
  let ordinal = 0;
  const finder = what.kind === 'where' ? filterFinder(deps, target, what.filter) : keyFinder(deps, target, what.sets);
  const rewrites: Rewrites = new Map();
  const plan = async (snapshot: Snapshot, changed?: ReadonlySet<string>): Promise<PlannedWrite> => {
    const found = await finder(snapshot, changed);
    notFound = found.notFound;
    const actions = await removeMatching(deps, { ...target, snapshot, ordinal, rewrites, refusal: found.refusal, deleted: found.deleted }, found.matching);
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
      counts: { ...NO_ROWS, rowsDeleted: found.matching.rowCount },
      notFound,
      basis: { kind: what.kind === 'where' ? 'deleteWhere' : 'deleteKeys', reads: found.reads },
    };
  };
  return { plan, notFound: () => notFound };
}

interface Found {
  readonly matching: MatchingRows;
  readonly reads: ReadSet;
  readonly notFound: number;
  readonly refusal: () => string;
  readonly deleted: ReadonlyMap<string, Uint32Array>;
}

type Finder = (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<Found>;

function filterFinder(deps: DeltaDeps, target: DeleteTarget, filter: Filter): Finder {
  const sql = (snapshot: Snapshot): string => sparkSqlOf(tableOf(deps, target.root, snapshot), { kind: 'deleteWhere', filter });
  const matcher = createMatcher(deps, target.root, filter, { sql });
  return async (snapshot, changed) => {
    const matching = await matcher.find(snapshot, changed);
    return { matching, reads: matcher.reads(), notFound: 0, refusal: () => sql(snapshot), deleted: new Map() };
  };
}

function keyFinder(deps: DeltaDeps, target: DeleteTarget, sets: readonly KeySet[]): Finder {
  let probers: readonly { readonly prober: Prober; readonly keys: Batch }[] | undefined;
  const sqlOf = (set: KeySet, snapshot: Snapshot): string =>
    sparkSqlOf(tableOf(deps, target.root, snapshot), { kind: 'deleteKeys', identity: set.columns, keys: set.rows });
  const start = (snapshot: Snapshot): NonNullable<typeof probers> =>
    sets.map((set) => {
      const columns = selectColumns(snapshot, set.columns).map(({ name, type }): Column => ({ name, type, nullable: true }));
      const given = batchOfRows(columns, set.rows);
      const keys = takeRows(given, lastOfEachIdentity(given, set.columns));
      const rows = { batch: keys, identityColumns: set.columns, withReceipts: false };
      return { keys, prober: createProber(deps, target.root, rows, (at) => sqlOf(set, at)) };
    });
  return async (snapshot, changed) => {
    probers = changed === undefined || probers === undefined ? start(snapshot) : probers;
    const positions = new Map<string, Set<number>>();
    const deleted = new Map<string, Uint32Array>();
    let notFound = 0;
    for (const { prober, keys } of probers) {
      const seen = new Set<number>();
      for (const [path, found] of await prober.find(snapshot, changed)) {
        const taken = positions.get(path) ?? new Set();
        for (const position of found.positions) taken.add(position);
        for (const row of found.rows) seen.add(row);
        positions.set(path, taken);
        deleted.set(path, found.deleted);
      }
      notFound += keys.rowCount - seen.size;
    }
    const sorted = new Map([...positions].map(([path, found]) => [path, [...found].sort((a, b) => a - b)]));
    const reads = probers.map(({ prober }) => prober.reads());
    return {
      matching: { whole: [], positions: sorted, rowCount: [...sorted.values()].reduce((sum, found) => sum + found.length, 0) },
      reads: {
        found: new Set(sorted.keys()),
        mayHold: (at, file) => reads.some(({ mayHold }) => mayHold(at, file)),
      },
      notFound,
      refusal: () => sets.map((set) => sqlOf(set, snapshot)).join(';\n'),
      deleted,
    };
  };
}

function tableOf(deps: DeltaDeps, root: string, snapshot: Snapshot): Parameters<typeof sparkSqlOf>[0] {
  return { location: tableLocationOf(deps.store.location, root), columns: snapshot.columns };
}
