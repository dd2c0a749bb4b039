/** A staged write that commits together with others (delta.md, "Group commit"), and whether a table takes it. */
import type { Batch } from '../../core/batch.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { formatType, typesEqual, type ColumnType } from '../../core/types.ts';
import { isUlid, millisOfUlid } from '../../core/ulid.ts';
import type { AddFile, Metadata } from '../actions/actions.ts';
import { appliedVersion } from '../write/commit.ts';
import { type Constraint, CONSTRAINT_PREFIX, constraintsOf } from '../sql/constraints.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import type { Idempotency } from '../write/write-outcome.ts';

export interface StagedColumn {
  readonly name: string;
  readonly physicalName: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

/** What the files of a write were staged on. */
export interface StagedShape {
  readonly tableId: string;
  readonly partitionColumns: readonly string[];
  /** Of the rows, in any order. */
  readonly columns: readonly StagedColumn[];
  /** The constraints its rows were held to, by property. */
  readonly constraints: Readonly<Record<string, string>>;
}

/** One write of a group: its files stand, its rows are counted, no entry names them yet. */
export interface GroupMember {
  /** Unlike any other write's; by it a write without an idempotency key is known again. */
  readonly id: string;
  readonly operation: 'append' | 'upsert';
  /** Keys and event time of an upsert; an append has none. */
  readonly identityColumns: readonly string[];
  readonly shape: StagedShape;
  readonly adds: readonly AddFile[];
  /** Rows in `adds`. */
  readonly rowCount: number;
  /** Rows received that others of the same batch replaced. */
  readonly dedupedInBatch: number;
  /** Whether every row has a receipt; of those that have none the later write wins. */
  readonly isReceived: boolean;
  /** Newest receipt, µs. */
  readonly ingestedAt?: bigint;
  readonly idempotency?: Idempotency;
  readonly received: number;
  readonly rejected: number;
  /** Why it can't land, unless it landed before. */
  readonly fault?: Refusal;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** What became of a member: `applied` without a version = by another member of the same entry. */
export type Verdict =
  | { readonly kind: 'landed' }
  | { readonly kind: 'applied'; readonly version: number | undefined }
  | ({ readonly kind: 'refused' } & Refusal);

/** By what a member is known again: its request's key and its stream's sequence, else its id. */
export function memberIdempotency(member: Pick<GroupMember, 'id' | 'idempotency'>): readonly [Idempotency & { kind: 'request' }, ...Idempotency[]] {
  const { idempotency } = member;
  if (idempotency?.kind === 'request') return [idempotency];
  const own = { kind: 'request', key: `write/${member.id}`, bodyHash: '', windowMillis: IDEMPOTENCY_WINDOW_MILLIS } as const;
  return idempotency === undefined ? [own] : [own, idempotency];
}

/** The shape of rows with these columns, staged on `snapshot`. */
export function stagedShape(snapshot: Snapshot, batch: Pick<Batch, 'columns'>): StagedShape {
  const names = new Set(batch.columns.map(({ name }) => name));
  return {
    tableId: snapshot.metadata.id,
    partitionColumns: snapshot.metadata.partitionColumns,
    columns: snapshot.columns.filter(({ name }) => names.has(name)).map(({ name, physicalName, type, nullable }) => ({ name, physicalName, type, nullable })),
    constraints: rulesOf(snapshot.metadata),
  };
}

/**
 * Where the member landed already, and by what that is known. Its key is asked for as of the time the write was staged: however
 * late it is met, what was committed since is its own or a repeat.
 */
export function landedBefore(
  snapshot: Snapshot,
  member: Pick<GroupMember, 'id' | 'idempotency'>,
  now: number,
): { readonly version: number; readonly idempotency: Idempotency } | undefined {
  const askedAt = isUlid(member.id) ? Math.min(now, millisOfUlid(member.id)) : now;
  for (const idempotency of memberIdempotency(member)) {
    const version = appliedVersion(snapshot, idempotency, askedAt);
    if (version !== undefined) return { version, idempotency };
  }
  return undefined;
}

/** Whether the member landed already or can't land on this version of the table; undefined when it may. */
export function standingOf(snapshot: Snapshot, member: GroupMember, now: number): Exclude<Verdict, { kind: 'landed' }> | undefined {
  const before = landedBefore(snapshot, member, now);
  if (before !== undefined) return { kind: 'applied', version: before.version };
  // Its `txn` may have been forgotten; a file that is in the table can't be added again.
  if (member.adds.some(({ path }) => snapshot.files.has(path))) return { kind: 'applied', version: snapshot.version };
  if (member.fault !== undefined) return { kind: 'refused', ...member.fault };
  const reason = misfitOf(snapshot, member);
  return reason === undefined ? undefined : { kind: 'refused', code: 'SCHEMA_DRIFT', reason };
}

function misfitOf(snapshot: Snapshot, { shape, identityColumns }: GroupMember): string | undefined {
  const { metadata, columns } = snapshot;
  if (metadata.id !== shape.tableId) return 'the table was replaced by another';
  if (metadata.partitionColumns.join('\0') !== shape.partitionColumns.join('\0')) return 'the table is partitioned by other columns now';
  for (const staged of shape.columns) {
    const column = columns.find(({ name }) => name === staged.name);
    if (column === undefined) return `the table has no column ${staged.name}`;
    if (column.physicalName !== staged.physicalName || !typesEqual(column.type, staged.type))
      return `column ${staged.name} was ${formatType(staged.type)}, it is ${formatType(column.type)} now`;
  }
  for (const column of columns) if (isRequiredSince(column, shape)) return `column ${column.name} is required now`;
  for (const name of identityColumns) if (!shape.columns.some((column) => column.name === name)) return `the rows have no column ${name} to be known by`;
  return undefined;
}

function isRequiredSince(column: TableColumn, shape: StagedShape): boolean {
  return !column.nullable && shape.columns.find(({ name }) => name === column.name)?.nullable !== false;
}

/** Constraints of the table that the member's rows were not held to when they were staged. */
export function constraintsSince({ metadata }: Pick<Snapshot, 'metadata'>, { shape }: Pick<GroupMember, 'shape'>): readonly Constraint[] {
  return constraintsOf(metadata).filter((constraint) => shape.constraints[ruleName(constraint)] !== constraint.text);
}

/** Check constraints and column invariants of a table, by name. */
function rulesOf(metadata: Metadata): Readonly<Record<string, string>> {
  return Object.fromEntries(constraintsOf(metadata).map((constraint) => [ruleName(constraint), constraint.text]));
}

function ruleName({ kind, name }: Constraint): string {
  return `${kind === 'invariants' ? 'delta.invariants.' : CONSTRAINT_PREFIX}${name}`;
}

/** Whether rows of the table have receipts, which order rows of one identity. */
export function hasReceipts(snapshot: Snapshot): boolean {
  return snapshot.columns.some(({ name }) => name === INGESTED_AT);
}
