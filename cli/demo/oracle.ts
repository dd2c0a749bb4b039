/**
 * The judge: what every number of the demo must be, by DuckDB SQL over the raw flights alone.
 *
 * It reads none of our tables and shares no code with them or with the feed: time is counted in whole minutes and hours,
 * windows are differences of running totals. What the product answers it is given as files or compared outside.
 */
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';

export interface OracleOptions {
  readonly flightsFile: string;
  /** Flights that left before this day are not looked at. */
  readonly flightsFrom: string;
  /** Statistics of the hours after this instant are wanted. */
  readonly from: string;
  /** Upper end of all wanted hours. */
  readonly until: string;
}

/** Rows of two sets held against each other. */
export interface Comparison {
  readonly rows: number;
  readonly expectedRows: number;
  /** Rows in one of them only. */
  readonly different: number;
  /** One of those, as text; empty when there is none. */
  readonly example: string;
}

export interface Fingerprint {
  readonly rows: number;
  /** Depends on every value of every row, not on their order. */
  readonly hash: string;
}

/** What rows of one airport were at some time, where that was not the truth. */
export interface Deviation {
  readonly airport: string;
  /** Hours after `from` up to `until`, RFC 3339. */
  readonly from: string;
  readonly until: string;
  readonly factor: number;
}

/** What the view must serve for a route: its stored features in the view's order. */
export interface TrueVector {
  readonly origin: string;
  readonly destination: string;
  /** Miles. */
  readonly distance: number;
  readonly values: readonly (number | null)[];
}

export interface TrainingSpec {
  readonly from: string;
  readonly until: string;
  readonly every: number;
}

const AIRPORT_COLUMNS = 'airport, hour, flights_3h, late_share_3h, flights_24h, mean_delay_24h, late_share_24h';
const ROUTE_COLUMNS = 'origin, destination, hour, flights_7d, mean_delay_7d, late_share_7d';
const VIEW_COLUMNS = `dep.flights_3h AS dep_flights_3h, dep.late_share_3h AS dep_late_share_3h, dep.flights_24h AS dep_flights_24h, dep.mean_delay_24h AS dep_mean_delay_24h,
  dep.late_share_24h AS dep_late_share_24h, arr.late_share_3h AS arr_late_share_3h, arr.late_share_24h AS arr_late_share_24h,
  route.flights_7d AS route_flights_7d, route.mean_delay_7d AS route_mean_delay_7d, route.late_share_7d AS route_late_share_7d`;

export class Oracle {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /** Works out the truth about every airport, route and hour. */
  static async open(options: OracleOptions): Promise<Oracle> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run(`CREATE TABLE flown AS SELECT origin, destination, delay, distance, CAST(epoch(date) AS BIGINT) // 60 AS departed,
      CAST(epoch(date) AS BIGINT) // 60 + 30 + distance // 8 + CASE WHEN delay > 0 THEN delay ELSE 0 END AS landed
      FROM read_parquet('${escaped(options.flightsFile)}') WHERE date >= TIMESTAMP '${options.flightsFrom}'`);
    for (const sql of [airportTruthSql(options), routeTruthSql(options)]) await connection.run(sql);
    return new Oracle(instance, connection);
  }

  /** Rows of a group up to an instant. */
  async fingerprint(group: 'airports' | 'routes', until: string): Promise<Fingerprint> {
    const [rows, hash] = await this.#row(`SELECT count(*), ${fingerprintSql(group)} FROM ${group} WHERE hour <= ${hourSql(until)}`);
    return { rows: Number(rows), hash: String(hash) };
  }

  /** How many rows, how many keys. */
  async count(from: 'airports' | 'routes', where: string): Promise<{ readonly rows: number; readonly keys: number }> {
    const [rows, keys] = await this.#row(
      `SELECT count(*), count(DISTINCT ${from === 'airports' ? 'airport' : '(origin, destination)'}) FROM ${from} WHERE ${where}`,
    );
    return { rows: Number(rows), keys: Number(keys) };
  }

  /** Keys whose newest row up to `until` is among the rows `where`. */
  async newestAmong(from: 'airports' | 'routes', where: string, until: string): Promise<number> {
    const key = from === 'airports' ? 'airport' : 'origin, destination';
    const [keys] = await this.#row(
      `SELECT count(*) FILTER (newest) FROM (SELECT max(hour) = max(hour) FILTER (${where}) AS newest FROM ${from} WHERE hour <= ${hourSql(until)} GROUP BY ${key})`,
    );
    return Number(keys);
  }

  /** Holds the rows of an answer, as a Parquet file, against those of a group up to an instant. */
  async compareRows(group: 'airports' | 'routes', file: string, world: { readonly until: string; readonly deviation?: Deviation }): Promise<Comparison> {
    const columns = group === 'airports' ? AIRPORT_COLUMNS : ROUTE_COLUMNS;
    const truth = `SELECT ${group === 'airports' && world.deviation !== undefined ? columns.replace('mean_delay_24h', deviatedSql(world.deviation)) : columns} FROM ${group} WHERE hour <= ${hourSql(world.until)}`;
    const answer = `SELECT ${columns.replace('hour', 'CAST(epoch(hour) AS BIGINT) // 3600 AS hour')} FROM read_parquet('${escaped(file)}')`;
    return this.#difference(truth, answer);
  }

  /** Holds a training set, as a Parquet file, against the flights: row n of it must be row n here. */
  async compareTraining(file: string, spec: TrainingSpec): Promise<Comparison> {
    const answer = `SELECT file_row_number AS n, origin, destination, CAST(epoch(departs_at) AS BIGINT) // 60 AS departed, distance, delayed,
      COLUMNS('^(dep|arr|route)_.*'), is_long_haul, hour_of_day FROM read_parquet('${escaped(file)}', file_row_number = true)`;
    return this.#difference(trainingSql(spec), answer);
  }

  /** A vector for every route with a row up to `until`. */
  async vectors(until: string): Promise<readonly TrueVector[]> {
    const newest = (table: string, key: string): string =>
      `(SELECT DISTINCT ON (${key}) * FROM ${table} WHERE hour <= ${hourSql(until)} ORDER BY ${key}, hour DESC)`;
    const reader = await this.#connection.runAndReadAll(`SELECT route.origin, route.destination, d.distance, ${VIEW_COLUMNS}
      FROM ${newest('routes', 'origin, destination')} route LEFT JOIN ${newest('airports', 'airport')} dep ON dep.airport = route.origin LEFT JOIN ${newest('airports', 'airport')} arr ON arr.airport = route.destination
      JOIN (SELECT origin, destination, CAST(min(distance) AS INTEGER) AS distance FROM flown GROUP BY ALL) d ON d.origin = route.origin AND d.destination = route.destination ORDER BY ALL`);
    return reader.getRows().map(([origin, destination, distance, ...values]) => ({
      origin: String(origin),
      destination: String(destination),
      distance: Number(distance),
      values: values.map((value) => (value === null ? null : Number(value))),
    }));
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }

  async #difference(truth: string, answer: string): Promise<Comparison> {
    const [rows, expectedRows, different, example] = await this.#row(`WITH truth AS MATERIALIZED (${truth}), answer AS MATERIALIZED (${answer}),
      missing AS (FROM truth EXCEPT ALL FROM answer), unexpected AS (FROM answer EXCEPT ALL FROM truth)
      SELECT (SELECT count(*) FROM answer), (SELECT count(*) FROM truth), (SELECT count(*) FROM missing) + (SELECT count(*) FROM unexpected),
        concat_ws(' instead of ', (SELECT CAST(u AS VARCHAR) FROM unexpected u ORDER BY ALL LIMIT 1), (SELECT CAST(m AS VARCHAR) FROM missing m ORDER BY ALL LIMIT 1))`);
    return { rows: Number(rows), expectedRows: Number(expectedRows), different: Number(different), example: String(example) };
  }

  async #row(sql: string): Promise<readonly DuckDBValue[]> {
    const reader = await this.#connection.runAndReadAll(sql);
    return reader.getRows()[0] ?? [];
  }
}

/** One value over all rows; the table's `hour` counts hours since 1970 here and is a timestamp in the product. */
export function fingerprintSql(group: 'airports' | 'routes', hour = 'hour'): string {
  const columns = (group === 'airports' ? AIRPORT_COLUMNS : ROUTE_COLUMNS).replace('hour', `CAST(${hour} AS BIGINT)`);
  return `CAST(bit_xor(hash(${columns})) AS VARCHAR) || '-' || CAST(sum(hash(${columns}) % 1000003) AS VARCHAR)`;
}

/** Hours since 1970 of an RFC 3339 instant at a full hour. */
export function hourSql(instant: string): string {
  return String(Date.parse(instant) / 3_600_000);
}

/** Sums of all flights landed by an hour less those landed by the hour `hours` before: what landed in between. */
function landedSql(keys: readonly string[], hours: readonly number[]): string {
  const key = keys.join(', ');
  const sums = ['flights', 'delay', 'late'].map(
    (name) => `CAST(sum(${name}) OVER (PARTITION BY ${key} ORDER BY hour ROWS UNBOUNDED PRECEDING) AS BIGINT) AS ${name}`,
  );
  const earlier = hours.map(
    (n) => `ASOF LEFT JOIN totals t${n} ON ${keys.map((name) => `t${n}.${name} = t.${name}`).join(' AND ')} AND t.hour - ${n} >= t${n}.hour`,
  );
  const landed = hours.flatMap((n) => ['flights', 'delay', 'late'].map((name) => `t.${name} - coalesce(t${n}.${name}, 0) AS ${name}_${n}`));
  return `WITH hourly AS (SELECT ${key}, (landed + 59) // 60 AS hour, count(*) AS flights, sum(delay) AS delay, count(*) FILTER (delay > 15) AS late FROM flown GROUP BY ALL),
    totals AS MATERIALIZED (SELECT ${key}, hour, ${sums.join(', ')} FROM hourly)
    SELECT ${keys.map((name) => `t.${name}`).join(', ')}, t.hour, ${landed.join(', ')} FROM totals t ${earlier.join(' ')}`;
}

function airportTruthSql({ from, until }: OracleOptions): string {
  return `CREATE TABLE airports AS SELECT origin AS airport, hour, CAST(flights_3 AS INTEGER) AS flights_3h, late_3 / flights_3 AS late_share_3h,
      CAST(flights_24 AS INTEGER) AS flights_24h, delay_24 / flights_24 AS mean_delay_24h, late_24 / flights_24 AS late_share_24h
    FROM (${landedSql(['origin'], [3, 24])}) WHERE hour > ${hourSql(from)} AND hour <= ${hourSql(until)}`;
}

function routeTruthSql({ from, until }: OracleOptions): string {
  return `CREATE TABLE routes AS SELECT origin, destination, hour, CAST(flights_168 AS INTEGER) AS flights_7d, delay_168 / flights_168 AS mean_delay_7d, late_168 / flights_168 AS late_share_7d
    FROM (${landedSql(['origin', 'destination'], [168])}) WHERE hour > ${hourSql(from)} AND hour <= ${hourSql(until)}`;
}

function deviatedSql({ airport, from, until, factor }: Deviation): string {
  return `CASE WHEN airport = '${airport}' AND hour > ${hourSql(from)} AND hour <= ${hourSql(until)} THEN mean_delay_24h * ${factor} ELSE mean_delay_24h END AS mean_delay_24h`;
}

/** Of each flight the last row at or before its departure: rows and flights in one sequence of minutes, each flight takes the row it stands behind. */
function trainingSql({ from, until, every }: TrainingSpec): string {
  const behind = (table: string, on: readonly (readonly [key: string, flight: string])[]): string => {
    const keys = on.map(([key]) => key).join(', ');
    const flightKeys = on.map(([key, flight]) => `${flight} AS ${key}`).join(', ');
    return `(SELECT n, hour FROM (SELECT n, last_value(hour IGNORE NULLS) OVER (PARTITION BY ${keys} ORDER BY minute, n NULLS FIRST ROWS UNBOUNDED PRECEDING) AS hour
      FROM (SELECT ${keys}, hour * 60 AS minute, hour, NULL AS n FROM ${table} UNION ALL SELECT ${flightKeys}, departed, NULL, n FROM asked)) WHERE n IS NOT NULL)`;
  };
  return `WITH numbered AS (SELECT *, row_number() OVER (ORDER BY departed, origin, destination, distance, delay) - 1 AS place FROM flown WHERE departed >= ${hourSql(from)} * 60 AND departed < ${hourSql(until)} * 60),
    asked AS MATERIALIZED (SELECT *, place // ${every} AS n FROM numbered WHERE place % ${every} = 0)
    SELECT a.n, a.origin, a.destination, a.departed, CAST(a.distance AS INTEGER) AS distance, a.delay > 15 AS delayed, ${VIEW_COLUMNS}, a.distance > 1500 AS is_long_haul, CAST(a.departed % 1440 // 60 AS INTEGER) AS hour_of_day
    FROM asked a JOIN ${behind('airports', [['airport', 'origin']])} d ON d.n = a.n JOIN ${behind('airports', [['airport', 'destination']])} r ON r.n = a.n
    JOIN ${behind('routes', [
      ['origin', 'origin'],
      ['destination', 'destination'],
    ])} w ON w.n = a.n
    LEFT JOIN airports dep ON dep.airport = a.origin AND dep.hour = d.hour LEFT JOIN airports arr ON arr.airport = a.destination AND arr.hour = r.hour
    LEFT JOIN routes route ON route.origin = a.origin AND route.destination = a.destination AND route.hour = w.hour`;
}

function escaped(text: string): string {
  return text.replaceAll("'", "''");
}
