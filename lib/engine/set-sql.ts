/**
 * SQL over the joined rows of a training set, which the engine keeps as a table: the rows as they are to be written, and what is counted
 * of them. For sets whose rows need no code of ours: no functions, no transforms, no filter over finished rows.
 */
import type { ColumnType, Value } from '../core/types.ts';
import { EXPIRED, LABEL_MICROS, PICKED, pickColumns, type PointInTimeJoin, type PointInTimeQuery } from './point-in-time.ts';
import { literal, quoteName } from './sql-text.ts';

/** A feature of the set; `default` stands in where its join found no record. */
export interface SetFeature {
  readonly name: string;
  readonly type: ColumnType;
  readonly default: Value | undefined;
}

export interface SetRows {
  /** The table that holds the result of `pointInTimeSql`, of a query whose spine columns end with `LABEL_MICROS`. */
  readonly table: string;
  readonly spineColumns: readonly string[];
  readonly joins: readonly { readonly name: string; readonly features: readonly SetFeature[] }[];
  readonly hasDiagnostics: boolean;
  /** Only rows for which every join found a record, or has a default for each feature (P12). */
  readonly dropMissing: boolean;
}

/** Whether values of the type go through the engine's files unchanged. */
export function isPlain(type: ColumnType): boolean {
  return !['array', 'struct', 'map', 'void'].includes(type.kind);
}

/** Whether the value can stand in SQL as it is. */
export function hasLiteral(type: ColumnType, value: Value): boolean {
  if (value === null) return true;
  return isPlain(type) && type.kind !== 'vector' && !(typeof value === 'string' && value.includes('\0')) && !Object.is(value, -0);
}

/** The rows of a split in spine order, columns as the set has them; `labels` are µs, `[start, end)`. */
export function setRowsSql(rows: SetRows, labels?: { readonly start: bigint; readonly end: bigint }): string {
  const columns = [
    ...rows.spineColumns.map(quoteName),
    ...rows.joins.flatMap(({ features }, i) => features.map((feature) => `${featureSql(feature, i)} AS ${quoteName(feature.name)}`)),
    ...(rows.hasDiagnostics ? rows.joins.flatMap(({ name }, i) => diagnosticsSql(name, i)) : []),
  ];
  const conditions = [
    ...(rows.dropMissing ? rows.joins.flatMap(({ features }, i) => (features.every((each) => each.default !== undefined) ? [] : [isPicked(i)])) : []),
    ...(labels === undefined ? [] : [`${quoteName(LABEL_MICROS)} >= ${labels.start}`, `${quoteName(LABEL_MICROS)} < ${labels.end}`]),
  ];
  const all = `SELECT ${columns.join(', ')} FROM ${quoteName(rows.table)}`;
  // What a filter leaves comes in pieces of any size, and row groups of a file would be cut by them: sorted, they are cut alike everywhere.
  return conditions.length === 0 ? all : `${all} WHERE ${conditions.join(' AND ')} ORDER BY rowid`;
}

/** One row: for each join how many rows found a record, how many an expired one, and the sum and the greatest of the ages, µs. */
export function joinCountsSql({ table, joins }: SetRows): string {
  const counts = joins.flatMap((_, i) => {
    const { status, eventMicros } = pickColumns(i);
    const age = `coalesce(${quoteName(LABEL_MICROS)}, 0) - ${quoteName(eventMicros)}`;
    return [
      `count(*) FILTER (${isPicked(i)}) AS ${quoteName(`matched${i}`)}`,
      `count(*) FILTER (${quoteName(status)} = ${EXPIRED}) AS ${quoteName(`expired${i}`)}`,
      `CAST(coalesce(sum(${age}) FILTER (${isPicked(i)}), 0) AS DOUBLE) AS ${quoteName(`age${i}`)}`,
      `CAST(greatest(coalesce(max(${age}) FILTER (${isPicked(i)}), 0), 0) AS DOUBLE) AS ${quoteName(`oldest${i}`)}`,
    ];
  });
  return `SELECT ${['count(*) AS n', ...counts].join(', ')} FROM ${quoteName(table)}`;
}

/**
 * How many rows of join `index` share key and event time with one that was picked, beyond that one. Where it is none, no tie had a say
 * in the result, whatever ties the group has elsewhere; to look for those costs as much as the join.
 */
export function pickedTiesSql({ joins }: PointInTimeQuery, { table, index }: { readonly table: string; readonly index: number }): string {
  const join = joins[index];
  const { eventMicros } = pickColumns(index);
  const keys = (join?.on ?? []).map((key) => ({ key: quoteName(key.key), picked: pickedKey(joins, key) }));
  const picked = [...keys.map((each) => each.picked), quoteName(eventMicros)];
  const names = picked.map((_, i) => quoteName(`p${i}`));
  const event = join?.eventTime === undefined ? '0' : microsOf(join.eventTime);
  const on = [...keys.map((each, i) => `r.${each.key} = p.p${i}`), `${event} = p.p${keys.length}`];
  const distinct = `SELECT DISTINCT ${picked.map((sql, i) => `${sql} AS ${names[i] ?? ''}`).join(', ')} FROM ${quoteName(table)} WHERE ${quoteName(eventMicros)} IS NOT NULL`;
  return `WITH p AS MATERIALIZED (${distinct}) SELECT (SELECT count(*) FROM ${quoteName(join?.relation ?? '')} r SEMI JOIN p ON ${on.join(' AND ')}) - (SELECT count(*) FROM p) AS ties`;
}

function pickedKey(joins: readonly PointInTimeJoin[], key: PointInTimeJoin['on'][number]): string {
  if (key.kind === 'spine') return quoteName(key.spine);
  return quoteName(joins[key.join]?.features.find(({ name }) => name === key.feature)?.output ?? key.feature);
}

function microsOf({ name, type }: { readonly name: string; readonly type: ColumnType }): string {
  const value = `r.${quoteName(name)}`;
  return `epoch_us(${type.kind === 'date' ? `CAST(${value} AS TIMESTAMP)` : value})`;
}

function featureSql(feature: SetFeature, index: number): string {
  const value = quoteName(feature.name);
  if (feature.default === undefined) return value;
  const stand = literal(feature.type, feature.default);
  // A literal of a float is a double, and so would be the column.
  return `CASE WHEN ${isPicked(index)} THEN ${value} ELSE ${feature.type.kind === 'float' ? `CAST(${stand} AS FLOAT)` : stand} END`;
}

function diagnosticsSql(join: string, index: number): readonly string[] {
  const { status, eventMicros } = pickColumns(index);
  return [
    `CASE ${quoteName(status)} WHEN ${PICKED} THEN 'PRESENT' WHEN ${EXPIRED} THEN 'EXPIRED' ELSE 'NOT_FOUND' END AS ${quoteName(`_status_${join}`)}`,
    `CASE WHEN ${isPicked(index)} THEN make_timestamptz(${quoteName(eventMicros)}) END AS ${quoteName(`_event_time_${join}`)}`,
  ];
}

function isPicked(index: number): string {
  return `${quoteName(pickColumns(index).status)} = ${PICKED}`;
}
