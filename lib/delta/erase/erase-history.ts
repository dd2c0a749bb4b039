/**
 * Deletes what an erasure leaves behind (semantics D3): files the version that ends history does not need, and all the log has from
 * before it. Every step may be repeated; readers of older versions are told that they have expired, however far it got.
 */
import { batchOfRows } from '../../core/batch.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { joinPath } from '../../core/path.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import { bytesSource } from '../../ports/table-codec.ts';
import { readEntry } from '../changes/changes.ts';
import { writeCheckpoint } from '../checkpoint/checkpoint.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import type { DeleteWhat } from '../write/delete-rows.ts';
import type { DeltaDeps } from '../deps.ts';
import { emptiedEntry, isEmptied } from './erasure.ts';
import { passingRows } from '../filter/filter.ts';
import { indexIdentities } from '../snapshot/identity-index.ts';
import { executeLogCleanup, VERSIONS_KEPT_MIN } from '../maintain/log-cleanup.ts';
import { logDirectory, parseLogFile } from '../snapshot/log-path.ts';
import { selectColumns, toDecodeColumn } from '../rows/read.ts';
import { pathsOf } from '../write/removals.ts';
import { loadSnapshot } from '../snapshot/snapshot.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { isForeignName } from '../maintain/vacuum.ts';

const DAY_MILLIS = 24 * 60 * 60 * 1000;
/** Times another writer's replacement of the same entry is looked at again. */
const REPLACE_TRIES_MAX = 4;

export interface EndedTable {
  readonly root: string;
  /** The version that ended history. */
  readonly version: number;
}

/** The state of that version in a checkpoint, from which everything after it is read. */
export async function checkpointEnd(deps: DeltaDeps, { root, version }: EndedTable): Promise<Snapshot> {
  const snapshot = await loadSnapshot(deps, root, { version });
  await writeCheckpoint(deps, root, snapshot);
  return snapshot;
}

/**
 * Deletes the table's files that neither the version nor a later one names. Of files no entry ever named a young one may be
 * another write's, still to be committed: it goes only if it holds erased rows.
 */
export async function deleteUnneededFiles(
  deps: DeltaDeps,
  table: EndedTable & { readonly snapshot: Snapshot },
  what: DeleteWhat,
): Promise<{ readonly deleted: number }> {
  const { root, snapshot } = table;
  const location = deps.store.location;
  const kept = new Set([...snapshot.files.values()].flatMap((file) => pathsOf(root, file, location)));
  const dead = new Set([...snapshot.tombstones.values()].flatMap((file) => pathsOf(root, file, location)));
  const commits: number[] = [];
  for await (const info of deps.store.list(`${logDirectory(root)}/`)) {
    const file = parseLogFile(info.path.slice(logDirectory(root).length + 1));
    if (file.kind === 'commit') commits.push(file.version);
  }
  for (const version of commits) {
    const entry = await readEntry(deps, root, version);
    for (const action of entry?.actions ?? []) {
      if (action.kind !== 'add' && action.kind !== 'remove' && action.kind !== 'cdc') continue;
      const paths = action.kind === 'cdc' ? [joinPath(root, action.path)] : pathsOf(root, action, location);
      for (const path of paths) (version > table.version ? kept : dead).add(path);
    }
  }
  const holds = holdsRows(deps, snapshot, what);
  const now = deps.clock.now();
  let deleted = 0;
  const prefix = root === '' ? '' : `${root}/`;
  for await (const info of deps.store.list(prefix)) {
    if (isForeignName(info.path.slice(prefix.length)) || kept.has(info.path)) continue;
    const isOld = now - info.modifiedAt > DAY_MILLIS;
    if (!dead.has(info.path) && !isOld && !(await holds(info))) continue;
    await deps.store.delete(info.path);
    deleted += 1;
  }
  return { deleted };
}

/** Whether a file of the table's, which no entry names, has one of the rows; what can't be read might. */
function holdsRows(deps: DeltaDeps, snapshot: Snapshot, what: DeleteWhat): (info: ObjectInfo) => Promise<boolean> {
  const tests = (what.kind === 'where' ? [undefined] : what.sets).map((set) => {
    const columns = selectColumns(snapshot, set?.columns);
    const identities = columns.map(({ name, type }) => ({ name, type, nullable: true }));
    const lookUp = set === undefined ? undefined : indexIdentities(batchOfRows(identities, set.rows), set.columns);
    return { columns, lookUp };
  });
  return async ({ path }) => {
    if (!path.endsWith('.parquet') && !path.endsWith('.ndjson')) return false;
    const object = await deps.store.get(path);
    if (object === undefined) return false;
    try {
      for (const { columns, lookUp } of tests) {
        for await (const { batch } of deps.codec.decode(bytesSource(object.bytes), { columns: columns.map(toDecodeColumn) })) {
          if (lookUp === undefined ? what.kind === 'where' && passingRows(what.filter, batch).length > 0 : lookUp(batch).some((row) => row >= 0)) return true;
        }
      }
      return false;
    } catch (error) {
      if (isLakefoldError(error)) return true;
      throw error;
    }
  };
}

/**
 * Takes out of the log what is older than the version: checkpoints, checksums, compactions and entries; those within the writers'
 * fence are emptied in place, so that their numbers stay taken.
 * @throws LakefoldError CHECKPOINT_CORRUPT when the version can't be read without them; nothing is deleted then
 */
export async function deleteOlderLog(deps: DeltaDeps, { root, version }: EndedTable): Promise<{ readonly deleted: number; readonly emptied: number }> {
  const directory = `${logDirectory(root)}/`;
  const now = deps.clock.now();
  const emptied: { readonly version: number; readonly info: ObjectInfo }[] = [];
  const gone: ObjectInfo[] = [];
  for await (const info of deps.store.list(directory)) {
    const file = parseLogFile(info.path.slice(directory.length));
    const from = file.kind === 'commit' || file.kind === 'checkpoint' || file.kind === 'crc' ? file.version : file.kind === 'compaction' ? file.from : version;
    if (from >= version) continue;
    const isFenced = file.kind === 'commit' && file.version > 0 && (now - info.modifiedAt < DAY_MILLIS || file.version > version - VERSIONS_KEPT_MIN);
    if (isFenced) emptied.push({ version: file.version, info });
    else gone.push(info);
  }
  const { deleted } = await executeLogCleanup(deps, root, { keepFrom: version, files: gone });
  const changes = await mapConcurrent(emptied, { concurrencyMax: STORE_READ_CONCURRENCY }, (entry) => emptyEntry(deps, root, entry));
  return { deleted, emptied: changes.filter(Boolean).length };
}

/** False where it was emptied before. */
async function emptyEntry(deps: DeltaDeps, root: string, { version, info }: { readonly version: number; readonly info: ObjectInfo }): Promise<boolean> {
  for (let attempt = 0; attempt < REPLACE_TRIES_MAX; attempt += 1) {
    const entry = await readEntry(deps, root, version);
    const head = await deps.store.head(info.path);
    if (entry === undefined || head === undefined || isEmptied(entry.actions)) return false;
    const bytes = emptiedEntry(deps.engineInfo, commitInfoOf(entry.actions));
    const outcome = await deps.store.replaceIfMatch(info.path, bytes, { identity: deps.random.uuid(), ifMatch: head.etag });
    if (outcome.kind === 'replaced') return true;
  }
  throw new LakefoldError('STORE_UNAVAILABLE', `expected to empty ${info.path}, could not tell whether it is; repeat the erasure`, {
    context: { path: info.path },
  });
}
