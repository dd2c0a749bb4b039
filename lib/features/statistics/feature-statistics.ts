/** Statistics of features as answers show them (shapes.md, `FeatureStatistics`), over any batches of rows. */
import type { Batch } from '../../core/batch.ts';
import { type Json, parseJson } from '../../core/json.ts';
import { type Column, formatType, type Value } from '../../core/types.ts';
import { ColumnSummary, isNumeric, shownValue } from './column-summary.ts';
import { RELATIVE_ERROR } from './distinct-sketch.ts';
import { quantilesOf, RANK_ERROR, type Weighted } from './quantile-sketch.ts';

const FRACTIONS = ['0.01', '0.05', '0.25', '0.5', '0.75', '0.95', '0.99'] as const;
const HISTOGRAM_BINS = 20;
const TOP_MAX = 20;

export interface FeatureStatistics {
  readonly name: string;
  readonly type: string;
  /** Values that are not null. */
  readonly count: number;
  readonly nulls: number;
  readonly nans: number;
  readonly min: Json;
  readonly max: Json;
  /** Of finite values, as mean and stddev; null where the type has none. */
  readonly sum: number | null;
  readonly mean: number | null;
  /** Of the sample; null for less than two values. */
  readonly stddev: number | null;
  /** `relativeError`: the standard error. */
  readonly distinct: { readonly estimate: number; readonly relativeError: number } | null;
  /** By fraction; `rankError`: how far off the rank may be, as a fraction of the count. */
  readonly quantiles: Readonly<Record<string, number>> | null;
  /** Equal widths; a value on an edge counts to the bin that begins there, the greatest to the last. Estimated from the quantile sketch. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] } | null;
  /** At most 20, most frequent first. */
  readonly topK: readonly { readonly value: Json; readonly count: number }[] | null;
}

/** Summaries of a set of columns, filled batch by batch. */
export class StatisticsBuilder {
  readonly columns: readonly Column[];
  readonly #summaries: readonly ColumnSummary[];
  #rows = 0;

  constructor(columns: readonly Column[], stored?: { readonly summaries: readonly ColumnSummary[]; readonly rows: number }) {
    this.columns = columns;
    this.#summaries = stored?.summaries ?? columns.map(({ type }) => new ColumnSummary(type));
    this.#rows = stored?.rows ?? 0;
  }

  get rows(): number {
    return this.#rows;
  }

  get summaries(): readonly ColumnSummary[] {
    return this.#summaries;
  }

  /** Columns by name; one the batch lacks counts as null in every row. */
  add(batch: Batch): void {
    this.#rows += batch.rowCount;
    this.columns.forEach(({ name, type }, i) => {
      const vector = batch.vectors[batch.columns.findIndex((column) => column.name === name)];
      this.#summaries[i]?.add(vector ?? { type, length: batch.rowCount, values: Array.from<null>({ length: batch.rowCount }).fill(null) });
    });
  }

  /** Adds what another summarised; columns it lacks count as null in its rows. Columns of both must have one type. */
  merge(other: StatisticsBuilder): void {
    this.#rows += other.rows;
    this.columns.forEach(({ name, type }, i) => {
      const summary = other.summaries[other.columns.findIndex((column) => column.name === name)];
      const nulls = { count: 0, nulls: other.rows, nans: 0, min: null, max: null, moments: { count: 0, mean: 0, m2: 0, sum: 0 } };
      this.#summaries[i]?.merge(summary ?? new ColumnSummary(type, { facts: nulls }));
    });
  }

  features(): readonly FeatureStatistics[] {
    return this.columns.flatMap((column, i) => {
      const summary = this.#summaries[i];
      return summary === undefined ? [] : [statisticsOf(column, summary)];
    });
  }
}

/** Statistics of the named columns over the rows of `batches`. */
export async function featureStatistics(
  columns: readonly Column[],
  batches: AsyncIterable<Batch> | Iterable<Batch>,
): Promise<{ readonly rows: number; readonly features: readonly FeatureStatistics[] }> {
  const builder = new StatisticsBuilder(columns);
  for await (const batch of batches) builder.add(batch);
  return { rows: builder.rows, features: builder.features() };
}

function statisticsOf({ name, type }: Column, summary: ColumnSummary): FeatureStatistics {
  const { count, nulls, nans, min, max, moments } = summary.facts;
  const shown = (value: Value): Json => (value === null ? null : parseJson(shownValue(type, value)));
  const isNumber = isNumeric(type);
  const isNested = ['array', 'struct', 'map', 'vector', 'void'].includes(type.kind);
  const weighted = summary.quantiles.weighted();
  return {
    name,
    type: formatType(type),
    count,
    nulls,
    nans,
    min: shown(min),
    max: shown(max),
    sum: isNumber && Number.isFinite(moments.sum) ? moments.sum : null,
    mean: isNumber && moments.count > 0 && Number.isFinite(moments.mean) ? moments.mean : null,
    stddev: isNumber && moments.count > 1 && Number.isFinite(moments.m2) ? Math.sqrt(moments.m2 / (moments.count - 1)) : null,
    distinct: isNested ? null : { estimate: summary.distinct.estimate(), relativeError: RELATIVE_ERROR },
    quantiles: isNumber && weighted.values.length > 0 ? quantileMembers(weighted) : null,
    histogram: isNumber ? histogramOf(weighted) : null,
    topK: isNested || type.kind === 'binary' ? null : summary.frequent.top(TOP_MAX).map(([value, frequency]) => ({ value: shown(value), count: frequency })),
  };
}

function quantileMembers(weighted: Weighted): Readonly<Record<string, number>> {
  const values = quantilesOf(weighted, FRACTIONS.map(Number));
  const finite = FRACTIONS.flatMap((fraction, i) => {
    const value = values[i] ?? Number.NaN;
    return Number.isFinite(value) ? [[fraction, value] as const] : [];
  });
  return { ...Object.fromEntries(finite), rankError: RANK_ERROR };
}

function histogramOf({ values, weights }: Weighted): FeatureStatistics['histogram'] {
  const finite = [...values].filter((value) => Number.isFinite(value));
  const [low, high] = [finite[0], finite.at(-1)];
  if (low === undefined || high === undefined) return null;
  const bins = low === high ? 1 : HISTOGRAM_BINS;
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i === bins ? high : low + ((high - low) * i) / bins));
  const counts = Array.from<number>({ length: bins }).fill(0);
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    const bin = low === high ? 0 : Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins));
    counts[bin] = (counts[bin] ?? 0) + (weights[i] ?? 0);
  });
  return { edges, counts };
}
