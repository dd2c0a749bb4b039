/** Bins of two samples of a feature, made of the reference: equal frequencies for numbers, the top categories for others (semantics §11). */
import type { Json } from '../../core/json.ts';
import { isNumeric } from './column-summary.ts';
import type { FeatureSample } from './drift-sample.ts';
import { quantilesOf, type Weighted } from './quantile-sketch.ts';

const NUMBER_BINS = 10;
const CATEGORIES_MAX = 20;

/**
 * Numbers `[low, high)`, open where null; a category has itself as both. Behind them: the other categories (null, null), of
 * floats NaN ("NaN", "NaN"), and last the rows without a value (null, null).
 */
export interface DriftBin {
  readonly low: Json;
  readonly high: Json;
  /** Fractions of the rows. */
  readonly target: number;
  readonly reference: number;
}

export function driftBins(target: FeatureSample, reference: FeatureSample): readonly DriftBin[] {
  const fraction = (count: number, { rows }: FeatureSample): number => (rows === 0 ? 0 : count / rows);
  const bin = (low: Json, high: Json, counts: readonly [target: number, reference: number]): DriftBin => ({
    low,
    high,
    target: fraction(counts[0], target),
    reference: fraction(counts[1], reference),
  });
  const isFloat = reference.type.kind === 'float' || reference.type.kind === 'double';
  return [
    ...(isNumeric(reference.type) ? numberBins(target, reference, bin) : categoryBins(target, reference, bin)),
    ...(isFloat ? [bin('NaN', 'NaN', [target.nans, reference.nans])] : []),
    bin(null, null, [target.nulls, reference.nulls]),
  ];
}

type MakeBin = (low: Json, high: Json, counts: readonly [target: number, reference: number]) => DriftBin;

function numberBins(target: FeatureSample, reference: FeatureSample, bin: MakeBin): readonly DriftBin[] {
  const numbers = reference.numbers();
  const fractions = Array.from({ length: NUMBER_BINS - 1 }, (_, i) => (i + 1) / NUMBER_BINS);
  const edges = [...new Set(quantilesOf(numbers, fractions))].filter((edge) => Number.isFinite(edge));
  const [targetCounts, referenceCounts] = [countsBetween(target.numbers(), edges), countsBetween(numbers, edges)];
  return Array.from({ length: edges.length + 1 }, (_, i) => bin(edges[i - 1] ?? null, edges[i] ?? null, [targetCounts[i] ?? 0, referenceCounts[i] ?? 0]));
}

/** Weights below the first edge, between each two, and from the last on. */
function countsBetween({ values, weights }: Weighted, edges: readonly number[]): readonly number[] {
  const counts = Array.from<number>({ length: edges.length + 1 }).fill(0);
  let bin = 0;
  values.forEach((value, i) => {
    while (bin < edges.length && value >= (edges[bin] ?? 0)) bin += 1;
    counts[bin] = (counts[bin] ?? 0) + (weights[i] ?? 0);
  });
  return counts;
}

function categoryBins(target: FeatureSample, reference: FeatureSample, bin: MakeBin): readonly DriftBin[] {
  const top = reference.categories.top(CATEGORIES_MAX);
  const counts = top.map(([category, count]) => [target.categories.countOf(category), count] as const);
  const rest = (sample: FeatureSample, side: 0 | 1): number => sample.rows - sample.nulls - counts.reduce((sum, pair) => sum + pair[side], 0);
  return [...top.map(([category], i) => bin(String(category), String(category), counts[i] ?? [0, 0])), bin(null, null, [rest(target, 0), rest(reference, 1)])];
}
