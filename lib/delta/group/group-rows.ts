/** The rows of a group that may meet others, read from its staged files and from the table: identities and receipts alone. */
import { valueAt, vectorNamed } from '../../core/batch.ts';
import { toHex } from '../../core/bytes.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { AddFile } from '../actions/actions.ts';
import { dvUniqueId } from '../rows/deletion-vector.ts';
import { compareValues } from '../filter/filter.ts';
import { hasReceipts, type GroupMember } from './group-member.ts';
import type { GroupRow } from './group-resolve.ts';
import { checkGroupBudget } from '../write/plan-budget.ts';
import { boundsOf, readFile, selectColumns, type ReadDeps } from '../rows/read.ts';
import { identityOver } from '../rows/row-identity.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { contentDigest } from '../write/upsert.ts';

export interface RowsAt {
  readonly root: string;
  readonly snapshot: Snapshot;
  readonly identityColumns: readonly string[];
}

export interface Wanted {
  readonly identities: ReadonlySet<string>;
  /** The files they were read from, which tell one set from another. */
  readonly sources: readonly AddFile[];
}

/** Reads each file once, however often the group is planned. */
export interface RowReader {
  /** Every row of a member's file. @throws LakefoldError FILE_MISSING, FILE_CORRUPT */
  readonly staged: (at: RowsAt, file: AddFile) => Promise<readonly GroupRow[]>;
  /** Live rows of a file that have one of the identities. @throws as `staged` */
  readonly matching: (at: RowsAt, file: AddFile, wanted: Wanted) => Promise<readonly GroupRow[]>;
  /** Digests of the contents of rows, by `placeOf`. */
  readonly digests: (at: RowsAt, file: AddFile, rows: readonly GroupRow[]) => Promise<ReadonlyMap<string, string>>;
}

export function placeOf({ path, position }: Pick<GroupRow, 'path' | 'position'>): string {
  return `${position} ${path}`;
}

/** A row's place and receipt in memory, beside its identity. */
const ROW_BYTES = 160;

/** @throws LakefoldError from what it reads: PLAN_TOO_LARGE when it holds more than `bytesMax` */
export function rowReader(deps: ReadDeps, { bytesMax }: { readonly bytesMax?: number } = {}): RowReader {
  let bytes = 0;
  const hold = (row: GroupRow): void => {
    bytes += ROW_BYTES + (row.identity?.length ?? 0);
    checkGroupBudget(bytes, bytesMax);
  };
  const staged = new Map<string, readonly GroupRow[]>();
  const matching = new Map<string, readonly GroupRow[]>();
  const numbers = new Map<string, number>();
  const numberOf = ({ sources }: Wanted): number => {
    const key = sources.map(({ path }) => path).join('\0');
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  };
  return {
    staged: async (at, file) => {
      const rows = staged.get(file.path) ?? (await readIdentities(deps, at, { file, hold }));
      staged.set(file.path, rows);
      return rows;
    },
    matching: async (at, file, wanted) => {
      const key = `${numberOf(wanted)} ${file.deletionVector === undefined ? '' : dvUniqueId(file.deletionVector)} ${file.path}`;
      const rows = matching.get(key) ?? (await readIdentities(deps, at, { file, hold, wanted: wanted.identities }));
      matching.set(key, rows);
      return rows;
    },
    digests: (at, file, rows) => readDigests(deps, at, file, rows),
  };
}

async function readIdentities(
  deps: ReadDeps,
  at: RowsAt,
  { file, hold, wanted }: { readonly file: AddFile; readonly hold: (row: GroupRow) => void; readonly wanted?: ReadonlySet<string> },
): Promise<readonly GroupRow[]> {
  const isReceived = hasReceipts(at.snapshot);
  const columns = selectColumns(at.snapshot, isReceived ? [...new Set([...at.identityColumns, INGESTED_AT])] : at.identityColumns);
  const rows: GroupRow[] = [];
  for await (const { batch, positions } of readFile(deps, { ...at, file }, { columns })) {
    const identityOf = identityOver(batch, at.identityColumns);
    const receipts = isReceived ? vectorNamed(batch, INGESTED_AT) : undefined;
    for (let i = 0; i < batch.rowCount; i += 1) {
      const identity = identityOf(i);
      if (wanted !== undefined && (identity === undefined || !wanted.has(identity))) continue;
      const receipt = receipts === undefined ? undefined : valueAt(receipts, i);
      const row: GroupRow = { path: file.path, position: positions[i] ?? 0, identity, receipt: typeof receipt === 'bigint' ? receipt : undefined };
      hold(row);
      rows.push(row);
    }
  }
  return rows;
}

async function readDigests(deps: ReadDeps, at: RowsAt, file: AddFile, rows: readonly GroupRow[]): Promise<ReadonlyMap<string, string>> {
  const columns = at.snapshot.columns.filter(({ name }) => name !== INGESTED_AT);
  const wanted = new Set(rows.map(({ position }) => position));
  const digests = new Map<string, string>();
  for await (const { batch, positions } of readFile(deps, { ...at, file }, { columns })) {
    for (let i = 0; i < batch.rowCount; i += 1) {
      const position = positions[i] ?? 0;
      if (wanted.has(position)) digests.set(placeOf({ path: file.path, position }), toHex(contentDigest(batch, i, columns)));
    }
  }
  return digests;
}

type Ranges = readonly ReturnType<typeof boundsOf>[];

export interface FilesThatMeet {
  /** Of the members, by path: files whose rows may share an identity with others. */
  readonly staged: ReadonlySet<string>;
  /** Of the table. */
  readonly table: readonly AddFile[];
}

/** Files between which an upsert's rows may find their like, by statistics and partition values. */
export function filesThatMeet(at: Pick<RowsAt, 'snapshot' | 'identityColumns'>, members: readonly GroupMember[]): FilesThatMeet {
  const rangesOf = (file: AddFile): Ranges => at.identityColumns.map((name) => boundsOf(at.snapshot, file, name));
  const files = members.flatMap((member, owner) =>
    member.adds.map((file) => ({ file, owner, isUpsert: member.operation === 'upsert', ranges: rangesOf(file) })),
  );
  const upserts = files.filter(({ isUpsert }) => isUpsert);
  const staged = new Set<string>();
  if (upserts.length === 0) return { staged, table: [] };
  for (const upsert of upserts) {
    for (const other of files) {
      if (other.owner === upsert.owner || !meet(upsert.ranges, other.ranges)) continue;
      staged.add(upsert.file.path);
      staged.add(other.file.path);
    }
  }
  const table: AddFile[] = [];
  for (const file of at.snapshot.files.values()) {
    const ranges = rangesOf(file);
    const met = upserts.filter((upsert) => meet(upsert.ranges, ranges));
    if (met.length > 0) table.push(file);
    for (const upsert of met) staged.add(upsert.file.path);
  }
  return { staged, table };
}

function meet(a: Ranges, b: Ranges): boolean {
  return a.every((range, i) => !isBelow(range, b[i]) && !isBelow(b[i], range));
}

function isBelow(a: Ranges[number] | undefined, b: Ranges[number] | undefined): boolean {
  if (a?.max === undefined || a.max === null || b?.min === undefined || b.min === null) return false;
  return compareValues(a.max, b.min) < 0;
}
