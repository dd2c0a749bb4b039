/**
 * Feature vectors (semantics §10): one row per entry, in order, a status for every feature, from one fan-out of the
 * online store per level of joins.
 */
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import type { EntityKey } from '../core/keys.ts';
import { formatInstant } from '../core/time.ts';
import type { Value } from '../core/types.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineRead, Watermark } from '../ports/online-store.ts';
import { entryInputs, type EntryInput } from './entry-values.ts';
import { readersGoTo } from './generation-mark.ts';
import { joinKey, joinRecord, type JoinRecord } from './join-records.ts';
import { callOnDemand } from './on-demand.ts';
import { readMissing, startReading, type ReadDeps, type Reading } from './read-records.ts';
import { checkEntryCount, type VectorsRequest } from './vector-request.ts';
import { isShown, type FunctionPlan, type JoinPlan, type ViewPlan } from './view-plan.ts';

/** Generations in a row that one lookup follows: definitions are seconds old, and a load takes longer. */
const GENERATIONS_FOLLOWED_MAX = 4;

type FeatureStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'EXPIRED' | 'PASSED' | 'COMPUTED' | 'DEFAULT' | 'ERROR';
type RowStatus = 'COMPLETE' | 'MISSING' | 'ERROR';

/** By position in `ViewPlan.features`. */
export interface VectorRow {
  readonly values: readonly Value[];
  readonly statuses: readonly FeatureStatus[];
  /** µs, of the record a value comes from; undefined where none does. */
  readonly eventTimes: readonly (bigint | undefined)[];
  readonly status: RowStatus;
}

interface GroupWatermark {
  /** `<group>/<version>` */
  readonly featureGroup: string;
  /** Undefined: nothing is published, or it could not be read. */
  readonly watermark: Watermark | undefined;
}

export interface Vectors {
  readonly rows: readonly VectorRow[];
  readonly watermarks: readonly GroupWatermark[];
  /** How long ago the oldest of the watermarks was read. */
  readonly watermarkAgeMillis: number;
  /** Some payload was written with a schema the plan does not know: with newer definitions the lookup would succeed. */
  readonly hasUnknownSchema: boolean;
  readonly functionFailures: readonly { readonly name: string; readonly entry: number; readonly reason: string }[];
  readonly timings: { readonly totalMs: number; readonly storeMs: number; readonly storeRequests: number };
}

/**
 * Vectors of `request.entries`, aligned with them; duplicates and unknown entities keep their rows.
 * @throws LakefoldError the codes of `entryInputs`; LIMIT_EXCEEDED; NOT_YET_PUBLISHED; STORE_UNAVAILABLE when no row could
 * be read whole
 */
export async function getVectors(
  deps: ReadDeps,
  input: { readonly plan: ViewPlan; readonly request: VectorsRequest },
  options: RequestOptions = {},
): Promise<Vectors> {
  const { request } = input;
  const startedAt = deps.clock.monotonicMillis();
  checkEntryCount(request.entries.length);
  const entries = entryInputs(input.plan, request);
  const now = deps.clock.nowMicros();
  const { plan, reading, records } = await readAll(deps, { ...input, entries, now }, options);
  const at = formatInstant(now);
  const functionFailures: { name: string; entry: number; reason: string }[] = [];
  const rows = entries.map((entry, index) =>
    buildRow(plan, {
      entry,
      records: records[index] ?? [],
      at,
      includeHelpers: request.options.includeHelpers,
      onFailure: (name, reason) => functionFailures.push({ name, entry: index, reason }),
    }),
  );
  if (rows.length > 0 && records.every((row) => row.some((record) => record?.kind === 'error' && record.reason === 'store'))) {
    throw new LakefoldError(
      'STORE_UNAVAILABLE',
      `expected the online store to answer for some of ${rows.length} entries within the time given, found it answering for none`,
    );
  }
  const endedAt = deps.clock.monotonicMillis();
  return {
    rows,
    functionFailures,
    watermarks: plan.tables.map((table, i) => ({ featureGroup: `${table.featureGroup}/${table.version}`, watermark: reading.seen[i]?.watermark })),
    watermarkAgeMillis: Math.max(0, ...reading.seen.map((seen) => (seen === undefined ? 0 : endedAt - seen.readAt))),
    hasUnknownSchema: records.some((row) => row.some((record) => record?.kind === 'error' && record.reason === 'unknownSchema')),
    timings: { totalMs: endedAt - startedAt, storeMs: reading.storeMillis, storeRequests: reading.storeRequests },
  };
}

interface Read {
  readonly plan: ViewPlan;
  readonly reading: Reading;
  readonly records: readonly (JoinRecord | undefined)[][];
}

/** Everything the entries need; anew where a watermark tells that a group's values are kept in another generation by now (U11). */
async function readAll(
  deps: ReadDeps,
  input: { readonly plan: ViewPlan; readonly request: VectorsRequest; readonly entries: readonly EntryInput[]; readonly now: bigint },
  options: RequestOptions,
): Promise<Read> {
  const { entries, now } = input;
  let { plan } = input;
  for (let followed = 0; followed <= GENERATIONS_FOLLOWED_MAX; followed += 1) {
    const reading = await startReading(deps, { plan, options: input.request.options }, options);
    let next = movedPlan(plan, reading);
    if (next === undefined) {
      const records = entries.map((): (JoinRecord | undefined)[] => plan.joins.map(() => undefined));
      for (let level = 0; level < plan.levels; level += 1) await readLevel(reading, { entries, records, level, now });
      next = movedPlan(plan, reading);
      if (next === undefined) return { plan, reading, records };
    }
    plan = next;
  }
  throw new LakefoldError(
    'STORE_UNAVAILABLE',
    `expected the online values of ${plan.view.name}/${plan.view.version} to stay while they are read, found them replaced each time`,
  );
}

function movedPlan(plan: ViewPlan, reading: Reading): ViewPlan | undefined {
  const moved = plan.tables.map((table, i) => readersGoTo(table, reading.seen[i]?.watermark));
  if (moved.every((table) => table === undefined)) return undefined;
  const tables = plan.tables.map((table, i) => moved[i] ?? table);
  return { ...plan, tables, joins: plan.joins.map((join) => ({ ...join, table: tables[join.group] ?? join.table })) };
}

interface Level {
  readonly entries: readonly EntryInput[];
  /** By entry and join; filled in here. Undefined = all its features are passed. */
  readonly records: readonly (JoinRecord | undefined)[][];
  readonly level: number;
  readonly now: bigint;
}

interface Want {
  readonly entry: number;
  readonly join: number;
  readonly key: EntityKey;
}

async function readLevel(reading: Reading, input: Level): Promise<void> {
  const { plan } = reading;
  const wants: Want[] = [];
  plan.joins.forEach((join, joinIndex) => {
    if (join.level !== input.level) return;
    input.entries.forEach((entry, entryIndex) => {
      const row = input.records[entryIndex];
      if (row === undefined || isAllPassed(join, entry)) return;
      const key = keyOf(plan, join, { entry, row });
      if (key.kind === 'key') wants.push({ entry: entryIndex, join: joinIndex, key: key.key });
      else row[joinIndex] = key.record;
    });
  });
  const reads = await readMissing(
    reading,
    wants.map(({ join, key }) => ({ table: tableOf(plan, join), key })),
  );
  wants.forEach(({ entry, join, key }, i) => {
    const plannedJoin = plan.joins[join];
    const read: OnlineRead = reads[i] ?? { kind: 'failed', cause: undefined };
    const row = input.records[entry];
    if (plannedJoin !== undefined && row !== undefined) row[join] = joinRecord(plannedJoin, { key, read, now: input.now });
  });
}

function tableOf(plan: ViewPlan, join: number): JoinPlan['table'] {
  const planned = plan.joins[join];
  if (planned === undefined) throw new LakefoldError('INTERNAL', `expected a join below ${plan.joins.length}, found ${join}`);
  return planned.table;
}

function isAllPassed(join: JoinPlan, entry: EntryInput): boolean {
  for (let i = 0; i < join.featureCount; i += 1) if (entry.passed[join.firstFeature + i] === undefined) return false;
  return join.featureCount > 0;
}

type JoinKey = { readonly kind: 'key'; readonly key: EntityKey } | { readonly kind: 'none'; readonly record: JoinRecord };

/** A key made of a feature that was lost is lost itself; one made of a null or missing feature finds nothing. */
function keyOf(plan: ViewPlan, join: JoinPlan, input: { readonly entry: EntryInput; readonly row: readonly (JoinRecord | undefined)[] }): JoinKey {
  const parts: Value[] = [];
  for (const part of join.keyParts) {
    if (part.kind === 'entry') {
      parts.push(input.entry.keys[part.entryKey] ?? null);
      continue;
    }
    const source = plan.features[part.feature]?.join ?? -1;
    const record = input.row[source];
    const passed = input.entry.passed[part.feature];
    if (passed === undefined && record?.kind === 'error') return { kind: 'none', record };
    const stored = record?.kind === 'found' ? record.values[part.feature - (plan.joins[source]?.firstFeature ?? 0)] : null;
    parts.push(passed === undefined ? (stored ?? null) : passed);
  }
  const key = joinKey(join, parts);
  return key === undefined ? { kind: 'none', record: { kind: 'absent' } } : { kind: 'key', key };
}

interface RowInput {
  readonly entry: EntryInput;
  readonly records: readonly (JoinRecord | undefined)[];
  readonly at: string;
  readonly includeHelpers: boolean;
  readonly onFailure: (name: string, reason: string) => void;
}

interface MutableRow {
  readonly values: Value[];
  readonly statuses: FeatureStatus[];
  readonly eventTimes: (bigint | undefined)[];
}

function buildRow(plan: ViewPlan, input: RowInput): VectorRow {
  const row: MutableRow = { values: [], statuses: [], eventTimes: [] };
  plan.features.forEach((feature, position) => {
    const passed = input.entry.passed[position];
    if (passed !== undefined) set(row, position, { value: passed, status: 'PASSED' });
    else if (feature.join !== undefined) setStored(plan, row, { position, join: feature.join, record: input.records[feature.join] });
  });
  // After all stored features: a function may take any of them.
  for (const item of plan.functions) if (input.entry.passed[item.feature] === undefined) setComputed(item, row, input);
  transformRow(plan, row, input.onFailure);
  const shown = row.statuses.filter((_, position) => isShown(plan.features[position], input.includeHelpers));
  return { ...row, status: rowStatus(shown) };
}

/** Last of all: functions and keys are made of values as they are stored (P18). */
function transformRow(plan: ViewPlan, row: MutableRow, onFailure: RowInput['onFailure']): void {
  for (const [position, feature] of plan.features.entries()) {
    if (feature.transform === undefined || row.statuses[position] === 'ERROR') continue;
    try {
      row.values[position] = feature.transform.apply(row.values[position] ?? null);
    } catch (error) {
      if (!isLakefoldError(error, 'ON_DEMAND_FAILED')) throw error;
      onFailure(feature.name, error.message);
      set(row, position, { value: null, status: 'ERROR' });
    }
  }
}

function set(
  row: MutableRow,
  position: number,
  cell: { readonly value: Value; readonly status: FeatureStatus; readonly eventTime?: bigint | undefined },
): void {
  row.values[position] = cell.value;
  row.statuses[position] = cell.status;
  row.eventTimes[position] = cell.eventTime;
}

function setStored(plan: ViewPlan, row: MutableRow, cell: { readonly position: number; readonly join: number; readonly record: JoinRecord | undefined }): void {
  const { position, record } = cell;
  const fallback = plan.features[position]?.default;
  switch (record?.kind) {
    case 'found': {
      const value = record.values[position - (plan.joins[cell.join]?.firstFeature ?? 0)] ?? null;
      return set(row, position, { value, status: value === null ? 'NULL_VALUE' : 'PRESENT', eventTime: record.eventTime });
    }
    case 'error':
      return set(row, position, { value: null, status: 'ERROR' });
    case 'absent':
    case 'expired':
    case undefined:
      if (fallback !== undefined) return set(row, position, { value: fallback, status: 'DEFAULT' });
      if (record?.kind === 'expired') return set(row, position, { value: null, status: 'EXPIRED', eventTime: record.eventTime });
      return set(row, position, { value: null, status: 'NOT_FOUND' });
  }
}

function setComputed(item: FunctionPlan, row: MutableRow, input: RowInput): void {
  const statuses: FeatureStatus[] = [];
  const values = item.inputs.map((parameter, i): Value => {
    const given = input.entry.parameters.get(parameter.name);
    const fallback = item.fallbacks[i];
    statuses[i] = given === undefined && fallback?.kind === 'feature' ? (row.statuses[fallback.feature] ?? 'ERROR') : 'NULL_VALUE';
    if (given !== undefined) return given;
    if (fallback === undefined) return null;
    return (fallback.kind === 'feature' ? row.values[fallback.feature] : input.entry.keys[fallback.entryKey]) ?? null;
  });
  const result = callOnDemand(item, values, input.at);
  switch (result.kind) {
    case 'computed':
      return set(row, item.feature, { value: result.value, status: 'COMPUTED' });
    case 'notCalled':
      return set(row, item.feature, { value: null, status: nullStatus(statuses[result.input]) });
    case 'failed':
      input.onFailure(item.name, result.reason);
      return set(row, item.feature, { value: null, status: 'ERROR' });
  }
}

/** The status of a null input; a null that was passed is a null value. */
function nullStatus(status: FeatureStatus | undefined): FeatureStatus {
  return status === undefined || status === 'PASSED' || status === 'COMPUTED' ? 'NULL_VALUE' : status;
}

/** S4. */
function rowStatus(statuses: readonly FeatureStatus[]): RowStatus {
  if (statuses.includes('ERROR')) return 'ERROR';
  return statuses.includes('NOT_FOUND') || statuses.includes('EXPIRED') ? 'MISSING' : 'COMPLETE';
}
