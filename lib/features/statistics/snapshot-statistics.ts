/** Statistics of the rows of a version, or of those within a window of event time: computed once, kept by version (semantics §11). */
import { sha256, toHex, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { canonicalJson, isRecord, parseJson, stringifyJson } from '../../core/json.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import type { Log } from '../../ports/log.ts';
import type { OpenGroup } from '../open-group.ts';
import { readGroup } from '../history/read-rows.ts';
import { featureStatistics, type FeatureStatistics } from './feature-statistics.ts';

const FORMAT = 1;
const HASH_DIGITS = 16;

export interface SnapshotWindow {
  /** The newest unless given. */
  readonly version?: number | undefined;
  /** Event times `[startTime, endTime)`, µs. */
  readonly startTime?: bigint | undefined;
  readonly endTime?: bigint | undefined;
  readonly signal?: AbortSignal;
}

interface SnapshotStatistics {
  readonly rows: number;
  readonly features: readonly FeatureStatistics[];
}

/** Of all columns. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, INVALID_ARGUMENT for a window of a group without event time */
export async function snapshotStatistics(
  deps: ReadDeps & { readonly log: Log },
  group: OpenGroup,
  { version, startTime, endTime, signal }: SnapshotWindow,
): Promise<SnapshotStatistics & { readonly version: number }> {
  const read = await readGroup(deps, group, {
    ...(version === undefined ? {} : { asOf: { version } }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
    ...(signal === undefined ? {} : { signal }),
  });
  const path = cachePath(group.table.root, { version: read.version, startTime, endTime });
  const stored = await deps.store.get(path);
  const cached: unknown = stored === undefined ? undefined : parseJson(stored.bytes);
  if (isCached(cached)) return { version: read.version, rows: cached.rows, features: cached.features };
  const { rows, features } = await featureStatistics(read.columns, read.rows);
  try {
    await deps.store.overwrite(path, utf8(stringifyJson({ format: FORMAT, rows, features })));
  } catch (error) {
    if (!(error instanceof LakefoldError)) throw error;
    deps.log.warn('statistics.not_kept', { path, cause: String(error) });
  }
  return { version: read.version, rows, features };
}

// Anything else that stands there is computed again.
function isCached(value: unknown): value is SnapshotStatistics {
  return isRecord(value) && value['format'] === FORMAT && typeof value['rows'] === 'number' && Array.isArray(value['features']);
}

function cachePath(root: string, { version, startTime, endTime }: SnapshotWindow): ObjectPath {
  const window = canonicalJson({ startTime: startTime?.toString() ?? null, endTime: endTime?.toString() ?? null });
  return joinPath(root, `_lakefold/statistics/snapshot-${version}-${toHex(sha256(utf8(window))).slice(0, HASH_DIGITS)}.json`);
}
