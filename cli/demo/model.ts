/** A small logistic regression: standardised inputs, Newton's method, and the AUC by ranks. */

/** Rows of `width` inputs one after the other, and what became of each: 1 or 0. */
export interface Examples {
  readonly width: number;
  readonly inputs: Float64Array;
  readonly labels: Uint8Array;
}

export interface Model {
  /** Of each input, over the examples it was fitted on; an absent one (NaN) counts as the mean. */
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  /** The constant first. */
  readonly weights: Float64Array;
}

const STEPS_MAX = 12;
const STEP_SMALL = 1e-6;
/** Keeps the weights of inputs that say the same finite. */
const RIDGE = 1;

/** Fits by iteratively reweighted least squares. */
export function fitModel(examples: Examples): Model {
  const { means, deviations } = moments(examples);
  const rows = standardised(examples, { means, deviations });
  const size = examples.width + 1;
  let weights = new Float64Array(size);
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const change = newtonStep({ rows, labels: examples.labels, size }, weights);
    weights = weights.map((weight, i) => weight + (change[i] ?? 0));
    if (change.every((value) => Math.abs(value) < STEP_SMALL)) break;
  }
  return { means, deviations, weights };
}

/** How likely each example is a 1, as a number that grows with it. */
export function scoresOf(model: Model, examples: Examples): Float64Array {
  const rows = standardised(examples, model);
  const size = examples.width + 1;
  return Float64Array.from({ length: examples.labels.length }, (_, row) => dot(rows, model.weights, row * size));
}

/** The chance that a 1 scores above a 0; ties count half. */
export function areaUnderCurve(scores: Float64Array, labels: Uint8Array): number {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  let rankSum = 0;
  let positives = 0;
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && scores[order[end] ?? 0] === scores[order[start] ?? 0]) end += 1;
    for (let i = start; i < end; i += 1) {
      if (labels[order[i] ?? 0] !== 1) continue;
      rankSum += (start + 1 + end) / 2;
      positives += 1;
    }
    start = end;
  }
  const negatives = labels.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

function moments({ width, inputs }: Examples): Pick<Model, 'means' | 'deviations'> {
  const columns = Array.from({ length: width }, (_, column) => {
    let n = 0;
    let sum = 0;
    let squares = 0;
    for (let i = column; i < inputs.length; i += width) {
      const value = inputs[i] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      n += 1;
      sum += value;
      squares += value * value;
    }
    const mean = n === 0 ? 0 : sum / n;
    return { mean, deviation: Math.sqrt(Math.max(0, squares / Math.max(1, n) - mean * mean)) || 1 };
  });
  return { means: columns.map(({ mean }) => mean), deviations: columns.map(({ deviation }) => deviation) };
}

/** The constant 1, then the inputs, of each row. */
function standardised({ width, inputs, labels }: Examples, { means, deviations }: Pick<Model, 'means' | 'deviations'>): Float64Array {
  const size = width + 1;
  const rows = new Float64Array(labels.length * size);
  for (let row = 0; row < labels.length; row += 1) {
    rows[row * size] = 1;
    for (let i = 0; i < width; i += 1) {
      const value = inputs[row * width + i] ?? Number.NaN;
      rows[row * size + 1 + i] = Number.isNaN(value) ? 0 : (value - (means[i] ?? 0)) / (deviations[i] ?? 1);
    }
  }
  return rows;
}

function newtonStep(
  { rows, labels, size }: { readonly rows: Float64Array; readonly labels: Uint8Array; readonly size: number },
  weights: Float64Array,
): Float64Array {
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  for (let row = 0; row < labels.length; row += 1) {
    const at = row * size;
    const chance = 1 / (1 + Math.exp(-dot(rows, weights, at)));
    const error = (labels[row] ?? 0) - chance;
    const curvature = chance * (1 - chance);
    for (let i = 0; i < size; i += 1) {
      const value = rows[at + i] ?? 0;
      gradient[i] = (gradient[i] ?? 0) + error * value;
      const weighted = curvature * value;
      for (let j = 0; j <= i; j += 1) hessian[i * size + j] = (hessian[i * size + j] ?? 0) + weighted * (rows[at + j] ?? 0);
    }
  }
  for (let i = 1; i < size; i += 1) {
    gradient[i] = (gradient[i] ?? 0) - RIDGE * (weights[i] ?? 0);
    hessian[i * size + i] = (hessian[i * size + i] ?? 0) + RIDGE;
  }
  return solve(hessian, gradient);
}

function dot(rows: Float64Array, weights: Float64Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i += 1) sum += (rows[at + i] ?? 0) * (weights[i] ?? 0);
  return sum;
}

/** Solves `matrix · x = vector` by Cholesky's factors; the lower half of a positive definite matrix is given and overwritten. */
function solve(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  const at = (i: number, j: number): number => matrix[i * size + j] ?? 0;
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = at(i, j);
      for (let k = 0; k < j; k += 1) sum -= at(i, k) * at(j, k);
      matrix[i * size + j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  const x = Float64Array.from(vector);
  for (let i = 0; i < size; i += 1) {
    for (let k = 0; k < i; k += 1) x[i] = (x[i] ?? 0) - at(i, k) * (x[k] ?? 0);
    x[i] = (x[i] ?? 0) / at(i, i);
  }
  for (let i = size - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < size; k += 1) x[i] = (x[i] ?? 0) - at(k, i) * (x[k] ?? 0);
    x[i] = (x[i] ?? 0) / at(i, i);
  }
  return x;
}
