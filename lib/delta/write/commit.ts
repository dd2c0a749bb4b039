/**
 * Commits a planned write to a Delta log. After a lost race the winners are held against the conflict matrix: the plan
 * stands, or is made again on the newer snapshot with its staged files, so that every commit is what its operation does
 * at exactly its version.
 */
import { sha256, toBase32, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { stringifyJson } from '../../core/json.ts';
import type { Instant } from '../../ports/clock.ts';
import { appendEntry, type AppendOutcome, type AppendRequest, type AttemptPlan, type Winner } from '../../commitlog/append-entry.ts';
import { judge, type MetWinner, type OperationKind, type ReadSet } from './conflict.ts';
import { parseLogEntry, serializeEntry } from '../actions/action-codec.ts';
import type { Action, CdcFile, CommitInfo, LogEntry, Txn } from '../actions/actions.ts';
import { identityOf } from '../changes/change-derived.ts';
import { writeChangeFiles } from '../changes/change-files.ts';
import type { DeltaDeps } from '../deps.ts';
import { endsHistory, ERASURE } from '../erase/erasure.ts';
import { tableLocationOf } from '../actions/file-path.ts';
import { commitPath } from '../snapshot/log-path.ts';
import { checkWritable } from '../actions/protocol.ts';
import { applyCommit } from '../snapshot/snapshot.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { hasInCommitTimestamps, isAppendOnly, isChangeFeedOn } from '../schema/table-properties.ts';
import { NO_ROWS, REQUEST_APP_ID, type Idempotency, type WriteCounts, type WriteOptions, type WriteOutcome } from './write-outcome.ts';

/** How the fold treats the commit (semantics U1, U8). */
export type FoldKind = 'merge' | 'edit' | 'none';

/** A write as it would be done on one snapshot. */
export type PlannedWrite =
  | {
      readonly kind: 'write';
      /** Without `commitInfo` and without the idempotency `txn`. */
      readonly actions: readonly Action[];
      readonly counts: WriteCounts;
      /** Keys that a delete found no row of. */
      readonly notFound?: number;
      readonly fold: FoldKind;
      /** Delta's name: `WRITE`, `MERGE`, `DELETE`, `OPTIMIZE`, `RESTORE`, … */
      readonly operation: string;
      readonly operationParameters: Readonly<Record<string, string>>;
      readonly isBlindAppend: boolean;
      /** What identifies the rows it replaces, where the table does not say. */
      readonly changeKeys?: readonly string[];
      /** Newest `_ingested_at` the commit adds, µs. */
      readonly ingestedAt?: bigint;
      /** The requests it answers, where they are others than the options' one. */
      readonly requests?: readonly PlannedRequest[];
      /** Writes of its files that are still under way: the entry appears after them, or not at all. */
      readonly staging?: Promise<unknown>;
      /** What a lost race is judged by (conflict.ts); without it the write is planned again whatever won. */
      readonly basis?: PlanBasis;
    }
  | { readonly kind: 'nothing'; readonly counts: WriteCounts }
  | { readonly kind: 'conflict'; readonly reason: string };

/** One of the requests that an entry answers together. */
export interface PlannedRequest {
  /** By what it is known again; the first one names its tag. */
  readonly idempotency: readonly [Idempotency, ...Idempotency[]];
  readonly counts: WriteCounts;
  readonly received: number;
  readonly rejected: number;
  readonly notFound?: number;
  /** Tells the write that landed from a repeat of its request. */
  readonly write?: string;
}

export interface PlanBasis {
  readonly kind: OperationKind;
  readonly reads: ReadSet;
}

export interface CommitRequest {
  readonly root: string;
  readonly base: Snapshot;
  readonly txnId: string;
  /**
   * Called on the newest snapshot, first and where what won asks for it; must stage at most once. `changed`: the paths
   * whose files are not as the last plan saw them, where nothing else that matters to it has changed.
   */
  readonly plan: (snapshot: Snapshot, changed?: ReadonlySet<string>) => Promise<PlannedWrite>;
  /** When the first of its files was staged; now unless given. */
  readonly stagedAt?: Instant;
}

interface Attempt {
  readonly snapshot: Snapshot;
  readonly actions: readonly Action[];
  readonly planned: PlannedWrite;
  readonly appliedAt?: number;
}

/** @throws LakefoldError UNSUPPORTED_TABLE_FEATURE before anything is written, WRITER_FENCED, LOG_CORRUPT */
export async function commitWrite(deps: DeltaDeps, request: CommitRequest, options: WriteOptions = {}): Promise<WriteOutcome> {
  let snapshot = request.base;
  let last: PlannedWrite | undefined;
  let staging: Promise<unknown> | undefined;
  let changeFiles: { readonly of: PlannedWrite; readonly files: readonly CdcFile[] } | undefined;
  const plan = async (version: number, winners: readonly Winner[]): Promise<AttemptPlan<Attempt>> => {
    const met = winners.map((winner): MetWinner => {
      const before = snapshot;
      const entry = parseWinner(deps, request.root, winner);
      snapshot = applyCommit(before, entry, winner.modifiedAt);
      return { entry, before, after: snapshot };
    });
    // What stands over an emptied entry is no state of the table, and what was staged before it may hold erased rows.
    if (met.some(({ entry }) => endsHistory(entry.actions))) return { kind: 'conflict', reason: ERASURE };
    checkWritable(snapshot.protocol, snapshot.metadata);
    const appliedAt = appliedVersion(snapshot, options.idempotency, deps.clock.now());
    if (appliedAt !== undefined) return { kind: 'stop', value: { snapshot, actions: [], planned: { kind: 'nothing', counts: NO_ROWS }, appliedAt } };
    const planned = await planNext(request, { last, met, snapshot }, options);
    last = planned;
    if (planned.kind === 'conflict') return { kind: 'conflict', reason: planned.reason };
    if (planned.kind === 'nothing') return { kind: 'stop', value: { snapshot, actions: [], planned } };
    staging = planned.staging;
    const info = commitInfoFor(deps, { request, snapshot, planned }, options);
    // A plan that stands changes the same rows, whatever won.
    if (changeFiles?.of !== planned) changeFiles = { of: planned, files: await changeFilesOf(deps, { request, snapshot, planned, info }) };
    const actions = entryActions({ snapshot, version, planned, info, changeFiles: changeFiles.files }, options);
    return { kind: 'write', bytes: serializeEntry(actions), value: { snapshot, actions, planned }, ...(staging === undefined ? {} : { after: staging }) };
  };
  try {
    return outcomeOf(await appendEntry(deps, appendRequest(request, plan, options)));
  } finally {
    // What is under way when it fails is not left behind.
    await staging?.catch(() => undefined);
  }
}

function appendRequest(request: CommitRequest, plan: AppendRequest<Attempt>['plan'], options: WriteOptions): AppendRequest<Attempt> {
  return {
    txnId: request.txnId,
    base: request.base.version,
    plan,
    pathOf: (version) => commitPath(request.root, version),
    ...(request.stagedAt === undefined ? {} : { stagedAt: request.stagedAt }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.attemptsMax === undefined ? {} : { attemptsMax: options.attemptsMax }),
  };
}

function outcomeOf(outcome: AppendOutcome<Attempt>): WriteOutcome {
  switch (outcome.kind) {
    case 'conflict':
    case 'unknown':
      return outcome;
    case 'stopped': {
      const { appliedAt, planned } = outcome.value;
      if (appliedAt !== undefined) return { kind: 'alreadyApplied', version: appliedAt };
      return { kind: 'nothing', counts: planned.kind === 'nothing' ? planned.counts : NO_ROWS };
    }
    case 'committed':
      return committed(outcome.version, outcome.value, outcome.attempts);
  }
}

interface WriteEntry {
  readonly request: CommitRequest;
  readonly snapshot: Snapshot;
  readonly planned: PlannedWrite & { readonly kind: 'write' };
}

function commitInfoFor(deps: DeltaDeps, entry: WriteEntry, options: WriteOptions): CommitInfo {
  const { request, snapshot, planned } = entry;
  if (isAppendOnly(snapshot.metadata) && planned.actions.some((action) => action.kind === 'remove' && action.dataChange)) {
    throw new LakefoldError(
      'CONSTRAINT_VIOLATED',
      `expected only appends to ${request.root}, found ${planned.operation} that takes rows out of a table with delta.appendOnly`,
      { context: { constraint: 'delta.appendOnly' } },
    );
  }
  return commitInfo(deps, { ...entry, timestamp: Math.max(deps.clock.now(), snapshot.committedAt + 1) }, options);
}

async function changeFilesOf(deps: DeltaDeps, { request, snapshot, planned, info }: WriteEntry & { readonly info: CommitInfo }): Promise<readonly CdcFile[]> {
  if (!isChangeFeedOn(snapshot)) return [];
  // They are made of the rows in the files.
  await planned.staging;
  return writeChangeFiles(
    deps,
    { root: request.root, snapshot, txnId: deps.random.uuid(), ordinal: 0 },
    { actions: [info, ...planned.actions], identity: planned.changeKeys ?? identityOf(snapshot) },
  );
}

function entryActions(
  entry: Omit<WriteEntry, 'request'> & { readonly version: number; readonly info: CommitInfo; readonly changeFiles: readonly CdcFile[] },
  options: WriteOptions,
): readonly Action[] {
  const { snapshot, version, planned, info, changeFiles } = entry;
  const timestamp = info.timestamp ?? snapshot.committedAt + 1;
  const actions = withEnablement(planned.actions, { before: snapshot, version, timestamp });
  return [info, ...idempotencyTxns(requestsOf(planned, options), version, timestamp), ...actions, ...changeFiles];
}

/** Where a table gets in-commit timestamps it says since when: earlier commits have none (PROTOCOL.md, "In-Commit Timestamps"). */
function withEnablement(
  actions: readonly Action[],
  { before, version, timestamp }: { readonly before: Snapshot; readonly version: number; readonly timestamp: number },
): readonly Action[] {
  if (hasInCommitTimestamps(before.metadata)) return actions;
  return actions.map((action) =>
    action.kind === 'metaData' && hasInCommitTimestamps(action)
      ? {
          ...action,
          configuration: {
            ...action.configuration,
            'delta.inCommitTimestampEnablementVersion': String(version),
            'delta.inCommitTimestampEnablementTimestamp': String(timestamp),
          },
        }
      : action,
  );
}

function committed(version: number, { snapshot, actions, planned }: Attempt, attempts: number): WriteOutcome {
  const next = applyCommit(snapshot, { version, actions });
  return {
    kind: 'committed',
    version,
    committedAt: next.committedAt,
    snapshot: next,
    attempts,
    counts: planned.kind === 'write' ? planned.counts : NO_ROWS,
    filesAdded: actions.filter((action) => action.kind === 'add').length,
    filesRemoved: actions.filter((action) => action.kind === 'remove').length,
  };
}

/** The last plan where it stands after the winners met since, else a new one. */
async function planNext(
  request: CommitRequest,
  state: { readonly last: PlannedWrite | undefined; readonly met: readonly MetWinner[]; readonly snapshot: Snapshot },
  options: WriteOptions,
): Promise<PlannedWrite> {
  const { last, met, snapshot } = state;
  if (last?.kind !== 'write' || last.basis === undefined) return request.plan(snapshot);
  const domains = last.actions.flatMap((action) => (action.kind === 'domainMetadata' ? [action.domain] : []));
  const appIds = [...last.actions, ...idempotencyTxns(requestsOf(last, options), 0, 0)].flatMap((action) => (action.kind === 'txn' ? [action.appId] : []));
  const loser = { operation: last.basis.kind, reads: last.basis.reads, domains: new Set(domains), appIds: new Set(appIds) };
  const verdict = judge(loser, met);
  switch (verdict.kind) {
    case 'stands':
      return last;
    case 'planAgain':
      return request.plan(snapshot, verdict.changed);
    case 'refused':
      return { kind: 'conflict', reason: verdict.reason };
  }
}

function parseWinner(deps: DeltaDeps, root: string, winner: Winner): LogEntry {
  const place = { path: commitPath(root, winner.version), version: winner.version, tableLocation: tableLocationOf(deps.store.location, root) };
  return { version: winner.version, actions: parseLogEntry(winner.bytes, place) };
}

/** The `txn` appId of an idempotency key. */
function requestAppId(key: string): string {
  return `${REQUEST_APP_ID}${toBase32(sha256(utf8(key)).subarray(0, 16))}`;
}

/** The `txn` appId of a stream of sequences. */
export function streamAppId(name: string): string {
  return `lakefold/s/${name}`;
}

/** The version at which this request or sequence was committed before, if it was. */
export function appliedVersion(snapshot: Snapshot, idempotency: Idempotency | undefined, now: number): number | undefined {
  if (idempotency === undefined) return undefined;
  if (idempotency.kind === 'request') {
    const txn = snapshot.txns.get(requestAppId(idempotency.key));
    const remembered = txn !== undefined && (txn.lastUpdated === undefined || now - txn.lastUpdated <= idempotency.windowMillis);
    return remembered ? txn.version : undefined;
  }
  const txn = snapshot.txns.get(streamAppId(idempotency.name));
  return txn !== undefined && txn.version >= idempotency.sequence ? snapshot.version : undefined;
}

/** The requests the entry answers; without a key there is none to know again. */
function requestsOf(planned: PlannedWrite & { kind: 'write' }, { idempotency, received = 0, rejected = 0 }: WriteOptions): readonly PlannedRequest[] {
  if (planned.requests !== undefined) return planned.requests;
  const { counts, notFound = 0 } = planned;
  return idempotency === undefined ? [] : [{ idempotency: [idempotency], counts, received, rejected, notFound }];
}

// An entry holds one `txn` an appId: of a stream's sequences the greatest.
function idempotencyTxns(requests: readonly PlannedRequest[], version: number, timestamp: number): readonly Txn[] {
  const txns = new Map<string, Txn>();
  for (const idempotency of requests.flatMap((request) => request.idempotency)) {
    const isRequest = idempotency.kind === 'request';
    const appId = isRequest ? requestAppId(idempotency.key) : streamAppId(idempotency.name);
    const number = isRequest ? version : Math.max(idempotency.sequence, txns.get(appId)?.version ?? 0);
    txns.set(appId, { kind: 'txn', appId, version: number, lastUpdated: timestamp });
  }
  return [...txns.values()];
}

function commitInfo(
  deps: DeltaDeps,
  {
    planned,
    timestamp,
    request,
    snapshot,
  }: { readonly planned: PlannedWrite & { kind: 'write' }; readonly timestamp: number; readonly request: CommitRequest; readonly snapshot: Snapshot },
  options: WriteOptions,
): CommitInfo {
  const { counts, actions } = planned;
  const adds = actions.filter((action) => action.kind === 'add');
  const metrics: Record<string, string> = {
    numFiles: String(adds.length),
    numOutputBytes: String(adds.reduce((sum, add) => sum + add.size, 0)),
    numOutputRows: String(counts.rowsInserted + counts.rowsUpdated),
    numRemovedFiles: String(actions.filter((action) => action.kind === 'remove').length),
    rowsInserted: String(counts.rowsInserted),
    rowsUpdated: String(counts.rowsUpdated),
    rowsDeleted: String(counts.rowsDeleted),
    dedupedInBatch: String(counts.dedupedInBatch),
    stale: String(counts.stale),
    rejected: String(planned.requests?.reduce((sum, request) => sum + request.rejected, 0) ?? options.rejected ?? 0),
  };
  const tags: Record<string, string> = { ...options.tags, 'lakefold.format': '1', 'lakefold.fold': planned.fold };
  if (planned.ingestedAt !== undefined) tags['lakefold.ingestedAt'] = planned.ingestedAt.toString();
  if (options.committedBy !== undefined) tags['lakefold.committedBy'] = options.committedBy;
  const requestTags = requestsOf(planned, options).flatMap(requestTag);
  if (requestTags.length > 0) tags['lakefold.requests'] = stringifyJson(requestTags);
  const metadata = actions.find((action) => action.kind === 'metaData') ?? snapshot.metadata;
  return {
    kind: 'commitInfo',
    timestamp,
    ...(hasInCommitTimestamps(metadata) ? { inCommitTimestamp: timestamp } : {}),
    operation: planned.operation,
    operationParameters: planned.operationParameters,
    readVersion: snapshot.version,
    isolationLevel: 'Serializable',
    isBlindAppend: planned.isBlindAppend,
    operationMetrics: metrics,
    engineInfo: deps.engineInfo,
    txnId: request.txnId,
    tags,
  };
}

/** What an entry remembers of a request (storage.md §2): enough to answer a repeat with the original counts. */
export interface RequestTag {
  readonly key: string;
  readonly body: string;
  /** received, inserted, updated, deleted, deduped, stale, rejected; of a delete, where there are any, keys not found. */
  readonly counts: readonly number[];
  /** Of a grouped write: its own id. */
  readonly write?: string;
}

function requestTag({ idempotency: [idempotency], counts, received, rejected, notFound = 0, write }: PlannedRequest): readonly RequestTag[] {
  if (idempotency.kind !== 'request') return [];
  const { rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale } = counts;
  return [
    {
      key: requestTagKey(idempotency.key),
      body: idempotency.bodyHash,
      counts: [received, rowsInserted, rowsUpdated, rowsDeleted, dedupedInBatch, stale, rejected, ...(notFound > 0 ? [notFound] : [])],
      ...(write === undefined ? {} : { write }),
    },
  ];
}

/** What a tag calls the request of an idempotency key. */
export function requestTagKey(key: string): string {
  return requestAppId(key).slice(REQUEST_APP_ID.length);
}
