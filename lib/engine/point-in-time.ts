/**
 * The point-in-time join as SQL (semantics §1): for each spine row the record its app would have been served at its
 * label time. One as-of join a group, never `n × history`; rows are known by an ordinal, never by their values (P1).
 */
import type { Column } from '../core/types.ts';
import type { Filter } from '../delta/filter/filter.ts';
import { INGESTED_AT } from '../core/names.ts';
import { type KnownAsOf, knownRowsSql, UNKNOWN_FOUND } from './known-as-of.ts';
import { filterSql, quoteName } from './sql-text.ts';

/** One join of a view over a named relation. */
export interface PointInTimeJoin {
  readonly name: string;
  /** Relation with the group's rows at its pin. */
  readonly relation: string;
  readonly columns: readonly Column[];
  /** Where the value of each key column comes from, all of the group's primary key (P10). */
  readonly on: readonly JoinKey[];
  /** Absent for a group without event time, and for a join that is `temporal: false` (P9). */
  readonly eventTime: Column | undefined;
  readonly features: readonly { readonly name: string; readonly output: string }[];
  /** `<=` the label time, or `<` (P2). */
  readonly boundary: 'inclusive' | 'exclusive';
  /** Records count from their event time plus this, µs (P15). */
  readonly delayMicros: bigint;
  /** `min(lookback, ttl)` from the label time, µs (P3); undefined = unbounded. */
  readonly lookbackMicros: bigint | undefined;
  readonly filter: Filter | undefined;
  /** For a join without event time over a group that has one: the greatest counts. */
  readonly latestBy: Column | undefined;
  readonly ties: Ties;
  /** Undefined: the rows at the pin count, whenever they were received. */
  readonly known: KnownAsOf | undefined;
}

/** A key column and its counterpart: a column of the spine, or what an earlier join of the query picked as a feature (P11). */
export type JoinKey =
  | { readonly kind: 'spine'; readonly spine: string; readonly key: string }
  | { readonly kind: 'feature'; readonly join: number; readonly feature: string; readonly key: string };

/**
 * Several rows of one (key, event time), of which the one received last counts (P4): `none` there are none; `byReceipt`
 * receipts tell them apart; `resolved` some were received at once, and `relation` holds, for those records, the winner of each
 * receipt.
 */
export type Ties = { readonly kind: 'none' } | { readonly kind: 'byReceipt' } | { readonly kind: 'resolved'; readonly relation: string };

export interface PointInTimeQuery {
  readonly spine: { readonly relation: string; readonly ordinal: string; readonly columns: readonly string[] };
  /** Outputs stand in this order; a join may take keys from any other, as long as there is no circle. */
  readonly joins: readonly PointInTimeJoin[];
}

/** Helper columns of the result for join `index`: how its pick ended, and the pick's event time in µs. */
export function pickColumns(index: number): { readonly status: string; readonly eventMicros: string } {
  return { status: `__status_${index}`, eventMicros: `__event_${index}` };
}

/** Column of the spine relation with the label time, µs; null where a row has none. */
export const LABEL_MICROS = '__label';

/** Values of a `status` helper column. */
export const PICKED = 0;
const NOT_FOUND = 1;
export const EXPIRED = 2;
/** What the record was then can't be read any more (P14). */
const UNKNOWN = 3;

/** One row per spine row in the spine's order: spine columns, then per join its features, status and event time. */
export function pointInTimeSql(query: PointInTimeQuery): string {
  const { spine, joins } = query;
  const common = joins.map((join, i) => `j${i} AS (${candidatesSql(join)})`);
  const outputs = [
    ...spine.columns.map((name) => `s.${quoteName(name)}`),
    ...joins.flatMap((join, i) => {
      const picked = pickedSql(join, i);
      const helpers = pickColumns(i);
      return [
        ...join.features.map(({ name, output }) => `${featureSql(join, i, name)} AS ${quoteName(output)}`),
        `CASE ${join.known?.showUnknown === true ? `WHEN j${i}.__found = ${UNKNOWN_FOUND} AND NOT ${expiredSql(join, i)} THEN ${UNKNOWN} ` : ''}WHEN ${picked} THEN ${PICKED} WHEN ${expiredSql(join, i)} THEN ${EXPIRED} ELSE ${NOT_FOUND} END AS ${quoteName(helpers.status)}`,
        `j${i}.__event AS ${quoteName(helpers.eventMicros)}`,
      ];
    }),
  ];
  const withClause = common.length === 0 ? '' : `WITH ${common.join(',\n')}\n`;
  return `${withClause}SELECT ${outputs.join(', ')}\nFROM ${quoteName(spine.relation)} s\n${sourcesFirst(joins)
    .map((i) => joinSql(joins, i))
    .join('\n')}\nORDER BY s.${quoteName(spine.ordinal)}`;
}

/** How many rows of the result picked a record of which is not known what it was then, for each join. */
export function unknownCountsSql(query: PointInTimeQuery): string {
  const counts = query.joins.map((_, i) => `count(*) FILTER (WHERE ${quoteName(pickColumns(i).status)} = ${UNKNOWN}) AS ${quoteName(`n${i}`)}`);
  return `SELECT ${counts.join(', ')} FROM (${pointInTimeSql(query)})`;
}

/** How many (key, event time) of the relation have several rows. */
export function tiesSql(join: PointInTimeJoin): string {
  return `SELECT count(*) AS ties FROM (SELECT 1 FROM ${quoteName(join.relation)} ${groupBy(identitySql(join))} HAVING count(*) > 1)`;
}

/** Every row of those (key, event time) of which two rows were received at once: content decides between them. */
export function equalReceiptsSql(join: PointInTimeJoin): string {
  const identity = identitySql(join);
  const tied = `SELECT DISTINCT ${identity.join(', ') || '1 AS one'} FROM (SELECT ${[...identity, quoteName(INGESTED_AT)].join(', ')} FROM ${quoteName(join.relation)} ${groupBy([...identity, quoteName(INGESTED_AT)])} HAVING count(*) > 1)`;
  const on = identity.length === 0 ? 'TRUE' : identity.map((name) => `r.${name} = t.${name}`).join(' AND ');
  return `SELECT r.* FROM ${quoteName(join.relation)} r SEMI JOIN (${tied}) t ON ${on}`;
}

/** Columns that tell the records of the group apart. */
export function identityNames(join: PointInTimeJoin): readonly string[] {
  const time = join.eventTime ?? join.latestBy;
  return [...join.on.map(({ key }) => key), ...(time === undefined ? [] : [time.name])];
}

function candidatesSql(join: PointInTimeJoin): string {
  const keys = join.on.map(({ key }) => quoteName(key));
  const columns = [...new Set([...keys, ...[...join.features.map(({ name }) => name), ...filterNames(join)].map(quoteName)])];
  const time = join.eventTime ?? join.latestBy;
  const event = time === undefined ? 'CAST(0 AS BIGINT)' : microsSql(time);
  const latest = (order: string): string =>
    join.latestBy === undefined ? '' : ` QUALIFY row_number() OVER (PARTITION BY ${keys.join(', ') || '1'} ORDER BY ${order}) = 1`;
  if (join.known !== undefined) {
    const exclusive = join.boundary === 'exclusive' ? 1n : 0n;
    const rows = knownRowsSql({
      known: join.known,
      pinned: untiedSql(join),
      columns: [...new Set([...columns, ...identitySql(join)])],
      keys,
      identity: identitySql(join),
      event,
      delayMicros: join.eventTime === undefined ? undefined : join.delayMicros + exclusive,
    });
    return join.known.at === 'labelTime' ? rows : `SELECT * FROM (${rows})${latest('__event DESC')}`;
  }
  const select = `SELECT ${[...columns, `${event} AS __event`, '1 AS __found'].join(', ')} FROM ${untiedSql(join)}`;
  if (join.ties.kind === 'none') return `${select}${latest(`${event} DESC`)}`;
  const newest = `${select} QUALIFY row_number() OVER (PARTITION BY ${identitySql(join).join(', ') || '1'} ORDER BY ${quoteName(INGESTED_AT)} DESC NULLS LAST) = 1`;
  return join.latestBy === undefined ? newest : `SELECT * FROM (${newest})${latest('__event DESC')}`;
}

/** The group's rows, of those of one record received at once only the winner. */
function untiedSql(join: PointInTimeJoin): string {
  if (join.ties.kind !== 'resolved') return quoteName(join.relation);
  const on =
    identitySql(join)
      .map((name) => `r.${name} = w.${name}`)
      .join(' AND ') || 'TRUE';
  const winners = quoteName(join.ties.relation);
  return `(SELECT r.* FROM ${quoteName(join.relation)} r ANTI JOIN ${winners} w ON ${on} UNION ALL SELECT * FROM ${winners})`;
}

function groupBy(names: readonly string[]): string {
  return names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`;
}

function identitySql(join: PointInTimeJoin): readonly string[] {
  return identityNames(join).map(quoteName);
}

function filterNames(join: PointInTimeJoin): readonly string[] {
  return join.filter === undefined ? [] : join.columns.map((column) => column.name);
}

function microsSql(column: Column): string {
  return column.type.kind === 'date' ? `epoch_us(CAST(${quoteName(column.name)} AS TIMESTAMP))` : `epoch_us(${quoteName(column.name)})`;
}

function joinSql(joins: readonly PointInTimeJoin[], index: number): string {
  const join = joins[index];
  if (join === undefined) return '';
  const keys = join.on.map((key) => `${keySql(joins, key)} = j${index}.${quoteName(key.key)}`);
  const label = `s.${quoteName(LABEL_MICROS)}`;
  if (join.known?.at === 'labelTime') return `ASOF LEFT JOIN j${index} ON ${[...keys, `${label} >= j${index}.__visible`].join(' AND ')}`;
  if (join.eventTime === undefined) return `LEFT JOIN j${index} ON ${keys.length === 0 ? 'TRUE' : keys.join(' AND ')}`;
  const comparison = join.boundary === 'inclusive' ? '>=' : '>';
  return `ASOF LEFT JOIN j${index} ON ${[...keys, `${label} - ${join.delayMicros} ${comparison} j${index}.__event`].join(' AND ')}`;
}

function keySql(joins: readonly PointInTimeJoin[], key: JoinKey): string {
  if (key.kind === 'spine') return `s.${quoteName(key.spine)}`;
  const source = joins[key.join];
  return source === undefined ? 'NULL' : featureSql(source, key.join, key.feature);
}

function featureSql(join: PointInTimeJoin, index: number, feature: string): string {
  return `CASE WHEN ${pickedSql(join, index)} THEN j${index}.${quoteName(feature)} END`;
}

/** Positions in an order in which every join comes after those it takes keys from. */
export function sourcesFirst(joins: readonly PointInTimeJoin[]): readonly number[] {
  const ordered = new Set<number>();
  const visit = (index: number): void => {
    if (ordered.has(index)) return;
    for (const key of joins[index]?.on ?? []) if (key.kind === 'feature' && key.join !== index) visit(key.join);
    ordered.add(index);
  };
  joins.forEach((_, index) => visit(index));
  return [...ordered];
}

function expiredSql(join: PointInTimeJoin, index: number): string {
  return join.lookbackMicros === undefined || join.eventTime === undefined
    ? 'FALSE'
    : `(j${index}.__found IS NOT NULL AND j${index}.__event < s.${quoteName(LABEL_MICROS)} - ${join.lookbackMicros})`;
}

function pickedSql(join: PointInTimeJoin, index: number): string {
  const conditions = [`j${index}.__found = 1`];
  if (join.lookbackMicros !== undefined && join.eventTime !== undefined) conditions.push(`NOT ${expiredSql(join, index)}`);
  if (join.filter !== undefined) conditions.push(`coalesce(${filterSql(join.filter, join.columns, (name) => `j${index}.${quoteName(name)}`)}, FALSE)`);
  return `(${conditions.join(' AND ')})`;
}
