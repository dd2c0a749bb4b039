/**
 * What earlier versions need and the newest does not: files removed a short time ago, their deletion vectors, and change
 * files. Without them `asOf`, `restore` and the change feed break within the time that the table promises.
 */
import { eachConcurrent } from '../../core/concurrency.ts';
import { VERIFY_CONCURRENCY } from '../../core/limits.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { CdcFile, DeletionVectorDescriptor } from '../actions/actions.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { FILE_CRC_TAG } from '../write/stage.ts';
import { deletedFileRetentionMillis } from '../schema/table-properties.ts';
import { RETENTION_MIN_MILLIS } from '../maintain/vacuum.ts';
import { isMarkOf, parseVacuumMark, vacuumMarkPath } from '../maintain/vacuum-mark.ts';
import { openExpected, type ExpectedFile } from './verify-bytes.ts';
import { findingOf, type Findings } from './verify-findings.ts';
import type { VectorFiles } from './verify-vectors.ts';

/** What the commits said of files that are gone from the newest version. */
export interface History {
  /** By path: what was known of a file when it was removed last, and by which version. */
  readonly removedFiles: ReadonlyMap<string, { readonly crc: string | undefined; readonly version: number }>;
  /** By `tombstoneKey`: the version that removed the file with that deletion vector. */
  readonly removals: ReadonlyMap<string, number>;
  readonly changeFiles: readonly ChangeFile[];
  /** The version the log begins with: what was removed before it was removed by then. */
  readonly start: number;
}

export interface ChangeFile {
  readonly file: CdcFile;
  readonly version: number;
  readonly committedAt: number;
}

/** What must still be there. */
interface Kept {
  /** Undefined where the same file is looked at for another reason. */
  readonly file: ExpectedFile | undefined;
  readonly vector: DeletionVectorDescriptor | undefined;
  readonly path: string;
  readonly version: number;
}

export async function verifyHistory(
  deps: { readonly store: ObjectStore; readonly vectors: VectorFiles },
  { root, snapshot, now }: { readonly root: string; readonly snapshot: Snapshot; readonly now: number },
  history: History,
  findings: Findings,
): Promise<void> {
  const vacuumed = await readVacuumed(deps.store, { root, snapshot }, findings);
  const kept = keptFiles(snapshot, history, { now, vacuumed });
  await eachConcurrent(kept, { concurrencyMax: VERIFY_CONCURRENCY }, (file) => verifyKept(deps, root, file, findings));
}

/** The version up to which our own vacuums, forced ones too, took away what was removed: none before it can be asked for. */
async function readVacuumed(store: ObjectStore, table: { readonly root: string; readonly snapshot: Snapshot }, findings: Findings): Promise<number> {
  const object = await store.get(vacuumMarkPath(table.root));
  if (object === undefined) return -1;
  const mark = parseVacuumMark(object.bytes);
  if (mark === undefined) {
    const path = object.path.slice(table.root === '' ? 0 : table.root.length + 1);
    findings.add('FILE_CORRUPT', `expected ${path} as a vacuum wrote it, found other bytes`, { path });
  }
  return mark !== undefined && isMarkOf(table.snapshot, mark) ? Math.max(mark.through, mark.oldestReadable) : -1;
}

/** A vacuum that is not forced leaves whatever was removed less than a week ago, or less than the table's own time where that is shorter. */
function* keptFiles(
  snapshot: Snapshot,
  { removedFiles, removals, changeFiles, start }: History,
  { now, vacuumed }: { readonly now: number; readonly vacuumed: number },
): Generator<Kept> {
  const since = now - Math.min(deletedFileRetentionMillis(snapshot.metadata), RETENTION_MIN_MILLIS);
  const seen = new Set<string>();
  for (const [key, { path, size, deletionTimestamp, deletionVector: vector }] of snapshot.tombstones) {
    if (deletionTimestamp === undefined || deletionTimestamp <= since) continue;
    const version = removals.get(key) ?? start;
    if (version <= vacuumed) continue;
    // Removals of one file differ by its deletion vectors; the last may have left it live.
    const isKnown = seen.has(path) || snapshot.files.has(path);
    seen.add(path);
    const last = removedFiles.get(path) ?? { crc: undefined, version: start };
    const what = `${path}, removed by version ${last.version} and kept for the versions before it`;
    yield { file: isKnown ? undefined : { path, size, what, ...last }, vector, path, version };
  }
  for (const { file, version, committedAt } of changeFiles) {
    if (committedAt <= since || version <= vacuumed) continue;
    const { path, size, tags } = file;
    yield { file: { path, size, crc: tags?.[FILE_CRC_TAG] ?? undefined, what: `the change file ${path}`, version }, vector: undefined, path, version };
  }
}

async function verifyKept(
  deps: { readonly store: ObjectStore; readonly vectors: VectorFiles },
  root: string,
  { file, vector, path, version }: Kept,
  findings: Findings,
): Promise<void> {
  if (file !== undefined) await openExpected(deps.store, root, file, findings);
  if (vector === undefined) return;
  try {
    await deps.vectors.isWhole(vector, version);
  } catch (error) {
    const { code, message } = findingOf(error);
    findings.add(code, message, { path, version });
  }
}
