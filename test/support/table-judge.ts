/** What is wrong with a random history: its operations, replayed in the order of the log, against what each version reads as. */
import { valueAt, vectorNamed } from '../../lib/core/batch.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { readChanges } from '../../lib/delta/changes/change-feed.ts';
import { readEntry, type RecordedEntry } from '../../lib/delta/changes/changes.ts';
import { commitInfoOf } from '../../lib/delta/actions/commit-info.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { fileRowCount } from '../../lib/delta/statistics/live-rows.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../lib/delta/snapshot/snapshot-state.ts';
import { verifyTable } from '../../lib/delta/verify/verify.ts';
import type { WriteCounts, WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import {
  applyOp,
  columnsOf,
  FIRST_LAYOUT,
  type Layout,
  layoutAfter,
  rowsOfBatch,
  textsOf,
  underLayout,
  type ModelRow,
  type TableOp,
  type TableShape,
} from './table-model.ts';
import { isLogEntry } from './table-turns.ts';

export const HISTORY_ROOT = 'demo/t';
export const NO_COUNTS: WriteCounts = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 };

/** What became of one operation. */
export interface Done {
  readonly op: TableOp;
  readonly outcome: WriteOutcome;
  readonly notFound: number;
  /** The version its handle knew when it began. */
  readonly knew: number;
  /** Head when it began and when it was answered. */
  readonly from: number;
  readonly to: number;
  readonly key: string | undefined;
}

interface History {
  readonly done: readonly Done[];
  readonly shape: TableShape;
  readonly random: Random;
}

/** The model's versions. */
interface Replayed {
  readonly rows: readonly (readonly ModelRow[])[];
  readonly layouts: readonly Layout[];
  readonly ops: readonly (TableOp | undefined)[];
}

export async function headOf(store: ObjectStore): Promise<number> {
  let head = -1;
  for await (const { path } of store.list(`${HISTORY_ROOT}/_delta_log/`)) if (isLogEntry(path)) head += 1;
  return head;
}

export async function textsAt(deps: DeltaDeps, snapshot: Snapshot): Promise<string[]> {
  const rows: ModelRow[] = [];
  for await (const batch of readRows(deps, { root: HISTORY_ROOT, snapshot })) rows.push(...rowsOfBatch(batch));
  return textsOf(rows);
}

export async function judgeHistory(deps: DeltaDeps, history: History): Promise<readonly string[]> {
  const faults: string[] = [];
  const entries = await readEntries(deps, await headOf(deps.store));
  const replayed = replayOps(history, entries, faults);
  if (replayed === undefined) return faults;
  faults.push(...uncommitted(history, replayed));
  for (const version of entries.keys()) {
    faults.push(...(await versionFaults(deps, history, { version, ...replayed })));
    if (faults.length > 0) return faults;
  }
  faults.push(...(await timeFaults(deps, history, entries)));
  const { findings } = await verifyTable(deps, HISTORY_ROOT);
  return [...faults, ...findings.map(({ code, message }) => `verify: ${code} ${message}`)];
}

async function readEntries(deps: DeltaDeps, head: number): Promise<readonly RecordedEntry[]> {
  const entries: RecordedEntry[] = [];
  for (let version = 0; version <= head; version += 1) {
    const entry = await readEntry(deps, HISTORY_ROOT, version);
    if (entry === undefined) throw new Error(`the log lacks version ${version}`);
    entries.push(entry);
  }
  return entries;
}

/** Replays what was committed, in version order, through the model. */
function replayOps(history: History, entries: readonly RecordedEntry[], faults: string[]): Replayed | undefined {
  const byVersion = committedOps(history, entries, faults);
  const rows: (readonly ModelRow[])[] = [[]];
  const layouts: Layout[] = [FIRST_LAYOUT];
  const ops: (TableOp | undefined)[] = [undefined];
  for (const { version, actions } of entries.slice(1)) {
    const done = byVersion.get(version);
    // Every commit of an optimisation but its last one goes without an answer of its own.
    const op = done?.op ?? (commitInfoOf(actions)?.operation === 'OPTIMIZE' ? ({ kind: 'optimize' } as const) : undefined);
    if (op === undefined) {
      faults.push(`version ${version}: no operation answers for it`);
      return undefined;
    }
    const before = rows.at(-1) ?? [];
    const step = applyOp(rows, op, layouts);
    if (done !== undefined) faults.push(...countFaults(done, step, step.rows.length - before.length));
    layouts.push(layoutAfter(layouts.at(-1) ?? FIRST_LAYOUT, op, version));
    rows.push(step.rows);
    ops.push(op);
  }
  return { rows, layouts, ops };
}

function countFaults({ op, outcome, notFound }: Done, step: ReturnType<typeof applyOp>, grown: number): readonly string[] {
  if (outcome.kind !== 'committed') return [];
  const { version, counts } = outcome;
  const place = `version ${version} (${op.kind})`;
  return [
    ...(step.counts !== undefined && op.kind !== 'foreign' && JSON.stringify(counts) !== JSON.stringify(step.counts)
      ? [`${place}: expected counts ${JSON.stringify(step.counts)}, found ${JSON.stringify(counts)}`]
      : []),
    ...(op.kind === 'restore' && counts.rowsInserted - counts.rowsDeleted !== grown ? [`${place}: counts ${JSON.stringify(counts)}`] : []),
    ...(notFound === step.notFound ? [] : [`${place}: expected ${step.notFound} not found, found ${notFound}`]),
  ];
}

/** The operation of each version; one whose answer stayed unknown is looked for in the log. */
function committedOps({ done: all }: History, entries: readonly RecordedEntry[], faults: string[]): ReadonlyMap<number, Done> {
  const versionOf = new Map(entries.map(({ version, actions }) => [commitInfoOf(actions)?.txnId, version]));
  const byVersion = new Map<number, Done>();
  for (const done of all) {
    const { outcome } = done;
    const version = outcome.kind === 'committed' ? outcome.version : outcome.kind === 'unknown' ? versionOf.get(outcome.txnId) : undefined;
    if (version === undefined) continue;
    if (byVersion.has(version)) faults.push(`version ${version} was answered for twice`);
    byVersion.set(version, done);
  }
  return byVersion;
}

async function versionFaults(
  deps: DeltaDeps,
  { shape }: History,
  { version, rows, layouts, ops }: Replayed & { readonly version: number },
): Promise<readonly string[]> {
  const snapshot = await loadSnapshot(deps, HISTORY_ROOT, { version });
  const place = `version ${version} (${ops[version]?.kind ?? 'create'})`;
  const [layout, after] = [layouts[version] ?? FIRST_LAYOUT, rows[version] ?? []];
  const [expected, found] = [textsOf(after), await textsAt(deps, snapshot)];
  if (found.join() !== expected.join()) return [`${place}: expected\n${expected.join('\n')}\nfound\n${found.join('\n')}`];
  const names = (columns: readonly { readonly name: string }[]): string =>
    columns
      .map(({ name }) => name)
      .toSorted()
      .join();
  const [wanted, known] = [names(columnsOf(shape, { withExtra: layout.extra !== undefined, names: layout })), names(snapshot.columns)];
  if (wanted !== known) return [`${place}: expected the columns ${wanted}, found ${known}`];
  if (version === 0) return [];
  const before = underLayout(rows[version - 1] ?? [], layouts[version - 1] ?? FIRST_LAYOUT, layout);
  return [...(await changeFaults(deps, snapshot, { before, after })), ...(await statedFaults(deps, shape, { version, op: ops[version] }))];
}

/**
 * What the change feed of one version gets wrong: the rows before it, less those that went, with those that came, are the
 * rows after it. Receipts aside: a row that was written again as it was is no change.
 */
async function changeFaults(
  deps: DeltaDeps,
  head: Snapshot,
  { before, after }: { readonly before: readonly ModelRow[]; readonly after: readonly ModelRow[] },
): Promise<readonly string[]> {
  const textsOfContents = (rows: readonly ModelRow[]): string[] => textsOf(rows.map((row) => ({ ...row, r: 0n })));
  const left = textsOfContents(before);
  const gone: string[] = [];
  const came: string[] = [];
  for await (const batch of readChanges(deps, { root: HISTORY_ROOT, head }, { fromVersion: head.version - 1, keys: ['k'] })) {
    const types = vectorNamed(batch, '_change_type');
    for (const [i, row] of rowsOfBatch(batch).entries()) (CAME.has(String(valueAt(types, i))) ? came : gone).push(...textsOfContents([row]));
  }
  const unknown = gone.filter((text) => {
    const at = left.indexOf(text);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const found = [...left, ...came].toSorted();
  if (unknown.length === 0 && found.join() === textsOfContents(after).join()) return [];
  return [
    `changes of version ${head.version}: taken\n${gone.join('\n')}\nadded\n${came.join('\n')}\nbefore\n${textsOf(before).join('\n')}\nafter\n${textsOf(after).join('\n')}`,
  ];
}

/**
 * What an engine that derives nothing reads of the change feed: change files, and where a commit has none, added files as
 * inserts and removed ones as deletes. Exactly the rows that were counted, not all of files that changed in part.
 */
async function statedFaults(
  deps: DeltaDeps,
  shape: TableShape,
  { version, op }: { readonly version: number; readonly op: TableOp | undefined },
): Promise<readonly string[]> {
  const isCounted = op?.kind === 'update' || op?.kind === 'deleteKeys' || op?.kind === 'deleteWhere' || op?.kind === 'upsert' || op?.kind === 'append';
  if (!isCounted || shape.options?.includes('changeFeed') !== true) return [];
  const actions = (await readEntry(deps, HISTORY_ROOT, version))?.actions ?? [];
  const metrics = commitInfoOf(actions)?.operationMetrics ?? {};
  const expected = Number(metrics['rowsInserted']) + Number(metrics['rowsUpdated']);
  const head = await loadSnapshot(deps, HISTORY_ROOT, { version });
  let came = 0;
  if (actions.some(({ kind }) => kind === 'cdc')) {
    for await (const batch of readChanges(deps, { root: HISTORY_ROOT, head }, { fromVersion: version - 1 })) {
      const types = vectorNamed(batch, '_change_type');
      for (let i = 0; i < batch.rowCount; i += 1) came += CAME.has(String(valueAt(types, i))) ? 1 : 0;
    }
  } else {
    for (const action of actions) if (action.kind === 'add') came += await fileRowCount(deps, { root: HISTORY_ROOT, snapshot: head, file: action });
  }
  return came === expected ? [] : [`version ${version} (${op.kind}): expected the commit to state ${expected} rows that came in, found ${came}`];
}

const CAME: ReadonlySet<string> = new Set(['insert', 'update_postimage']);

/** Versions by time: each is the newest from its own instant until the next one's (semantics §0, "Commit time of a version"). */
async function timeFaults(deps: DeltaDeps, { random, done }: History, entries: readonly RecordedEntry[]): Promise<readonly string[]> {
  const times: number[] = [];
  for (const { actions, modifiedAt } of entries) {
    const info = commitInfoOf(actions);
    const stated = info?.inCommitTimestamp ?? (info?.tags?.['lakefold.format'] === undefined ? undefined : info.timestamp) ?? modifiedAt;
    times.push(Math.max(stated, (times.at(-1) ?? Number.NEGATIVE_INFINITY) + 1));
  }
  const faults: string[] = [];
  const hasForeign = done.some(({ op }) => op.kind === 'foreign');
  const asked = Math.floor(random.unit() * times.length);
  for (const [instant, version] of [
    [(times[0] ?? 0) - 1, undefined],
    [(times[asked] ?? 0) - 1, asked === 0 ? undefined : asked - 1],
    [times[asked] ?? 0, asked],
    [(times.at(-1) ?? 0) + 1000, times.length - 1],
  ] as const) {
    const found = await loadSnapshot(deps, HISTORY_ROOT, { instant }).then(
      (snapshot) => snapshot.version,
      (error: unknown) => {
        if (isLakefoldError(error, 'NO_SUCH_COMMIT')) return undefined;
        throw error;
      },
    );
    // An engine that states no time may commit twice in a millisecond; how late the second counts depends on how much of the log a writer saw.
    const isTied = hasForeign && Math.abs((times[found ?? 0] ?? 0) - (times[version ?? 0] ?? 0)) <= times.length;
    if (found !== version && !isTied) faults.push(`as of ${instant}: expected version ${version}, found ${found}; versions are of ${times.join()}`);
  }
  return faults;
}

/** What was refused or found nothing to do must have been so at some version between question and answer. */
function uncommitted({ done: all }: History, { rows, layouts }: Replayed): readonly string[] {
  const faults: string[] = [];
  for (const done of all) {
    const { op, outcome, knew, from, to, key } = done;
    // Only columns that are called otherwise than the handle knew, or are others, stop a write.
    const isOutdated = (): boolean => layouts.slice(knew, to + 1).some((layout) => JSON.stringify(layout) !== JSON.stringify(layouts[knew]));
    if (outcome.kind === 'conflict' && !isOutdated()) faults.push(`${op.kind}: conflict, ${outcome.reason}`);
    if (outcome.kind === 'alreadyApplied') {
      const first = all.find((other) => other.key === key && other.outcome.kind === 'committed');
      if (first?.outcome.kind === 'committed' && first.outcome.version !== outcome.version)
        faults.push(`${op.kind}: key ${key} is said to be version ${outcome.version}, it is ${first.outcome.version}`);
    }
    if (outcome.kind !== 'nothing' || (op.kind !== 'deleteKeys' && op.kind !== 'deleteWhere' && op.kind !== 'update')) continue;
    const isTrue = Array.from({ length: to - from + 1 }, (_, i) => from + i + 1).some((count) => {
      const step = applyOp(rows.slice(0, count), op, layouts.slice(0, count));
      return step.counts?.rowsDeleted === 0 && step.counts.rowsUpdated === 0 && step.notFound === done.notFound;
    });
    if (!isTrue) faults.push(`${op.kind}: found nothing to change, though rows matched at every version from ${from} to ${to}`);
  }
  return faults;
}
