/** How far two distributions are apart (semantics §11). Pure; checked against SciPy. */
import type { Weighted } from './quantile-sketch.ts';

/** Least fraction of a bin: the logarithm of none is not. */
const FRACTION_MIN = 1e-6;

export const DRIFT_METRICS = ['PSI', 'KL', 'JS', 'HELLINGER', 'WASSERSTEIN', 'KS'] as const;

export type DriftMetric = (typeof DRIFT_METRICS)[number];

/** Fractions of the same bins on both sides. */
export interface BinnedPair {
  readonly target: readonly number[];
  readonly reference: readonly number[];
}

/** The metric of binned sides; `KS` and `WASSERSTEIN` of the numbers themselves, null where there are none. */
export function driftMetric(
  metric: DriftMetric,
  bins: BinnedPair,
  numbers: { readonly target: Weighted; readonly reference: Weighted } | undefined,
): number | null {
  switch (metric) {
    case 'PSI':
      return sumOver(bins, (p, q) => (p - q) * Math.log(p / q));
    case 'KL':
      return sumOver(bins, (p, q) => p * Math.log(p / q));
    case 'JS':
      return sumOver(bins, (p, q) => (p * Math.log((2 * p) / (p + q)) + q * Math.log((2 * q) / (p + q))) / 2);
    case 'HELLINGER':
      return Math.sqrt(sumOver(bins, (p, q) => (Math.sqrt(p) - Math.sqrt(q)) ** 2) / 2);
    case 'WASSERSTEIN':
      return numbers === undefined ? null : distanceOf(numbers, (sum, { gap, width }) => sum + gap * width);
    case 'KS':
      return numbers === undefined ? null : distanceOf(numbers, (most, { gap }) => Math.max(most, gap));
  }
}

function sumOver({ target, reference }: BinnedPair, term: (p: number, q: number) => number): number {
  return target.reduce((sum, p, i) => sum + term(Math.max(p, FRACTION_MIN), Math.max(reference[i] ?? 0, FRACTION_MIN)), 0);
}

/** Between two neighbouring values: how far apart the cumulative fractions are, and how far the values. */
interface Step {
  readonly gap: number;
  readonly width: number;
}

/** Walks both cumulative distributions together; null where a side is empty. */
function distanceOf(
  { target, reference }: { readonly target: Weighted; readonly reference: Weighted },
  fold: (soFar: number, step: Step) => number,
): number | null {
  const [targetTotal, referenceTotal] = [totalOf(target), totalOf(reference)];
  if (targetTotal === 0 || referenceTotal === 0) return null;
  let [i, j, below, belowReference, result] = [0, 0, 0, 0, 0];
  while (i < target.values.length || j < reference.values.length) {
    const value = Math.min(target.values[i] ?? Number.POSITIVE_INFINITY, reference.values[j] ?? Number.POSITIVE_INFINITY);
    for (; i < target.values.length && (target.values[i] ?? 0) <= value; i += 1) below += target.weights[i] ?? 0;
    for (; j < reference.values.length && (reference.values[j] ?? 0) <= value; j += 1) belowReference += reference.weights[j] ?? 0;
    const next = Math.min(target.values[i] ?? Number.POSITIVE_INFINITY, reference.values[j] ?? Number.POSITIVE_INFINITY);
    const isLast = i === target.values.length && j === reference.values.length;
    result = fold(result, { gap: Math.abs(below / targetTotal - belowReference / referenceTotal), width: isLast ? 0 : next - value });
  }
  return result;
}

function totalOf({ weights }: Weighted): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}
