/** Data pages of a flat column made of rows of others, values copied as they lie. */
import type { FlatColumn } from './flat-column.ts';
import { countOnes, type PlainPage, widthOf, writeLevels } from './plain-page.ts';
import { corruptFile } from '../wasm-runtime.ts';

/** Rows and bytes of a page, as the Parquet writer cuts them. */
const PAGE_ROWS = 20_000;
const PAGE_BYTES = 1024 * 1024;
/** Room of an open page to begin with; it doubles. */
const FIRST_BYTES = 64 * 1024;

/** A page whose values are their own during the call alone. */
export interface BuiltPage {
  readonly rowCount: number;
  readonly nullCount: number;
  /** As a page begins with them; empty of a column that is never absent. */
  readonly levels: Uint8Array;
  readonly values: Uint8Array;
}

export interface PageBuilder {
  /** Rows of a page: where each stretch of them begins and ends, ascending. @throws LakefoldError FILE_CORRUPT where values end early */
  readonly add: (page: PlainPage, rows: readonly number[]) => void;
  /** Ends the page that is open. */
  readonly finish: () => void;
}

export type EmitPage = (page: BuiltPage) => void;

export function buildPages(column: Pick<FlatColumn, 'kind' | 'isOptional'>, emit: EmitPage): PageBuilder {
  const sink = pageSink(column.isOptional, emit);
  const add = column.kind === 'bytes' ? addBytes : addNumbers(widthOf(column.kind) / 4);
  return { add: (page, rows) => add(sink, page, rows), finish: () => sink.flush() };
}

/** The page that is open. */
interface PageSink {
  readonly levels: Uint8Array;
  rows: number;
  /** Values, with room for `reserve`d bytes more. */
  values: Uint8Array;
  /** The same bytes. */
  words: Int32Array;
  used: number;
  readonly reserve: (bytes: number) => void;
  readonly flush: () => void;
}

const NO_LEVELS = new Uint8Array();

function pageSink(isOptional: boolean, emit: EmitPage): PageSink {
  const values = new Uint8Array(FIRST_BYTES);
  const sink: PageSink = {
    levels: new Uint8Array(PAGE_ROWS),
    rows: 0,
    values,
    words: new Int32Array(values.buffer),
    used: 0,
    reserve: (bytes) => {
      if (sink.used + bytes <= sink.values.length) return;
      const larger = new Uint8Array(Math.ceil(Math.max(sink.values.length * 2, sink.used + bytes) / 8) * 8);
      larger.set(sink.values.subarray(0, sink.used));
      sink.values = larger;
      sink.words = new Int32Array(larger.buffer);
    },
    flush: () => {
      if (sink.rows === 0) return;
      const levels = sink.levels.subarray(0, sink.rows);
      const present = isOptional ? countOnes(levels) : sink.rows;
      emit({
        rowCount: sink.rows,
        nullCount: sink.rows - present,
        levels: isOptional ? writeLevels(levels, present) : NO_LEVELS,
        values: sink.values.subarray(0, sink.used),
      });
      sink.rows = 0;
      sink.used = 0;
    },
  };
  return sink;
}

type AddRows = (sink: PageSink, page: PlainPage, rows: readonly number[]) => void;

/** Values of so many words of four bytes. */
function addNumbers(words: number): AddRows {
  return (sink, { levels, values }, rows) => {
    const source = new Int32Array(values.buffer, values.byteOffset, values.length / 4);
    let row = 0;
    let value = 0;
    for (let r = 0; r + 1 < rows.length; r += 2) {
      const end = rows[r + 1] ?? 0;
      if (levels !== undefined) for (; row < (rows[r] ?? 0); row += 1) value += levels[row] ?? 0;
      else value = row = rows[r] ?? 0;
      while (row < end) {
        const taken = Math.min(end - row, PAGE_ROWS - sink.rows);
        const count = levels === undefined ? allPresent(sink, taken) : copyLevels(sink, levels, row, taken);
        sink.reserve(count * words * 4);
        copyWords(source, value * words, count * words, sink);
        row += taken;
        value += count;
        sink.rows += taken;
        if (sink.rows === PAGE_ROWS) sink.flush();
      }
    }
  };
}

function allPresent(sink: PageSink, count: number): number {
  sink.levels.fill(1, sink.rows, sink.rows + count);
  return count;
}

function copyLevels(sink: PageSink, levels: Uint8Array, from: number, count: number): number {
  let present = 0;
  for (let i = 0; i < count; i += 1) {
    const level = levels[from + i] ?? 0;
    sink.levels[sink.rows + i] = level;
    present += level;
  }
  return present;
}

/** A view of a part costs more than copying a few words one by one. */
const VIEWED_WORDS_MIN = 64;

function copyWords(source: Int32Array, from: number, count: number, sink: PageSink): void {
  const { words } = sink;
  const at = sink.used / 4;
  if (count >= VIEWED_WORDS_MIN) words.set(source.subarray(from, from + count), at);
  else for (let i = 0; i < count; i += 1) words[at + i] = source[from + i] ?? 0;
  sink.used += count * 4;
}

const addBytes: AddRows = (sink, { levels, values }, rows) => {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  let row = 0;
  let at = 0;
  const skip = (): void => {
    const end = at + 4 > values.length ? Number.POSITIVE_INFINITY : at + 4 + view.getUint32(at, true);
    if (end > values.length) throw corruptFile('a value that ends beyond its page', undefined);
    at = end;
  };
  for (let r = 0; r + 1 < rows.length; r += 2) {
    const end = rows[r + 1] ?? 0;
    for (; row < (rows[r] ?? 0); row += 1) if (levels === undefined || levels[row] === 1) skip();
    let start = at;
    for (; row < end; row += 1) {
      const level = levels === undefined ? 1 : (levels[row] ?? 0);
      if (level === 1) skip();
      sink.levels[sink.rows] = level;
      sink.rows += 1;
      if (sink.rows < PAGE_ROWS && sink.used + at - start < PAGE_BYTES) continue;
      copyBytes(values, start, at, sink);
      sink.flush();
      start = at;
    }
    copyBytes(values, start, at, sink);
  }
};

function copyBytes(source: Uint8Array, start: number, end: number, sink: PageSink): void {
  if (end === start) return;
  sink.reserve(end - start);
  sink.values.set(source.subarray(start, end), sink.used);
  sink.used += end - start;
}
