/** From the engine's joined rows to those of the set: defaults, functions, diagnostics, counts (P18, S3, S9). */
import { type Batch, takeRows, type Vector, vectorBuilder, vectorNamed, valueAt } from '../../core/batch.ts';
import { type Fault, LakefoldError } from '../../core/errors.ts';
import { formatInstant } from '../../core/time.ts';
import { type Column, parseType, type Value } from '../../core/types.ts';
import { EXPIRED, PICKED, pickColumns } from '../../engine/point-in-time.ts';
import { callOnDemand, type OnDemandFunction, type OnDemandPlan } from '../../online/on-demand.ts';
import type { FeatureViewDefinition } from '../../registry/definition.ts';
import type { JoinPlan } from './join-plan.ts';
import type { TrainingRequest } from './request.ts';

export interface JoinCounts {
  readonly join: string;
  readonly matched: number;
  readonly missing: number;
  readonly expired: number;
  readonly ageSecondsMean: number | null;
  readonly ageSecondsMax: number | null;
}

export interface FinishInput {
  readonly view: FeatureViewDefinition;
  readonly spineColumns: readonly Column[];
  readonly joins: readonly JoinPlan[];
  readonly functions: ReadonlyMap<string, OnDemandFunction>;
  readonly request: TrainingRequest;
}

/** Finished rows and where each stood in the spine. */
export interface FinishedRows {
  readonly batch: Batch;
  readonly ordinals: readonly number[];
}

/** Works through the joined rows batch by batch, in spine order. */
export class RowFinisher {
  readonly columns: readonly Column[];
  readonly #input: FinishInput;
  readonly #functions: readonly OnDemandPlan[];
  readonly #tallies: { matched: number; missing: number; expired: number; ageMicros: number; ageMicrosMax: number }[];
  readonly #faults: Fault[] = [];
  #rows = 0;

  /** @throws LakefoldError FUNCTION_MISMATCH for a function nobody brought */
  constructor(input: FinishInput) {
    this.#input = input;
    this.#functions = input.view.onDemand.map((definition): OnDemandPlan => {
      const compute = input.functions.get(definition.name);
      if (compute === undefined)
        throw new LakefoldError(
          'FUNCTION_MISMATCH',
          `expected function ${definition.name} of view ${input.view.name}/${input.view.version}, found none of this name`,
          { context: { function: definition.name } },
        );
      return {
        name: definition.name,
        compute,
        returns: { type: parseType(definition.returns.type), nullable: definition.returns.nullable },
        inputs: definition.inputs.map(({ name, type, nullable }) => ({ name, type: parseType(type), nullable })),
      };
    });
    this.#tallies = input.joins.map(() => ({ matched: 0, missing: 0, expired: 0, ageMicros: 0, ageMicrosMax: 0 }));
    this.columns = [
      ...input.spineColumns,
      ...input.joins.flatMap((join) => join.outputs.map(({ name, column }): Column => ({ name, type: column.type, nullable: true }))),
      ...this.#functions.map((plan): Column => ({ name: plan.name, type: plan.returns.type, nullable: true })),
      ...this.#diagnosticColumns(),
    ];
  }

  /** `joined`: spine columns, features and helpers; `labels[i]` the label time of its row i, µs. */
  finish(joined: Batch, labels: readonly (bigint | null)[]): FinishedRows {
    const { joins, request, spineColumns } = this.#input;
    const statuses = joins.map((_, i) => vectorNamed(joined, pickColumns(i).status));
    const events = joins.map((_, i) => vectorNamed(joined, pickColumns(i).eventMicros));
    this.#tally({ statuses, events, labels });
    const features = joins.flatMap((join, i) =>
      join.outputs.map((output) => withDefault(vectorNamed(joined, output.name), { type: output.column.type, default: output.default, status: statuses[i] })),
    );
    const spine = spineColumns.map((column) => ({ ...vectorNamed(joined, column.name), type: column.type }));
    const named = new Map<string, Vector>(
      [
        ...spineColumns.map((column, i) => [column.name, spine[i]] as const),
        ...joins.flatMap((join) => join.outputs).map(({ name }, i) => [name, features[i]] as const),
      ].flatMap(([name, vector]) => (vector === undefined ? [] : [[name, vector] as const])),
    );
    const computed = this.#functions.map((plan) => this.#compute(plan, { named, labels, rowCount: joined.rowCount }));
    const diagnostics = request.diagnostics ? joins.flatMap((_, i) => diagnosticVectors(statuses[i], events[i])) : [];
    const first = this.#rows;
    this.#rows += joined.rowCount;
    const batch: Batch = { columns: this.columns, vectors: [...spine, ...features, ...computed, ...diagnostics], rowCount: joined.rowCount };
    const kept = this.#keptRows(batch, statuses);
    return { batch: takeRows(batch, kept), ordinals: kept.map((row) => first + row) };
  }

  /** @throws LakefoldError ON_DEMAND_FAILED when functions failed and nothing was said to put in their place */
  counts(): readonly JoinCounts[] {
    const [first] = this.#faults;
    if (first !== undefined && this.#input.request.onFunctionError === 'error') {
      throw new LakefoldError(
        'ON_DEMAND_FAILED',
        `expected on-demand functions to succeed, found ${this.#faults.length} failures, first in row ${first.row}: ${first.message}`,
        { errors: this.#faults.slice(0, 100), errorCount: this.#faults.length },
      );
    }
    return this.#input.joins.map((join, i) => {
      const { matched, missing, expired, ageMicros, ageMicrosMax } = this.#tallies[i] ?? { matched: 0, missing: 0, expired: 0, ageMicros: 0, ageMicrosMax: 0 };
      const hasAges = matched > 0 && join.query.eventTime !== undefined;
      return {
        join: join.definition.name,
        matched,
        missing,
        expired,
        ageSecondsMean: hasAges ? ageMicros / matched / 1e6 : null,
        ageSecondsMax: hasAges ? ageMicrosMax / 1e6 : null,
      };
    });
  }

  #compute(
    plan: OnDemandPlan,
    rows: { readonly named: ReadonlyMap<string, Vector>; readonly labels: readonly (bigint | null)[]; readonly rowCount: number },
  ): Vector {
    const inputs = plan.inputs.map(({ name }) => rows.named.get(name));
    const builder = vectorBuilder(plan.returns.type, rows.rowCount);
    for (let i = 0; i < rows.rowCount; i += 1) {
      const label = rows.labels[i] ?? null;
      const result = callOnDemand(
        plan,
        inputs.map((vector): Value => (vector === undefined ? null : valueAt(vector, i))),
        label === null ? '' : formatInstant(label),
      );
      if (result.kind === 'failed') this.#faults.push({ row: this.#rows + i, feature: plan.name, code: 'ON_DEMAND_FAILED', message: result.reason });
      builder.push(result.kind === 'computed' ? result.value : null);
    }
    return builder.finish();
  }

  #tally({
    statuses,
    events,
    labels,
  }: {
    readonly statuses: readonly Vector[];
    readonly events: readonly Vector[];
    readonly labels: readonly (bigint | null)[];
  }): void {
    for (const [j, tally] of this.#tallies.entries()) {
      const status = statuses[j];
      const event = events[j];
      if (status === undefined || event === undefined) continue;
      for (let i = 0; i < status.length; i += 1) {
        const code = Number(status.values[i]);
        if (code === EXPIRED) tally.expired += 1;
        else if (code !== PICKED) tally.missing += 1;
        else {
          tally.matched += 1;
          const age = Number((labels[i] ?? 0n) - BigInt(event.values[i] as bigint | number));
          tally.ageMicros += age;
          tally.ageMicrosMax = Math.max(tally.ageMicrosMax, age);
        }
      }
    }
  }

  /** P12, S4: a join that found no row lacks nothing where a default stands in for each of its features. */
  #keptRows(batch: Batch, statuses: readonly Vector[]): readonly number[] {
    const every = Array.from({ length: batch.rowCount }, (_, i) => i);
    if (!this.#input.request.dropMissing) return every;
    const required = statuses.filter((_, i) => this.#input.joins[i]?.outputs.some((output) => output.default === undefined) === true);
    return every.filter((row) => required.every((status) => Number(status.values[row]) === PICKED));
  }

  #diagnosticColumns(): readonly Column[] {
    if (!this.#input.request.diagnostics) return [];
    return this.#input.joins.flatMap((join): readonly Column[] => [
      { name: `_status_${join.definition.name}`, type: { kind: 'string' }, nullable: false },
      { name: `_event_time_${join.definition.name}`, type: { kind: 'timestamp' }, nullable: true },
    ]);
  }
}

function withDefault(
  vector: Vector,
  column: { readonly type: Column['type']; readonly default: Value | undefined; readonly status: Vector | undefined },
): Vector {
  if (column.default === undefined || column.status === undefined) return { ...vector, type: column.type };
  const builder = vectorBuilder(column.type, vector.length);
  for (let i = 0; i < vector.length; i += 1) builder.push(Number(column.status.values[i]) === PICKED ? valueAt(vector, i) : column.default);
  return builder.finish();
}

const STATUS_NAMES = ['PRESENT', 'NOT_FOUND', 'EXPIRED'];

function diagnosticVectors(status: Vector | undefined, event: Vector | undefined): readonly Vector[] {
  if (status === undefined || event === undefined) return [];
  const names = Array.from({ length: status.length }, (_, i) => STATUS_NAMES[Number(status.values[i])] ?? 'NOT_FOUND');
  const picked = vectorBuilder({ kind: 'timestamp' }, event.length);
  for (let i = 0; i < event.length; i += 1) picked.push(Number(status.values[i]) === PICKED ? BigInt(valueAt(event, i) as bigint) : null);
  return [{ type: { kind: 'string' }, length: names.length, values: names }, picked.finish()];
}
