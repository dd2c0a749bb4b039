/** Some columns of row groups of a file as a file of their own. */
import { finishOutput, moveChunk, type MovedGroup, type PlacedChunk, startOutput } from '../repack/join-files.ts';
import type { LeafSchema, TopColumn } from './leaf-schema.ts';
import { I32, LIST, listAt, STRUCT, structOf, type ThriftField, type ThriftStruct, type ThriftValue, withFields, writeThriftStruct } from '../thrift.ts';

/** The file; its chunks are those of the row groups, byte for byte. */
export function columnFile(
  schema: LeafSchema,
  columns: readonly TopColumn[],
  groups: readonly { readonly group: ThriftStruct; readonly chunks: readonly PlacedChunk[] }[],
): Uint8Array {
  const leaves = columns.flatMap((column) => column.leaves);
  const orders = listAt(schema.meta, 7);
  const output = startOutput();
  const moved = groups.map(({ group, chunks }): MovedGroup => ({
    group,
    chunks: leaves.flatMap((leaf) => {
      const placed = chunks[leaf];
      return placed === undefined ? [] : [moveChunk(placed, output)];
    }),
  }));
  const root = withFields(structOf(schema.elements[0]) ?? new Map(), { 5: { type: I32, value: columns.length } });
  const meta = withFields(schema.meta, {
    2: structs([root, ...elementsOf(schema, columns)]),
    5: undefined,
    7: orders.length === 0 ? undefined : structs(leaves.flatMap((leaf) => orders[leaf] ?? [])),
  });
  return finishOutput(meta, moved, output);
}

/** The elements of the schema that describe the columns. */
export function elementsOf(schema: LeafSchema, columns: readonly TopColumn[]): readonly ThriftValue[] {
  return columns.flatMap(({ from, to }) => schema.elements.slice(from, to));
}

/** Equal for equal elements. */
export function elementBytes(elements: readonly ThriftValue[]): Uint8Array {
  return writeThriftStruct(new Map([[1, structs(elements)]]));
}

function structs(items: readonly ThriftValue[]): ThriftField {
  return { type: LIST, value: { elementType: STRUCT, items } };
}
