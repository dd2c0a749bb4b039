/**
 * One batch of Arrow columns as an IPC stream, laid out at once into one buffer (Arrow columnar format, "IPC streaming format").
 *
 * Arrow's own writer builds vectors, a table and a flatbuffer of many small objects for each batch; of a small batch that
 * is most of the work.
 */
import { concatBytes } from '../../core/bytes.ts';

/** A column, or a part of a nested one: its buffers in Arrow's order, the validity bitmap first. */
export interface ArrowNode {
  readonly length: number;
  readonly nullCount: number;
  /** Empty where there is nothing to say, as the bitmap of a column without nulls. */
  readonly buffers: readonly ArrayBufferView[];
  readonly children: readonly ArrowNode[];
}

/** What stands before each message: a mark that it is one, and the bytes of its metadata. */
const PREFIX_BYTES = 8;
const CONTINUATION = 0xffff_ffff;
/** Buffers begin at multiples of this: the widest value, a decimal, is read in place. */
const BUFFER_ALIGNMENT = 16;
/** MetadataVersion V5; MessageHeader RecordBatch. */
const VERSION = 4;
const RECORD_BATCH = 3;
/** Where the vectors of nodes and buffers begin in the metadata; each item of both is two 64-bit numbers. */
const NODES_AT = 88;
const ITEM_BYTES = 16;

/** A flatbuffer of metadata as a message of a stream, padded. */
export function arrowMessage(metadata: Uint8Array): Uint8Array {
  const message = new Uint8Array(PREFIX_BYTES + aligned(metadata.length, 8));
  const view = new DataView(message.buffer);
  view.setUint32(0, CONTINUATION, true);
  view.setUint32(4, message.length - PREFIX_BYTES, true);
  message.set(metadata, PREFIX_BYTES);
  return message;
}

/** The stream of a schema, as a message, and one record batch of its columns. */
export function arrowStream(schema: Uint8Array, batch: { readonly rowCount: number; readonly columns: readonly ArrowNode[] }): Uint8Array {
  const nodes = batch.columns.flatMap(withDescendants);
  const buffers = nodes.flatMap(({ buffers: each }) => each);
  const metadataBytes = NODES_AT + nodes.length * ITEM_BYTES + 8 + buffers.length * ITEM_BYTES;
  const bodyBytes = buffers.reduce((sum, buffer) => sum + aligned(buffer.byteLength, BUFFER_ALIGNMENT), 0);
  const metadataStart = schema.length + PREFIX_BYTES;
  const bodyStart = metadataStart + metadataBytes;
  const stream = new Uint8Array(bodyStart + bodyBytes + PREFIX_BYTES);
  stream.set(schema);
  const view = new DataView(stream.buffer);
  view.setUint32(schema.length, CONTINUATION, true);
  view.setUint32(schema.length + 4, metadataBytes, true);
  writeBatchMetadata(new DataView(stream.buffer, metadataStart, metadataBytes), { rowCount: batch.rowCount, nodes, buffers, bodyBytes });
  let at = bodyStart;
  for (const buffer of buffers) {
    stream.set(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength), at);
    at += aligned(buffer.byteLength, BUFFER_ALIGNMENT);
  }
  // The end of the stream is a message without metadata.
  view.setUint32(at, CONTINUATION, true);
  return stream;
}

/** The batches of several streams of one schema as one stream. */
export function joinArrowStreams(streams: readonly Uint8Array[]): Uint8Array {
  const [only, ...more] = streams;
  if (only !== undefined && more.length === 0) return only;
  return concatBytes(
    streams.map((stream, i) => {
      // The schema comes first and has no body; the last eight bytes say that no more comes.
      const schemaBytes = PREFIX_BYTES + new DataView(stream.buffer, stream.byteOffset).getUint32(4, true);
      return stream.subarray(i === 0 ? 0 : schemaBytes, i === streams.length - 1 ? stream.length : stream.length - PREFIX_BYTES);
    }),
  );
}

interface BatchMetadata {
  readonly rowCount: number;
  readonly nodes: readonly ArrowNode[];
  readonly buffers: readonly ArrayBufferView[];
  readonly bodyBytes: number;
}

/**
 * The flatbuffer of `Message { version, header_type, header: RecordBatch { length, nodes, buffers }, bodyLength }`.
 *
 * Its tables have the same fields always, so their places are fixed: root at 0, the vtable of the message at 8, the message at 24, the vtable of
 * the batch at 48, the batch at 64, its vectors behind it. Offsets count from where they stand, those of vtables backwards.
 */
function writeBatchMetadata(view: DataView, { rowCount, nodes, buffers, bodyBytes }: BatchMetadata): void {
  view.setUint32(0, 24, true);
  writeVtable(view, 8, { tableBytes: 20, fields: [16, 18, 4, 8] });
  view.setInt32(24, 24 - 8, true);
  view.setUint32(28, 64 - 28, true);
  setLong(view, 32, bodyBytes);
  view.setInt16(40, VERSION, true);
  view.setUint8(42, RECORD_BATCH);
  writeVtable(view, 48, { tableBytes: 20, fields: [8, 4, 16] });
  view.setInt32(64, 64 - 48, true);
  const nodesCount = NODES_AT - 4;
  const buffersAt = NODES_AT + nodes.length * ITEM_BYTES + 8;
  view.setUint32(68, nodesCount - 68, true);
  setLong(view, 72, rowCount);
  view.setUint32(80, buffersAt - 4 - 80, true);
  view.setUint32(nodesCount, nodes.length, true);
  nodes.forEach(({ length, nullCount }, i) => {
    setLong(view, NODES_AT + i * ITEM_BYTES, length);
    setLong(view, NODES_AT + i * ITEM_BYTES + 8, nullCount);
  });
  view.setUint32(buffersAt - 4, buffers.length, true);
  let offset = 0;
  buffers.forEach(({ byteLength }, i) => {
    setLong(view, buffersAt + i * ITEM_BYTES, offset);
    setLong(view, buffersAt + i * ITEM_BYTES + 8, byteLength);
    offset += aligned(byteLength, BUFFER_ALIGNMENT);
  });
}

/** `fields`: where each field is in its table, by the field's number. */
function writeVtable(view: DataView, at: number, { tableBytes, fields }: { readonly tableBytes: number; readonly fields: readonly number[] }): void {
  view.setUint16(at, 4 + fields.length * 2, true);
  view.setUint16(at + 2, tableBytes, true);
  fields.forEach((field, i) => view.setUint16(at + 4 + i * 2, field, true));
}

function setLong(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function withDescendants(node: ArrowNode): readonly ArrowNode[] {
  return node.children.length === 0 ? [node] : [node, ...node.children.flatMap(withDescendants)];
}

function aligned(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
