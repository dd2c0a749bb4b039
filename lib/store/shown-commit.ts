/** A commit of a table as programs see it. */
import { formatMillis } from '../core/time.ts';
import type { CommitRecord } from '../delta/snapshot/history.ts';

export interface Commit extends Omit<CommitRecord, 'committedAt' | 'requests'> {
  /** RFC 3339. */
  readonly committedAt: string;
}

export function shownCommit({ requests: _requests, committedAt, ...record }: CommitRecord): Commit {
  return { ...record, committedAt: formatMillis(committedAt) };
}
