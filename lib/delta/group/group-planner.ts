/**
 * Plans one entry for many staged writes (delta.md, "Group commit"): the table afterwards is what committing them one by
 * one in their order gives. A write that can't land is refused alone.
 */
import { type Batch, concatBatches, takeRows } from '../../core/batch.ts';
import { isLakefoldError } from '../../core/errors.ts';
import type { Action, AddFile } from '../actions/actions.ts';
import type { FoldKind, PlannedRequest, PlannedWrite } from '../write/commit.ts';
import type { DeltaDeps } from '../deps.ts';
import { type ConstraintCheck, constraintCheck } from './group-constraints.ts';
import { type GroupMember, hasReceipts, memberIdempotency, standingOf, type Verdict } from './group-member.ts';
import { type GroupEffect, type GroupRow, type GroupWrite, resolveGroup, tiedRows } from './group-resolve.ts';
import { filesThatMeet, placeOf, type RowReader, rowReader, type RowsAt } from './group-rows.ts';
import { checkProbeBudget, sizeOf } from '../write/plan-budget.ts';
import { hasDeletionVectors } from '../actions/protocol.ts';
import { readFile } from '../rows/read.ts';
import { planRemovals, type Touched } from '../write/removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stageRows } from '../write/stage.ts';
import { parseStats } from '../statistics/stats.ts';
import { isAppendOnly } from '../schema/table-properties.ts';
import { NO_ROWS, type WriteCounts } from '../write/write-outcome.ts';

export interface GroupTarget {
  readonly root: string;
  readonly txnId: string;
}

export interface GroupPlanner {
  readonly plan: (snapshot: Snapshot) => Promise<PlannedWrite>;
  /** What the last plan makes of each member. */
  readonly verdicts: () => readonly Verdict[];
  /** The counts of each member that lands by the last plan. */
  readonly counts: () => readonly (WriteCounts | undefined)[];
}

/**
 * A planner of the members' entry for `commitWrite`. The upserts among them have the same identity columns.
 * @throws LakefoldError from `plan`: PLAN_TOO_LARGE when all of them together read or hold too much; fewer of them may not
 */
export function groupPlanner(deps: DeltaDeps, target: GroupTarget, members: readonly GroupMember[]): GroupPlanner {
  const identityColumns = members.find(({ operation }) => operation === 'upsert')?.identityColumns ?? [];
  const reader = rowReader(deps);
  const constraints = constraintCheck(deps);
  let verdicts: readonly Verdict[] = [];
  let counts: readonly (WriteCounts | undefined)[] = [];
  let ordinal = 0;
  const plan = async (snapshot: Snapshot): Promise<PlannedWrite> => {
    const at: RowsAt = { root: target.root, snapshot, identityColumns };
    const decided = await decide(deps.clock.now(), at, { members, reader, constraints });
    verdicts = decided.verdicts;
    counts = decided.counts;
    const landing = members.filter((_, i) => verdicts[i]?.kind === 'landed');
    if (landing.length === 0) return { kind: 'nothing', counts: NO_ROWS };
    const staged = await withoutLosers(deps, { ...target, at, ordinal }, { landing, out: decided.effect.out });
    ordinal += staged.restaged;
    const removals = new Map([...decided.effect.out].filter(([path]) => snapshot.files.has(path)));
    const taken = await planRemovals(deps, { ...target, snapshot, sortBy: identityColumns, ordinal, fresh: staged.marked }, removals);
    ordinal += taken.filter(({ kind }) => kind === 'add').length;
    return entryOf(at, { members, counts, actions: [...taken, ...staged.adds], takesRows: removals.size > 0 });
  };
  return { plan, verdicts: () => verdicts, counts: () => counts };
}

interface Decided {
  readonly verdicts: readonly Verdict[];
  readonly counts: readonly (WriteCounts | undefined)[];
  readonly effect: GroupEffect;
}

// A refusal changes what the others meet, so that the rest is decided again without the refused ones.
async function decide(
  now: number,
  at: RowsAt,
  group: { readonly members: readonly GroupMember[]; readonly reader: RowReader; readonly constraints: ConstraintCheck },
): Promise<Decided> {
  const { members } = group;
  const refused = new Map<number, Verdict>();
  for (;;) {
    const verdicts = firstVerdicts(at.snapshot, { members, refused, now });
    const landing = members.flatMap((member, i) => (verdicts[i]?.kind === 'landed' ? [{ member, i }] : []));
    const violations = await group.constraints(
      at,
      landing.map(({ member }) => member),
    );
    for (const [position, { i }] of landing.entries()) {
      const refusal = violations.get(position);
      if (refusal !== undefined) refused.set(i, { kind: 'refused', ...refusal });
    }
    if (violations.size > 0) continue;
    const gathered = await gather(at, { landing: landing.map(({ member }) => member), reader: group.reader });
    if (gathered.kind === 'fault') {
      const faulty = landing[gathered.member];
      if (faulty !== undefined) refused.set(faulty.i, gathered.verdict);
      continue;
    }
    const { effect } = gathered;
    for (const [position, { i }] of landing.entries()) {
      if (effect.writes[position]?.isRefused !== true) continue;
      const reason = 'the table takes only appends (delta.appendOnly), and rows of the table would be replaced';
      refused.set(i, { kind: 'refused', code: 'CONSTRAINT_VIOLATED', reason });
    }
    if (landing.some(({ i }) => refused.has(i))) continue;
    const counts = members.map((member, i): WriteCounts | undefined => {
      const write = effect.writes[landing.findIndex((other) => other.i === i)];
      if (write === undefined) return undefined;
      const { inserted, updated, stale } = write;
      return { rowsInserted: inserted, rowsUpdated: updated, rowsDeleted: 0, dedupedInBatch: member.dedupedInBatch, stale };
    });
    return { verdicts, counts, effect };
  }
}

function firstVerdicts(
  snapshot: Snapshot,
  { members, refused, now }: { readonly members: readonly GroupMember[]; readonly refused: ReadonlyMap<number, Verdict>; readonly now: number },
): readonly Verdict[] {
  const keys = new Set<string>();
  const sequences = new Map<string, number>();
  return members.map((member, i): Verdict => {
    const standing = refused.get(i) ?? standingOf(snapshot, member, now);
    if (standing !== undefined) return standing;
    const idempotency = memberIdempotency(member);
    for (const one of idempotency) {
      const isKnown = one.kind === 'request' ? keys.has(one.key) : (sequences.get(one.name) ?? -Infinity) >= one.sequence;
      if (isKnown) return { kind: 'applied', version: undefined };
    }
    for (const one of idempotency) {
      if (one.kind === 'request') keys.add(one.key);
      else sequences.set(one.name, one.sequence);
    }
    return { kind: 'landed' };
  });
}

type Gathered =
  | { readonly kind: 'rows'; readonly effect: GroupEffect }
  /** A member whose files can't be read, by its position. */
  | { readonly kind: 'fault'; readonly member: number; readonly verdict: Verdict };

async function gather(at: RowsAt, group: { readonly landing: readonly GroupMember[]; readonly reader: RowReader }): Promise<Gathered> {
  const { landing, reader } = group;
  const meeting = filesThatMeet(at, landing);
  checkProbeBudget(sizeOf(meeting.table));
  const identities = new Set<string>();
  const wanted = {
    identities,
    sources: landing.flatMap(({ operation, adds }) => (operation === 'append' ? [] : adds.filter(({ path }) => meeting.staged.has(path)))),
  };
  const writes: GroupWrite[] = [];
  // Upserts first: their identities tell which rows of appends are of interest.
  for (const operation of ['upsert', 'append'] as const) {
    for (const [position, member] of landing.entries()) {
      if (member.operation !== operation) continue;
      const files = member.adds.filter(({ path }) => meeting.staged.has(path));
      try {
        const rows: GroupRow[] = [];
        for (const file of files)
          for (const row of operation === 'upsert' ? await reader.staged(at, file) : await reader.matching(at, file, wanted)) rows.push(row);
        if (operation === 'upsert') for (const { identity } of rows) if (identity !== undefined) identities.add(identity);
        const isOrdered = hasReceipts(at.snapshot) && member.isReceived;
        writes[position] = { operation, isOrdered, rows, otherRows: member.rowCount - rows.length };
      } catch (error) {
        if (!isLakefoldError(error, 'FILE_MISSING') && !isLakefoldError(error, 'FILE_CORRUPT')) throw error;
        return { kind: 'fault', member: position, verdict: { kind: 'refused', code: error.code, reason: error.message } };
      }
    }
  }
  const tableRows: GroupRow[] = [];
  for (const file of meeting.table) for (const row of await reader.matching(at, file, wanted)) tableRows.push(row);
  const digests = await digestsOf(at, { tied: tiedRows(tableRows, writes), landing, reader });
  const order = (a: GroupRow, b: GroupRow): number => {
    if (a.receipt !== b.receipt) return (a.receipt ?? 0n) < (b.receipt ?? 0n) ? -1 : 1;
    const [left = '', right = ''] = [digests.get(placeOf(a)), digests.get(placeOf(b))];
    return left === right ? 0 : left < right ? -1 : 1;
  };
  return { kind: 'rows', effect: resolveGroup(tableRows, writes, { order, isAppendOnly: isAppendOnly(at.snapshot.metadata) }) };
}

async function digestsOf(
  at: RowsAt,
  input: { readonly tied: readonly GroupRow[]; readonly landing: readonly GroupMember[]; readonly reader: RowReader },
): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  const byPath = new Map<string, GroupRow[]>();
  for (const row of input.tied) byPath.set(row.path, [...(byPath.get(row.path) ?? []), row]);
  const staged = new Map(input.landing.flatMap(({ adds }) => adds.map((add): [string, AddFile] => [add.path, add])));
  for (const [path, rows] of byPath) {
    const file = staged.get(path) ?? at.snapshot.files.get(path);
    if (file === undefined) continue;
    for (const [place, digest] of await input.reader.digests(at, file, rows)) all.set(place, digest);
  }
  return all;
}

interface Staged {
  /** Files with rows that another write of the group replaced. */
  readonly marked: readonly Touched[];
  readonly adds: readonly AddFile[];
  /** Files written again. */
  readonly restaged: number;
}

// Losers stand in the staged files already: they are to be marked deleted on them, or the files are written again without them.
async function withoutLosers(
  deps: DeltaDeps,
  target: GroupTarget & { readonly at: RowsAt; readonly ordinal: number },
  { landing, out }: { readonly landing: readonly GroupMember[]; readonly out: GroupEffect['out'] },
): Promise<Staged> {
  const { at } = target;
  const files = landing.flatMap(({ adds }) => adds);
  const whole = files.filter(({ path }) => !out.has(path));
  const live = files.flatMap((file) => {
    const positions = out.get(file.path);
    return positions === undefined || positions.length === parseStats(file, at.snapshot.columns).numRecords ? [] : [{ file, positions }];
  });
  if (hasDeletionVectors(at.snapshot)) return { marked: live, adds: whole, restaged: 0 };
  const kept: Batch[] = [];
  for (const { file, positions: losers } of live) {
    const lost = new Set(losers);
    for await (const { batch, positions } of readFile(deps, { ...at, file }, { columns: at.snapshot.columns })) {
      kept.push(
        takeRows(
          batch,
          [...positions.keys()].filter((i) => !lost.has(positions[i] ?? -1)),
        ),
      );
    }
  }
  if (kept.length === 0) return { marked: [], adds: whole, restaged: 0 };
  const stage = { ...target, snapshot: at.snapshot, sortBy: at.identityColumns, dataChange: true };
  const restaged = await stageRows(deps, stage, concatBatches(at.snapshot.columns, kept));
  return { marked: [], adds: [...whole, ...restaged.map(({ add }) => add)], restaged: restaged.length };
}

function entryOf(
  { snapshot, identityColumns }: RowsAt,
  group: {
    readonly members: readonly GroupMember[];
    readonly counts: readonly (WriteCounts | undefined)[];
    readonly actions: readonly Action[];
    readonly takesRows: boolean;
  },
): PlannedWrite {
  const { members, counts, actions, takesRows } = group;
  const landed = members.flatMap((member, i) => (counts[i] === undefined ? [] : [{ member, counts: counts[i] }]));
  const requests = landed.map((one): PlannedRequest => ({
    idempotency: memberIdempotency(one.member),
    counts: one.counts,
    received: one.member.received,
    rejected: one.member.rejected,
    write: one.member.id,
  }));
  // Rows without receipts replace greater ones: no merge by U1.
  const isEdit = takesRows && hasReceipts(snapshot) && landed.some((one) => !one.member.isReceived && one.counts.rowsUpdated > 0);
  const fold: FoldKind = actions.length === 0 ? 'none' : isEdit ? 'edit' : 'merge';
  const newest = landed.flatMap(({ member }) => (member.ingestedAt === undefined ? [] : [member.ingestedAt]));
  const common = {
    kind: 'write' as const,
    actions,
    fold,
    requests,
    counts: landed.map((one) => one.counts).reduce(sumOf, NO_ROWS),
    ...(newest.length === 0 ? {} : { ingestedAt: newest.reduce((a, b) => (a > b ? a : b)) }),
  };
  if (landed.every(({ member }) => member.operation === 'append')) {
    const operationParameters = { mode: 'Append', partitionBy: JSON.stringify(snapshot.metadata.partitionColumns) };
    return { ...common, operation: 'WRITE', isBlindAppend: true, operationParameters };
  }
  return {
    ...common,
    operation: 'MERGE',
    changeKeys: identityColumns,
    isBlindAppend: false,
    operationParameters: {
      predicate: JSON.stringify(identityColumns.map((name) => `target.${name} = source.${name}`)),
      matchedPredicates: '[{"actionType":"update"}]',
      notMatchedPredicates: '[{"actionType":"insert"}]',
    },
  };
}

function sumOf(a: WriteCounts, b: WriteCounts): WriteCounts {
  return {
    rowsInserted: a.rowsInserted + b.rowsInserted,
    rowsUpdated: a.rowsUpdated + b.rowsUpdated,
    rowsDeleted: a.rowsDeleted + b.rowsDeleted,
    dedupedInBatch: a.dedupedInBatch + b.dedupedInBatch,
    stale: a.stale + b.stale,
  };
}
