/** The columns of a schema and the leaves under each. Pure. */
import { listAt, numberAt, structOf, type ThriftStruct, type ThriftValue } from '../thrift.ts';
import { type FlatColumn, flatColumn } from './flat-column.ts';

/** A column of the table: elements `[from, to)` of the schema, and its leaves. */
export interface TopColumn {
  readonly from: number;
  readonly to: number;
  readonly leaves: readonly number[];
}

export interface LeafSchema {
  readonly meta: ThriftStruct;
  readonly elements: readonly ThriftValue[];
  /** Elements of the leaves by number. */
  readonly leaves: readonly ThriftStruct[];
  readonly columns: readonly TopColumn[];
}

/** Undefined where the elements are no tree. */
export function parseSchema(meta: ThriftStruct): LeafSchema | undefined {
  const elements = listAt(meta, 2);
  const leaves: ThriftStruct[] = [];
  const columns: TopColumn[] = [];
  let at = 1;
  while (at < elements.length) {
    const from = at;
    const firstLeaf = leaves.length;
    for (let open = 1; open > 0; open -= 1, at += 1) {
      const element = structOf(elements[at]);
      if (element === undefined) return undefined;
      if (numberAt(element, 1) !== undefined) leaves.push(element);
      else open += numberAt(element, 5) ?? 0;
    }
    columns.push({ from, to: at, leaves: leaves.slice(firstLeaf).map((_, i) => firstLeaf + i) });
  }
  return { meta, elements, leaves, columns };
}

/** The only leaf of a column, where its pages may be made anew. */
export function flatLeafOf(
  { leaves: elements }: LeafSchema,
  { from, to, leaves }: TopColumn,
): { readonly leaf: number; readonly flat: FlatColumn } | undefined {
  const [leaf] = leaves;
  const element = leaf === undefined || to - from !== 1 ? undefined : elements[leaf];
  const flat = element === undefined ? undefined : flatColumn(element);
  return leaf === undefined || flat === undefined ? undefined : { leaf, flat };
}
