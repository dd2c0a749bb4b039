/** Writes of one program to one table that commit together. */
import type { DeltaDeps } from '../delta/deps.ts';
import { GroupCommitter } from '../delta/group/group-committer.ts';
import type { GroupWriteRequest } from '../delta/group/group-stage.ts';
import type { DeltaTable } from '../delta/table.ts';
import { commitReceipt, type CommitReceipt } from '../features/ingest/receipt.ts';
import { settle } from '../features/ingest/settle.ts';
import { checkOptions, WRITE_OPTIONS } from './arguments.ts';
import { tableBatch, type TableRow, type TableWriteOptions, writeOptions } from './table-input.ts';

export type TableGroupWriteOptions = Pick<TableWriteOptions, 'txn'>;

/**
 * Appends and upserts, called at any time: those that come while a commit is under way are the next one, up to 1,000 writes,
 * 1,000,000 rows or 4 MiB of log. Each has a receipt and a `txn` of its own, one that can't be committed is refused alone, and
 * rows count in the order of the calls.
 */
export class TableGroupCommitter {
  readonly #deps: DeltaDeps;
  readonly #table: DeltaTable;
  readonly #committer: GroupCommitter;

  constructor(deps: DeltaDeps, table: DeltaTable) {
    this.#deps = deps;
    this.#table = table;
    this.#committer = new GroupCommitter(deps, table);
  }

  /** As `Table.append`. @throws LakefoldError as it does; OVERLOADED when too many writes wait */
  append(rows: readonly TableRow[], options: TableGroupWriteOptions = {}): Promise<CommitReceipt | null> {
    return this.#write(rows, { kind: 'append' }, options);
  }

  /** As `Table.upsert`. @throws LakefoldError as it does; OVERLOADED when too many writes wait */
  async upsert(rows: readonly TableRow[], options: TableGroupWriteOptions & { readonly keys: readonly string[] }): Promise<CommitReceipt | null> {
    checkOptions(options, WRITE_OPTIONS);
    return this.#write(rows, { kind: 'upsert', keys: options.keys }, options);
  }

  async #write(rows: readonly TableRow[], what: GroupWriteRequest['what'], options: TableGroupWriteOptions): Promise<CommitReceipt | null> {
    checkOptions(options, WRITE_OPTIONS);
    const { idempotency } = writeOptions(options);
    const batch = tableBatch(rows, this.#table.snapshot.columns, what.kind === 'upsert' ? what.keys : []);
    const outcome = await this.#committer.write({ batch, what, ...(idempotency === undefined ? {} : { idempotency }) });
    const facts = await settle(this.#deps, this.#table.root, { outcome, idempotency, rejected: 0 });
    return facts === undefined ? null : commitReceipt(what.kind, facts);
  }
}
