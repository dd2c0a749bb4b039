/** What a training set was fitted with, without the values that only erased rows had (semantics D3, step 6). */
import { type Batch, findVector, valueAt } from '../../core/batch.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { categoryOf, type FittedTransform } from '../../online/model-transform.ts';

/** Members of parameters that list categories. */
const CATEGORY_LISTS = ['classes', 'categories'] as const;

/**
 * Categories of which no row is left become null, in their places: the codes of the others stay what models learned.
 * Text that fills nulls goes where no row has it any more, and so do bounds: each is a value that some row had. `rows` are the
 * transformed rows that are kept.
 */
export function withoutLostValues(transforms: readonly FittedTransform[], rows: readonly Batch[]): readonly FittedTransform[] {
  return transforms.map((transform) => {
    const { feature, parameters } = transform;
    if (!isJsonObject(parameters)) return transform;
    const list = CATEGORY_LISTS.find((member) => Array.isArray(parameters[member]));
    if (list !== undefined) return { ...transform, parameters: { ...parameters, [list]: withoutLost(parameters, list, codesLeft(feature, rows)) } };
    const isTextLost = transform.function === 'imputer' && typeof parameters['value'] === 'string' && !isLeft(feature, parameters['value'], rows);
    const isBoundLost = transform.function === 'min_max_scaler' && !areBoundsLeft(feature, parameters, rows);
    return isTextLost || isBoundLost ? { ...transform, parameters: null } : transform;
  });
}

function withoutLost(parameters: JsonObject, list: (typeof CATEGORY_LISTS)[number], left: ReadonlySet<number>): Json {
  const values = parameters[list];
  return Array.isArray(values) ? values.map((value: Json, code) => (left.has(code) ? value : null)) : null;
}

/** The row that had the least value became 0, the one with the greatest 1; where all had the same, both are 0. */
function areBoundsLeft(feature: string, { min, max }: JsonObject, rows: readonly Batch[]): boolean {
  const codes = codesLeft(feature, rows);
  return codes.has(0) && (codes.has(1) || min === max);
}

/** Numbers of the rows: what they became, or the place of the 1 in a vector. */
function codesLeft(feature: string, rows: readonly Batch[]): ReadonlySet<number> {
  const codes = new Set<number>();
  for (const batch of rows) {
    const vector = findVector(batch, feature);
    for (let i = 0; vector !== undefined && i < batch.rowCount; i += 1) {
      const value = valueAt(vector, i);
      if (Array.isArray(value)) codes.add(value.indexOf(1));
      else if (value !== null) codes.add(Number(value));
    }
  }
  return codes;
}

/** The text as JSON shows it is what tells values apart. */
function isLeft(feature: string, text: string, rows: readonly Batch[]): boolean {
  return rows.some((batch) => {
    const vector = findVector(batch, feature);
    return (
      vector !== undefined &&
      Array.from({ length: batch.rowCount }, (_, i) => i).some((i) => categoryOf(vector.type, valueAt(vector, i)) === JSON.stringify(text))
    );
  });
}
