/** What stands in a log entry, as the oracle reads it. */
import { deletionVectorPath } from '../../lib/delta/rows/deletion-vector.ts';

/** Of the table. */
export const ROOT = 't';
export const LOG = `${ROOT}/_delta_log/`;

export interface DeletionVector {
  readonly storageType: 'u';
  readonly pathOrInlineDv: string;
  readonly offset: number;
  readonly sizeInBytes: number;
  readonly cardinality: number;
}

/** A file as an add or a remove names it. */
export interface FileAction {
  readonly path: string;
  readonly dataChange: boolean;
  readonly size?: number;
  readonly deletionVector?: DeletionVector;
}

/** A line of a log entry. */
export interface LineAction {
  readonly add?: FileAction;
  readonly remove?: FileAction;
  readonly txn?: { readonly appId: string; readonly version: number };
  readonly commitInfo?: { readonly timestamp?: number };
}

interface HasFiles {
  /** Live files by path. */
  readonly files: ReadonlyMap<string, FileAction>;
}

/** Equal for equal deletion vectors of one file. */
export function dvId(file: FileAction): string {
  const vector = file.deletionVector;
  return vector === undefined ? '' : `${vector.pathOrInlineDv}@${vector.offset}`;
}

export function commitName(version: number): string {
  return `${LOG}${String(version).padStart(20, '0')}.json`;
}

/** Every object the version's rows are in. */
export function* pathsOf(commit: HasFiles): Iterable<string> {
  for (const file of commit.files.values()) {
    yield `${ROOT}/${file.path}`;
    if (file.deletionVector !== undefined) yield deletionVectorPath(ROOT, file.deletionVector);
  }
}

export function needs(commit: HasFiles, path: string): boolean {
  for (const needed of pathsOf(commit)) if (needed === path) return true;
  return false;
}
