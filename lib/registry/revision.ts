/** The bytes of one registry revision (storage.md §3): the whole state after it, so that one GET reads it. */
import { utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { parseJson, stringifyJson, isRecord } from '../core/json.ts';
import { REGISTRY_BYTES_MAX } from '../core/limits.ts';
import { joinPath, type ObjectPath } from '../core/path.ts';
import type { RegistryState } from './definition.ts';

/** The greatest layout number this code reads. */
export const REGISTRY_FORMAT = 1;
const REVISION_DIGITS = 20;

export interface RegistryChange {
  readonly op: 'create' | 'update' | 'deprecate' | 'delete';
  readonly kind: 'featureGroup' | 'featureView' | 'grant';
  readonly name: string;
  readonly version: number;
}

export interface Revision {
  readonly revision: number;
  readonly txnId: string;
  /** RFC 3339 UTC. */
  readonly timestamp: string;
  readonly committedBy: string | null;
  readonly engineInfo: string;
  readonly message: string;
  readonly changes: readonly RegistryChange[];
  readonly state: RegistryState;
}

/** `<project>/_registry/%020d.json` */
export function registryPath(project: string, revision: number): ObjectPath {
  return joinPath(project, '_registry', `${String(revision).padStart(REVISION_DIGITS, '0')}.json`);
}

/** The revision a path names; undefined for any other object. */
export function revisionOfPath(path: string): number | undefined {
  const match = /\/_registry\/(\d{20})\.json$/.exec(path);
  const revision = Number(match?.[1]);
  return match !== null && Number.isSafeInteger(revision) ? revision : undefined;
}

/** @throws LakefoldError LIMIT_EXCEEDED beyond `REGISTRY_BYTES_MAX` */
export function encodeRevision(revision: Revision): Uint8Array {
  const bytes = utf8(
    stringifyJson({
      format: REGISTRY_FORMAT,
      revision: revision.revision,
      txnId: revision.txnId,
      timestamp: revision.timestamp,
      committedBy: revision.committedBy,
      engineInfo: revision.engineInfo,
      message: revision.message,
      changes: revision.changes,
      state: revision.state,
    }),
  );
  if (bytes.length > REGISTRY_BYTES_MAX) {
    throw new LakefoldError('LIMIT_EXCEEDED', `expected a registry of at most ${REGISTRY_BYTES_MAX} bytes, found ${bytes.length}`, {
      context: { limit: 'REGISTRY_BYTES_MAX', limitValue: REGISTRY_BYTES_MAX },
    });
  }
  return bytes;
}

/** @throws LakefoldError UNSUPPORTED_FORMAT for a greater format, CORRUPT_STORE for bytes that are no revision */
export function decodeRevision(bytes: Uint8Array, path: string): Revision {
  const json = parseStored(bytes, path);
  checkFormat(json, path);
  if (!isRecord(json) || !isRevision(json)) throw corrupt(path, 'a registry revision');
  const { revision, txnId, timestamp, committedBy, engineInfo, message, changes, state } = json;
  return { revision, txnId, timestamp, committedBy, engineInfo, message, changes, state };
}

/** Refuses what a later Lakefold wrote. @throws LakefoldError UNSUPPORTED_FORMAT, CORRUPT_STORE where there is no number */
export function checkFormat(json: unknown, path: string): void {
  const format = isRecord(json) ? json['format'] : undefined;
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) throw corrupt(path, 'a member "format" with a whole number from 1');
  if (format > REGISTRY_FORMAT)
    throw new LakefoldError('UNSUPPORTED_FORMAT', `expected format ${REGISTRY_FORMAT} or less, found ${format} in ${path}: a newer Lakefold wrote it`, {
      context: { path, format, supported: REGISTRY_FORMAT },
    });
}

/** @throws LakefoldError CORRUPT_STORE */
export function parseStored(bytes: Uint8Array, path: string): unknown {
  try {
    return parseJson(bytes);
  } catch (cause) {
    throw new LakefoldError('CORRUPT_STORE', `expected JSON in ${path}, found other bytes`, { cause, context: { path } });
  }
}

/** Told by its skeleton: what stands inside was checked before it was written. */
export function isRegistryState(value: unknown): value is RegistryState {
  if (!isRecord(value)) return false;
  const { project, featureGroups, featureViews, grants, highestVersions } = value;
  return (
    isRecord(project) &&
    typeof project['createdAt'] === 'string' &&
    isRecord(highestVersions) &&
    Array.isArray(grants) &&
    Array.isArray(featureGroups) &&
    featureGroups.every((group) => isStateOf(group, ['path', 'tableId', 'createdAt'], ['schema', 'primaryKey'])) &&
    Array.isArray(featureViews) &&
    featureViews.every((view) => isStateOf(view, ['createdAt'], ['spine', 'joins', 'onDemand']))
  );
}

function isStateOf(value: unknown, texts: readonly string[], lists: readonly string[]): boolean {
  if (!isRecord(value) || typeof value['revision'] !== 'number' || typeof value['status'] !== 'string') return false;
  const { definition } = value;
  return (
    isRecord(definition) &&
    typeof definition['name'] === 'string' &&
    typeof definition['version'] === 'number' &&
    texts.every((name) => typeof value[name] === 'string') &&
    lists.every((name) => Array.isArray(definition[name]))
  );
}

function isRevision(json: Readonly<Record<string, unknown>>): json is Readonly<Record<string, unknown>> & Revision {
  const { revision, txnId, timestamp, committedBy, engineInfo, message, changes, state } = json;
  return (
    typeof revision === 'number' &&
    Number.isSafeInteger(revision) &&
    typeof txnId === 'string' &&
    typeof timestamp === 'string' &&
    (committedBy === null || typeof committedBy === 'string') &&
    typeof engineInfo === 'string' &&
    typeof message === 'string' &&
    Array.isArray(changes) &&
    isRegistryState(state)
  );
}

function corrupt(path: string, expected: string): LakefoldError {
  return new LakefoldError('CORRUPT_STORE', `expected ${expected} in ${path}, found something else`, { context: { path } });
}
