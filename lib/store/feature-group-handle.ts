/** A feature group as a program uses it. */
import type { Idempotency } from '../delta/write/write-outcome.ts';
import { listCommits } from '../features/history/commits.ts';
import { type ErasureCertificate, eraseRows } from '../features/erase/erase-rows.ts';
import { parseErase } from '../features/erase/parse-erase.ts';
import { ingestRows, validateOnly } from '../features/ingest/ingest-rows.ts';
import type { RowsInput } from '../features/ingest/judge-rows.ts';
import type { IngestOperation } from '../features/ingest/ingest.ts';
import {
  deleteRows,
  optimizeRows,
  publishRows,
  restoreRows,
  vacuumRows,
  type PublishOptions,
  type PublishReport,
  type VacuumReport,
} from '../features/history/manage-rows.ts';
import type { OptimizeReport } from '../features/history/optimize-report.ts';
import type { OpenGroup } from '../features/open-group.ts';
import { parseDelete } from '../features/history/parse-delete.ts';
import { parseFilter } from '../delta/filter/parse-filter.ts';
import { readGroupChanges } from '../features/history/read-changes.ts';
import { readQuarantine } from '../features/quality/quarantine.ts';
import { readGroup } from '../features/history/read-rows.ts';
import { listReports, readReport } from '../features/quality/report-store.ts';
import type { DriftReport, DriftThresholds } from '../features/statistics/drift.ts';
import type { DriftMetric } from '../features/statistics/drift-metrics.ts';
import { type DatasetSample, groupDrift, type SampleRequest } from '../features/statistics/group-drift.ts';
import { groupStatistics, type GroupStatistics, type StatisticsRequest } from '../features/statistics/group-statistics.ts';
import { type GroupVerification, verifyGroup } from '../features/publish/verify-group.ts';
import type { ValidationReport } from '../features/quality/validation-report.ts';
import type { CommitReceipt, DeleteReceipt, GroupRef, Receipt } from '../features/ingest/receipt.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../core/limits.ts';
import { duration } from '../core/time.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { Schema } from '../registry/column-builder.ts';
import type { FeatureViewDefinition } from '../registry/definition.ts';
import { asJson, asOfOf, microsOf, requestHash, type AsOfInput, type Where } from './native-input.ts';
import type { StoreDeps } from './open-store.ts';
import { shownCommit, type Commit } from './shown-commit.ts';
import { rowBatches, type RowBatch } from './row-batch.ts';
import type { ChangedRow, Row, RowInput } from '../registry/row-types.ts';

/** Rows as objects, or the bytes of a file of them. */
export type Rows<S extends Schema = Schema> = readonly RowInput<S>[] | { readonly format: 'json' | 'ndjson' | 'csv' | 'parquet'; readonly body: Uint8Array };

export interface RowsOptions extends RequestOptions {
  /** Makes a repeat of the same rows harmless; at most 128 characters. */
  readonly idempotencyKey?: string;
  /** `online`: the answer waits for the fold. The default of online groups. */
  readonly wait?: 'commit' | 'online';
}

export interface WriteRowsOptions extends RowsOptions {
  /** IANA zone of timestamps without offset; without it they are faults. */
  readonly timezone?: string;
  /** Members that are no columns are left out instead of being faults. */
  readonly ignoreUnknown?: boolean;
}

export interface ReadRowsOptions<Name extends string = string> extends RequestOptions {
  /** Columns in the order wanted; all unless given. */
  readonly features?: readonly Name[];
  readonly where?: Where;
  /** Event times from here on. */
  readonly startTime?: string | Date;
  /** Event times before this. */
  readonly endTime?: string | Date;
  readonly limit?: number;
}

/** A range of commits `(fromVersion, toVersion]`. */
export interface ReadChangesOptions extends RequestOptions {
  /** From before the first commit unless given. */
  readonly fromVersion?: number;
  /** The newest unless given. */
  readonly toVersion?: number;
}

/** Keys of whole entities, or of single records where they carry the event time. */
export type KeysInput<S extends Schema = Schema> = readonly (string extends keyof S ? Readonly<Record<string, unknown>> : Partial<RowInput<S>>)[];

/** Rows by key, or those a filter passes. */
export type DeleteRowsInput<S extends Schema = Schema> = { readonly keys: KeysInput<S> } | { readonly where: Where };

/** Rows that commits `(from, to]` wrote, or those of a version within a window of event time. */
export type RowsOfGroup =
  | { readonly basis: 'commits'; readonly from?: number; readonly to?: number }
  | { readonly basis?: 'snapshot'; readonly version?: number; readonly startTime?: string | Date; readonly endTime?: string | Date };

/** Which rows to describe, and which of their columns: all unless given. */
export type StatisticsInput = RowsOfGroup & { readonly features?: readonly string[] };

export interface DriftInput {
  readonly target: RowsOfGroup | DatasetSample;
  readonly reference: RowsOfGroup | DatasetSample;
  /** All that both samples have unless given. */
  readonly features?: readonly string[];
  /** PSI and KS unless given. */
  readonly metrics?: readonly DriftMetric[];
  /** PSI 0.2 unless given; half of it warns. */
  readonly thresholds?: DriftThresholds;
}

/** What a restore did. */
export interface RestoreReceipt {
  readonly featureGroup: GroupRef;
  readonly commit: CommitReceipt | null;
  readonly online: Receipt['online'];
}

/** The rows of one version, or of the newest where none is named. */
export class GroupReader<S extends Schema = Schema> {
  readonly #deps: StoreDeps;
  readonly #open: () => Promise<OpenGroup>;
  readonly #asOf: AsOfInput | undefined;

  constructor(deps: StoreDeps, open: () => Promise<OpenGroup>, asOf: AsOfInput | undefined) {
    this.#deps = deps;
    this.#open = open;
    this.#asOf = asOf;
  }

  /**
   * Rows in no particular order.
   * @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, UNKNOWN_FEATURE, INVALID_ARGUMENT, TYPE_MISMATCH
   */
  async *read<const Name extends keyof S & string = keyof S & string>(options: ReadRowsOptions<Name> = {}): AsyncIterable<RowBatch<Pick<Row<S>, Name>>> {
    const group = await this.#open();
    const { features, where, startTime, endTime, limit, signal } = options;
    const { rows } = await readGroup(this.#deps, group, {
      ...(this.#asOf === undefined ? {} : { asOf: asOfOf(this.#asOf) }),
      ...(features === undefined ? {} : { features }),
      ...(where === undefined ? {} : { where: parseFilter(asJson(where), group.columns) }),
      ...(startTime === undefined ? {} : { startTime: microsOf(startTime) }),
      ...(endTime === undefined ? {} : { endTime: microsOf(endTime) }),
      ...(limit === undefined ? {} : { limit }),
      ...(signal === undefined ? {} : { signal }),
    });
    yield* rowBatches<Pick<Row<S>, Name>>(rows);
  }
}

export class FeatureGroupHandle<S extends Schema = Schema> {
  readonly #deps: StoreDeps;
  readonly #open: () => Promise<OpenGroup>;
  readonly #views: () => Promise<readonly FeatureViewDefinition[]>;

  /** `views`: those of the project. */
  constructor(deps: StoreDeps, parts: { readonly open: () => Promise<OpenGroup>; readonly views: () => Promise<readonly FeatureViewDefinition[]> }) {
    this.#deps = deps;
    this.#open = parts.open;
    this.#views = parts.views;
  }

  /** One row per key and event time, the one received last. @throws LakefoldError VALIDATION_FAILED, COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, IDEMPOTENCY_MISMATCH */
  upsert(rows: Rows<S>, options: WriteRowsOptions = {}): Promise<Receipt> {
    return this.#ingest('upsert', rows, options);
  }

  /** Adds every row as it is. @throws LakefoldError as `upsert` */
  append(rows: Rows<S>, options: WriteRowsOptions = {}): Promise<Receipt> {
    return this.#ingest('append', rows, options);
  }

  /** Replaces every row of the group. @throws LakefoldError as `upsert`, EMPTY_OVERWRITE for no rows without `allowEmpty` */
  overwrite(rows: Rows<S>, options: WriteRowsOptions & { readonly allowEmpty?: boolean } = {}): Promise<Receipt> {
    return this.#ingest('overwrite', rows, options);
  }

  /** Keys without rows are counted, no fault. @throws LakefoldError UNKNOWN_ENTRY_KEY, MISSING_ENTRY_KEY, TYPE_MISMATCH */
  async delete(what: DeleteRowsInput<S>, options: RowsOptions = {}): Promise<DeleteReceipt> {
    const group = await this.#open();
    const parsed = parseDelete(group, 'keys' in what ? { keys: asJson(what.keys) } : { where: asJson(what.where) });
    return deleteRows(this.#deps, group, parsed, editOptions(group, options, ['delete', what]));
  }

  /**
   * Erases every row of these entities, or these records, from everything that is kept of them: files, log, online store, training
   * datasets. The group's history ends there. Takes as long as writing the files again does; after a failure the same call goes on.
   * @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_ENTRY_KEY, MISSING_ENTRY_KEY, TYPE_MISMATCH, COMMIT_CONFLICT, STORE_UNAVAILABLE
   */
  async erase(keys: KeysInput<S>, options: RequestOptions & { readonly reason: string }): Promise<ErasureCertificate> {
    const { reason, ...request } = options;
    const group = await this.#open();
    const views = await this.#views();
    return (await eraseRows(this.#deps, group, { ...parseErase(group, { keys: asJson(keys), reason }), views, ...request })).result;
  }

  /** A new commit with an earlier version's rows. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED */
  async restore(to: AsOfInput, options: RowsOptions = {}): Promise<RestoreReceipt> {
    const group = await this.#open();
    return restoreRows(this.#deps, group, asOfOf(to), editOptions(group, options, ['restore', to]));
  }

  /** The group as it stood at a version or a commit time. */
  asOf(asOf: AsOfInput): GroupReader<S> {
    return new GroupReader(this.#deps, this.#open, asOf);
  }

  /** Rows of the newest version. @throws LakefoldError as `GroupReader.read` */
  read<const Name extends keyof S & string = keyof S & string>(options: ReadRowsOptions<Name> = {}): AsyncIterable<RowBatch<Pick<Row<S>, Name>>> {
    return new GroupReader<S>(this.#deps, this.#open, undefined).read(options);
  }

  /**
   * What the commits after `fromVersion` up to and with `toVersion` did to rows: of all of them unless told otherwise. Commits ascend;
   * the last one's version is where the next call begins.
   * @throws LakefoldError INVALID_ARGUMENT, NO_SUCH_COMMIT, HISTORY_EXPIRED
   */
  async *readChanges(options: ReadChangesOptions = {}): AsyncIterable<RowBatch<ChangedRow<S>>> {
    const { rows } = await readGroupChanges(await this.#open(), options);
    yield* rowBatches<ChangedRow<S>>(rows);
  }

  /** Commits, newest first, as far back as the log reaches. */
  async *commits(): AsyncIterable<Commit> {
    const group = await this.#open();
    for await (const commit of listCommits(this.#deps, group)) yield shownCommit(commit);
  }

  /** What `upsert` would find of the rows; writes nothing. @throws LakefoldError as `upsert` for rows that can't be read */
  async validate(
    rows: Rows<S>,
    options: RequestOptions & Pick<WriteRowsOptions, 'timezone' | 'ignoreUnknown'> & { readonly operation?: IngestOperation } = {},
  ): Promise<ValidationReport> {
    return validateOnly(this.#deps, await this.#open(), { rows: rowsInput(rows), ...options, operation: options.operation ?? 'upsert' });
  }

  /** Reports of the last 90 days, newest first. */
  async *validationReports(): AsyncIterable<ValidationReport> {
    yield* listReports(this.#deps, await this.#open());
  }

  /** @throws LakefoldError UNKNOWN_REPORT */
  async validationReport(reportId: string): Promise<ValidationReport> {
    return readReport(this.#deps, await this.#open(), reportId);
  }

  /** Of the rows of a version, or of those that commits `(from, to]` wrote. @throws LakefoldError UNKNOWN_FEATURE, NO_SUCH_COMMIT, HISTORY_EXPIRED */
  async statistics(request: StatisticsInput = {}): Promise<GroupStatistics> {
    const { features, ...asked } = request;
    return groupStatistics(this.#deps, await this.#open(), statisticsRequest(asked), { features });
  }

  /** How far features are apart between two samples. @throws LakefoldError UNKNOWN_FEATURE, INVALID_ARGUMENT, NO_SUCH_COMMIT, HISTORY_EXPIRED, UNKNOWN_TRAINING_DATASET */
  async drift(request: DriftInput): Promise<DriftReport> {
    const { target, reference, ...options } = request;
    return groupDrift(this.#deps, await this.#open(), { ...options, target: sampleRequest(target), reference: sampleRequest(reference) });
  }

  /** Rows that were set aside, in no particular order; at most 100 unless told. */
  async *quarantine(options: { readonly reportId?: string; readonly since?: string | Date; readonly limit?: number } = {}): AsyncIterable<RowBatch> {
    const { reportId, since, limit = 100 } = options;
    yield* rowBatches(readQuarantine(this.#deps, await this.#open(), { reportId, since: since === undefined ? undefined : microsOf(since), limit }));
  }

  /**
   * Folds what is committed into the online store; with `rebuild` loads all of its values anew, while the old ones are served, and switches
   * over in one step; with `repair` writes over those that differ from the table.
   * @throws LakefoldError UNSUPPORTED_OPERATION for a group that is not online, COMMIT_CONFLICT when another rebuild came between
   */
  async publish(options: PublishOptions = {}): Promise<PublishReport> {
    return publishRows(this.#deps, await this.#open(), options);
  }

  /** Everything that is wrong with the table, and every online value that differs from it; repairs nothing. @throws LakefoldError STORE_UNAVAILABLE */
  async verify(options: RequestOptions & { readonly table?: boolean; readonly online?: boolean } = {}): Promise<GroupVerification> {
    return verifyGroup(this.#deps, await this.#open(), { table: true, online: true, ...options });
  }

  /** Packs small files, with `clusterBy` sorts the rows of all; changes no row. `dryRun` only tells. */
  async optimize(options: { readonly clusterBy?: readonly string[]; readonly dryRun?: boolean } = {}): Promise<OptimizeReport> {
    return optimizeRows(this.#deps, await this.#open(), options);
  }

  /** Deletes files no kept version needs, or with `dryRun`, the default, only names them. @throws LakefoldError RETENTION_TOO_SHORT */
  async vacuum(options: { readonly dryRun?: boolean; readonly retention?: string; readonly force?: boolean } = {}): Promise<VacuumReport> {
    const { dryRun = true, force = false, retention } = options;
    return vacuumRows(await this.#open(), { dryRun, force, ...(retention === undefined ? {} : { retention }) });
  }

  async #ingest(operation: IngestOperation, rows: Rows<S>, options: WriteRowsOptions & { readonly allowEmpty?: boolean }): Promise<Receipt> {
    const group = await this.#open();
    const { timezone, ignoreUnknown, allowEmpty } = options;
    return ingestRows(this.#deps, group, {
      rows: rowsInput(rows),
      operation,
      ...editOptions(group, options, [operation, rows]),
      ...(timezone === undefined ? {} : { timezone }),
      ...(ignoreUnknown === undefined ? {} : { ignoreUnknown }),
      ...(allowEmpty === undefined ? {} : { allowEmpty }),
    });
  }
}

function sampleRequest(sample: RowsOfGroup | DatasetSample): SampleRequest {
  return 'featureView' in sample ? sample : statisticsRequest(sample);
}

function statisticsRequest(rows: RowsOfGroup): StatisticsRequest {
  if (rows.basis === 'commits') return { basis: 'commits', from: rows.from, to: rows.to };
  const { version, startTime, endTime } = rows;
  return {
    basis: 'snapshot',
    version,
    startTime: startTime === undefined ? undefined : microsOf(startTime),
    endTime: endTime === undefined ? undefined : microsOf(endTime),
  };
}

function rowsInput(rows: Rows): RowsInput {
  return 'format' in rows ? rows : { format: 'objects', rows };
}

function editOptions(
  group: OpenGroup,
  options: RowsOptions,
  request: readonly [operation: string, content: unknown],
): RequestOptions & { readonly wait: 'commit' | 'online'; readonly idempotency?: Idempotency } {
  const { idempotencyKey: key, signal } = options;
  const windowMillis = Math.min(Number(duration(group.definition.idempotencyRetention) / 1000n), IDEMPOTENCY_WINDOW_MILLIS);
  return {
    wait: options.wait ?? (group.definition.onlineEnabled ? 'online' : 'commit'),
    ...(signal === undefined ? {} : { signal }),
    ...(key === undefined ? {} : { idempotency: { kind: 'request', key, bodyHash: requestHash(...request), windowMillis } }),
  };
}
