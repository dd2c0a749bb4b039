/** A version checksum against the state of its version. */
import { isLakefoldError } from '../../core/errors.ts';
import { isJsonObject, stringifyJson, type Json, type JsonObject } from '../../core/json.ts';
import { readAction } from '../actions/action-reader.ts';
import type { Action, CommitInfo } from '../actions/actions.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { actionText } from './verify-state.ts';
import { parseChecksum, type FileTotals } from '../checkpoint/version-checksum.ts';

export interface ChecksumSubject {
  readonly path: string;
  readonly state: Snapshot;
  readonly totals: FileTotals;
  readonly info: CommitInfo | undefined;
}

/** Why the bytes are no checksum, or not the one that was written. */
export function checksumFault(bytes: Uint8Array, path: string): string | undefined {
  try {
    parseChecksum(bytes, path);
    return undefined;
  } catch (error) {
    if (isLakefoldError(error, 'LOG_CORRUPT')) return error.message;
    throw error;
  }
}

/** The first difference, in words; members that are absent or unknown say nothing. */
export function checksumDifference(bytes: Uint8Array, subject: ChecksumSubject): string | undefined {
  const { path, state, totals, info } = subject;
  const fault = checksumFault(bytes, path);
  if (fault !== undefined) return fault;
  const members = parseChecksum(bytes, path);
  const expected: Readonly<Record<string, number | string | undefined>> = {
    tableSizeBytes: totals.bytes,
    numFiles: totals.files,
    numMetadata: 1,
    numProtocol: 1,
    numDeletedRecordsOpt: totals.deletedRows,
    numDeletionVectorsOpt: totals.deletionVectors,
    txnId: info?.txnId,
    inCommitTimestampOpt: info?.inCommitTimestamp,
  };
  // Spark once wrote no more than these.
  for (const required of ['tableSizeBytes', 'numFiles']) if (!Object.hasOwn(members, required)) return `expected ${required} in ${path}, found none`;
  for (const [name, value] of Object.entries(expected)) {
    const found = members[name];
    if (found !== undefined && found !== null && value !== undefined && stringifyJson(found) !== stringifyJson(value))
      return `expected ${name} ${value} in ${path}, found ${stringifyJson(found)}`;
  }
  return (
    actionDifference('metaData', state.metadata, { members: members['metadata'], path }) ??
    actionDifference('protocol', state.protocol, { members: members['protocol'], path }) ??
    listDifference('setTransactions', transactionsOf(state), { members, path, key: 'appId' }) ??
    listDifference('domainMetadata', [...state.domains.values()], { members, path, key: 'domain' }) ??
    allFilesDifference(state, members['allFiles'], path)
  );
}

// Other engines let transactions expire by this property.
function transactionsOf(state: Snapshot): readonly Action[] | undefined {
  return state.metadata.configuration['delta.setTransactionRetentionDuration'] === undefined ? [...state.txns.values()] : undefined;
}

function actionDifference(
  kind: 'metaData' | 'protocol',
  expected: Action,
  { members, path }: { readonly members: Json | undefined; readonly path: string },
): string | undefined {
  if (members === undefined) return undefined;
  const found = isJsonObject(members) ? readOne(kind, members) : undefined;
  const [a, b] = [actionText(expected), actionText(found)];
  return a === b ? undefined : `expected ${kind} ${a} in ${path}, found ${b}`;
}

function listDifference(
  name: string,
  expected: readonly Action[] | undefined,
  { members, path, key }: { readonly members: JsonObject; readonly path: string; readonly key: string },
): string | undefined {
  const found = members[name];
  if (!Array.isArray(found) || expected === undefined) return undefined;
  const kind = name === 'setTransactions' ? 'txn' : 'domainMetadata';
  const texts = (actions: readonly (Action | undefined)[]): string => actions.map(actionText).toSorted().join();
  const actions = found.map((item: Json) => (isJsonObject(item) ? readOne(kind, item) : undefined));
  return texts(expected) === texts(actions) ? undefined : `expected the ${name} of the version in ${path} by ${key}, found others`;
}

function allFilesDifference(state: Snapshot, found: Json | undefined, path: string): string | undefined {
  if (!Array.isArray(found)) return undefined;
  const files = found.map((item: Json) => (isJsonObject(item) ? readOne('add', item) : undefined));
  const agree = files.length === state.files.size && files.every((file) => file?.kind === 'add' && state.files.get(file.path)?.size === file.size);
  return agree ? undefined : `expected the ${state.files.size} live files in allFiles of ${path}, found others`;
}

function readOne(kind: string, members: JsonObject): Action | undefined {
  try {
    const [action] = readAction({ [kind]: members }, { path: kind, version: 0, line: 1 });
    return action;
  } catch (error) {
    if (isLakefoldError(error)) return undefined;
    throw error;
  }
}
