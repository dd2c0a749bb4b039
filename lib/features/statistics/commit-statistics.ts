/**
 * Statistics of the rows that commits wrote (semantics §11, `basis: "commits"`): kept beside the table by the commit's `txnId`, merged
 * without reading rows again. Of a commit without them – another engine's, or whose writer ended too soon – the rows are read.
 */
import type { Batch } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { STATISTICS_COMMITS_MAX, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import { type Column, typesEqual } from '../../core/types.ts';
import { addedRows, foldKindOf, readEntry, type RecordedEntry, rowsAppeared } from '../../delta/changes/changes.ts';
import { commitInfoOf, isOurs } from '../../delta/actions/commit-info.ts';
import { recordOf } from '../../delta/snapshot/history.ts';
import { type ReadDeps, selectColumns } from '../../delta/rows/read.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import { type FeatureStatistics, StatisticsBuilder } from './feature-statistics.ts';
import { decodeStatistics, encodeStatistics } from './statistics-codec.ts';

/** Keeps the statistics of rows just committed; nothing is kept for a group that has them switched off. */
export async function keepCommitStatistics(
  deps: { readonly store: ObjectStore },
  group: OpenGroup,
  { rows, txnId }: { readonly rows: Batch; readonly txnId: string },
): Promise<void> {
  if (!group.definition.statistics || rows.rowCount === 0) return;
  const builder = new StatisticsBuilder(group.columns);
  builder.add(rows);
  await deps.store.overwrite(statisticsPath(group.table.root, txnId), await encodeStatistics(builder));
}

/** Of one commit, where they were kept. */
export async function commitStatistics(deps: { readonly store: ObjectStore }, group: OpenGroup, version: number): Promise<readonly FeatureStatistics[] | null> {
  const entry = await readEntry(deps, group.table.root, version);
  return entry === undefined ? null : ((await keptStatistics(deps, group.table.root, entry))?.features() ?? null);
}

export interface CommitRange {
  /** Exclusive; absent = from before version 0. */
  readonly from?: number | undefined;
  /** Inclusive; absent = the newest version. */
  readonly to?: number | undefined;
  readonly columns: readonly Column[];
}

/** Of the rows that the commits of a range wrote. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, INVALID_ARGUMENT, LIMIT_EXCEEDED */
export async function rangeStatistics(
  deps: ReadDeps,
  group: OpenGroup,
  range: CommitRange,
): Promise<{ readonly to: number; readonly built: StatisticsBuilder }> {
  const built = new StatisticsBuilder(range.columns);
  const entries = await entriesOf(deps, group, range);
  for (const entry of entries.list) {
    const kept = hasRows(entry) ? await keptStatistics(deps, group.table.root, entry) : undefined;
    if (kept !== undefined && isMergeable(kept, range.columns)) built.merge(kept);
    else if (hasRows(entry)) for await (const batch of rowsWritten(deps, group, entry, range.columns)) built.add(batch);
  }
  return { to: entries.to, built };
}

/** The rows that commits of a range wrote. @throws LakefoldError as `rangeStatistics` */
export async function* rangeRows(deps: ReadDeps, group: OpenGroup, range: CommitRange): AsyncIterable<Batch> {
  for (const entry of (await entriesOf(deps, group, range)).list) if (hasRows(entry)) yield* rowsWritten(deps, group, entry, range.columns);
}

async function entriesOf(
  deps: ReadDeps,
  group: OpenGroup,
  { from, to }: CommitRange,
): Promise<{ readonly to: number; readonly list: readonly RecordedEntry[] }> {
  const head = (await group.table.refresh()).version;
  const [first, last] = [(from ?? -1) + 1, to ?? head];
  const name = groupName(group.definition);
  if (last > head || first > head + 1)
    throw new LakefoldError('NO_SUCH_COMMIT', `expected versions up to ${head} of ${name}, found ${Math.max(last, first - 1)}`, { context: { latest: head } });
  if (first > last + 1)
    throw new LakefoldError('INVALID_ARGUMENT', `expected a range of commits (from, to], found (${first - 1}, ${last}]`, { context: { field: 'from' } });
  if (last - first + 1 > STATISTICS_COMMITS_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${STATISTICS_COMMITS_MAX} commits, found ${last - first + 1}`, {
      context: { limit: 'STATISTICS_COMMITS_MAX', limitValue: STATISTICS_COMMITS_MAX },
    });
  const versions = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const list = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, async (version) => {
    const entry = await readEntry(deps, group.table.root, version);
    if (entry !== undefined) return entry;
    throw new LakefoldError('HISTORY_EXPIRED', `version ${version} of ${name} is no longer kept`, { context: { version, reason: 'RETENTION' } });
  });
  return { to: last, list };
}

function hasRows(entry: RecordedEntry): boolean {
  if (!isOurs(commitInfoOf(entry.actions))) return foldKindOf(entry.actions) !== 'none';
  const { operation, rowsInserted, rowsUpdated } = recordOf(entry);
  return operation !== 'restore' && rowsInserted + rowsUpdated > 0;
}

async function keptStatistics(deps: { readonly store: ObjectStore }, root: string, entry: RecordedEntry): Promise<StatisticsBuilder | undefined> {
  const info = commitInfoOf(entry.actions);
  if (!isOurs(info) || info?.txnId === undefined) return undefined;
  const stored = await deps.store.get(statisticsPath(root, info.txnId));
  return stored === undefined ? undefined : decodeStatistics(stored.bytes);
}

// A widened column has sketches of other values.
function isMergeable(kept: StatisticsBuilder, columns: readonly Column[]): boolean {
  return columns.every(({ name, type }) => {
    const column = kept.columns.find((candidate) => candidate.name === name);
    return column === undefined || typesEqual(column.type, type);
  });
}

async function* rowsWritten(deps: ReadDeps, group: OpenGroup, entry: RecordedEntry, columns: readonly Column[]): AsyncIterable<Batch> {
  const { root, snapshot } = group.table;
  const table = { root, snapshot };
  const selected = selectColumns(
    snapshot,
    columns.map(({ name }) => name),
  );
  const rows = foldKindOf(entry.actions) === 'merge' ? addedRows(deps, table, entry.actions, selected) : rowsAppeared(deps, table, entry.actions, selected);
  for await (const { batch } of rows) yield batch;
}

function statisticsPath(root: string, txnId: string): ObjectPath {
  return joinPath(root, `_lakefold/statistics/${txnId}.bin`);
}
