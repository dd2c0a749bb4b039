/** Rows by identity: (keys, event time) or keys alone, as map keys. */
import { type Batch, valueAt, vectorNamed } from '../../core/batch.ts';
import { toHex } from '../../core/bytes.ts';
import type { Value } from '../../core/types.ts';

/** A text that two rows share iff their values in `columns` are typed equal; undefined where one of them is null. */
export type IdentityOf = (index: number) => string | undefined;

export function identityOver(batch: Batch, columns: readonly string[]): IdentityOf {
  const vectors = columns.map((name) => vectorNamed(batch, name));
  return (index) => {
    let text = '';
    for (const vector of vectors) {
      const value = valueAt(vector, index);
      if (value === null) return undefined;
      text += identityPart(value);
    }
    return text;
  };
}

/** The text of one value: length-prefixed, so that no two tuples share text. */
export function identityPart(value: Value): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (value instanceof Uint8Array) return `${value.length * 2}:${toHex(value)}`;
  const text = String(value);
  return `${text.length}:${text}`;
}
