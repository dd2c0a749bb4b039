/**
 * The files of a large table as columns: typed arrays, paths in a heap, no object a file. An `AddFile` or `RemoveFile` is
 * made when somebody asks for it, and forgotten again.
 */
import { BoundedCache } from '../../core/bounded-cache.ts';
import { utf8 } from '../../core/bytes.ts';
import { FILE_OBJECTS_KEPT_MAX } from '../../core/limits.ts';
import type { LazyStats } from '../statistics/lazy-stats.ts';
import { OverlayMap, type FoldingMap } from './overlay-map.ts';
import { PartitionTuples } from './partition-tuples.ts';
import { grown, TextHeap, TextIndex } from './text-heap.ts';

/** What a file has besides its key. */
export interface FileRecord {
  /** NaN = absent, as for `time`. */
  readonly size: number;
  /** `modificationTime` of an add, `deletionTimestamp` of a remove. */
  readonly time: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata: boolean;
  /** Number of its partition values in `PartitionTuples`; −1 = absent. */
  readonly tuple: number;
  /** JSON of what few files have. */
  readonly extras: string | undefined;
  /** Its row in `LazyStats`, or the text. */
  readonly stats: number | string | undefined;
}

/** How a file becomes a record and comes back. */
export interface FileForm<V> {
  toRecord(file: V, tuples: PartitionTuples): FileRecord;
  fromRecord(key: string, record: FileRecord, shared: SharedColumns): V;
}

/** What snapshots that follow each other have in common. */
export interface SharedColumns {
  readonly tuples: PartitionTuples;
  readonly stats: LazyStats | undefined;
}

const DATA_CHANGE = 1;
const EXTENDED = 2;
const ABSENT = -1;
const CAPACITY_MIN = 16;

/** Files by key. Filled by `set`, then handed out as a map and changed no more; a key keeps the place of its first `set`. */
export class FileColumns<V> implements FoldingMap<V> {
  readonly shared: SharedColumns;
  readonly #form: FileForm<V>;
  readonly #index = new TextIndex();
  /** Statistics that came as text, and extras. */
  readonly #texts = new TextHeap();
  #sizes = new Float64Array(CAPACITY_MIN);
  #times = new Float64Array(CAPACITY_MIN);
  #flags = new Uint8Array(CAPACITY_MIN);
  #tuples = new Int32Array(CAPACITY_MIN);
  #extras = new Int32Array(CAPACITY_MIN);
  /** From 0 a row of the lazy statistics; −1 = none; below that a text, counted from −2 downward. */
  #stats = new Int32Array(CAPACITY_MIN);
  readonly #objects = new BoundedCache<number, V>(FILE_OBJECTS_KEPT_MAX);

  constructor(form: FileForm<V>, shared: SharedColumns = { tuples: new PartitionTuples(), stats: undefined }) {
    this.#form = form;
    this.shared = shared;
  }

  get size(): number {
    return this.#index.size;
  }

  /** Makes room for so many rows more. */
  reserve(rows: number, keyBytes: number): void {
    this.#index.reserve(rows, keyBytes);
    this.#grow(this.size + rows);
  }

  /** Sets the record of the key `bytes[start, end)`. */
  set(key: { readonly bytes: Uint8Array; readonly start: number; readonly end: number }, record: FileRecord): void {
    const row = this.#index.add(key.bytes, key.start, key.end);
    if (row >= this.#sizes.length) this.#grow(row * 2);
    this.#sizes[row] = record.size;
    this.#times[row] = record.time;
    this.#flags[row] = (record.dataChange ? DATA_CHANGE : 0) | (record.extendedFileMetadata ? EXTENDED : 0);
    this.#tuples[row] = record.tuple;
    this.#extras[row] = record.extras === undefined ? ABSENT : this.#texts.pushText(record.extras);
    this.#stats[row] = typeof record.stats === 'number' ? record.stats : record.stats === undefined ? ABSENT : -2 - this.#texts.pushText(record.stats);
  }

  setFile(key: string, file: V): void {
    const bytes = utf8(key);
    this.set({ bytes, start: 0, end: bytes.length }, this.#form.toRecord(file, this.shared.tuples));
  }

  /** These files with some set, or taken out where undefined. Costs what the columns hold. */
  withChanges(changes: ReadonlyMap<string, V | undefined>): FileColumns<V> {
    const next = new FileColumns(this.#form, this.shared);
    const changed = new Set([...changes.keys()].map((key) => this.rowOf(key)));
    next.reserve(this.size + changes.size, this.#index.byteLength);
    for (let row = 0; row < this.size; row += 1) {
      const bytes = this.#index.bytesAt(row);
      if (!changed.has(row)) next.set({ bytes, start: 0, end: bytes.length }, this.recordAt(row));
    }
    for (const [key, file] of changes) if (file !== undefined) next.setFile(key, file);
    return next;
  }

  has(key: string): boolean {
    return this.rowOf(key) !== ABSENT;
  }

  get(key: string): V | undefined {
    const row = this.rowOf(key);
    return row === ABSENT ? undefined : this.at(row);
  }

  /** −1 when there is none. */
  rowOf(key: string): number {
    return this.#index.find(key);
  }

  at(row: number): V {
    const known = this.#objects.get(row);
    if (known !== undefined) return known;
    const file = this.glanceAt(row);
    this.#objects.set(row, file);
    return file;
  }

  /** Whether every file is remembered once it was made. */
  get keepsAll(): boolean {
    return this.size <= FILE_OBJECTS_KEPT_MAX;
  }

  /** The file of a row, not remembered: for who looks at all of them, and drops most. */
  glanceAt(row: number): V {
    return this.#form.fromRecord(this.#index.textAt(row), this.recordAt(row), this.shared);
  }

  keyAt(row: number): string {
    return this.#index.textAt(row);
  }

  /** Order of two rows by the UTF-8 of their keys. */
  compareKeys(a: number, b: number): number {
    return this.#index.compare(a, b);
  }

  timeAt(row: number): number {
    return this.#times[row] ?? Number.NaN;
  }

  /** The file of a row with these statistics, not remembered: for who passes over all of them. */
  freshAt(row: number, stats: string | undefined): V {
    return this.#form.fromRecord(this.#index.textAt(row), { ...this.recordAt(row), stats }, this.shared);
  }

  tupleAt(row: number): number {
    return this.#tuples[row] ?? ABSENT;
  }

  recordAt(row: number): FileRecord {
    const flags = this.#flags[row] ?? 0;
    const stats = this.#stats[row] ?? ABSENT;
    const extras = this.#extras[row] ?? ABSENT;
    return {
      size: this.#sizes[row] ?? Number.NaN,
      time: this.#times[row] ?? Number.NaN,
      dataChange: (flags & DATA_CHANGE) !== 0,
      extendedFileMetadata: (flags & EXTENDED) !== 0,
      tuple: this.tupleAt(row),
      extras: extras === ABSENT ? undefined : this.#texts.textAt(extras),
      stats: stats === ABSENT ? undefined : stats >= 0 ? stats : this.#texts.textAt(-2 - stats),
    };
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *entries(): Generator<[string, V], undefined> {
    for (let row = 0; row < this.size; row += 1) yield [this.keyAt(row), this.at(row)];
    return undefined;
  }

  *keys(): Generator<string, undefined> {
    for (let row = 0; row < this.size; row += 1) yield this.keyAt(row);
    return undefined;
  }

  *values(): Generator<V, undefined> {
    for (let row = 0; row < this.size; row += 1) yield this.at(row);
    return undefined;
  }

  [Symbol.iterator](): Generator<[string, V], undefined> {
    return this.entries();
  }

  #grow(rows: number): void {
    if (rows <= this.#sizes.length) return;
    this.#sizes = grown(this.#sizes, new Float64Array(rows));
    this.#times = grown(this.#times, new Float64Array(rows));
    this.#flags = grown(this.#flags, new Uint8Array(rows));
    this.#tuples = grown(this.#tuples, new Int32Array(rows));
    this.#extras = grown(this.#extras, new Int32Array(rows));
    this.#stats = grown(this.#stats, new Int32Array(rows));
  }
}

/** The files as columns: as they are, with what changed since folded in, or copied. */
export function columnsOf<V>(files: ReadonlyMap<string, V>, form: FileForm<V>): FileColumns<V> {
  if (files instanceof FileColumns) return files;
  if (files instanceof OverlayMap && files.base instanceof FileColumns) return files.overlay.size === 0 ? files.base : files.base.withChanges(files.overlay);
  const columns = new FileColumns(form);
  for (const [key, file] of files) columns.setFile(key, file);
  return columns;
}
