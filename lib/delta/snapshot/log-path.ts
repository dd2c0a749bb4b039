/** Names of the files under `_delta_log/` (PROTOCOL.md, "Delta Log Entries", "Checkpoints"). */
import { joinPath, type ObjectPath } from '../../core/path.ts';

export type LogFile =
  | { readonly kind: 'commit'; readonly version: number }
  /** `form` says how the name is built: `classic`, one of `parts` numbered `part` from 1, or `uuid` (JSON or Parquet). */
  | { readonly kind: 'checkpoint'; readonly version: number; readonly form: CheckpointForm }
  /** The reconciled actions of `from` to `to`, both included. */
  | { readonly kind: 'compaction'; readonly from: number; readonly to: number }
  | { readonly kind: 'crc'; readonly version: number }
  | { readonly kind: 'last_checkpoint' }
  | { readonly kind: 'other' };

export type CheckpointForm =
  | { readonly kind: 'classic' }
  | { readonly kind: 'multipart'; readonly part: number; readonly parts: number }
  | { readonly kind: 'uuid'; readonly format: 'json' | 'parquet' };

const OTHER: LogFile = { kind: 'other' };

const COMMIT = /^(\d{20})\.json$/;
const CLASSIC = /^(\d{20})\.checkpoint\.parquet$/;
const MULTIPART = /^(\d{20})\.checkpoint\.(\d{10})\.(\d{10})\.parquet$/;
const UUID = /^(\d{20})\.checkpoint\.[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\.(json|parquet)$/;
const COMPACTION = /^(\d{20})\.(\d{20})\.compacted\.json$/;
const CRC = /^(\d{20})\.crc$/;

/** `root` is the table's folder under the location, `''` where the location itself is the table. */
export function logDirectory(root: string): ObjectPath {
  return joinPath(root, '_delta_log');
}

export function commitPath(root: string, version: number): ObjectPath {
  return joinPath(root, '_delta_log', `${versionName(version)}.json`);
}

export function checkpointPath(root: string, version: number): ObjectPath {
  return joinPath(root, '_delta_log', `${versionName(version)}.checkpoint.parquet`);
}

/** The reconciled actions of `from` to `to`. */
export function compactionPath(root: string, from: number, to: number): ObjectPath {
  return joinPath(root, '_delta_log', `${versionName(from)}.${versionName(to)}.compacted.json`);
}

export function checksumPath(root: string, version: number): ObjectPath {
  return joinPath(root, '_delta_log', `${versionName(version)}.crc`);
}

/** The JSON file of a V2 checkpoint. */
export function v2CheckpointPath(root: string, version: number, uuid: string): ObjectPath {
  return joinPath(root, '_delta_log', `${versionName(version)}.checkpoint.${uuid}.json`);
}

export function sidecarFilePath(root: string, name: string): ObjectPath {
  return joinPath(root, '_delta_log', '_sidecars', name);
}

export function lastCheckpointPath(root: string): ObjectPath {
  return joinPath(root, '_delta_log', '_last_checkpoint');
}

/** Twenty digits, so that names sort as versions do. */
export function versionName(version: number): string {
  return String(version).padStart(20, '0');
}

/** What a file of the log folder is, by its name alone (no folders). */
export function parseLogFile(name: string): LogFile {
  if (name === '_last_checkpoint') return { kind: 'last_checkpoint' };
  const commit = COMMIT.exec(name);
  if (commit !== null) return withVersion(commit[1], (version) => ({ kind: 'commit', version }));
  const classic = CLASSIC.exec(name);
  if (classic !== null) return withVersion(classic[1], (version) => ({ kind: 'checkpoint', version, form: { kind: 'classic' } }));
  const multipart = MULTIPART.exec(name);
  if (multipart !== null) {
    const part = Number(multipart[2]);
    const parts = Number(multipart[3]);
    return part < 1 || part > parts
      ? OTHER
      : withVersion(multipart[1], (version) => ({ kind: 'checkpoint', version, form: { kind: 'multipart', part, parts } }));
  }
  const uuid = UUID.exec(name);
  if (uuid !== null)
    return withVersion(uuid[1], (version) => ({ kind: 'checkpoint', version, form: { kind: 'uuid', format: uuid[2] === 'json' ? 'json' : 'parquet' } }));
  const compaction = COMPACTION.exec(name);
  if (compaction !== null) {
    const to = Number(compaction[2]);
    return withVersion(compaction[1], (from) => (to > from && Number.isSafeInteger(to) ? { kind: 'compaction', from, to } : OTHER));
  }
  const crc = CRC.exec(name);
  return crc === null ? OTHER : withVersion(crc[1], (version) => ({ kind: 'crc', version }));
}

function withVersion(digits: string | undefined, make: (version: number) => LogFile): LogFile {
  const version = Number(digits);
  return Number.isSafeInteger(version) ? make(version) : OTHER;
}
