/** A group's commits as answers show them (shapes.md, "commits"). */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { formatMillis } from '../../core/time.ts';
import { formatType } from '../../core/types.ts';
import { erasedHistory, erasureOf } from '../../delta/erase/erasure.ts';
import { type CommitRecord, readHistory } from '../../delta/snapshot/history.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import { loadSnapshot, type SnapshotDeps } from '../../delta/snapshot/snapshot.ts';
import { readVacuumMark } from '../../delta/maintain/vacuum-mark.ts';
import { groupName, type OpenGroup } from '../open-group.ts';

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
  const snapshot = await group.table.refresh();
  const head = snapshot.version;
  const version = /^(?:0|[1-9]\d{0,15})$/.test(asked) ? Number(asked) : -1;
  if (version < 0 || version > head)
    throw new LakefoldError('NO_SUCH_COMMIT', `expected a version from 0 to ${head} of ${groupName(group.definition)}, found ${JSON.stringify(asked)}`, {
      context: { asked, latest: head },
    });
  const [record] = (await readHistory(deps, group.table.root, { from: Math.max(0, version - 1), to: version })).slice(-1);
  const ended = erasureOf(snapshot)?.version ?? 0;
  if (version < ended) throw erasedHistory(version, ended);
  if (record?.version !== version)
    throw new LakefoldError('HISTORY_EXPIRED', `version ${version} of ${groupName(group.definition)} is no longer kept`, {
      context: { version, reason: 'RETENTION' },
    });
  return record;
}

/**
 * Commits as answers show them, newest first. `readable` is false for versions that vacuum took a file of; `schemaVersion` is the one rows
 * were written in. `idempotencyKey` is null: the log keeps a digest of it.
 */
export async function commitBodies(deps: SnapshotDeps, group: OpenGroup, commits: readonly CommitRecord[]): Promise<readonly object[]> {
  const { root, snapshot } = group.table;
  const mark = await readVacuumMark(deps.store, { root, snapshot });
  const oldestReadable = Math.max(mark?.oldestReadable ?? 0, erasureOf(snapshot)?.version ?? 0);
  const bodies: object[] = [];
  let schemaVersion: number | undefined;
  for (const { requests: _requests, committedAt, ...record } of commits) {
    schemaVersion ??= await schemaVersionAt(deps, group, record.version);
    bodies.push({
      ...record,
      committedAt: formatMillis(committedAt),
      idempotencyKey: null,
      schemaVersion,
      readable: record.version >= oldestReadable,
    });
    if (mayChangeSchema(record)) schemaVersion = undefined;
  }
  return bodies;
}

/** Our own commits of rows leave the schema as it is; other engines' may merge one. */
function mayChangeSchema({ operation, engineOperation }: Pick<CommitRecord, 'operation' | 'engineOperation'>): boolean {
  return operation === 'schemaChange' || (operation === 'other' && !/^(?:DELETE|UPDATE|OPTIMIZE|VACUUM|RESTORE)/.test(engineOperation ?? ''));
}

/** The newest of the group's schemas all of whose columns the version has; the first one where its state is no longer kept. */
async function schemaVersionAt(deps: SnapshotDeps, group: OpenGroup, version: number): Promise<number> {
  const { schemas } = group.state;
  if (schemas.length === 1) return 1;
  let types: ReadonlyMap<string, string>;
  try {
    const snapshot = version === group.table.snapshot.version ? group.table.snapshot : await loadSnapshot(deps, group.table.root, { version });
    types = new Map(snapshot.columns.map(({ name, type }) => [name, formatType(type)]));
  } catch (error) {
    if (isLakefoldError(error, 'HISTORY_EXPIRED')) return 1;
    throw error;
  }
  const found = schemas.findLastIndex(({ columns }) => columns.every(([name, type]) => types.get(name) === type));
  return Math.max(1, found + 1);
}
