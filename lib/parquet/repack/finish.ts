/**
 * The last touch on what parquet-wasm wrote; only the footer changes.
 *
 * The Arrow schema it stores is left out: no reader of ours or of the lake engines needs it, and in a small file it is
 * most of the bytes. The repeated group of a map, which it calls `entries`, gets the name the format gives: `key_value`.
 */
import { utf8 } from '../../core/bytes.ts';
import {
  BINARY,
  bytesAt,
  LIST,
  listAt,
  numberAt,
  readThriftStruct,
  STRUCT,
  structAt,
  structOf,
  withFields,
  writeThriftStruct,
  type ThriftField,
  type ThriftStruct,
  type ThriftValue,
} from '../thrift.ts';

const ENTRIES = 'entries';
const KEY_VALUE: { readonly type: number; readonly value: Uint8Array } = { type: BINARY, value: utf8('key_value') };
/** ConvertedType MAP. */
const MAP = 1;

export interface FinishOptions {
  readonly remarks?: Readonly<Record<string, string>>;
  /** Read by whole row groups: the footer says nothing of pages, which for many columns would be half of it. */
  readonly isWhole?: boolean;
}

/** Fields of a column chunk that tell where the indexes of its pages are. */
const CHUNK_INDEXES = { 4: undefined, 5: undefined, 6: undefined, 7: undefined };
/** Fields of its metadata that count its pages by encoding, and its levels. */
const META_PAGES = { 13: undefined, 16: undefined };

/** The file with its footer put right; `file` is one that parquet-wasm has just written. */
export function finishParquet(file: Uint8Array, { remarks = {}, isWhole = false }: FinishOptions = {}): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const footerStart = file.length - 8 - view.getUint32(file.length - 8, true);
  const meta = readThriftStruct(file.subarray(footerStart, file.length - 8));
  const schema = renameEntries(listAt(meta, 2));
  const renamed = listAt(meta, 4).map((group) => (schema.paths.size === 0 ? group : renamePaths(group, schema.paths)));
  const groups = isWhole ? renamed.map((group) => withChunks(group, dropPages)) : renamed;
  const footer = writeThriftStruct(
    withFields(meta, {
      2: { type: LIST, value: { elementType: STRUCT, items: schema.elements } },
      4: { type: LIST, value: { elementType: STRUCT, items: groups } },
      5: remarksField(remarks),
    }),
  );
  const finished = new Uint8Array(footerStart + footer.length + 8);
  finished.set(file.subarray(0, footerStart));
  finished.set(footer, footerStart);
  new DataView(finished.buffer).setUint32(footerStart + footer.length, footer.length, true);
  finished.set(file.subarray(file.length - 4), finished.length - 4);
  return finished;
}

function remarksField(remarks: Readonly<Record<string, string>>): ThriftField | undefined {
  const items = Object.entries(remarks).map(
    ([key, value]): ThriftValue =>
      new Map([
        [1, { type: BINARY, value: utf8(key) }],
        [2, { type: BINARY, value: utf8(value) }],
      ]),
  );
  return items.length === 0 ? undefined : { type: LIST, value: { elementType: STRUCT, items } };
}

/** Elements come depth first, so the group after a map's is its repeated one. `paths`: leaf number → its path. */
function renameEntries(elements: readonly ThriftValue[]): {
  readonly elements: readonly ThriftValue[];
  readonly paths: ReadonlyMap<number, readonly Uint8Array[]>;
} {
  const renamed = elements.map((value, i) => {
    const parent = structOf(elements[i - 1]);
    const element = structOf(value);
    const isEntries = element !== undefined && parent !== undefined && numberAt(parent, 6) === MAP && nameOf(element) === ENTRIES;
    return isEntries ? withFields(element, { 4: KEY_VALUE }) : value;
  });
  const paths = new Map<number, readonly Uint8Array[]>();
  if (renamed.some((value, i) => value !== elements[i])) collectPaths(renamed, paths);
  return { elements: renamed, paths };
}

function nameOf(element: ThriftStruct): string {
  return new TextDecoder().decode(bytesAt(element, 4) ?? new Uint8Array());
}

function collectPaths(elements: readonly ThriftValue[], paths: Map<number, readonly Uint8Array[]>): void {
  let next = 1;
  const visit = (path: readonly Uint8Array[]): void => {
    const element = structOf(elements[next]) ?? new Map();
    next += 1;
    const here = [...path, bytesAt(element, 4) ?? new Uint8Array()];
    if (numberAt(element, 1) !== undefined) paths.set(paths.size, here);
    for (let i = numberAt(element, 5) ?? 0; i > 0; i -= 1) visit(here);
  };
  while (next < elements.length) visit([]);
}

function renamePaths(value: ThriftValue, paths: ReadonlyMap<number, readonly Uint8Array[]>): ThriftValue {
  return withChunks(value, (chunk, leaf) => {
    const path = { type: LIST, value: { elementType: BINARY, items: paths.get(leaf) ?? [] } };
    return withFields(chunk, { 3: { type: STRUCT, value: withFields(structAt(chunk, 3) ?? new Map(), { 3: path }) } });
  });
}

function dropPages(chunk: ThriftStruct): ThriftStruct {
  return withFields(chunk, { ...CHUNK_INDEXES, 3: { type: STRUCT, value: withFields(structAt(chunk, 3) ?? new Map(), META_PAGES) } });
}

function withChunks(value: ThriftValue, edit: (chunk: ThriftStruct, leaf: number) => ThriftStruct): ThriftValue {
  const group = structOf(value) ?? new Map();
  const chunks = listAt(group, 1).map((item, leaf): ThriftValue => edit(structOf(item) ?? new Map(), leaf));
  return withFields(group, { 1: { type: LIST, value: { elementType: STRUCT, items: chunks } } });
}
