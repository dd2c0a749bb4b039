/** Whether features have drifted between two samples (semantics §11, shapes.md). */
import type { Batch } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { Column } from '../../core/types.ts';
import { unknownColumn } from '../../delta/filter/filter.ts';
import { isNumeric } from './column-summary.ts';
import { type DriftBin, driftBins } from './drift-bins.ts';
import { type DriftMetric, driftMetric } from './drift-metrics.ts';
import { canDrift, FeatureSample } from './drift-sample.ts';

/** Rows a side needs for its fractions to mean anything. */
const ROWS_MIN = 100;
/** A metric warns from this share of its threshold on. */
const WARNING_SHARE = 0.5;
/** Features looked at in one pass over the samples: each holds a million numbers a side. */
const FEATURES_PER_PASS = 8;

const DEFAULT_METRICS: readonly DriftMetric[] = ['PSI', 'KS'];
const DEFAULT_THRESHOLDS: DriftThresholds = { PSI: 0.2 };

export type DriftThresholds = Readonly<Partial<Record<DriftMetric, number>>>;

/** Rows to be compared, by the names features have in the group. */
export interface DriftSample {
  /** Columns that can be asked for. */
  readonly columns: readonly Column[];
  /** The rows with columns of these names; may be read more than once. */
  readonly read: (names: readonly string[]) => AsyncIterable<Batch>;
}

export interface DriftRequest {
  readonly target: DriftSample;
  readonly reference: DriftSample;
  /** All that both samples have and that can be compared, unless given. */
  readonly features?: readonly string[] | undefined;
  readonly metrics?: readonly DriftMetric[] | undefined;
  /** From which value on a metric asked for means drift; PSI 0.2 unless given. From half of it on it is a warning. */
  readonly thresholds?: DriftThresholds | undefined;
}

export interface FeatureDrift {
  readonly name: string;
  readonly status: 'OK' | 'WARNING' | 'DRIFTED' | 'INSUFFICIENT_DATA';
  readonly targetRows: number;
  readonly referenceRows: number;
  /** Null where the metric has no meaning for the feature, or the rows are too few. */
  readonly metrics: Readonly<Partial<Record<DriftMetric, number | null>>>;
  readonly bins: readonly DriftBin[];
}

export interface DriftReport {
  readonly drifted: boolean;
  readonly features: readonly FeatureDrift[];
}

/** @throws LakefoldError UNKNOWN_FEATURE, INVALID_ARGUMENT for a feature whose type can't be compared, what reading the samples throws */
export async function detectDrift(request: DriftRequest): Promise<DriftReport> {
  const columns = comparedColumns(request);
  const features: FeatureDrift[] = [];
  for (let start = 0; start < columns.length; start += FEATURES_PER_PASS) {
    const pass = columns.slice(start, start + FEATURES_PER_PASS);
    const [targets, references] = [await samplesOf(request.target, pass), await samplesOf(request.reference, pass)];
    for (const [i, { name }] of pass.entries()) {
      const [target, reference] = [targets[i], references[i]];
      if (target !== undefined && reference !== undefined) features.push(driftOf(name, { target, reference }, request));
    }
  }
  return { drifted: features.some(({ status }) => status === 'DRIFTED'), features };
}

function comparedColumns({ target, reference, features }: DriftRequest): readonly Column[] {
  const inBoth = reference.columns.flatMap((column) => {
    const other = target.columns.find(({ name }) => name === column.name);
    return other === undefined || isNumeric(other.type) !== isNumeric(column.type) ? [] : [column];
  });
  if (features === undefined) return inBoth.filter(({ type }) => canDrift(type));
  return features.map((name) => {
    const column = inBoth.find((candidate) => candidate.name === name);
    if (column === undefined) throw unknownColumn(name, inBoth);
    if (canDrift(column.type)) return column;
    throw new LakefoldError('INVALID_ARGUMENT', `expected features of numbers, texts or booleans, found ${name} of type ${column.type.kind}`, {
      context: { field: 'features' },
    });
  });
}

async function samplesOf(sample: DriftSample, columns: readonly Column[]): Promise<readonly FeatureSample[]> {
  // A side may have the feature in another width, or scale.
  const samples = columns.map(({ name, type }) => new FeatureSample(sample.columns.find((column) => column.name === name)?.type ?? type));
  for await (const batch of sample.read(columns.map(({ name }) => name))) {
    columns.forEach(({ name }, i) => {
      const vector = batch.vectors[batch.columns.findIndex((column) => column.name === name)];
      if (vector !== undefined) samples[i]?.add(vector);
    });
  }
  return samples;
}

function driftOf(
  name: string,
  { target, reference }: { readonly target: FeatureSample; readonly reference: FeatureSample },
  { metrics: asked = DEFAULT_METRICS, thresholds = DEFAULT_THRESHOLDS }: Pick<DriftRequest, 'metrics' | 'thresholds'>,
): FeatureDrift {
  const rows = { targetRows: target.rows, referenceRows: reference.rows };
  if (Math.min(target.rows, reference.rows) < ROWS_MIN)
    return { name, status: 'INSUFFICIENT_DATA', ...rows, metrics: Object.fromEntries(asked.map((metric) => [metric, null])), bins: [] };
  const bins = driftBins(target, reference);
  const fractions = { target: bins.map((bin) => bin.target), reference: bins.map((bin) => bin.reference) };
  const numbers = isNumeric(reference.type) ? { target: target.numbers(), reference: reference.numbers() } : undefined;
  const values = new Map(asked.map((metric) => [metric, driftMetric(metric, fractions, numbers)]));
  const reaches = (share: number): boolean =>
    [...values].some(([metric, value]) => value !== null && value >= share * (thresholds[metric] ?? Number.POSITIVE_INFINITY));
  return {
    name,
    status: reaches(1) ? 'DRIFTED' : reaches(WARNING_SHARE) ? 'WARNING' : 'OK',
    ...rows,
    metrics: Object.fromEntries(values),
    bins,
  };
}
