/** The rows that those of a group at its pin replaced, read back through the log as far as a training set asks (P14). */
import { type Batch, concatBatches, findVector, takeRows, valueAt, type Vector, vectorNamed, vectorOf } from '../../core/batch.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { RECEIPT_AHEAD_MILLIS, REPLACED_ROWS_MAX, STORE_READ_CONCURRENCY } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { Column } from '../../core/types.ts';
import { derivedChanges } from '../../delta/changes/change-derived.ts';
import { readChangeFiles } from '../../delta/changes/change-files.ts';
import type { ChangedRows } from '../../delta/changes/change-rows.ts';
import { refuseOtherSchemas } from '../../delta/changes/change-schema.ts';
import { readEntry, type RecordedEntry } from '../../delta/changes/changes.ts';
import { commitInfoOf } from '../../delta/actions/commit-info.ts';
import { endsHistory } from '../../delta/erase/erasure.ts';
import type { ReadDeps } from '../../delta/rows/read.ts';
import { identityOver } from '../../delta/rows/row-identity.ts';
import { loadSnapshot, type SnapshotDeps } from '../../delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../delta/snapshot/snapshot-state.ts';
import { commitTime } from '../../delta/snapshot/time-travel.ts';
import { contentDigest } from '../../delta/write/upsert.ts';
import { compareBytes } from '../../core/bytes.ts';
import { STEP } from '../../engine/known-as-of.ts';

export interface ReplacedRows {
  /** Columns asked for, then the commit that replaced the row as `STEP`. */
  readonly batch: Batch;
  /** Where the log or its files end too soon: the oldest version that can be read, and until when (µs) rows may have been received that stand there. */
  readonly expired: { readonly oldestVersion: number; readonly receivedBefore: bigint; readonly reason: 'RETENTION' | 'ERASED' } | undefined;
}

export interface ReplacedRequest {
  readonly root: string;
  /** The pin. */
  readonly snapshot: Snapshot;
  /** Keys, and the event time where there is one. */
  readonly identity: readonly string[];
  readonly columns: readonly Column[];
  /** The earliest instant of which it is asked what was known, µs. */
  readonly sinceMicros: bigint;
}

const STEP_COLUMN: Column = { name: STEP, type: { kind: 'bigint' }, nullable: false };

/**
 * Rows that a commit after `sinceMicros` replaced by others of the same identity. A record that was deleted begins anew:
 * what it was before stays deleted.
 * @throws LakefoldError PLAN_TOO_LARGE beyond `REPLACED_ROWS_MAX`, UNSUPPORTED_OPERATION where the schema was another
 */
export async function readReplacedRows(deps: ReadDeps & SnapshotDeps, request: ReplacedRequest): Promise<ReplacedRows> {
  const { root, snapshot } = request;
  const chains = new RecordChains(request);
  const until = Number(request.sinceMicros / 1000n) - RECEIPT_AHEAD_MILLIS;
  const endsAt = (oldestVersion: number, reason: 'RETENTION' | 'ERASED'): ReplacedRows => ({
    batch: chains.batch(),
    expired: { oldestVersion, receivedBefore: BigInt(committedAt + RECEIPT_AHEAD_MILLIS) * 1000n, reason },
  });
  let { committedAt } = snapshot;
  for (let newest: number = snapshot.version; newest >= 0; newest -= STORE_READ_CONCURRENCY) {
    const versions = Array.from({ length: Math.min(STORE_READ_CONCURRENCY, newest + 1) }, (_, i) => newest - i);
    const entries = await mapConcurrent(versions, { concurrencyMax: STORE_READ_CONCURRENCY }, (version) => readEntry(deps, root, version));
    for (const [i, entry] of entries.entries()) {
      if (entry === undefined) return endsAt(Math.min(newest - i + 1, snapshot.version), 'RETENTION');
      committedAt = commitTime(commitInfoOf(entry.actions), entry.modifiedAt, undefined);
      if (committedAt <= until) return { batch: chains.batch(), expired: undefined };
      // The line that an erasure left in place of an entry tells nothing of what the entry did.
      if (endsHistory(entry.actions)) return endsAt(entry.version, 'ERASED');
      if (!(await chains.addCommit(deps, entry))) return endsAt(entry.version, 'RETENTION');
    }
  }
  return { batch: chains.batch(), expired: undefined };
}

interface Replaced {
  readonly batch: Batch;
  readonly row: number;
  readonly step: number;
}

/** Replaced rows by record, commits going backwards. */
class RecordChains {
  readonly #request: ReplacedRequest;
  /** Records that were deleted later, and have nothing before. */
  readonly #deleted = new Set<string>();
  /** Earliest receipt of a record's replaced rows: one that came later can't be what was known before it. */
  readonly #earliestReceipt = new Map<string, bigint>();
  readonly #kept: Replaced[] = [];

  constructor(request: ReplacedRequest) {
    this.#request = request;
  }

  /** False where files of the commit are no longer kept; then nothing of it was added. */
  async addCommit(deps: ReadDeps & SnapshotDeps, entry: RecordedEntry): Promise<boolean> {
    const removes = entry.actions.some((action) => action.kind === 'cdc' || (action.kind === 'remove' && action.dataChange));
    if (!removes) return true;
    refuseOtherSchemas({ before: undefined, version: entry.version, actions: entry.actions }, this.#request.snapshot);
    const changes: ChangedRows[] = [];
    try {
      for await (const changed of this.#changesOf(deps, entry)) changes.push(changed);
    } catch (error) {
      if (isLakefoldError(error, 'FILE_MISSING') || isLakefoldError(error, 'HISTORY_EXPIRED')) return false;
      throw error;
    }
    this.#add(changes, entry.version);
    return true;
  }

  batch(): Batch {
    const { columns } = this.#request;
    const all = [...columns, STEP_COLUMN];
    const rowsOf = new Map<Batch, Replaced[]>();
    for (const replaced of this.#kept) {
      const rows = rowsOf.get(replaced.batch);
      if (rows === undefined) rowsOf.set(replaced.batch, [replaced]);
      else rows.push(replaced);
    }
    const parts = [...rowsOf].map(([batch, rows]): Batch => {
      const taken = takeRows(
        batch,
        rows.map(({ row }) => row),
      );
      const steps: Vector = { type: STEP_COLUMN.type, length: rows.length, values: BigInt64Array.from(rows, ({ step }) => BigInt(step)) };
      const vectors = columns.map(
        ({ name, type }) =>
          findVector(taken, name) ??
          vectorOf(
            type,
            Array.from(rows, () => null),
          ),
      );
      return { columns: all, vectors: [...vectors, steps], rowCount: rows.length };
    });
    return concatBatches(all, parts);
  }

  async *#changesOf(deps: ReadDeps & SnapshotDeps, entry: RecordedEntry): AsyncIterable<ChangedRows> {
    const { root, snapshot, identity } = this.#request;
    if (entry.actions.some((action) => action.kind === 'cdc')) {
      yield* readChangeFiles(deps, { root, snapshot }, entry.actions);
      return;
    }
    const table = { root, snapshot, before: () => loadSnapshot(deps, root, { version: entry.version - 1 }) };
    yield* derivedChanges(deps, table, { actions: entry.actions, columns: snapshot.columns, identity });
  }

  #add(changes: readonly ChangedRows[], step: number): void {
    const came = new Set<string>();
    const gone: { readonly identity: string; readonly batch: Batch; readonly row: number }[] = [];
    for (const { batch, types } of changes) {
      const identityOf = identityOver(batch, this.#request.identity);
      for (const [row, type] of types.entries()) {
        const identity = identityOf(row);
        if (identity === undefined) continue;
        if (type === 'insert' || type === 'update_postimage' || type === 'update_post') came.add(identity);
        else gone.push({ identity, batch, row });
      }
    }
    const winners = new Map<string, { readonly identity: string; readonly receipt: bigint } & Replaced>();
    for (const { identity, batch, row } of gone) {
      if (this.#deleted.has(identity)) continue;
      if (!came.has(identity)) {
        this.#deleted.add(identity);
        continue;
      }
      const receipt = receiptAt(batch, row);
      if (receipt >= (this.#earliestReceipt.get(identity) ?? receipt + 1n)) continue;
      const place = `${receipt} ${identity}`;
      const known = winners.get(place);
      if (known === undefined || isGreater({ batch, row }, known)) winners.set(place, { identity, receipt, batch, row, step });
    }
    for (const { identity, receipt, batch, row } of winners.values()) {
      const earliest = this.#earliestReceipt.get(identity);
      if (earliest === undefined || receipt < earliest) this.#earliestReceipt.set(identity, receipt);
      this.#kept.push({ batch, row, step });
    }
    if (this.#kept.length > REPLACED_ROWS_MAX) throw this.#tooMany();
  }

  #tooMany(): LakefoldError {
    const { root, snapshot } = this.#request;
    return new LakefoldError(
      'PLAN_TOO_LARGE',
      `expected at most ${REPLACED_ROWS_MAX} rows of ${root} replaced since the first label time, found more: pin an earlier version, or build the set for later label times`,
      {
        context: {
          estimate: { rows: this.#kept.length },
          budget: { rows: REPLACED_ROWS_MAX },
          alternative: `SELECT * FROM table_changes('delta.\`${root}\`', 0, ${snapshot.version})`,
        },
      },
    );
  }
}

function receiptAt(batch: Batch, row: number): bigint {
  const value = valueAt(vectorNamed(batch, INGESTED_AT), row);
  return typeof value === 'bigint' ? value : 0n;
}

function isGreater(a: { readonly batch: Batch; readonly row: number }, b: { readonly batch: Batch; readonly row: number }): boolean {
  return compareBytes(contentDigest(a.batch, a.row), contentDigest(b.batch, b.row)) > 0;
}
