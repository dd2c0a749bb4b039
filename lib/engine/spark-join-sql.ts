/**
 * The point-in-time join as SQL that Spark runs on the same tables: what a plan beyond this machine's budget is refused with.
 * Rows of the spine and of a group stand in one order of time, and each row of the spine takes the last record before it:
 * no inequality join, and rows that are equal stay apart. Rows come back in no order. Of rows of one record received in the
 * same microsecond any may win: their content is not compared.
 */
import { INGESTED_AT } from '../core/names.ts';
import type { Value } from '../core/types.ts';
import { filterSql, nameSql, valueSql } from '../delta/sql/filter-sql.ts';
import type { PointInTimeJoin } from './point-in-time.ts';

export interface SparkJoin {
  readonly query: PointInTimeJoin;
  /** Path or URI of the group's table. */
  readonly location: string;
  readonly version: number;
  /** Columns that version has. */
  readonly stored: ReadonlySet<string>;
  /** Values of features whose record is missing, by name. */
  readonly defaults: ReadonlyMap<string, Value>;
}

export interface SparkQuery {
  /** Columns of a view `spine`, which whoever runs the SQL makes of its rows. */
  readonly spineColumns: readonly string[];
  readonly labelTime: string | null;
  readonly joins: readonly SparkJoin[];
}

const SPINE_SIDE = 1;

/** One SELECT: columns of the spine, then features in the order of the joins. `joins` stand in an order in which keys are there before they are needed. */
export function sparkJoinSql({ spineColumns, labelTime, joins }: SparkQuery, order: readonly number[]): string {
  const label = labelTime === null ? 'CAST(NULL AS BIGINT)' : `unix_micros(CAST(${nameSql(labelTime)} AS TIMESTAMP))`;
  const steps = [`b AS (SELECT ${[...spineColumns.map(nameSql), `${label} AS \`__label\``].join(', ')} FROM spine)`];
  const carried = [...spineColumns.map(nameSql), '`__label`'];
  let from = 'b';
  for (const i of order) {
    const join = joins[i];
    if (join === undefined) continue;
    steps.push(...joinSteps({ joins, index: i, from, carried }));
    carried.push(`\`__found_${i}\``, ...join.query.features.map((_, f) => `\`__f_${i}_${f}\``));
    from = `p${i}`;
  }
  const features = joins.flatMap(({ query, defaults }, i) =>
    query.features.map(({ name, output }, f) => {
      const type = query.columns.find((column) => column.name === name)?.type;
      const value = defaults.get(name);
      const column = `\`__f_${i}_${f}\``;
      const given = type === undefined || value === undefined ? column : `CASE WHEN \`__found_${i}\` THEN ${column} ELSE ${valueSql(type, value)} END`;
      return `${given} AS ${nameSql(output)}`;
    }),
  );
  return `WITH ${steps.join(',\n')}\nSELECT ${[...spineColumns.map(nameSql), ...features].join(', ')} FROM ${from}`;
}

interface Step {
  readonly joins: readonly SparkJoin[];
  readonly index: number;
  readonly from: string;
  readonly carried: readonly string[];
}

function joinSteps({ joins, index, from, carried }: Step): readonly string[] {
  const join = joins[index];
  if (join === undefined) return [];
  const { query } = join;
  const isTemporal = query.eventTime !== undefined;
  const keys = query.on.map((key) => (key.kind === 'spine' ? nameSql(key.spine) : featureColumn(joins, key)));
  const keyNames = keys.map((_, k) => `\`__k${k}\``);
  const spineRows = [
    ...carried,
    ...keys.map((key, k) => `${key} AS ${keyNames[k] ?? ''}`),
    `${isTemporal ? `\`__label\` - ${query.delayMicros}L` : '0L'} AS \`__at\``,
    `${SPINE_SIDE} AS \`__side\``,
    'NULL AS `__record`',
  ];
  const side = query.boundary === 'inclusive' || !isTemporal ? SPINE_SIDE - 1 : SPINE_SIDE + 1;
  const records = [...carried.map(() => 'NULL'), ...query.on.map(({ key }) => nameSql(key)), isTemporal ? '`__event`' : '0L', `${side}`, `\`__record\``];
  const partition = keyNames.length === 0 ? '' : `PARTITION BY ${keyNames.join(', ')} `;
  const picked = `(${pickedSql(join)})`;
  return [
    `r${index} AS (${recordsSql(join)})`,
    `u${index} AS (SELECT ${spineRows.join(', ')} FROM ${from} UNION ALL SELECT ${records.join(', ')} FROM r${index})`,
    `w${index} AS (SELECT *, last_value(\`__record\`, true) OVER (${partition}ORDER BY \`__at\`, \`__side\` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS \`__last\` FROM u${index})`,
    `p${index} AS (SELECT ${[
      ...carried,
      `${picked} AS \`__found_${index}\``,
      ...query.features.map((_, f) => `CASE WHEN ${picked} THEN \`__last\`.\`f${f}\` END AS \`__f_${index}_${f}\``),
    ].join(', ')} FROM w${index} WHERE \`__side\` = ${SPINE_SIDE})`,
  ];
}

function featureColumn(joins: readonly SparkJoin[], key: { readonly join: number; readonly feature: string }): string {
  const position = joins[key.join]?.query.features.findIndex(({ name }) => name === key.feature) ?? -1;
  return `\`__f_${key.join}_${position}\``;
}

/** One row a record: of several the one received last; without event time one a key. */
function recordsSql({ query, location, version, stored }: SparkJoin): string {
  const time = query.eventTime ?? query.latestBy;
  const event = time === undefined ? '0L' : `unix_micros(CAST(${nameSql(time.name)} AS TIMESTAMP))`;
  const keys = query.on.map(({ key }) => nameSql(key));
  const column = (name: string): string => (stored.has(name) ? nameSql(name) : 'NULL');
  const members = query.features.flatMap(({ name }, f) => [`'f${f}'`, column(name)]);
  const passes = query.filter === undefined ? 'TRUE' : `coalesce(${filterSql(query.filter, query.columns)}, FALSE)`;
  const record = `named_struct(${[...members, "'passes'", passes, "'event'", event].join(', ')})`;
  // A row of another engine has no receipt: it reads as the time of its file.
  const receipt = stored.has(INGESTED_AT) ? `coalesce(${nameSql(INGESTED_AT)}, _metadata.file_modification_time)` : '_metadata.file_modification_time';
  const identity = query.eventTime === undefined ? keys : [...keys, nameSql(query.eventTime.name)];
  const newest = [...(query.latestBy === undefined ? [] : [`${event} DESC`]), `${receipt} DESC`].join(', ');
  const number = `row_number() OVER (PARTITION BY ${identity.join(', ') || '1'} ORDER BY ${newest}) AS \`__n\``;
  const present = [...keys, ...(query.eventTime === undefined ? [] : [nameSql(query.eventTime.name)])].map((name) => `${name} IS NOT NULL`);
  const where = present.length === 0 ? '' : ` WHERE ${present.join(' AND ')}`;
  const rows = `SELECT ${[...keys, `${event} AS \`__event\``, `${record} AS \`__record\``, number].join(', ')} FROM delta.${nameSql(location)} VERSION AS OF ${version}${where}`;
  return `SELECT ${[...keys, '`__event`', '`__record`'].join(', ')} FROM (${rows}) WHERE \`__n\` = 1`;
}

function pickedSql({ query }: SparkJoin): string {
  const lower =
    query.lookbackMicros === undefined || query.eventTime === undefined ? '' : ` AND \`__last\`.\`event\` >= \`__label\` - ${query.lookbackMicros}L`;
  return `\`__last\` IS NOT NULL AND \`__last\`.\`passes\`${lower}`;
}
