/** Adds and removes of a checkpoint straight from its columns into ours; rows out of the ordinary take the way of actions. */
import { utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { bitAt, isPresent, numberAtRow, plainValueAt, type RawColumn, type RawStruct, type RawText } from '../../core/raw-column.ts';
import type { RowRange, RowRanges } from '../../core/row-ranges.ts';
import { readAction, type ActionPlace } from '../actions/action-reader.ts';
import type { AddFile, RemoveFile } from '../actions/actions.ts';
import { dvUniqueId } from '../rows/deletion-vector.ts';
import type { FileColumns, FileRecord } from '../snapshot/file-columns.ts';
import { ADD_FORM, formatExtras, KEY_SEPARATOR, REMOVE_FORM } from '../snapshot/file-forms.ts';

export interface RawPlace extends Omit<ActionPlace, 'line'> {
  readonly firstRow: number;
}

export interface RawAdds {
  readonly add: RawColumn | undefined;
  /** Number of the group's first row in the lazy statistics. */
  readonly statsRow: number | undefined;
  /** Which rows to take by the number of their partition values; without it all. */
  readonly keeps?: (tuple: number) => boolean;
  /** Those that may be among them; without it all. */
  readonly rows?: RowRanges | undefined;
}

/** @throws LakefoldError LOG_CORRUPT naming the row as the line, PATH_OUTSIDE_TABLE */
export function fillAdds(files: FileColumns<AddFile>, { add, statsRow, keeps, rows }: RawAdds, place: RawPlace): void {
  if (add === undefined) return;
  const struct = structOf(add, 'add');
  for (const { start, end } of rows ?? [{ start: 0, end: struct.length }])
    fillRange(files, { struct, statsRow, keeps, range: { start, end: Math.min(end, struct.length) } }, place);
}

interface RangeOfAdds {
  readonly struct: RawStruct;
  readonly statsRow: number | undefined;
  readonly keeps: ((tuple: number) => boolean) | undefined;
  readonly range: RowRange;
}

function fillRange(files: FileColumns<AddFile>, { struct, statsRow, keeps, range }: RangeOfAdds, place: RawPlace): void {
  const columns = columnsOf(struct);
  const { tuples } = files.shared;
  for (let row = range.start; row < range.end; row += 1) {
    if (!isPresent(struct, row)) continue;
    const tuple = tuples.idOfRow(columns.partitionValues, row);
    if (tuple !== undefined && keeps?.(tuple) === false) continue;
    const size = wholeAt(columns.size, row);
    const time = wholeAt(columns.modificationTime, row);
    const stats = statsRow === undefined ? undefined : statsRow + row;
    if (tuple !== undefined && size !== undefined && time !== undefined && columns.path !== undefined && isPlainPath(columns.path, row)) {
      const key = { bytes: columns.path.bytes, start: columns.path.offsets[row] ?? 0, end: columns.path.offsets[row + 1] ?? 0 };
      const dataChange = flagAt(columns.dataChange, row) ?? true;
      files.set(key, { size, time, dataChange, extendedFileMetadata: false, tuple, extras: addExtras(columns, row, place), stats });
      continue;
    }
    for (const action of readAction({ add: plainValueAt(struct, row) }, { ...place, line: place.firstRow + row + 1 })) {
      if (action.kind === 'add') setKey(files, action.path, { ...ADD_FORM.toRecord(action, tuples), stats });
    }
  }
}

/** @throws as `fillAdds` */
export function fillRemoves(files: FileColumns<RemoveFile>, remove: RawColumn | undefined, place: RawPlace): void {
  if (remove === undefined) return;
  const struct = structOf(remove, 'remove');
  const columns = columnsOf(struct);
  const { tuples } = files.shared;
  for (let row = 0; row < struct.length; row += 1) {
    if (!isPresent(struct, row)) continue;
    const isPlain = columns.path !== undefined && isPlainPath(columns.path, row) && !isPresentIn(columns.deletionVector, row);
    const size = isPresentIn(columns.size, row) ? wholeAt(columns.size, row) : Number.NaN;
    const time = isPresentIn(columns.deletionTimestamp, row) ? wholeAt(columns.deletionTimestamp, row) : Number.NaN;
    const tuple = isPresentIn(columns.partitionValues, row) ? tuples.idOfRow(columns.partitionValues, row) : -1;
    if (isPlain && size !== undefined && time !== undefined && tuple !== undefined) {
      const path = columns.path?.bytes.subarray(columns.path.offsets[row] ?? 0, columns.path.offsets[row + 1] ?? 0) ?? new Uint8Array();
      const key = new Uint8Array(path.length + 1);
      key.set(path);
      files.set(
        { bytes: key, start: 0, end: key.length },
        {
          size,
          time,
          dataChange: flagAt(columns.dataChange, row) ?? true,
          extendedFileMetadata: flagAt(columns.extendedFileMetadata, row) ?? false,
          tuple,
          extras: undefined,
          stats: undefined,
        },
      );
      continue;
    }
    for (const action of readAction({ remove: plainValueAt(struct, row) }, { ...place, line: place.firstRow + row + 1 })) {
      if (action.kind === 'remove') setKey(files, action.path + KEY_SEPARATOR + dvUniqueId(action.deletionVector), REMOVE_FORM.toRecord(action, tuples));
    }
  }
}

function setKey<V>(files: FileColumns<V>, key: string, record: FileRecord): void {
  const bytes = utf8(key);
  files.set({ bytes, start: 0, end: bytes.length }, record);
}

interface Columns {
  readonly path: RawText | undefined;
  readonly partitionValues: RawColumn | undefined;
  readonly size: RawColumn | undefined;
  readonly modificationTime: RawColumn | undefined;
  readonly deletionTimestamp: RawColumn | undefined;
  readonly dataChange: RawColumn | undefined;
  readonly extendedFileMetadata: RawColumn | undefined;
  readonly tags: RawColumn | undefined;
  readonly deletionVector: RawColumn | undefined;
}

function columnsOf({ fields }: RawStruct): Columns {
  const path = fields.get('path');
  return {
    path: path?.kind === 'text' ? path : undefined,
    partitionValues: fields.get('partitionValues'),
    size: fields.get('size'),
    modificationTime: fields.get('modificationTime'),
    deletionTimestamp: fields.get('deletionTimestamp'),
    dataChange: fields.get('dataChange'),
    extendedFileMetadata: fields.get('extendedFileMetadata'),
    tags: fields.get('tags'),
    deletionVector: fields.get('deletionVector'),
  };
}

/** Tags and deletion vector are read as those of any action, of an add that has nothing else. */
function addExtras({ tags, deletionVector }: Columns, row: number, place: RawPlace): string | undefined {
  const hasTags = tags !== undefined && isPresent(tags, row);
  const hasVector = deletionVector !== undefined && isPresent(deletionVector, row);
  if (!hasTags && !hasVector) return undefined;
  const add = {
    path: '-',
    size: 0,
    modificationTime: 0,
    tags: hasTags ? plainValueAt(tags, row) : null,
    deletionVector: hasVector ? plainValueAt(deletionVector, row) : null,
  };
  for (const action of readAction({ add }, { ...place, line: place.firstRow + row + 1 })) if (action.kind === 'add') return formatExtras(action);
  return undefined;
}

function structOf(column: RawColumn, name: string): RawStruct {
  if (column.kind !== 'struct')
    throw new LakefoldError('FILE_CORRUPT', `expected a struct in column ${name}, found ${column.kind}`, { context: { column: name } });
  return column;
}

function isPresentIn(column: RawColumn | undefined, row: number): boolean {
  return column !== undefined && isPresent(column, row);
}

/** Undefined where there is none, or none that a double holds. */
function wholeAt(column: RawColumn | undefined, row: number): number | undefined {
  if (column?.kind !== 'numbers' || !isPresent(column, row)) return undefined;
  const value = numberAtRow(column, row);
  return Number.isSafeInteger(value) ? value : undefined;
}

function flagAt(column: RawColumn | undefined, row: number): boolean | undefined {
  return column?.kind === 'booleans' && isPresent(column, row) ? bitAt(column.bits, row) : undefined;
}

const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
/** The longest key of an object, in bytes. */
const PATH_BYTES_MAX = 1024;

/** Whether the path stands for itself: relative, nothing escaped, ASCII, no part that is empty or begins with a dot. */
function isPlainPath({ bytes, offsets, valid }: RawText, row: number): boolean {
  const start = offsets[row] ?? 0;
  const end = offsets[row + 1] ?? 0;
  if (valid !== undefined && !bitAt(valid, row)) return false;
  if (end === start || end - start > PATH_BYTES_MAX) return false;
  let before = SLASH;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === PERCENT || byte === COLON || byte === 0 || byte > 0x7f) return false;
    if (before === SLASH && (byte === SLASH || byte === DOT)) return false;
    before = byte;
  }
  return before !== SLASH;
}
