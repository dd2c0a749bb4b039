/**
 * A Delta table kept warm: its newest known snapshot is cached, writes start from it without asking the store, reads of
 * the newest version refresh it with one request.
 */
import type { Batch } from '../core/batch.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { SNAPSHOT_AGE_MAX_MILLIS } from '../core/limits.ts';
import { type ConstraintChange, constraintPlanner } from './schema/alter-constraint.ts';
import { type SchemaChange, schemaPlanner } from './schema/alter-schema.ts';
import { alterPlanner, type MetadataChange } from './schema/alter.ts';
import { appendPlanner } from './write/append.ts';
import { type ChangesOptions, readChanges } from './changes/change-feed.ts';
import { writeCheckpoint } from './checkpoint/checkpoint.ts';
import { CONTENTION } from '../commitlog/append-entry.ts';
import { ageOf, instantOf, type Instant } from '../ports/clock.ts';
import { commitWrite, type CommitRequest } from './write/commit.ts';
import { createTable, type TableDefinition } from './write/create.ts';
import { deletePlanner, type DeleteWhat } from './write/delete-rows.ts';
import type { DeltaDeps } from './deps.ts';
import { eraseEndPlanner, filesHolding, planRewrite } from './erase/erase-rows.ts';
import { ERASURE, erasureOf, toldByErasure } from './erase/erasure.ts';
import type { Filter } from './filter/filter.ts';
import { maintainLog, type KnownTotals, type LogMaintenanceReport } from './maintain/log-maintenance.ts';
import type { GroupMember, Verdict } from './group/group-member.ts';
import { groupPlanner } from './group/group-planner.ts';
import { type OptimizeOptions, type OptimizePlan, planOptimize } from './maintain/optimize-plan.ts';
import { type OptimizeLimits, type OptimizeOutcome, runOptimize } from './maintain/optimize-run.ts';
import { overwritePlanner } from './write/overwrite.ts';
import { checkWritable } from './actions/protocol.ts';
import { readRows, type ReadOptions } from './rows/read.ts';
import { restorePlanner } from './write/restore.ts';
import { createRewriter } from './write/rewrite-files.ts';
import { type LoadOptions, loadSnapshot, refreshSnapshot } from './snapshot/snapshot.ts';
import type { AsOf, Snapshot } from './snapshot/snapshot-state.ts';
import { executeVacuum, expiredOr, planVacuum, type VacuumOptions, type VacuumPlan } from './maintain/vacuum.ts';
import type { WriteCounts, WriteOptions, WriteOutcome } from './write/write-outcome.ts';
import { type Update, updatePlanner } from './write/update-rows.ts';
import { upsertPlanner, type UpsertRows } from './write/upsert.ts';

/** An outcome with the rows the commit's new files hold. */
export interface AddingOutcome {
  readonly outcome: WriteOutcome;
  readonly added: Batch;
}

/** An outcome with what became of each member of a group; the verdicts hold only where it is `committed` or `nothing`. */
export interface GroupOutcome {
  readonly outcome: WriteOutcome;
  readonly verdicts: readonly Verdict[];
  readonly counts: readonly (WriteCounts | undefined)[];
}

export interface TableReadOptions extends Omit<ReadOptions, 'where'> {
  readonly asOf?: AsOf;
  /** Or what makes one of the columns the version has. */
  readonly where?: Filter | LoadOptions['where'];
}

/** Loads of a snapshot to write on; each may be slept over. */
const LOADS_MAX = 3;

export class DeltaTable {
  readonly root: string;
  readonly #deps: DeltaDeps;
  #snapshot: Snapshot;
  /** Before it was asked for: whoever sleeps over the answer has an old snapshot. */
  #askedAt: Instant;
  #totals: KnownTotals | undefined;

  private constructor(deps: DeltaDeps, root: string, { snapshot, askedAt }: { readonly snapshot: Snapshot; readonly askedAt: Instant }) {
    this.#deps = deps;
    this.root = root;
    this.#snapshot = snapshot;
    this.#askedAt = askedAt;
  }

  /** @throws LakefoldError TABLE_NOT_FOUND, UNSUPPORTED_TABLE_FEATURE, LOG_* when what stands there is no table we can read */
  static async open(deps: DeltaDeps, root: string, asOf?: AsOf): Promise<DeltaTable> {
    const askedAt = instantOf(deps.clock);
    return new DeltaTable(deps, root, { snapshot: await loadSnapshot(deps, root, asOf), askedAt });
  }

  /** Opens the table that is there, else creates it; `kind` tells which. */
  static async create(
    deps: DeltaDeps,
    root: string,
    definition: TableDefinition,
  ): Promise<{ readonly kind: 'created' | 'exists'; readonly table: DeltaTable }> {
    const askedAt = instantOf(deps.clock);
    const { kind, snapshot } = await createTable(deps, root, definition);
    return { kind, table: new DeltaTable(deps, root, { snapshot, askedAt }) };
  }

  /** The newest snapshot this process knows; no request. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** The newest snapshot of the log: one request when nothing changed. */
  async refresh(): Promise<Snapshot> {
    const askedAt = instantOf(this.#deps.clock);
    return this.#keep(await refreshSnapshot(this.#deps, this.root, this.#snapshot), askedAt);
  }

  /** @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED */
  async at(asOf: AsOf | undefined): Promise<Snapshot> {
    if (asOf === undefined) return this.refresh();
    if (asOf.version !== undefined && asOf.version === this.#snapshot.version) return this.#snapshot;
    return this.#load(asOf);
  }

  /** Rows of a version, newest by default, in no particular order. */
  async *read(options: TableReadOptions = {}): AsyncIterable<Batch> {
    const { asOf, where, ...others } = options;
    const filterOf = where === undefined ? undefined : typeof where === 'function' ? where : (): Filter => where;
    const snapshot = await this.#snapshotToRead(asOf, filterOf);
    try {
      yield* readRows(this.#deps, { root: this.root, snapshot }, filterOf === undefined ? others : { ...others, where: filterOf(snapshot.columns) });
    } catch (error) {
      if (!isLakefoldError(error, 'FILE_MISSING')) throw error;
      throw expiredOr(error, { root: this.root, location: this.#deps.store.location, snapshot, head: await this.refresh() });
    }
  }

  /** What the commits of a range did to rows; the newest version is asked for only where `toVersion` is left out or not yet known. */
  async *changes(options: ChangesOptions = {}): AsyncIterable<Batch> {
    const isKnown = options.toVersion !== undefined && options.toVersion <= this.#snapshot.version;
    const head = isKnown ? this.#snapshot : await this.refresh();
    yield* readChanges(this.#deps, { root: this.root, head, refresh: () => this.refresh() }, options);
  }

  async append(batch: Batch, options: WriteOptions & { readonly sortBy?: readonly string[] } = {}): Promise<AddingOutcome> {
    const txnId = options.txnId ?? this.#deps.random.uuid();
    const plan = appendPlanner(this.#deps, { root: this.root, txnId, sortBy: options.sortBy ?? [] }, batch);
    return { outcome: await this.#commit({ txnId, plan }, options), added: batch };
  }

  /** One row per (keys, event time), the one received last. */
  async upsert(batch: Batch, options: WriteOptions & Omit<UpsertRows, 'batch'>): Promise<AddingOutcome> {
    const txnId = options.txnId ?? this.#deps.random.uuid();
    const planner = upsertPlanner(this.#deps, { root: this.root, txnId }, { ...options, batch });
    const outcome = await this.#commit({ txnId, plan: planner.plan }, options);
    return { outcome, added: planner.added() };
  }

  /**
   * Writes that are staged already, as one entry; the table is then as if each had been committed alone, in their order.
   * `stagedAt`: when the first of them was, where a vacuum may take their files in the meantime.
   */
  async commitGroup(members: readonly GroupMember[], { stagedAt, ...options }: WriteOptions & { readonly stagedAt?: Instant } = {}): Promise<GroupOutcome> {
    const txnId = this.#deps.random.uuid();
    const planner = groupPlanner(this.#deps, { root: this.root, txnId }, members);
    const outcome = await this.#commit({ txnId, plan: planner.plan, ...(stagedAt === undefined ? {} : { stagedAt }) }, options);
    return { outcome, verdicts: planner.verdicts(), counts: planner.counts() };
  }

  /** Replaces the rows `where` passes, without it every row. @throws LakefoldError CONSTRAINT_VIOLATED for a new row it does not pass */
  async overwrite(batch: Batch, options: WriteOptions & { readonly sortBy?: readonly string[]; readonly where?: Filter } = {}): Promise<AddingOutcome> {
    const txnId = options.txnId ?? this.#deps.random.uuid();
    const rows = { batch, ...(options.where === undefined ? {} : { where: options.where }) };
    const plan = overwritePlanner(this.#deps, { root: this.root, txnId, sortBy: options.sortBy ?? [] }, rows);
    return { outcome: await this.#commit({ txnId, plan }, options), added: batch };
  }

  /** Sets columns of the rows a filter passes. @throws LakefoldError UNKNOWN_FEATURE, CONSTRAINT_VIOLATED, PLAN_TOO_LARGE */
  async update(update: Update, options: WriteOptions & { readonly sortBy?: readonly string[] } = {}): Promise<WriteOutcome> {
    const txnId = this.#deps.random.uuid();
    return this.#commit({ txnId, plan: updatePlanner(this.#deps, { root: this.root, txnId, sortBy: options.sortBy ?? [] }, update) }, options);
  }

  async delete(
    what: DeleteWhat,
    options: WriteOptions & { readonly sortBy?: readonly string[] } = {},
  ): Promise<{ readonly outcome: WriteOutcome; readonly notFound: number }> {
    const txnId = this.#deps.random.uuid();
    const planner = deletePlanner(this.#deps, { root: this.root, txnId, sortBy: options.sortBy ?? [] }, what);
    const outcome = await this.#commit({ txnId, plan: planner.plan }, options);
    return { outcome, notFound: planner.notFound() };
  }

  /** @throws LakefoldError NO_SUCH_COMMIT, HISTORY_EXPIRED */
  async restore(asOf: AsOf, options: WriteOptions = {}): Promise<WriteOutcome> {
    const earlier = await this.#load(asOf);
    if (this.#snapshot.version < earlier.version) await this.refresh();
    return this.#commit({ txnId: this.#deps.random.uuid(), plan: restorePlanner(this.#deps, this.root, earlier) }, options);
  }

  /** Writes again, without them, every file that holds these rows or hides them; live rows stay as they are. `nothing` where none does. */
  async rewriteHolding(what: DeleteWhat, options: WriteOptions & Pick<OptimizeOptions, 'sortBy'> = {}): Promise<OptimizeOutcome> {
    const snapshot = await this.refresh();
    const files = await filesHolding(this.#deps, { root: this.root, snapshot }, what);
    return runOptimize(this.#deps, { root: this.root, plan: planRewrite(snapshot, files), commit: (request, each) => this.#commit(request, each) }, options);
  }

  /** The commit that ends history: every version before it answers HISTORY_EXPIRED. @throws LakefoldError COMMIT_CONFLICT while a live file holds these rows */
  async endHistory(what: DeleteWhat, options: WriteOptions & { readonly rowsErased: number }): Promise<WriteOutcome> {
    await this.refresh();
    const plan = eraseEndPlanner(this.#deps, this.root, { what, rowsErased: options.rowsErased });
    return this.#commit({ txnId: this.#deps.random.uuid(), plan }, options);
  }

  /** What `optimize` would do now; nothing is written. */
  async planOptimize(options: OptimizeOptions = {}): Promise<OptimizePlan> {
    return planOptimize(await this.refresh(), options);
  }

  /**
   * Packs small files, or orders the rows of all: `nothing` when there is nothing to do. Commits as it goes, so that a
   * crash costs little and another call goes on; the outcome is the last commit's, with the files of all.
   */
  async optimize(options: WriteOptions & OptimizeOptions & OptimizeLimits = {}): Promise<OptimizeOutcome> {
    const plan = planOptimize(await this.refresh(), options);
    return runOptimize(this.#deps, { root: this.root, plan, commit: (request, each) => this.#commit(request, each) }, options);
  }

  /** One change of schema or properties; `nothing` when the table has it so. @throws LakefoldError UNKNOWN_FEATURE, INVALID_ARGUMENT, UNSUPPORTED_OPERATION */
  async alterSchema(change: SchemaChange, options: WriteOptions = {}): Promise<WriteOutcome> {
    await this.refresh();
    return this.#commit({ txnId: this.#deps.random.uuid(), plan: schemaPlanner(this.#deps, change) }, options);
  }

  /** Adds a check constraint once every row passes it, or drops one; `nothing` when the table has it so. */
  async alterConstraint(change: ConstraintChange, options: WriteOptions = {}): Promise<WriteOutcome> {
    await this.refresh();
    return this.#commit({ txnId: this.#deps.random.uuid(), plan: constraintPlanner(this.#deps, this.root, change) }, options);
  }

  /**
   * Adds nullable columns, makes columns nullable and sets properties; `nothing` when the table has them. A wider type
   * is a conflict, unless files may be written again: then all are, in the same commit.
   */
  async alter(change: MetadataChange, options: WriteOptions & { readonly rewrite?: boolean } = {}): Promise<WriteOutcome> {
    await this.refresh();
    const txnId = this.#deps.random.uuid();
    const rewrite = options.rewrite === true ? createRewriter(this.#deps, { root: this.root, txnId }) : undefined;
    return this.#commit({ txnId, plan: alterPlanner(change, rewrite) }, options);
  }

  async checkpoint(): Promise<Awaited<ReturnType<typeof writeCheckpoint>>> {
    const snapshot = await this.refresh();
    const written = await writeCheckpoint(this.#deps, this.root, snapshot);
    this.#keepCheckpoint(snapshot, written.version);
    return written;
  }

  /** Checksum, log compactions, checkpoint and log clean-up of the newest version, as far as they are due; all may be repeated. */
  async maintainLog(options: { readonly rest?: 'compact' } = {}): Promise<LogMaintenanceReport> {
    const snapshot = await this.refresh();
    const report = await maintainLog(this.#deps, { root: this.root, snapshot, known: this.#totals }, options);
    this.#totals = report.known;
    if (report.checkpoint !== undefined) this.#keepCheckpoint(snapshot, report.checkpoint.version);
    return report;
  }

  /**
   * What no kept version needs, deleted unless it is a dry run; `complete` tells whether another call would find more.
   * @throws LakefoldError RETENTION_TOO_SHORT; UNSUPPORTED_TABLE_FEATURE where writers must know a feature we don't: it may keep files we don't know of
   */
  async vacuum(options: VacuumOptions & { readonly dryRun: boolean }): Promise<VacuumPlan> {
    // Before the snapshot: what is staged and committed after it must look young, however long the answer takes.
    const now = this.#deps.clock.now();
    const snapshot = await this.refresh();
    checkWritable(snapshot.protocol, snapshot.metadata);
    const plan = await planVacuum(this.#deps, { root: this.root, snapshot }, { ...options, now });
    return options.dryRun ? plan : executeVacuum(this.#deps, this.root, plan, options);
  }

  /** An older version is loaded for this read alone, so only what it can need. */
  async #snapshotToRead(asOf: AsOf | undefined, where: LoadOptions['where']): Promise<Snapshot> {
    if (asOf === undefined || where === undefined || asOf.version === this.#snapshot.version) return this.at(asOf);
    return this.#load(asOf, { where });
  }

  async #load(asOf: AsOf, options: LoadOptions = {}): Promise<Snapshot> {
    try {
      return await loadSnapshot(this.#deps, this.root, asOf, options);
    } catch (error) {
      throw isLakefoldError(error, 'HISTORY_EXPIRED') ? toldByErasure(error, await this.refresh()) : error;
    }
  }

  async #commit(write: Pick<CommitRequest, 'txnId' | 'plan' | 'stagedAt'>, options: WriteOptions): Promise<WriteOutcome> {
    const base = await this.#writeBase();
    let askedAt = instantOf(this.#deps.clock);
    // A second try names what the first one staged.
    const request = { stagedAt: askedAt, ...write };
    const outcome = await this.#unlessErased(base, () => commitWrite(this.#deps, { root: this.root, base, ...request }, options));
    if (outcome.kind === 'committed') this.#keep(outcome.snapshot, askedAt);
    if (outcome.kind !== 'nothing' && outcome.kind !== 'conflict') return outcome;
    // The warm snapshot may be behind: what it refuses, or has nothing to do for, the head may take.
    await this.refresh();
    const head = await this.#writeBase();
    if (head.version === base.version || (outcome.kind === 'conflict' && (outcome.reason === CONTENTION || outcome.reason === ERASURE))) return outcome;
    askedAt = instantOf(this.#deps.clock);
    const again = await commitWrite(this.#deps, { root: this.root, base: head, ...request }, options);
    if (again.kind === 'committed') this.#keep(again.snapshot, askedAt);
    return again;
  }

  /** An erasure deletes files at once that a warm snapshot still names. */
  async #unlessErased(base: Snapshot, commit: () => Promise<WriteOutcome>): Promise<WriteOutcome> {
    try {
      return await commit();
    } catch (error) {
      if (!isLakefoldError(error, 'FILE_MISSING')) throw error;
      const ended = erasureOf(await this.refresh())?.version ?? -1;
      if (ended <= base.version) throw error;
      return { kind: 'conflict', winner: ended, reason: ERASURE };
    }
  }

  // A writer that slept must not write on a snapshot the log may have left behind (the fence).
  async #writeBase(): Promise<Snapshot> {
    for (let load = 0; ; load += 1) {
      if (ageOf(this.#deps.clock, this.#askedAt) <= SNAPSHOT_AGE_MAX_MILLIS) return this.#snapshot;
      if (load === LOADS_MAX)
        throw new LakefoldError('WRITER_FENCED', `expected to load ${this.root} within an hour, found the snapshot older than that ${load} times`, {
          context: { path: this.root },
        });
      const askedAt = instantOf(this.#deps.clock);
      this.#keep(await loadSnapshot(this.#deps, this.root), askedAt);
    }
  }

  #keepCheckpoint(snapshot: Snapshot, version: number): void {
    if (this.#snapshot === snapshot) this.#snapshot = { ...snapshot, checkpointVersion: version };
  }

  #keep(snapshot: Snapshot, askedAt: Instant): Snapshot {
    if (snapshot.version >= this.#snapshot.version) {
      this.#snapshot = snapshot;
      this.#askedAt = askedAt;
    }
    return snapshot;
  }
}
