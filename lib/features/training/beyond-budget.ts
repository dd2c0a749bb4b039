/** What a training set beyond this machine's budget is refused with: numbers, and the same join as SQL that Spark runs. */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { SCRATCH_BYTES_MAX } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import { sourcesFirst } from '../../engine/point-in-time.ts';
import { type SparkJoin, sparkJoinSql } from '../../engine/spark-join-sql.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import { groupName } from '../open-group.ts';
import type { PinnedGroup } from './join-plan.ts';
import { defaultOf, joinQuery } from './join-query.ts';
import type { TrainingRequest } from './request.ts';
import type { Spine } from './spine.ts';

export interface RefusedJoin {
  readonly view: FeatureViewDefinition;
  readonly request: TrainingRequest;
  readonly spine: Spine;
  readonly pinned: ReadonlyMap<string, PinnedGroup>;
  /** Where the store's objects are. */
  readonly location: string;
}

/** The error as it is to be told: PLAN_TOO_LARGE with `estimate`, `budget` and, unless it is asked what was known, `alternative`; others as they are. */
export function beyondBudget(error: unknown, refused: RefusedJoin): unknown {
  if (!isLakefoldError(error, 'PLAN_TOO_LARGE')) return error;
  const files = [...refused.pinned.values()].flatMap(({ snapshot }) => [...snapshot.files.values()]);
  const estimate = { spineRows: refused.spine.batch.rowCount, files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) };
  const { budget = { bytes: SCRATCH_BYTES_MAX } } = error.context;
  const alternative = refused.request.knownAsOf === null ? { alternative: sparkSqlOf(refused) } : {};
  return new LakefoldError('PLAN_TOO_LARGE', error.message, { cause: error, context: { estimate, budget, ...alternative } });
}

/** The joins at their pins over a view `spine`, before functions and filters of rows. */
export function sparkSqlOf({ view, spine, pinned, location }: Omit<RefusedJoin, 'request'>): string {
  const joins = view.joins.flatMap((definition, index): SparkJoin[] => {
    const source = pinned.get(groupName({ name: definition.featureGroup, version: definition.version }));
    if (source === undefined) return [];
    const { group, snapshot } = source;
    const defaults = group.columns.flatMap((column) => {
      const value = defaultOf(definition, column);
      return value === undefined ? [] : [[column.name, value] as const];
    });
    return [
      {
        query: joinQuery({ view, definition, group, index }),
        location: `${tableLocation(location)}/${joinPath(group.table.root)}`,
        version: snapshot.version,
        stored: new Set(snapshot.columns.map((column) => column.name)),
        defaults: new Map(defaults),
      },
    ];
  });
  const spineColumns = spine.batch.columns.map((column) => column.name);
  return sparkJoinSql({ spineColumns, labelTime: spine.labelTime, joins }, sourcesFirst(joins.map(({ query }) => query)));
}

// Spark takes a path or a URI; a path it takes as it is.
function tableLocation(location: string): string {
  return location.startsWith('file://') ? decodeURIComponent(location.slice('file://'.length)) : location;
}
