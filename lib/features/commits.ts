/** A group's commits as answers show them (shapes.md, "commits"). */
import { LakefoldError } from '../core/errors.ts';
import { formatMillis } from '../core/time.ts';
import { type CommitRecord, readHistory } from '../delta/history.ts';
import type { ReadDeps } from '../delta/read.ts';
import { groupName, type OpenGroup } from './open-group.ts';

/** Entries read at a time. */
const WINDOW = 64;

/** Newest first, down to the oldest entry the log still holds. */
export async function* listCommits(deps: Pick<ReadDeps, 'store'>, group: OpenGroup, options: { readonly before?: number } = {}): AsyncIterable<CommitRecord> {
  let to = options.before === undefined ? (await group.table.refresh()).version : options.before - 1;
  while (to >= 0) {
    const from = Math.max(0, to - WINDOW + 1);
    const records = await readHistory(deps, group.table.root, { from, to });
    yield* records.toReversed();
    if (records.length < to - from + 1) return;
    to = from - 1;
  }
}

/** The commit of the version written `asked`. @throws LakefoldError NO_SUCH_COMMIT above the head or for what is no version, HISTORY_EXPIRED when its entry is no longer kept */
export async function readCommit(deps: Pick<ReadDeps, 'store'>, group: OpenGroup, asked: string): Promise<CommitRecord> {
  const head = (await group.table.refresh()).version;
  const version = /^(?:0|[1-9]\d{0,15})$/.test(asked) ? Number(asked) : -1;
  if (version < 0 || version > head)
    throw new LakefoldError('NO_SUCH_COMMIT', `expected a version from 0 to ${head} of ${groupName(group.definition)}, found ${JSON.stringify(asked)}`, {
      context: { asked, latest: head },
    });
  const [record] = (await readHistory(deps, group.table.root, { from: Math.max(0, version - 1), to: version })).slice(-1);
  if (record?.version !== version)
    throw new LakefoldError('HISTORY_EXPIRED', `version ${version} of ${groupName(group.definition)} is no longer kept`, {
      context: { version, reason: 'RETENTION' },
    });
  return record;
}

export function commitBody(group: OpenGroup, commit: CommitRecord): object {
  const { requests: _requests, committedAt, ...record } = commit;
  return {
    ...record,
    committedAt: formatMillis(committedAt),
    idempotencyKey: null,
    schemaVersion: group.state.schemas.length,
    readable: true,
  };
}
