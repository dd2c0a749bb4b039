/**
 * A snapshot as batches of checkpoint rows, one row group each: only the rows of one are objects at a time.
 *
 * Adds are sorted by partition values, then path, so that a reader who wants some partitions skips the other row groups,
 * and equal states give equal bytes.
 */
import { isRecord } from '../../core/json.ts';
import { batchOfRows, type Batch, type Row } from '../../core/batch.ts';
import { compareUtf8 } from '../../core/bytes.ts';
import { CHECKPOINT_GROUP_ROWS_MAX, CHECKPOINT_GROUP_ROWS_MIN, PARTITION_DIRECTORY_TUPLES_MAX } from '../../core/limits.ts';
import type { Column, ColumnType, StructField, Value } from '../../core/types.ts';
import { actionFields } from '../actions/action-fields.ts';
import type { Action, AddFile, RemoveFile, Txn } from '../actions/actions.ts';
import { columnsOf, type FileColumns } from '../snapshot/file-columns.ts';
import { ADD_FORM, REMOVE_FORM } from '../snapshot/file-forms.ts';
import { formatMoreOfOthers } from '../actions/more-of-others.ts';
import { formatPartitionDirectory, PARTITION_DIRECTORY, type DirectoryGroup } from '../filter/partition-directory.ts';
import type { PartitionValues } from '../snapshot/partition-tuples.ts';
import { parsePartitionValue } from '../filter/partition-values.ts';
import { partitionColumnsOf } from '../filter/pruning.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { parsedOfStats, parsedStatsColumn } from '../statistics/stats-parsed.ts';
import { checkpointStatsForms } from '../schema/table-properties.ts';

/** Row groups aimed at. */
const ROW_GROUPS = 32;

/** What a checkpoint is made of, sorted. */
export interface CheckpointContent {
  /** All that are no files. */
  readonly others: readonly Action[];
  readonly adds: FileColumns<AddFile>;
  readonly addOrder: Uint32Array;
  readonly removes: FileColumns<RemoveFile>;
  readonly removeOrder: Uint32Array;
  readonly moreOfAdd: MoreOfAdd;
}

/** Fields of adds besides the usual ones, and what they are for a file. */
export interface MoreOfAdd {
  readonly keepsJson: boolean;
  readonly fields: readonly StructField[];
  valuesOf(add: AddFile): readonly Value[];
}

/** `tombstonesAfter`: tombstones deleted before that instant (ms) are left out, and those without a time. */
export function checkpointContent(snapshot: Snapshot, kept: { readonly txns: readonly Txn[]; readonly tombstonesAfter: number }): CheckpointContent {
  const byText = <T>(items: Iterable<T>, text: (item: T) => string): T[] => [...items].toSorted((a, b) => compareUtf8(text(a), text(b)));
  const adds = columnsOf(snapshot.files, ADD_FORM);
  const removes = columnsOf(snapshot.tombstones, REMOVE_FORM);
  const young = Uint32Array.from(rowNumbers(removes)).filter((row) => removes.timeAt(row) > kept.tombstonesAfter);
  return {
    others: [snapshot.protocol, snapshot.metadata, ...byText(kept.txns, (txn) => txn.appId), ...byText(snapshot.domains.values(), (domain) => domain.domain)],
    adds,
    addOrder: sortedAdds(adds, snapshot),
    removes,
    removeOrder: young.sort((a, b) => removes.compareKeys(a, b)),
    moreOfAdd: moreOfAdd(snapshot),
  };
}

/** Rows of the actions, of the adds at `addOrder` and of the removes at `removeOrder`, a batch a row group. */
export async function* checkpointBatches(columns: readonly Column[], content: CheckpointContent): AsyncGenerator<Batch> {
  const rows = checkpointRows(columns, content);
  for (const { start, end } of rowGroupsOf(content)) {
    const group: Row[] = [];
    for (let next = rows.next(); next.done !== true; next = rows.next()) {
      group.push(next.value);
      if (group.length === end - start) break;
    }
    yield batchOfRows(columns, group);
  }
}

/** What the file of those batches says besides its rows. */
export function checkpointRemarks(content: CheckpointContent): Readonly<Record<string, string>> {
  const directory = partitionDirectory(content);
  return { ...(directory === undefined ? {} : { [PARTITION_DIRECTORY]: directory }), ...formatMoreOfOthers(content.others) };
}

function partitionDirectory(content: CheckpointContent): string | undefined {
  const { others, adds, addOrder } = content;
  const tuples: PartitionValues[] = [];
  const groups: DirectoryGroup[] = [];
  let last = -1;
  for (const { start, end } of rowGroupsOf(content)) {
    const rows = addOrder.subarray(Math.max(0, start - others.length), Math.max(0, end - others.length));
    // Adds come sorted by their values: the first ones may go on with the last ones of the row group before.
    const first = rows.length > 0 && adds.tupleAt(rows[0] ?? 0) === last ? tuples.length - 1 : tuples.length;
    const counts: number[] = [];
    for (const [i, row] of rows.entries()) {
      const tuple = adds.tupleAt(row);
      if (i === 0 || tuple !== last) counts.push(0);
      counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1;
      if (tuple === last) continue;
      if (tuples.length === PARTITION_DIRECTORY_TUPLES_MAX) return undefined;
      tuples.push(adds.shared.tuples.at(tuple));
      last = tuple;
    }
    groups.push({ rowCount: end - start, first, end: tuples.length, before: Math.min(end - start, Math.max(0, others.length - start)), counts });
  }
  return formatPartitionDirectory(tuples, groups);
}

/**
 * Where the row groups begin and end, at least one. Of more than one the first have no files: whoever looks for the protocol
 * decodes few rows, and whoever wants some files none of the rest.
 */
function rowGroupsOf({ others, addOrder, removeOrder }: CheckpointContent): readonly { readonly start: number; readonly end: number }[] {
  const total = others.length + addOrder.length + removeOrder.length;
  const rowsMax = Math.min(CHECKPOINT_GROUP_ROWS_MAX, Math.max(CHECKPOINT_GROUP_ROWS_MIN, Math.ceil(total / ROW_GROUPS)));
  if (total <= rowsMax) return [{ start: 0, end: total }];
  const groups: { readonly start: number; readonly end: number }[] = [];
  for (let start = 0; start < total; start = groups.at(-1)?.end ?? total)
    groups.push({ start, end: Math.min(start + rowsMax, start < others.length ? others.length : total) });
  return groups;
}

function* checkpointRows(columns: readonly Column[], content: CheckpointContent): Generator<Row, undefined> {
  const { adds, addOrder, removes, removeOrder, moreOfAdd: more } = content;
  const rowOf = (action: Action, others: readonly Value[] = []): Row => {
    const position = columns.findIndex((column) => column.name === action.kind);
    return columns.map((column, i) => (i === position ? actionValue(column.type, action, others) : null));
  };
  for (const action of content.others) yield rowOf(action);
  for (let start = 0; start < addOrder.length; start += CHECKPOINT_GROUP_ROWS_MIN) {
    const rows = addOrder.subarray(start, start + CHECKPOINT_GROUP_ROWS_MIN);
    const stats = statsOfRows(adds, rows);
    for (const [i, row] of rows.entries()) {
      const add = adds.freshAt(row, stats[i]);
      yield rowOf({ ...add, dataChange: false, stats: more.keepsJson ? add.stats : undefined }, more.valuesOf(add));
    }
  }
  for (const row of removeOrder) yield rowOf({ ...removes.freshAt(row, undefined), dataChange: false });
  return undefined;
}

/** The statistics of some rows, read in the order in which they lie: sorted otherwise, they would be decoded again and again. */
function statsOfRows(adds: FileColumns<AddFile>, rows: Uint32Array): readonly (string | undefined)[] {
  const texts: (string | undefined)[] = [];
  const lazy: { readonly at: number; readonly stats: number }[] = [];
  for (const [at, row] of rows.entries()) {
    const { stats } = adds.recordAt(row);
    texts.push(typeof stats === 'number' ? undefined : stats);
    if (typeof stats === 'number') lazy.push({ at, stats });
  }
  for (const { at, stats } of lazy.toSorted((a, b) => a.stats - b.stats)) texts[at] = adds.shared.stats?.requiredTextAt(stats);
  return texts;
}

function sortedAdds(adds: FileColumns<AddFile>, { metadata, columns }: Snapshot): Uint32Array {
  const names = metadata.partitionColumns.map((name) => columns.find((column) => column.name === name)?.physicalName ?? name);
  const { tuples } = adds.shared;
  const ids = [...new Set(Array.from(rowNumbers(adds), (row) => adds.tupleAt(row)))];
  const texts = new Map(ids.map((id) => [id, names.map((name) => tuples.at(id)[name] ?? null)]));
  const sorted = ids.toSorted((a, b) => compareTuples(texts.get(a) ?? [], texts.get(b) ?? []));
  const ranks = new Map(sorted.map((id, rank) => [id, rank]));
  const rankOf = Uint32Array.from(rowNumbers(adds), (row) => ranks.get(adds.tupleAt(row)) ?? 0);
  return Uint32Array.from(rowNumbers(adds)).sort((a, b) => (rankOf[a] ?? 0) - (rankOf[b] ?? 0) || adds.compareKeys(a, b));
}

function compareTuples(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? null;
    if (left === right) continue;
    return left === null ? -1 : right === null ? 1 : compareUtf8(left, right);
  }
  return 0;
}

function rowNumbers({ size }: { readonly size: number }): Iterable<number> {
  return Array.from({ length: size }, (_, row) => row);
}

/** Statistics and partition values as structs, where the table asks for them. */
function moreOfAdd(snapshot: Snapshot): MoreOfAdd {
  const { json, struct } = checkpointStatsForms(snapshot.metadata);
  if (!struct) return { keepsJson: json, fields: [], valuesOf: () => [] };
  const partitions = [...partitionColumnsOf(snapshot).values()];
  const stats = parsedStatsColumn(snapshot.columns.filter((column) => !partitions.includes(column)));
  const statsType = stats.type.kind === 'struct' ? stats.type.fields[0] : undefined;
  const fields: StructField[] = statsType === undefined ? [] : [statsType];
  if (partitions.length > 0) {
    const type: ColumnType = { kind: 'struct', fields: partitions.map(({ physicalName, type: each }) => ({ name: physicalName, type: each })) };
    fields.unshift({ name: 'partitionValues_parsed', type });
  }
  return {
    keepsJson: json,
    fields,
    valuesOf: (add) => [
      ...(partitions.length === 0 ? [] : [partitions.map(({ physicalName, type }) => parsePartitionValue(type, add.partitionValues[physicalName] ?? null))]),
      ...(statsType === undefined ? [] : [parsedOfStats(stats, add.stats)]),
    ],
  };
}

function actionValue(type: ColumnType, action: Action, others: readonly Value[]): Value {
  if (type.kind !== 'struct') return null;
  const members = actionFields(action);
  const own = type.fields.slice(0, type.fields.length - others.length);
  return [...own.map((field) => toValue(field.type, members[field.name])), ...others];
}

function toValue(type: ColumnType, json: unknown): Value {
  if (json === undefined || json === null) return null;
  switch (type.kind) {
    case 'struct':
      return isRecord(json) ? type.fields.map((field) => toValue(field.type, json[field.name])) : null;
    case 'map':
      return isRecord(json) ? Object.entries(json).map(([key, value]) => [key, toValue(type.value, value)]) : null;
    case 'array':
      return Array.isArray(json) ? json.map((item: unknown) => toValue(type.element, item)) : null;
    case 'bigint':
      return typeof json === 'number' ? BigInt(json) : null;
    case 'int':
      return typeof json === 'number' ? json : null;
    case 'boolean':
      return typeof json === 'boolean' ? json : null;
    default:
      return typeof json === 'string' ? json : null;
  }
}
