/**
 * What an erasure leaves in the log (semantics D3): a `txn` of its own in the commit that ends history, and one line in place
 * of each earlier entry whose number stays taken.
 */
import { utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { stringifyJson } from '../../core/json.ts';
import type { Action, CommitInfo, Txn } from '../actions/actions.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';

/** `appId` of the `txn`; its version is that of the commit: the oldest one that can be read. */
const ERASE_APP_ID = 'lakefold/erase';
/** The operation of the commit that ends history. */
export const ERASE_OPERATION = 'ERASE';
/** The operation an emptied entry names. */
const ERASED_OPERATION = 'ERASED';
/** Reason of a conflict with an erasure: what was staged before it may hold erased rows, and is not committed. */
export const ERASURE = 'an erasure ended the history that this write was planned on';

/** `at`: epoch ms. */
export function eraseTxn(version: number, at: number): Txn {
  return { kind: 'txn', appId: ERASE_APP_ID, version, lastUpdated: at };
}

/** The newest erasure: the version that history begins with, and its time, epoch ms. */
export function erasureOf(snapshot: Pick<Snapshot, 'txns'>): { readonly version: number; readonly at: number } | undefined {
  const txn = snapshot.txns.get(ERASE_APP_ID);
  return txn === undefined ? undefined : { version: txn.version, at: txn.lastUpdated ?? 0 };
}

/** Whether the entry ended history, or was emptied by what did: a state replayed over it is none the table ever had. */
export function endsHistory(actions: readonly Action[]): boolean {
  return isEmptied(actions) || actions.some((action) => action.kind === 'txn' && action.appId === ERASE_APP_ID);
}

/** Whether nothing is left of the entry but its number. */
export function isEmptied(actions: readonly Action[]): boolean {
  return actions.length === 1 && commitInfoOf(actions)?.operation === ERASED_OPERATION;
}

/** The line that takes an entry's place; it keeps the commit's time. */
export function emptiedEntry(engineInfo: string, info: CommitInfo | undefined): Uint8Array {
  const { timestamp, inCommitTimestamp } = info ?? {};
  const times = { ...(timestamp === undefined ? {} : { timestamp }), ...(inCommitTimestamp === undefined ? {} : { inCommitTimestamp }) };
  return utf8(`${stringifyJson({ commitInfo: { ...times, operation: ERASED_OPERATION, operationParameters: {}, engineInfo } })}\n`);
}

/** Why a version below the erasure can't be had. */
export function erasedHistory(version: number, oldest: number): LakefoldError {
  return new LakefoldError('HISTORY_EXPIRED', `expected a version from ${oldest} on, where an erasure ended the history before it, found ${version}`, {
    context: { version, asked: version, oldest, reason: 'ERASED' },
  });
}

/** The error with the erasure as its reason, where one ended what was asked for. */
export function toldByErasure(error: LakefoldError, snapshot: Pick<Snapshot, 'txns'>): LakefoldError {
  const erasure = erasureOf(snapshot);
  const { asked, version, oldest } = error.context;
  if (error.code !== 'HISTORY_EXPIRED' || erasure === undefined || error.context['reason'] === 'ERASED') return error;
  const wanted = typeof version === 'number' ? version : typeof asked === 'number' ? asked : typeof oldest === 'number' ? oldest - 1 : erasure.version;
  if (wanted >= erasure.version) return error;
  return new LakefoldError('HISTORY_EXPIRED', error.message, { cause: error, context: { ...error.context, oldest: erasure.version, reason: 'ERASED' } });
}
