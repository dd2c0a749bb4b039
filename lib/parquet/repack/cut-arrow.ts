/** Columns of files without some of their rows, by way of Arrow: decoded to its buffers, cut there and encoded again; no row becomes a value. */
import { tableFromIPC, type RecordBatch } from 'apache-arrow';
import { readParquet } from 'parquet-wasm/esm';
import type { Vector } from '../../core/batch.ts';
import { bytesEqual } from '../../core/bytes.ts';
import { countRows, intersectRanges, type RowRange, type RowRanges } from '../../core/row-ranges.ts';
import { bytesSource, type DecodeColumn } from '../../ports/table-codec.ts';
import { arrowStream } from '../arrow/arrow-stream.ts';
import { takeArrow } from '../arrow/arrow-take.ts';
import { type BoundsCollector, collectBounds } from './cut-bounds.ts';
import { openParquet, readFooterStruct } from '../footer.ts';
import { joinParquet } from './join-files.ts';
import { columnsWithoutDictionary, encodeStreams, orCorrupt, schemaBytes } from './pack-files.ts';
import { nodeOf } from '../projection.ts';
import { listAt, numberAt, structOf } from '../thrift.ts';
import { corruptFile, runWasm } from '../wasm-runtime.ts';
import type { WeighDeps, WeighedFile } from './weigh-file.ts';
import { ROW_GROUP_ROWS } from '../writer-properties.ts';

/** What row groups that are decoded together may decode to, bytes: about four times as many are held. */
const STRETCH_BYTES_MAX = 128 * 1024 * 1024;

export interface ArrowCut {
  readonly bytes: Uint8Array;
  readonly bounds: readonly Vector[];
}

/**
 * The rows to keep of each file, in row groups of the usual size; undefined where no row is left or a column is laid out as Arrow rarely does.
 * Expects files that are alike and have all the columns, and whose row groups are no larger than `stretchesOf` allows.
 * @throws LakefoldError FILE_CORRUPT, LIMIT_EXCEEDED
 */
export async function cutByArrow(
  deps: WeighDeps,
  pieces: readonly { readonly file: WeighedFile; readonly rows: RowRanges }[],
  columns: readonly DecodeColumn[],
): Promise<ArrowCut | undefined> {
  const [first] = pieces;
  if (first === undefined) return undefined;
  const files = pieces.map(({ file }) => file);
  const { footer } = await openParquet(bytesSource(first.file.bytes));
  const positions = columns.map((column) => footer.columns.findIndex((node) => node === nodeOf(footer, column)));
  const writer = groupWriter(deps, { plain: columnsWithoutDictionary(files), schema: schemaBytes(first.file.meta) });
  const bounds = columns.map(collectBounds);
  for (const piece of pieces) {
    const stretches = stretchesOf(piece.file);
    if (stretches === undefined) return undefined;
    for (const stretch of stretches) {
      const rows = intersectRanges(piece.rows, [stretch]).map(({ start, end }) => ({ start: start - stretch.start, end: end - stretch.start }));
      if (rows.length === 0) continue;
      const isTaken = await takeStretch(await readStretch(deps, piece.file, stretch), rows, { writer, bounds, positions });
      if (!isTaken) return undefined;
    }
  }
  const parts = await writer.finish();
  const bytes = parts === undefined || parts.length === 0 ? undefined : joinParquet(parts);
  return bytes === undefined ? undefined : { bytes, bounds: bounds.map((each) => each.finish()) };
}

/** Neighbouring row groups, rows `[start, end)` of the file. */
interface Stretch extends RowRange {
  readonly groups: readonly number[];
}

/** Undefined where one would take too much memory. */
export function stretchesOf({ meta, decodedBytes }: WeighedFile): readonly Stretch[] | undefined {
  const stretches: Stretch[] = [];
  let end = 0;
  for (const [i, value] of listAt(meta, 4).entries()) {
    const start = end;
    end += numberAt(structOf(value) ?? new Map(), 3) ?? 0;
    const open = stretches.at(-1);
    if (open !== undefined && end - open.start <= ROW_GROUP_ROWS) stretches[stretches.length - 1] = { start: open.start, end, groups: [...open.groups, i] };
    else stretches.push({ start, end, groups: [i] });
  }
  return stretches.every((stretch) => ((stretch.end - stretch.start) / Math.max(1, end)) * decodedBytes <= STRETCH_BYTES_MAX) ? stretches : undefined;
}

interface ReadStretch {
  readonly batch: RecordBatch;
  /** The message of its schema. */
  readonly schema: Uint8Array;
}

async function readStretch({ wasm }: WeighDeps, { bytes }: WeighedFile, { groups, start, end }: Stretch): Promise<ReadStretch> {
  const read = (): Uint8Array => orCorrupt(() => readParquet(bytes, { rowGroups: [...groups], batchSize: end - start }).intoIPCStream());
  const ipc = await runWasm(wasm, read, (cause) => corruptFile('the Parquet reader broke down', cause));
  const [batch, more] = tableFromIPC(ipc).batches;
  if (batch?.numRows !== end - start || more !== undefined) throw corruptFile(`${batch?.numRows ?? 0} rows where ${end - start} were expected`, undefined);
  return { batch, schema: ipc.subarray(0, 8 + new DataView(ipc.buffer, ipc.byteOffset).getUint32(4, true)) };
}

interface Cutting {
  readonly writer: GroupWriter;
  readonly bounds: readonly BoundsCollector[];
  /** Of the columns in the file. */
  readonly positions: readonly number[];
}

/** False where a column has a layout that is not cut. */
async function takeStretch({ batch, schema }: ReadStretch, rows: RowRanges, { writer, bounds, positions }: Cutting): Promise<boolean> {
  for (let left = rows; left.length > 0;) {
    const { now, later } = splitRows(left, writer.room());
    const rowCount = countRows(now);
    const nodes = batch.data.children.map((child) => takeArrow(child, now, rowCount));
    const taken = nodes.filter((node) => node !== undefined);
    if (taken.length < nodes.length) return false;
    const stream = arrowStream(schema, { rowCount, columns: taken });
    const [cut] = tableFromIPC(stream).batches;
    positions.forEach((position, i) => {
      const data = cut?.data.children[position];
      if (data !== undefined) bounds[i]?.add(data);
    });
    await writer.add(stream, rowCount);
    left = later;
  }
  return true;
}

export function splitRows(rows: RowRanges, count: number): { readonly now: RowRanges; readonly later: RowRanges } {
  const now: RowRange[] = [];
  let room = count;
  for (const [i, { start, end }] of rows.entries()) {
    if (end - start > room) {
      if (room > 0) now.push({ start, end: start + room });
      return { now, later: [{ start: start + room, end }, ...rows.slice(i + 1)] };
    }
    now.push({ start, end });
    room -= end - start;
  }
  return { now, later: [] };
}

interface GroupWriter {
  /** Rows that the open row group still takes. */
  readonly room: () => number;
  readonly add: (stream: Uint8Array, rows: number) => Promise<void>;
  /** Files of a row group each; undefined where one does not come back in the layout it had. */
  readonly finish: () => Promise<readonly Uint8Array[] | undefined>;
}

function groupWriter(deps: WeighDeps, { plain, schema }: { readonly plain: readonly string[]; readonly schema: Uint8Array }): GroupWriter {
  const parts: Uint8Array[] = [];
  let streams: Uint8Array[] = [];
  let rows = 0;
  const flush = async (): Promise<void> => {
    if (rows > 0) parts.push(await encodeStreams(deps, streams, { plain }));
    streams = [];
    rows = 0;
  };
  return {
    room: () => ROW_GROUP_ROWS - rows,
    add: async (stream, count) => {
      streams.push(stream);
      rows += count;
      if (rows >= ROW_GROUP_ROWS) await flush();
    },
    finish: async () => {
      await flush();
      return parts.every((part) => bytesEqual(schemaBytes(readFooterStruct(part)), schema)) ? parts : undefined;
    },
  };
}
