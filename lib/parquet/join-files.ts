/** Several Parquet files of one schema as one: their bytes one after the other, under a footer that knows where each went. */
import { utf8 } from '../core/bytes.ts';
import {
  I64,
  LIST,
  listAt,
  numberAt,
  readThriftStruct,
  STRUCT,
  structAt,
  structOf,
  withFields,
  writeThriftStruct,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts';

const MAGIC = utf8('PAR1');
const TAIL_BYTES = 8;

/** `files` are whole, not empty, and written by us alike. */
export function joinParquet(files: readonly Uint8Array[]): Uint8Array {
  const [first] = files;
  if (files.length === 1 && first !== undefined) return first;
  const parts = files.map(splitFile);
  let at = MAGIC.length;
  const rowGroups = parts.flatMap(({ body, meta }) => {
    const shift = at - MAGIC.length;
    at += body.length;
    return listAt(meta, 4).map((group) => moveGroup(structOf(group) ?? new Map(), shift));
  });
  const rowCount = parts.reduce((sum, { meta }) => sum + (numberAt(meta, 3) ?? 0), 0);
  const footer = writeThriftStruct(
    withFields(parts[0]?.meta ?? new Map(), {
      3: { type: I64, value: rowCount },
      4: { type: LIST, value: { elementType: STRUCT, items: rowGroups } },
    }),
  );
  const joined = new Uint8Array(at + footer.length + TAIL_BYTES);
  joined.set(MAGIC);
  let offset = MAGIC.length;
  for (const { body } of parts) {
    joined.set(body, offset);
    offset += body.length;
  }
  joined.set(footer, at);
  new DataView(joined.buffer).setUint32(at + footer.length, footer.length, true);
  joined.set(MAGIC, at + footer.length + 4);
  return joined;
}

function splitFile(file: Uint8Array): { readonly body: Uint8Array; readonly meta: ThriftStruct } {
  const footerStart = file.length - TAIL_BYTES - new DataView(file.buffer, file.byteOffset, file.byteLength).getUint32(file.length - TAIL_BYTES, true);
  return { body: file.subarray(MAGIC.length, footerStart), meta: readThriftStruct(file.subarray(footerStart, file.length - TAIL_BYTES)) };
}

/** Fields that are offsets in the file (parquet.thrift): of RowGroup 5, of ColumnChunk 2, 4 and 6, of ColumnMetaData 9, 10, 11 and 14. */
function moveGroup(group: ThriftStruct, shift: number): ThriftStruct {
  const chunks = listAt(group, 1).map((value): ThriftValue => {
    const chunk = moveOffsets(structOf(value) ?? new Map(), [2, 4, 6], shift);
    const meta = structAt(chunk, 3);
    return meta === undefined ? chunk : withFields(chunk, { 3: { type: STRUCT, value: moveOffsets(meta, [9, 10, 11, 14], shift) } });
  });
  // The ordinal says the group's place in its own file; it may be left out.
  return withFields(moveOffsets(group, [5], shift), { 1: { type: LIST, value: { elementType: STRUCT, items: chunks } }, 7: undefined });
}

function moveOffsets(struct: ThriftStruct, fields: readonly number[], shift: number): ThriftStruct {
  const moved = fields.flatMap((field) => {
    const offset = numberAt(struct, field);
    // Zero stands for none.
    return offset === undefined || offset === 0 ? [] : [[field, { type: I64, value: offset + shift }] as const];
  });
  return withFields(struct, Object.fromEntries(moved));
}
