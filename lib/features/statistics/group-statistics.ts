/** What `GET …/statistics` answers (shapes.md). */
import { type Column } from '../../core/types.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import type { Log } from '../../ports/log.ts';
import { formatInstant } from '../../core/time.ts';
import { unknownColumn } from '../../delta/filter/filter.ts';
import type { OpenGroup } from '../open-group.ts';
import type { GroupRef } from '../ingest/receipt.ts';
import { rangeStatistics } from './commit-statistics.ts';
import type { FeatureStatistics } from './feature-statistics.ts';
import { snapshotStatistics, type SnapshotWindow } from './snapshot-statistics.ts';

export type StatisticsRequest =
  | { readonly basis: 'commits'; readonly from?: number | undefined; readonly to?: number | undefined }
  | ({ readonly basis: 'snapshot' } & SnapshotWindow);

interface StatisticsOf {
  readonly featureGroup: GroupRef;
  readonly rows: number;
  readonly features: readonly FeatureStatistics[];
}

export type GroupStatistics =
  | ({ readonly basis: 'commits'; readonly from: number | null; readonly to: number } & StatisticsOf)
  | ({ readonly basis: 'snapshot'; readonly version: number; readonly startTime: string | null; readonly endTime: string | null } & StatisticsOf);

/** @throws LakefoldError UNKNOWN_FEATURE, NO_SUCH_COMMIT, HISTORY_EXPIRED, INVALID_ARGUMENT, LIMIT_EXCEEDED */
export async function groupStatistics(
  deps: ReadDeps & { readonly log: Log },
  group: OpenGroup,
  request: StatisticsRequest,
  options: { readonly features?: readonly string[] | undefined } = {},
): Promise<GroupStatistics> {
  const featureGroup = { name: group.definition.name, version: group.definition.version };
  if (request.basis === 'commits') {
    const columns = chosen(group.columns, options.features);
    const { to, built } = await rangeStatistics(deps, group, { ...request, columns });
    return { featureGroup, basis: 'commits', from: request.from ?? null, to, rows: built.rows, features: built.features() };
  }
  const { version, rows, features } = await snapshotStatistics(deps, group, request);
  const { startTime, endTime } = request;
  return {
    featureGroup,
    basis: 'snapshot',
    version,
    startTime: startTime === undefined ? null : formatInstant(startTime),
    endTime: endTime === undefined ? null : formatInstant(endTime),
    rows,
    features: chosen(features, options.features),
  };
}

/** Those of the names, in their order; all unless given. @throws LakefoldError UNKNOWN_FEATURE */
function chosen<Named extends Pick<Column, 'name'>>(all: readonly Named[], names: readonly string[] | undefined): readonly Named[] {
  if (names === undefined) return all;
  return names.map((name) => {
    const found = all.find((candidate) => candidate.name === name);
    if (found === undefined) throw unknownColumn(name, all);
    return found;
  });
}
