/** The rows of a training set from its request: spine, join at the pins, defaults, functions, filter, splits (P18). */
import { type Batch, concatBatches, takeRows, valueAt } from '../../core/batch.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import { passingRows } from '../../delta/filter/filter.ts';
import { parseFilter } from '../../delta/filter/parse-filter.ts';
import type { RelationDeps } from '../../engine/plan-relation.ts';
import type { Control } from '../../ports/control.ts';
import type { Engine } from '../../ports/engine.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { functionOf, type FunctionTable } from '../../registry/collect-definitions.ts';
import type { FittedTransform } from '../../online/model-transform.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import type { OpenGroup } from '../open-group.ts';
import type { Warning } from '../ingest/receipt.ts';
import { beyondBudget } from './beyond-budget.ts';
import { fitTransforms, transformBatch } from './fit-transforms.ts';
import { type JoinCounts, RowFinisher } from './finish-rows.ts';
import { type JoinPlan, type PinnedGroup, planJoins } from './join-plan.ts';
import { planJoinedSpine } from './join-spine.ts';
import type { TrainingRequest } from './request.ts';
import { knownRequest, type Spine, type SpineDeps } from './spine.ts';
import { splitRows } from './split-rows.ts';

export interface TrainingDeps extends DeltaDeps, RelationDeps, Pick<SpineDeps, 'openSource'> {
  readonly openGroup: (name: string, version: number) => Promise<OpenGroup>;
  readonly engine: Engine;
  /** Where servers without the lake find what a set was fitted with. */
  readonly control?: Pick<Control, 'put'> | undefined;
  /** On-demand functions and own transforms of the definitions module. */
  readonly functions: FunctionTable;
}

export interface DatasetCounts {
  readonly spineRows: number;
  readonly rows: number;
  /** By `dropMissing`, by `where`, or outside every interval of a split by time. */
  readonly dropped: number;
  readonly joins: readonly JoinCounts[];
}

export interface SplitBatch {
  readonly name: string;
  readonly batch: Batch;
}

export interface BuiltRows {
  readonly joins: readonly JoinPlan[];
  readonly splits: readonly SplitBatch[];
  /** Applied to the splits. */
  readonly transforms: readonly FittedTransform[];
  readonly counts: DatasetCounts;
  readonly warnings: readonly Warning[];
}

export interface BuildInput {
  readonly view: FeatureViewDefinition;
  readonly request: TrainingRequest;
  readonly spine: Spine;
  readonly pinned: ReadonlyMap<string, PinnedGroup>;
  /** `fit`: on the split `train`, or on the whole set where none is of this name (P18). */
  readonly transforms: 'none' | 'fit' | readonly FittedTransform[];
}

/** @throws LakefoldError what the joins, the pins, the functions, the filter and the split may be at fault for (P1–P20) */
export async function buildRows(deps: TrainingDeps, input: BuildInput, options: RequestOptions = {}): Promise<BuiltRows> {
  try {
    return await buildWithin(deps, input, options);
  } catch (error) {
    throw beyondBudget(error, { ...input, location: deps.store.location });
  }
}

async function buildWithin(deps: TrainingDeps, input: BuildInput, options: RequestOptions): Promise<BuiltRows> {
  const { view, request, spine } = input;
  const { joins, warnings } = await planJoins(deps, { view, pinned: input.pinned, known: knownRequest(request, spine) });
  const finisher = new RowFinisher({
    view,
    spineColumns: spine.batch.columns,
    joins,
    functions: new Map(view.onDemand.map((definition) => [definition.name, functionOf(deps.functions, definition)])),
    request,
  });
  const filter = request.where === null ? undefined : parseFilter(request.where, finisher.columns);
  const batches: Batch[] = [];
  const finished: number[] = [];
  let offset = 0;
  const query = await planJoinedSpine(deps, { spine, joins, expiredHistory: request.expiredHistory }, options);
  for await (const joined of deps.engine.query({ relations: query.relations, sql: query.sql, ...options })) {
    const labels = Array.from({ length: joined.rowCount }, (_, i) => labelAt(spine, offset + i));
    const { batch, ordinals } = finisher.finish(joined, labels);
    batches.push(batch);
    for (const ordinal of ordinals) finished.push(ordinal);
    offset += joined.rowCount;
  }
  const joinCounts = finisher.counts();
  const whole = concatBatches(finisher.columns, batches);
  const kept = filter === undefined ? undefined : passingRows(filter, whole);
  const batch = kept === undefined ? whole : takeRows(whole, kept);
  const ordinals = kept === undefined ? finished : kept.map((row) => finished[row] ?? 0);
  const divided = splitRows(request.split, { batch, ordinals, labels: ordinals.map((ordinal) => labelAt(spine, ordinal)) });
  const plain = divided.map(({ name, rows }) => ({ name, batch: rows.length === batch.rowCount ? batch : takeRows(batch, rows) }));
  const transforms = fittedTransforms(deps, input, plain);
  const splits = plain.map((split) => ({ ...split, batch: transformBatch(deps.functions, { view, fitted: transforms }, split.batch) }));
  const rows = splits.reduce((sum, split) => sum + split.batch.rowCount, 0);
  return {
    joins,
    splits,
    transforms,
    warnings: [...warnings, ...query.warnings],
    counts: { spineRows: spine.batch.rowCount, rows, dropped: spine.batch.rowCount - rows, joins: joinCounts },
  };
}

/** The training split, by its name. */
const TRAIN = 'train';

function fittedTransforms(deps: TrainingDeps, { view, transforms }: BuildInput, splits: readonly SplitBatch[]): readonly FittedTransform[] {
  if (transforms === 'none') return [];
  if (transforms !== 'fit') return transforms;
  const batches = splits.map(({ batch }) => batch);
  return fitTransforms(deps.functions, view, splits.find(({ name }) => name === TRAIN)?.batch ?? concatBatches(batches[0]?.columns ?? [], batches));
}

function labelAt(spine: Spine, row: number): bigint | null {
  const value = valueAt(spine.labelMicros, row);
  return typeof value === 'bigint' ? value : null;
}
