/** A Delta table as a program uses it: rows as objects in, rows as objects out. */
import { LakefoldError } from '../core/errors.ts';
import { formatType, parseType } from '../core/types.ts';
import type { SchemaChange } from '../delta/schema/alter-schema.ts';
import type { WrittenCheckpoint } from '../delta/checkpoint/checkpoint.ts';
import { compatibilityOf, type EngineCompatibility } from '../delta/actions/compatibility.ts';
import { CONSTRAINT_PREFIX } from '../delta/sql/constraints.ts';
import type { DeleteWhat } from '../delta/write/delete-rows.ts';
import type { DeltaDeps } from '../delta/deps.ts';
import type { Filter } from '../delta/filter/filter.ts';
import { type CommitOperation, oldestEntry, readHistory } from '../delta/snapshot/history.ts';
import { deletedFileRetentionMillis } from '../delta/schema/table-properties.ts';
import type { Snapshot } from '../delta/snapshot/snapshot-state.ts';
import type { DeltaTable } from '../delta/table.ts';
import { verifyTable, type TableVerification } from '../delta/verify/verify.ts';
import type { WriteOutcome } from '../delta/write/write-outcome.ts';
import { parseFilter } from '../delta/filter/parse-filter.ts';
import { commitReceipt, type CommitReceipt } from '../features/ingest/receipt.ts';
import { settle } from '../features/ingest/settle.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import { checkArgument, checkOptions, LIST, membersOf, OBJECT, REQUEST_OPTIONS, TEXT, TEXT_OR_NULL, WRITE_OPTIONS } from './arguments.ts';
import { asJson, asOfOf, type AsOfInput, type Where } from './native-input.ts';
import { rowBatches, type RowBatch } from './row-batch.ts';
import { shownCommit, type Commit } from './shown-commit.ts';
import { checkColumn, columnNamed, keySets, newValues, tableBatch, type TableRow, type TableWriteOptions, writeOptions } from './table-input.ts';
import { type TableFile, tableFiles } from './table-files.ts';
import {
  CHANGES_OPTIONS,
  OVERWRITE_OPTIONS,
  READ_OPTIONS,
  type TableChangesOptions,
  type TableOverwriteOptions,
  type TableReadOptions,
  type TableVacuumOptions,
  VACUUM_OPTIONS,
} from './table-options.ts';
import { TableGroupCommitter } from './table-group.ts';
import { parseOptimize, shownPlan, type TableOptimizeOptions, type TableOptimizePlan } from './table-optimize.ts';

export type { EngineCompatibility, TableFile, TableRow, TableWriteOptions };

export type { Finding } from '../delta/verify/verify-findings.ts';
export type { TableVerification } from '../delta/verify/verify.ts';

/** A column of a table: `{ name: 'origin', type: 'string' }`. */
export interface TableColumnInput {
  readonly name: string;
  /** As definitions spell it: `decimal(10,2)`, `array<string>`. */
  readonly type: string;
  /** Of a new table false, of one that is there true, unless given. */
  readonly nullable?: boolean;
  readonly description?: string;
}

export interface TableColumnOutput {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly description?: string;
}

export interface TableProtocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures: readonly string[];
  readonly writerFeatures: readonly string[];
}

export interface TableVacuumReport {
  readonly dryRun: boolean;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  readonly bytes: number;
  /** False where files were left for another call. */
  readonly complete: boolean;
}

export interface TableMaintenanceReport {
  readonly version: number;
  /** Null where none was due. */
  readonly checkpoint: WrittenCheckpoint | null;
  readonly compactions: readonly { readonly fromVersion: number; readonly toVersion: number }[];
  /** Objects of the log that were deleted, and the oldest version it still tells; null where nothing was to be done. */
  readonly cleaned: { readonly entries: number; readonly oldestVersion: number | null };
}

/** Entries of the log read at a time. */
const HISTORY_WINDOW = 64;

export class Table {
  readonly #deps: DeltaDeps;
  readonly #open: DeltaTable;
  /** What it was opened at, where that was asked for: it stays there, and is not written. */
  readonly #pinned: Snapshot | undefined;

  constructor(deps: DeltaDeps, table: DeltaTable, options: { readonly isPinned?: boolean } = {}) {
    this.#deps = deps;
    this.#open = table;
    this.#pinned = options.isPinned === true ? table.snapshot : undefined;
  }

  get #snapshot(): Snapshot {
    return this.#pinned ?? this.#open.snapshot;
  }

  /** To write to. @throws LakefoldError UNSUPPORTED_OPERATION where it was opened at a version */
  get #table(): DeltaTable {
    if (this.#pinned === undefined) return this.#open;
    throw new LakefoldError(
      'UNSUPPORTED_OPERATION',
      `expected a table opened at its newest version to write to, found one opened as of version ${this.#pinned.version}; open it without asOf`,
      { context: { version: this.#pinned.version } },
    );
  }

  /** The version it was opened at with `asOf`, else the newest this process knows; `refresh` asks. */
  get version(): number {
    return this.#snapshot.version;
  }

  get schema(): readonly TableColumnOutput[] {
    return this.#snapshot.columns.map(({ name, type, nullable, description }) => ({
      name,
      type: formatType(type),
      nullable,
      ...(description === undefined ? {} : { description }),
    }));
  }

  get partitionColumns(): readonly string[] {
    return this.#snapshot.metadata.partitionColumns;
  }

  get properties(): Readonly<Record<string, string>> {
    return this.#snapshot.metadata.configuration;
  }

  /** Expressions that every row makes true, by name. */
  get constraints(): Readonly<Record<string, string>> {
    const prefix = CONSTRAINT_PREFIX;
    return Object.fromEntries(Object.entries(this.properties).flatMap(([key, text]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), text]] : [])));
  }

  get protocol(): TableProtocol {
    const { minReaderVersion, minWriterVersion, readerFeatures = [], writerFeatures = [] } = this.#snapshot.protocol;
    return { minReaderVersion, minWriterVersion, readerFeatures, writerFeatures };
  }

  /** The newest version in the log. */
  async refresh(): Promise<number> {
    return (await this.#open.refresh()).version;
  }

  /** Rows in no particular order. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED, UNKNOWN_FEATURE, TYPE_MISMATCH */
  async *read(options: TableReadOptions = {}): AsyncIterable<RowBatch> {
    checkOptions(options, READ_OPTIONS);
    const { asOf, columns, where, limit, signal } = options;
    const at = asOf === undefined ? this.#pinned : asOfOf(asOf);
    yield* rowBatches<TableRow>(
      this.#open.read({
        ...(at === undefined ? {} : { asOf: at.version === undefined ? at : { version: at.version } }),
        ...(columns === undefined ? {} : { columns }),
        ...(where === undefined ? {} : { where: (known) => parseFilter(asJson(where), known) }),
        ...(limit === undefined ? {} : { limit }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }

  /** Null without rows. @throws LakefoldError INVALID_ARGUMENT; VALIDATION_FAILED by row and column; COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, UNSUPPORTED_TABLE_FEATURE */
  async append(rows: readonly TableRow[], options: TableWriteOptions = {}): Promise<CommitReceipt | null> {
    checkOptions(options, WRITE_OPTIONS);
    const { outcome } = await this.#table.append(tableBatch(rows, this.#table.snapshot.columns, []), writeOptions(options));
    return this.#receipt('append', outcome);
  }

  /** One row per `keys`, the last of them; null without rows. @throws LakefoldError as `append`, UNKNOWN_FEATURE for a key the table lacks */
  async upsert(rows: readonly TableRow[], options: TableWriteOptions & { readonly keys: readonly string[] }): Promise<CommitReceipt | null> {
    checkOptions(options, WRITE_OPTIONS);
    const { outcome } = await this.#table.upsert(tableBatch(rows, this.#table.snapshot.columns, options.keys), {
      ...writeOptions(options),
      keys: options.keys,
    });
    return this.#receipt('upsert', outcome);
  }

  /** For appends and upserts that many parts of a program make at once; one for all of them. */
  groupCommitter(): TableGroupCommitter {
    return new TableGroupCommitter(this.#deps, this.#table);
  }

  /**
   * Replaces the rows `where` passes, without it every row; null when there was neither an old row nor a new one.
   * @throws LakefoldError as `append`; EMPTY_OVERWRITE without rows unless `allowEmpty`, CONSTRAINT_VIOLATED for a new row `where` does not pass
   */
  async overwrite(rows: readonly TableRow[], options: TableOverwriteOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(rows, 'rows', LIST);
    checkOptions(options, OVERWRITE_OPTIONS);
    const { where, allowEmpty = false } = options;
    if (rows.length === 0 && !allowEmpty) {
      throw new LakefoldError('EMPTY_OVERWRITE', 'expected at least one row to overwrite with, found none; allowEmpty takes the old ones out all the same');
    }
    const filter = where === undefined ? {} : { where: parseFilter(asJson(where), this.#table.snapshot.columns) };
    const { outcome } = await this.#table.overwrite(tableBatch(rows, this.#table.snapshot.columns, []), { ...writeOptions(options), ...filter });
    return this.#receipt('overwrite', outcome);
  }

  /**
   * Sets columns of the rows `where` passes, of every row without it; null when no row passes.
   * @throws LakefoldError UNKNOWN_FEATURE, TYPE_MISMATCH, CONSTRAINT_VIOLATED for a null in a required column, PLAN_TOO_LARGE; as `append`
   */
  async update(what: { readonly where?: Where; readonly set: TableRow }, options: TableWriteOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(what, 'what', OBJECT);
    checkOptions(options, WRITE_OPTIONS);
    const { columns } = this.#table.snapshot;
    const filter: Filter = what.where === undefined ? { kind: 'and', filters: [] } : parseFilter(asJson(what.where), columns);
    return this.#receipt('update', await this.#table.update({ filter, set: newValues(what.set, columns) }, writeOptions(options)));
  }

  /** Null when no row passes. @throws LakefoldError INVALID_ARGUMENT, UNKNOWN_FEATURE, TYPE_MISMATCH; as `append` */
  async delete(what: { readonly where: Where } | { readonly keys: readonly TableRow[] }, options: TableWriteOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(what, 'what', OBJECT);
    checkOptions(options, WRITE_OPTIONS);
    const { columns } = this.#table.snapshot;
    const { where, keys }: { readonly where?: Where; readonly keys?: readonly TableRow[] } = what;
    if ((where === undefined) === (keys === undefined))
      throw new LakefoldError('INVALID_ARGUMENT', `expected either where or keys to delete by, found ${where === undefined ? 'neither' : 'both'}`, {
        context: { field: 'keys' },
      });
    const parsed: DeleteWhat = where === undefined ? keySets(keys ?? [], columns) : { kind: 'where', filter: parseFilter(asJson(where), columns) };
    const { outcome } = await this.#table.delete(parsed, writeOptions(options));
    return this.#receipt('delete', outcome);
  }

  /** A new commit with an earlier version's rows. @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED */
  async restore(to: AsOfInput, options: TableWriteOptions = {}): Promise<CommitReceipt | null> {
    checkOptions(options, WRITE_OPTIONS);
    const asOf = asOfOf(to);
    await this.#table.refresh();
    return this.#receipt('restore', await this.#table.restore(asOf, writeOptions(options)));
  }

  /**
   * What the commits of a range did to rows: the table's columns, then `_change_type` (`insert`, `update_preimage`,
   * `update_postimage`, `delete`), `_commit_version` and `_commit_timestamp`. Commits ascend; within one, removals and preimages come first.
   * @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED when a file of the range is gone, UNSUPPORTED_OPERATION across a change of types
   */
  async *changes(options: TableChangesOptions = {}): AsyncIterable<RowBatch> {
    checkOptions(options, CHANGES_OPTIONS);
    const toVersion = options.toVersion ?? this.#pinned?.version;
    yield* rowBatches<TableRow>(this.#open.changes(toVersion === undefined ? options : { ...options, toVersion }));
  }

  /** Commits, newest first, as far back as the log reaches. */
  async *history(): AsyncIterable<Commit> {
    const oldest = await oldestEntry(this.#deps, this.#open.root);
    for (let to = await this.refresh(); to >= oldest; to -= HISTORY_WINDOW) {
      const records = await readHistory(this.#deps, this.#open.root, { from: Math.max(oldest, to - HISTORY_WINDOW + 1), to });
      yield* records.toReversed().map(shownCommit);
    }
  }

  /** Live files of the newest version, or of the one it was opened at. */
  async *files(): AsyncIterable<TableFile> {
    yield* tableFiles(this.#deps, this.#open.root, this.#pinned ?? (await this.#open.refresh()));
  }

  /** Adds nullable columns, null in every row that is there. @throws LakefoldError INVALID_ARGUMENT for one that is required or has another's name */
  async addColumns(columns: readonly TableColumnInput[], options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(columns, 'columns', LIST);
    for (const [i, column] of columns.entries()) checkColumn(column, `columns[${i}]`);
    return this.#alter(
      { kind: 'addColumns', columns: columns.map(({ nullable = true, ...column }) => ({ ...column, nullable, type: parseType(column.type) })) },
      options,
    );
  }

  /** Lets a column be null from now on; null when it may be already. */
  async makeNullable(column: string, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(column, 'column', TEXT);
    return this.#alter({ kind: 'makeNullable', column }, options);
  }

  /** Describes a column; `null` takes the description away. */
  async commentOn(column: string, text: string | null, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(column, 'column', TEXT);
    checkArgument(text, 'text', TEXT_OR_NULL);
    return this.#alter({ kind: 'comment', column, text }, options);
  }

  /** Sets properties; `null` takes one away. One that is of no use without a feature raises the protocol to have it. @throws LakefoldError INVALID_ARGUMENT */
  async setProperties(properties: Readonly<Record<string, string | null>>, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(properties, 'properties', membersOf(TEXT_OR_NULL));
    return this.#alter({ kind: 'properties', properties }, options);
  }

  /** Turns column mapping on, so that columns can be renamed and dropped; raises the protocol. Null when it is on. */
  async mapColumns(options: RequestOptions = {}): Promise<CommitReceipt | null> {
    return this.#alter({ kind: 'mapColumns' }, options);
  }

  /** @throws LakefoldError UNSUPPORTED_OPERATION without column mapping, or where a constraint names it; UNKNOWN_FEATURE, INVALID_ARGUMENT */
  async renameColumn(column: string, to: string, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(column, 'column', TEXT);
    checkArgument(to, 'to', TEXT);
    return this.#alter({ kind: 'rename', column, to }, options);
  }

  /** Its values stay in the files and are read no more. @throws LakefoldError as `renameColumn` */
  async dropColumn(column: string, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(column, 'column', TEXT);
    if (!this.#table.snapshot.columns.some(({ name }) => name === column)) await this.#table.refresh();
    columnNamed(column, this.#table.snapshot.columns, 'to drop');
    return this.#alter({ kind: 'drop', column }, options);
  }

  async #alter(change: SchemaChange, options: RequestOptions): Promise<CommitReceipt | null> {
    checkOptions(options, REQUEST_OPTIONS);
    return this.#receipt('schemaChange', await this.#table.alterSchema(change, options));
  }

  /**
   * Adds a check constraint, an expression of Spark SQL that every row must make true; null when the table has it. The protocol is
   * raised to have constraints where it has none yet.
   * @throws LakefoldError CONSTRAINT_VIOLATED by a row the table has, INVALID_ARGUMENT for an expression we can't check as Spark does, ALREADY_EXISTS
   */
  async addConstraint(name: string, expression: string, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(name, 'name', TEXT);
    checkArgument(expression, 'expression', TEXT);
    checkOptions(options, REQUEST_OPTIONS);
    return this.#receipt('schemaChange', await this.#table.alterConstraint({ name, expression }, options));
  }

  /** Null when there is no such constraint. */
  async dropConstraint(name: string, options: RequestOptions = {}): Promise<CommitReceipt | null> {
    checkArgument(name, 'name', TEXT);
    checkOptions(options, REQUEST_OPTIONS);
    return this.#receipt('schemaChange', await this.#table.alterConstraint({ name, expression: null }, options));
  }

  /** Which engines can read and write the table, and why not; by its protocol alone. */
  compatibility(): { readonly engines: readonly EngineCompatibility[] } {
    return { engines: compatibilityOf(this.#snapshot) };
  }

  /** What is wrong with the table: reads all of it, repairs nothing. `findings` are the first thousand. */
  async verify(): Promise<TableVerification> {
    return verifyTable(this.#deps, this.#open.root);
  }

  async checkpoint(): Promise<WrittenCheckpoint> {
    return this.#table.checkpoint();
  }

  /**
   * What the log needs from time to time, as far as it is due: a checksum of the newest version, a compaction of every ten
   * entries, a checkpoint every `delta.checkpointInterval` commits and, behind it, the clean-up of entries past
   * `delta.logRetentionDuration`. Any number of programs may call it at once; what is left undone a later call does.
   */
  async maintain(): Promise<TableMaintenanceReport> {
    const { plan, checkpoint, cleanup } = await this.#table.maintainLog();
    return {
      version: plan.checksum,
      checkpoint: checkpoint ?? null,
      compactions: plan.compactions.map(({ from, to }) => ({ fromVersion: from, toVersion: to })),
      cleaned: { entries: cleanup.files.length, oldestVersion: cleanup.keepFrom ?? null },
    };
  }

  /** What `optimize` would do now: its bins, their files, bytes and memory. */
  async planOptimize(options: TableOptimizeOptions = {}): Promise<TableOptimizePlan> {
    return shownPlan(await this.#table.planOptimize(parseOptimize(options, this.#table.snapshot.columns)));
  }

  /** Packs small files, or orders the rows of all files; changes no row. Null when there is nothing to do. The receipt is the last commit's. */
  async optimize(options: RequestOptions & TableOptimizeOptions = {}): Promise<CommitReceipt | null> {
    const parsed = parseOptimize(options, this.#table.snapshot.columns);
    const { signal } = options;
    const outcome = await this.#table.optimize({ ...parsed, ...(signal === undefined ? {} : { signal }) });
    return this.#receipt('optimize', outcome);
  }

  /** Deletes files that no kept version needs, or with `dryRun`, the default, only names them. @throws LakefoldError RETENTION_TOO_SHORT below a week without `force` */
  async vacuum(options: TableVacuumOptions = {}): Promise<TableVacuumReport> {
    checkOptions(options, VACUUM_OPTIONS);
    const { dryRun = true, force = false, retentionHours, ...others } = options;
    const retentionMillis = retentionHours === undefined ? deletedFileRetentionMillis(this.#table.snapshot.metadata) : retentionHours * 3_600_000;
    const { files, bytes, complete } = await this.#table.vacuum({ ...others, dryRun, force, retentionMillis });
    return { dryRun, bytes, files: files.map(({ path, sizeBytes }) => ({ path, size: sizeBytes })), complete };
  }

  async #receipt(operation: CommitOperation, outcome: WriteOutcome): Promise<CommitReceipt | null> {
    const facts = await settle(this.#deps, this.#table.root, { outcome, rejected: 0 });
    return facts === undefined ? null : commitReceipt(operation, facts);
  }
}
