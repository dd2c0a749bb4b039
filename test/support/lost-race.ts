/** One write that loses its race to one other: what both do, and what the loser asks of the store after it lost. */
import { rowsOf } from '../../lib/core/batch.ts';
import type { Value } from '../../lib/core/types.ts';
import { commitWrite, type CommitRequest } from '../../lib/delta/write/commit.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../lib/delta/snapshot/snapshot-state.ts';
import type { WriteOptions, WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { countingObjectStore, type ObjectRequest } from './counting-store.ts';
import { T_ROOT, type TableFixture } from './table-fixture.ts';
import { isLogEntry } from './table-turns.ts';
import { wrappedStore } from './wrapped-store.ts';

/** A write as a planner; made anew for each commit. */
export type Write = (deps: DeltaDeps, head: Snapshot) => Promise<CommitRequest['plan']> | CommitRequest['plan'];

export interface LostRace {
  /** False where the first plan had nothing to commit, so that nobody won. */
  readonly hasLost: boolean;
  readonly outcome: WriteOutcome;
  /** What the loser asked for after its first try was refused, its log entries left out. */
  readonly requests: readonly ObjectRequest[];
  /** The winner's entry, as the loser met it. */
  readonly before: Snapshot;
}

/** The loser plans on the head, `win` commits, then the loser's entry is refused. */
export async function loseRace(
  { deps, store }: TableFixture,
  loser: Write,
  { win, options = {} }: { readonly win: () => Promise<unknown>; readonly options?: WriteOptions },
): Promise<LostRace> {
  const before = await loadSnapshot(deps, T_ROOT);
  const counting = countingObjectStore(store);
  let hasLost = false;
  const losing = wrappedStore(counting, {
    createIfAbsent: async (path, bytes, createOptions) => {
      if (!isLogEntry(path) || hasLost) return counting.createIfAbsent(path, bytes, createOptions);
      hasLost = true;
      await win();
      const outcome = await store.createIfAbsent(path, bytes, createOptions);
      counting.requests.length = 0;
      return outcome;
    },
  });
  const own = { ...deps, store: losing };
  const txnId = deps.random.uuid();
  const outcome = await commitWrite(own, { root: T_ROOT, base: before, txnId, plan: await loser(own, before) }, options);
  return { hasLost, outcome, before, requests: counting.requests.filter(({ path }) => !isLogEntry(path)) };
}

/** The write alone, on the head. */
export async function commitAlone({ deps }: TableFixture, write: Write, options: WriteOptions = {}): Promise<WriteOutcome> {
  const base = await loadSnapshot(deps, T_ROOT);
  return commitWrite(deps, { root: T_ROOT, base, txnId: deps.random.uuid(), plan: await write(deps, base) }, options);
}

/** Columns and sorted rows of the head; receipts that are filled in by the clock are alike. */
export async function contentOf({ deps }: TableFixture): Promise<{ readonly columns: readonly string[]; readonly rows: readonly string[] }> {
  const snapshot = await loadSnapshot(deps, T_ROOT);
  const rows: Value[][] = [];
  for await (const batch of readRows(deps, { root: T_ROOT, snapshot })) rows.push(...rowsOf(batch));
  return {
    columns: snapshot.columns.map(({ name }) => name),
    rows: rows.map((row) => String(row.map((value) => (typeof value === 'bigint' && value > 1000n ? 'filled' : value)))).toSorted(),
  };
}
