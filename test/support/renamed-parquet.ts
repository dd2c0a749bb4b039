/** A Parquet file with other names and annotations in its schema: how writers of other times and tools spelled lists and maps. */
import { concatBytes, decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { readFooterStruct } from '../../lib/parquet/footer.ts';
import {
  BINARY,
  bytesAt,
  I32,
  LIST,
  listAt,
  STRUCT,
  structAt,
  structOf,
  withFields,
  writeThriftStruct,
  type ThriftField,
  type ThriftStruct,
} from '../../lib/parquet/thrift.ts';

export interface ElementChange {
  readonly name?: string;
  /** ConvertedType; null takes it and the logical type away. */
  readonly convertedType?: number | null;
}

/** `changes` by the path of a group or leaf below the root, as the file has it: `a.list.element`. */
export function renamedParquet(file: Uint8Array, changes: Readonly<Record<string, ElementChange>>): Uint8Array {
  const footer = readFooterStruct(file);
  const size = new DataView(file.buffer, file.byteOffset + file.length - 8, 4).getUint32(0, true);
  const elements = listAt(footer, 2).map((value) => structOf(value) ?? new Map());
  const [root, ...others] = elements;
  const cursor = { at: 0 };
  const renamed: ThriftStruct[] = [];
  const paths = new Map<string, string>();
  const walk = (path: readonly string[], newPath: readonly string[], count: number): void => {
    for (let i = 0; i < count; i += 1) {
      const element = others[cursor.at] ?? new Map();
      cursor.at += 1;
      const name = decodeUtf8(bytesAt(element, 4) ?? new Uint8Array()) ?? '';
      const here = [...path, name];
      const change = changes[here.join('.')] ?? {};
      const newHere = [...newPath, change.name ?? name];
      renamed.push(withFields(element, { 4: text(change.name ?? name), ...annotations(change) }));
      paths.set(here.join('.'), newHere.join('.'));
      const children = element.get(5)?.value;
      if (typeof children === 'number' && children > 0) walk(here, newHere, children);
    }
  };
  walk([], [], Number(root?.get(5)?.value ?? 0));
  const groups = listAt(footer, 4).map((value) => {
    const group = structOf(value) ?? new Map();
    const chunks = listAt(group, 1).map((item) => {
      const chunk = structOf(item) ?? new Map();
      const meta = structAt(chunk, 3) ?? new Map();
      const path = listAt(meta, 3).map((part) => decodeUtf8(part instanceof Uint8Array ? part : new Uint8Array()) ?? '');
      const newPath = (paths.get(path.join('.')) ?? '').split('.').map(utf8);
      return withFields(chunk, { 3: { type: STRUCT, value: withFields(meta, { 3: { type: LIST, value: { elementType: BINARY, items: newPath } } }) } });
    });
    return withFields(group, { 1: structs(chunks) });
  });
  const changed = writeThriftStruct(withFields(footer, { 2: structs([root ?? new Map(), ...renamed]), 4: structs(groups), 5: undefined }));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, changed.length, true);
  return concatBytes([file.subarray(0, file.length - 8 - size), changed, length, utf8('PAR1')]);
}

function annotations({ convertedType }: ElementChange): Readonly<Record<number, ThriftField | undefined>> {
  if (convertedType === undefined) return {};
  return { 6: convertedType === null ? undefined : { type: I32, value: convertedType }, 10: undefined };
}

function text(value: string): ThriftField {
  return { type: BINARY, value: utf8(value) };
}

function structs(items: readonly ThriftStruct[]): ThriftField {
  return { type: LIST, value: { elementType: STRUCT, items } };
}
