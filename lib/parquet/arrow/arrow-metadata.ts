/**
 * The metadata of an Arrow IPC stream, walked before anything reads it: a length in it that nothing backs would have the reader make
 * objects until there is no memory left (Arrow columnar format, Message.fbs and Schema.fbs; FlatBuffers, "internals").
 */
import { LakefoldError } from '../../core/errors.ts';
import { ARROW_DEPTH_MAX, ARROW_FIELDS_MAX, ROWS_PER_REQUEST_MAX } from '../../core/limits.ts';

const CONTINUATION = 0xffff_ffff;
/** What stands before each message: the continuation and the bytes of its metadata. */
const PREFIX_BYTES = 8;
/** MessageHeader. */
const HEADER = { schema: 1, dictionaryBatch: 2, recordBatch: 3 } as const;
/** Type: the two whose tables hold more than numbers. */
const TYPE = { timestamp: 10, union: 14 } as const;
/** FieldNode and Buffer are two 64-bit numbers each. */
const PAIR_BYTES = 16;

/**
 * Walks the messages from `start` to the end-of-stream marker and tells where that ends. Without the marker, a stream cut between two
 * batches could not be told from a whole one.
 * @throws LakefoldError FILE_CORRUPT for a message that is not whole, or whose metadata names what is not there; LIMIT_EXCEEDED beyond
 * `ARROW_FIELDS_MAX` fields, `ARROW_DEPTH_MAX` levels
 */
export function endOfStream(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const next = checkMessageAt(bytes, at);
    if (next === undefined) return at + PREFIX_BYTES;
    at = next;
  }
}

function viewOf(bytes: Uint8Array, start: number, length: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + start, length);
}

/** Where the next message stands; undefined at the end-of-stream marker. */
function checkMessageAt(bytes: Uint8Array, at: number): number | undefined {
  const view = viewOf(bytes, 0, bytes.length);
  if (at < 0 || at + PREFIX_BYTES > bytes.length || view.getUint32(at, true) !== CONTINUATION) throw corrupt('no message', at);
  const metadataBytes = view.getUint32(at + 4, true);
  if (metadataBytes === 0) return undefined;
  const bodyAt = at + PREFIX_BYTES + metadataBytes;
  if (bodyAt > bytes.length) throw corrupt(`a message of ${metadataBytes} bytes, which end beyond it`, at);
  const bodyBytes = checkMessage(new FlatBuffer(viewOf(bytes, at + PREFIX_BYTES, metadataBytes)), bytes.length);
  if (bodyAt + bodyBytes > bytes.length) throw corrupt(`a body of ${bodyBytes} bytes, which end beyond it`, bodyAt);
  return bodyAt + bodyBytes;
}

function corrupt(found: string, at: number): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected a whole Arrow IPC message at byte ${at}, found ${found}`, { context: { offset: at } });
}

/** Bounds-checked access to tables of a FlatBuffer; a position it hands out is inside. */
class FlatBuffer {
  readonly view: DataView;
  fields = 0;

  constructor(view: DataView) {
    this.view = view;
  }

  root(): number {
    return this.#inside(this.#uint32(0), 4);
  }

  /** Where field `index` of the table at `table` stands, `bytes` of it inside; undefined when it is not set. */
  field(table: number, index: number, bytes: number): number | undefined {
    const vtable = this.#inside(table - this.#int32(table), 4);
    const entry = 4 + index * 2;
    if (entry + 2 > this.view.getUint16(vtable, true)) return undefined;
    const offset = this.view.getUint16(this.#inside(vtable + entry, 2), true);
    return offset === 0 ? undefined : this.#inside(table + offset, bytes);
  }

  /** The table or vector that field `index` refers to. */
  reference(table: number, index: number): number | undefined {
    const at = this.field(table, index, 4);
    return at === undefined ? undefined : this.referenceAt(at);
  }

  referenceAt(at: number): number {
    return this.#inside(at + this.#uint32(at), 4);
  }

  /** The items of the vector that field `index` refers to: how many, and where the first stands. All of them are inside. */
  vector(table: number, index: number, itemBytes: number): { readonly length: number; readonly at: number } {
    const vector = this.reference(table, index);
    if (vector === undefined) return { length: 0, at: 0 };
    const length = this.#uint32(vector);
    this.#inside(vector + 4, length * itemBytes);
    return { length, at: vector + 4 };
  }

  long(at: number): number {
    return Number(this.view.getBigInt64(this.#inside(at, 8), true));
  }

  #uint32(at: number): number {
    return this.view.getUint32(this.#inside(at, 4), true);
  }

  #int32(at: number): number {
    return this.view.getInt32(this.#inside(at, 4), true);
  }

  #inside(at: number, bytes: number): number {
    if (at < 0 || at + bytes > this.view.byteLength)
      throw corrupt(`metadata that names bytes ${at} to ${at + bytes} of ${this.view.byteLength}`, this.view.byteOffset);
    return at;
  }
}

/** Returns the bytes of the body. */
function checkMessage(buffer: FlatBuffer, streamBytes: number): number {
  const message = buffer.root();
  const typeAt = buffer.field(message, 1, 1);
  const type = typeAt === undefined ? 0 : buffer.view.getUint8(typeAt);
  const header = buffer.reference(message, 2);
  const lengthAt = buffer.field(message, 3, 8);
  const bodyBytes = lengthAt === undefined ? 0 : buffer.long(lengthAt);
  if (bodyBytes < 0) throw corrupt(`a body of ${bodyBytes} bytes`, 0);
  checkPairsOfText(buffer, message, 4);
  if (header === undefined) return bodyBytes;
  if (type === HEADER.schema) checkSchema(buffer, header);
  else if (type === HEADER.recordBatch) checkBatch(buffer, header, { bodyBytes, streamBytes });
  else if (type === HEADER.dictionaryBatch) {
    const batch = buffer.reference(header, 1);
    if (batch !== undefined) checkBatch(buffer, batch, { bodyBytes, streamBytes });
  }
  return bodyBytes;
}

function checkSchema(buffer: FlatBuffer, schema: number): void {
  checkFields(buffer, { table: schema, index: 1, depth: 1 });
  checkPairsOfText(buffer, schema, 2);
  buffer.vector(schema, 3, 8);
}

function checkFields(buffer: FlatBuffer, { table, index, depth }: { readonly table: number; readonly index: number; readonly depth: number }): void {
  const { length, at } = buffer.vector(table, index, 4);
  buffer.fields += length;
  // Fields may share their children, so that what is finite to write is not finite to read.
  if (buffer.fields > ARROW_FIELDS_MAX) throw beyond('ARROW_FIELDS_MAX', ARROW_FIELDS_MAX, 'fields');
  if (depth > ARROW_DEPTH_MAX) throw beyond('ARROW_DEPTH_MAX', ARROW_DEPTH_MAX, 'levels of columns');
  for (let i = 0; i < length; i += 1) {
    const field = buffer.referenceAt(at + i * 4);
    buffer.vector(field, 0, 1);
    const typeAt = buffer.field(field, 2, 1);
    const type = buffer.reference(field, 3);
    if (type !== undefined) checkType(buffer, type, typeAt === undefined ? 0 : buffer.view.getUint8(typeAt));
    checkPairsOfText(buffer, field, 6);
    checkFields(buffer, { table: field, index: 5, depth: depth + 1 });
  }
}

function checkType(buffer: FlatBuffer, type: number, kind: number): void {
  if (kind === TYPE.timestamp) buffer.vector(type, 1, 1);
  else if (kind === TYPE.union) buffer.vector(type, 1, 4);
}

function checkPairsOfText(buffer: FlatBuffer, table: number, index: number): void {
  const { length, at } = buffer.vector(table, index, 4);
  for (let i = 0; i < length; i += 1) {
    const pair = buffer.referenceAt(at + i * 4);
    buffer.vector(pair, 0, 1);
    buffer.vector(pair, 1, 1);
  }
}

function checkBatch(buffer: FlatBuffer, batch: number, { bodyBytes, streamBytes }: { readonly bodyBytes: number; readonly streamBytes: number }): void {
  const nodes = buffer.vector(batch, 1, PAIR_BYTES);
  // A bit is the least that a value takes, but where all are null none takes anything.
  const valuesMax = Math.max(streamBytes * 8, ROWS_PER_REQUEST_MAX);
  for (let i = 0; i < nodes.length; i += 1) {
    const [values, nulls] = [buffer.long(nodes.at + i * PAIR_BYTES), buffer.long(nodes.at + i * PAIR_BYTES + 8)];
    if (values < 0 || values > valuesMax || nulls < 0 || nulls > values) throw corrupt(`a column of ${values} values, ${nulls} of them null`, 0);
  }
  const buffers = buffer.vector(batch, 2, PAIR_BYTES);
  for (let i = 0; i < buffers.length; i += 1) {
    const [start, length] = [buffer.long(buffers.at + i * PAIR_BYTES), buffer.long(buffers.at + i * PAIR_BYTES + 8)];
    if (start < 0 || length < 0 || start + length > bodyBytes) throw corrupt(`a buffer of bytes ${start} to ${start + length} of ${bodyBytes}`, 0);
  }
  const counts = buffer.vector(batch, 4, 8);
  for (let i = 0; i < counts.length; i += 1) {
    const count = buffer.long(counts.at + i * 8);
    if (count < 0 || count > buffers.length) throw corrupt(`${count} buffers of ${buffers.length}`, 0);
  }
}

function beyond(limit: string, limitValue: number, what: string): LakefoldError {
  return new LakefoldError('LIMIT_EXCEEDED', `expected at most ${limitValue} ${what} in an Arrow schema, found more`, { context: { limit, limitValue } });
}
