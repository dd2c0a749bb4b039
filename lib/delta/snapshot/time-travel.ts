/** Which version an instant means (semantics §0, "Commit time of a version"). */
import { LakefoldError } from '../../core/errors.ts';
import { formatMillis } from '../../core/time.ts';
import type { CommitInfo } from '../actions/actions.ts';
import { isOurs } from '../actions/commit-info.ts';

/** A version and its commit time, epoch ms. */
export interface VersionTime {
  readonly version: number;
  readonly committedAt: number;
}

/**
 * Commit time of a version, epoch ms: in-commit timestamp, else the timestamp of our own entries, else the file's; always
 * after the previous version's.
 *
 * Without any of them (a snapshot built from actions alone) what `commitInfo` says stands in for the file's time.
 */
export function commitTime(info: CommitInfo | undefined, fileTime: number | undefined, previous: number | undefined): number {
  return laterThan(statedTime(info) ?? fileTime ?? info?.timestamp, previous);
}

/** What a commit says of its own time, where that counts: the in-commit timestamp, or the timestamp of an entry of our own. */
export function statedTime(info: CommitInfo | undefined): number | undefined {
  return info?.inCommitTimestamp ?? (isOurs(info) ? info?.timestamp : undefined);
}

/** `stated`, but after the previous version's time. */
export function laterThan(stated: number | undefined, previous: number | undefined): number {
  if (stated === undefined) return previous === undefined ? 0 : previous + 1;
  return previous === undefined ? stated : Math.max(stated, previous + 1);
}

/**
 * The newest version committed at or before `instant`; `times` ascend and start at the oldest version that can be read.
 * @throws LakefoldError NO_SUCH_COMMIT before version 0, HISTORY_EXPIRED before the oldest version that is left
 */
export function resolveVersion(times: readonly VersionTime[], instant: number): VersionTime {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle]?.committedAt ?? Number.POSITIVE_INFINITY) <= instant) low = middle + 1;
    else high = middle;
  }
  const found = times[low - 1];
  if (found !== undefined) return found;
  const [first] = times;
  const asked = formatMillis(instant);
  if (first === undefined || first.version === 0) {
    const oldest = first === undefined ? 'none' : formatMillis(first.committedAt);
    throw new LakefoldError('NO_SUCH_COMMIT', `expected an instant from the first commit (${oldest}) on, found ${asked}`, { context: { asked, oldest } });
  }
  throw new LakefoldError(
    'HISTORY_EXPIRED',
    `expected an instant from ${formatMillis(first.committedAt)} (version ${first.version}, the oldest kept) on, found ${asked}`,
    {
      context: { asked, oldest: first.version, reason: 'RETENTION' },
    },
  );
}
