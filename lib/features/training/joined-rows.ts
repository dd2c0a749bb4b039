/** Training sets whose rows the engine joins, keeps and writes by itself: bounded in memory by the engine's limit and a batch, not by their rows. */
import { type Batch, valueAt } from '../../core/batch.ts';
import { canonicalPieces } from '../../core/canonical-bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import type { Column } from '../../core/types.ts';
import { LABEL_MICROS, pointInTimeSql, type PointInTimeQuery } from '../../engine/point-in-time.ts';
import { hasLiteral, isPlain, joinCountsSql, pickedTiesSql, setRowsSql, type SetRows as SetQuery } from '../../engine/set-sql.ts';
import type { KeptRows, Relation } from '../../ports/engine.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { groupName } from '../open-group.ts';
import { StatisticsBuilder } from '../statistics/feature-statistics.ts';
import { beyondBudget } from './beyond-budget.ts';
import type { BuildInput, TrainingDeps } from './build-rows.ts';
import { type JoinCounts, RowFinisher } from './finish-rows.ts';
import { type JoinPlan, planJoins } from './join-plan.ts';
import { defaultOf } from './join-query.ts';
import { planJoinedSpine } from './join-spine.ts';
import type { EncodedSplit, EncodeOptions, SetRows, SetSplit } from './set-rows.ts';
import { WHOLE } from './split-rows.ts';

/** Table of the joined rows. */
const JOINED = 'joined';
const WRITTEN = 'written';

/**
 * Undefined where the rows need functions, transforms, a filter, another format than Parquet, a split that is not by time, or what was known.
 * @throws LakefoldError what the joins and the pins may be at fault for (P1–P20)
 */
export async function keepJoinedRows(deps: TrainingDeps, input: BuildInput, options: RequestOptions = {}): Promise<SetRows | undefined> {
  if (!isForEngine(input)) return undefined;
  try {
    return await keepWithin(deps, input, options);
  } catch (error) {
    throw beyondBudget(error, { ...input, location: deps.store.location });
  }
}

function isForEngine({ view, request, transforms, spine, pinned }: BuildInput): boolean {
  const isTransformed = transforms !== 'none' && Object.keys(view.transforms).length > 0;
  const isWhole = request.split === undefined || request.split.kind === 'time';
  if (request.format !== 'parquet' || view.onDemand.length > 0 || isTransformed || request.where !== null || request.knownAsOf !== null || !isWhole)
    return false;
  const isSimple = view.joins.every((join) => {
    const columns = pinned.get(groupName({ name: join.featureGroup, version: join.version }))?.group.columns.filter(({ name }) => join.features.includes(name));
    return columns?.every((column) => isPlain(column.type) && hasLiteral(column.type, defaultOf(join, column) ?? null)) === true;
  });
  return isSimple && spine.batch.columns.every(({ type }) => isPlain(type));
}

async function keepWithin(deps: TrainingDeps, input: BuildInput, options: RequestOptions): Promise<SetRows> {
  const { view, request, spine } = input;
  const { joins, warnings } = await planJoins(deps, { view, pinned: input.pinned, known: undefined });
  const { columns } = new RowFinisher({ view, spineColumns: spine.batch.columns, joins, functions: new Map(), request });
  const rows: SetQuery = {
    table: JOINED,
    spineColumns: spine.batch.columns.map(({ name }) => name),
    joins: joins.map(({ definition, outputs }) => ({
      name: definition.name,
      features: outputs.map((output) => ({ name: output.name, type: output.column.type, default: output.default })),
    })),
    hasDiagnostics: request.diagnostics,
    dropMissing: request.dropMissing,
  };
  const kept = await keepUntied(deps, { input, joins }, options);
  try {
    const joinCounts = countsOf(joins, await firstRow(kept.query(joinCountsSql(rows))));
    return {
      joins,
      columns,
      warnings,
      joinCounts,
      transforms: [],
      splits: splitsOf(
        request.split,
        (labels) => (encoding) => encodeSplit(deps, { kept, columns, sql: setRowsSql(rows, labels) }, { ...options, ...encoding }),
      ),
      close: () => kept.close(),
    };
  } catch (error) {
    await kept.close();
    throw error;
  }
}

type Labels = { readonly start: bigint; readonly end: bigint };

function splitsOf(split: BuildInput['request']['split'], encode: (labels: Labels | undefined) => SetSplit['encode']): readonly SetSplit[] {
  if (split?.kind !== 'time') return [{ name: WHOLE, encode: encode(undefined) }];
  return split.boundaries.map(({ name, start, end }) => ({ name, encode: encode({ start, end }) }));
}

/**
 * Ties are looked for among the records that were picked, in groups with event times; where some are, the rows are joined once more with
 * the group's ties resolved before.
 */
async function keepUntied(
  deps: TrainingDeps,
  { input, joins }: { readonly input: BuildInput; readonly joins: readonly JoinPlan[] },
  options: RequestOptions,
): Promise<KeptRows> {
  const hoped = new Set(joins.flatMap(({ query }, i) => (query.eventTime === undefined ? [] : [i])));
  for (;;) {
    const planned = await planJoinedSpine(deps, { spine: input.spine, joins, expiredHistory: input.request.expiredHistory, untied: hoped }, options);
    const query = withLabel(planned.query);
    const kept = await deps.engine.keep({ relations: planned.relations, sql: pointInTimeSql(query), as: JOINED, ...options });
    try {
      const tied = await tiedJoins(kept, query, hoped);
      if (tied.length === 0) return kept;
      for (const index of tied) hoped.delete(index);
    } catch (error) {
      await kept.close();
      throw error;
    }
    await kept.close();
  }
}

async function tiedJoins(kept: KeptRows, query: PointInTimeQuery, among: ReadonlySet<number>): Promise<readonly number[]> {
  const tied: number[] = [];
  for (const index of among) {
    const [ties = 0] = await firstRow(kept.query(pickedTiesSql(query, { table: JOINED, index })));
    if (ties > 0) tied.push(index);
  }
  return tied;
}

function withLabel(query: PointInTimeQuery): PointInTimeQuery {
  return { ...query, spine: { ...query.spine, columns: [...query.spine.columns, LABEL_MICROS] } };
}

function countsOf(joins: readonly JoinPlan[], [rows = 0, ...numbers]: readonly number[]): readonly JoinCounts[] {
  return joins.map(({ definition, query }, i) => {
    const [matched = 0, expired = 0, age = 0, oldest = 0] = numbers.slice(4 * i, 4 * i + 4);
    const hasAges = matched > 0 && query.eventTime !== undefined;
    return {
      join: definition.name,
      matched,
      missing: rows - matched - expired,
      expired,
      ageSecondsMean: hasAges ? age / matched / 1e6 : null,
      ageSecondsMax: hasAges ? oldest / 1e6 : null,
    };
  });
}

// What is hashed and described is what the file says, read once more: a batch at a time, and not from a second copy of the rows.
async function encodeSplit(
  deps: TrainingDeps,
  { kept, columns, sql }: { readonly kept: KeptRows; readonly columns: readonly Column[]; readonly sql: string },
  { described, onPiece, ...options }: EncodeOptions,
): Promise<EncodedSplit> {
  const statistics = new StatisticsBuilder(described);
  let rows = 0;
  const bytes = await deps.scratch.collect(async (file) => {
    await kept.copy(sql, { file, format: 'parquet' });
    for await (const batch of deps.engine.query({ relations: [writtenFile(file, columns)], sql: `SELECT * FROM ${WRITTEN}`, ...options })) {
      const typed = typedAs(columns, batch);
      for (const piece of canonicalPieces(typed)) onPiece(piece);
      if (described.length > 0) statistics.add(typed);
      rows += batch.rowCount;
    }
  });
  return { rows, bytes, statistics: described.length === 0 ? [] : statistics.features() };
}

function writtenFile(localPath: string, columns: readonly Column[]): Relation {
  const physicalColumns = columns.map(({ name }) => ({ name, source: { kind: 'column' as const, physicalName: name } }));
  return { name: WRITTEN, columns, groups: [{ files: [{ localPath, partitionValues: {} }], physicalColumns }] };
}

/** A vector comes out of the engine as a list. */
function typedAs(columns: readonly Column[], batch: Batch): Batch {
  return { columns, vectors: batch.vectors.map((vector, i) => ({ ...vector, type: columns[i]?.type ?? vector.type })), rowCount: batch.rowCount };
}

async function firstRow(batches: AsyncIterable<Batch>): Promise<readonly number[]> {
  let first: readonly number[] | undefined;
  // To the end, so that the engine may go on to the next statement.
  for await (const batch of batches) if (batch.rowCount > 0) first ??= batch.vectors.map((vector) => Number(valueAt(vector, 0)));
  if (first === undefined) throw new LakefoldError('INTERNAL', 'expected one row of counts, found none');
  return first;
}
