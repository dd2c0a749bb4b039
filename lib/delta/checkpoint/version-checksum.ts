/**
 * Version checksums, `<version>.crc` (PROTOCOL.md, "Version Checksum File"): what a version adds up to, so that whoever
 * reads it by other means can tell that nothing is missing. Written once, best effort, never replaced.
 */
import { isJsonObject, parseJson, stringifyJson, type Json, type JsonObject } from '../../core/json.ts';
import { LakefoldError } from '../../core/errors.ts';
import { sha256, toHex, utf8 } from '../../core/bytes.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { actionFields } from '../actions/action-fields.ts';
import type { Action, CommitInfo, DeletionVectorDescriptor } from '../actions/actions.ts';
import { commitInfoOf, isOurs } from '../actions/commit-info.ts';
import { checksumPath } from '../snapshot/log-path.ts';
import { checkSeal, seal, SEAL, UNSEALED } from '../../core/seal.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { REQUEST_APP_ID } from '../write/write-outcome.ts';

/** What the live files of a version add up to. */
export interface FileTotals {
  readonly files: number;
  readonly bytes: number;
  readonly deletionVectors: number;
  /** Rows that deletion vectors hide. */
  readonly deletedRows: number;
}

/** Lists longer than this are left out: they would be written again with every commit. */
const LISTED_MAX = 100;

/** Counts every live file. */
export function fileTotals(snapshot: Pick<Snapshot, 'files'>): FileTotals {
  let totals: FileTotals = { files: 0, bytes: 0, deletionVectors: 0, deletedRows: 0 };
  for (const file of snapshot.files.values()) totals = added(totals, { size: file.size, deletionVector: file.deletionVector }, 1);
  return totals;
}

/** The totals after one more entry, at the cost of the entry; undefined where only counting tells: other engines may leave out sizes or add a file twice. */
export function advanceTotals(totals: FileTotals, actions: readonly Action[]): FileTotals | undefined {
  if (!isOurs(commitInfoOf(actions))) return undefined;
  let next = totals;
  for (const action of actions) {
    if (action.kind === 'remove' && action.size === undefined) return undefined;
    if (action.kind === 'add') next = added(next, action, 1);
    if (action.kind === 'remove') next = added(next, { ...action, size: action.size ?? 0 }, -1);
  }
  return next;
}

function added(totals: FileTotals, file: { readonly size: number; readonly deletionVector?: DeletionVectorDescriptor | undefined }, sign: 1 | -1): FileTotals {
  return {
    files: totals.files + sign,
    bytes: totals.bytes + sign * file.size,
    deletionVectors: totals.deletionVectors + (file.deletionVector === undefined ? 0 : sign),
    deletedRows: totals.deletedRows + sign * (file.deletionVector?.cardinality ?? 0),
  };
}

/** The checksum's members; `info` is the version's `commitInfo`. */
export function checksumOf(snapshot: Snapshot, totals: FileTotals, info: CommitInfo | undefined): JsonObject {
  const hasVectors = (snapshot.protocol.writerFeatures ?? []).includes('deletionVectors');
  const hasOwnTime = snapshot.metadata.configuration['delta.enableInCommitTimestamps'] === 'true';
  const txns = [...snapshot.txns.values()];
  const domains = [...snapshot.domains.values()];
  // Idempotency keys leave checkpoints after their window, so a list of them would be wrong for a later reader.
  const listsTxns = txns.length <= LISTED_MAX && !txns.some(({ appId }) => appId.startsWith(REQUEST_APP_ID));
  return {
    ...(info?.txnId === undefined ? {} : { txnId: info.txnId }),
    tableSizeBytes: totals.bytes,
    numFiles: totals.files,
    ...(hasVectors ? { numDeletedRecordsOpt: totals.deletedRows, numDeletionVectorsOpt: totals.deletionVectors } : {}),
    numMetadata: 1,
    numProtocol: 1,
    ...(hasOwnTime && info?.inCommitTimestamp !== undefined ? { inCommitTimestampOpt: info.inCommitTimestamp } : {}),
    ...(listsTxns ? { setTransactions: txns.map(jsonOf) } : {}),
    ...(domains.length <= LISTED_MAX ? { domainMetadata: domains.map(jsonOf) } : {}),
    metadata: jsonOf(snapshot.metadata),
    protocol: jsonOf(snapshot.protocol),
  };
}

/** Writes it unless the version has one. */
export async function writeChecksum(store: ObjectStore, root: string, version: number, checksum: JsonObject): Promise<void> {
  const bytes = seal(utf8(stringifyJson({ [SEAL]: UNSEALED, ...checksum })));
  await store.createIfAbsent(checksumPath(root, version), bytes, { identity: `checksum-${toHex(sha256(bytes)).slice(0, 32)}` });
}

/** @throws LakefoldError LOG_CORRUPT when it is no JSON object, or its seal is broken */
export function parseChecksum(bytes: Uint8Array, path: string): JsonObject {
  if (checkSeal(bytes) === 'broken')
    throw new LakefoldError('LOG_CORRUPT', `expected the bytes that the checksum of ${path}, ${SEAL}, was made of, found others`, { context: { path } });
  let json: Json;
  try {
    json = parseJson(bytes);
  } catch (cause) {
    throw new LakefoldError('LOG_CORRUPT', `expected JSON in ${path}, found none`, { cause, context: { path } });
  }
  if (!isJsonObject(json)) throw new LakefoldError('LOG_CORRUPT', `expected a JSON object in ${path}, found none`, { context: { path } });
  return json;
}

function jsonOf(action: Action): Json {
  return parseJson(stringifyJson(actionFields(action)));
}
