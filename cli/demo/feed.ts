/**
 * Where the demo's rows come from: trailing statistics of the flights, computed by DuckDB and handed over as Parquet, as a
 * pipeline of one's own would. It reports late, wrong and again what the scenario wants so.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { AIRPORTS, type GroupName, ROUTES } from './definitions.ts';
import {
  type Day,
  FAULT_FACTOR,
  FAULTY_AIRPORT,
  LATE_AIRPORT,
  LATE_DAY,
  LATE_EVENING_AIRPORT,
  LATE_EVENING_FROM,
  LATE_MINUTES,
  nextDay,
  type Scenario,
} from './scenario.ts';

/**
 * `day`: what is reported of a day when it is over. `late`: what was missing of all days. `correction`: what was wrong.
 * `nextDay`: the first hours after the scenario's end.
 */
export type Slice = { readonly kind: 'day'; readonly day: Day } | { readonly kind: 'late' } | { readonly kind: 'correction' } | { readonly kind: 'nextDay' };

export interface FeedOptions {
  readonly flightsFile: string;
  readonly scenario: Scenario;
  /** For files on their way. */
  readonly scratchDirectory: string;
}

interface Source {
  readonly table: string;
  readonly connection: DuckDBConnection;
}

export class FlightFeed {
  readonly #options: FeedOptions;
  readonly #instance: DuckDBInstance;
  readonly #sources: Readonly<Record<GroupName, Promise<Source>>>;
  #files = 0;

  private constructor(options: FeedOptions, instance: DuckDBInstance, sources: Readonly<Record<GroupName, Promise<Source>>>) {
    this.#options = options;
    this.#instance = instance;
    this.#sources = sources;
  }

  /** Reads the flights; the statistics are computed meanwhile, those of airports first. */
  static async open(options: FeedOptions): Promise<FlightFeed> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    await connection.run(flightsSql(options));
    connection.closeSync();
    const airports = openSource(instance, { table: 'airports', sql: airportsSql() });
    const routes = airports.then(() => openSource(instance, { table: 'routes', sql: routesSql() }));
    routes.catch(() => undefined);
    return new FlightFeed(options, instance, { [AIRPORTS]: airports, [ROUTES]: routes });
  }

  /** Rows of a slice as the bytes of a Parquet file. */
  async rows(group: GroupName, slice: Slice): Promise<Uint8Array> {
    const { table, connection } = await this.#sources[group];
    const file = join(this.#options.scratchDirectory, `rows-${(this.#files += 1)}.parquet`);
    const reported = group === AIRPORTS && slice.kind === 'day' ? reportedSql(this.#options.scenario) : table;
    await connection.run(
      `COPY (SELECT * FROM ${reported} WHERE ${this.#whereSql(group === AIRPORTS ? 'airport' : 'origin', slice)} ORDER BY hour, ${group === AIRPORTS ? 'airport' : 'origin, destination'}) TO '${sqlText(file)}' (FORMAT parquet)`,
    );
    const bytes = await readFile(file);
    await rm(file);
    return new Uint8Array(bytes);
  }

  /** Writes the flights the model is trained on, with their labels, in order of departure; tells how many. */
  async writeSpine(file: string): Promise<number> {
    const { trainFrom, end, flightsEvery } = this.#options.scenario;
    const { connection } = await this.#sources[ROUTES];
    const flights = `SELECT *, row_number() OVER (ORDER BY departs, origin, destination, distance, delay) - 1 AS n FROM flights WHERE departs >= ${dayText(trainFrom)} AND departs < ${dayText(end)}`;
    const result =
      await connection.run(`COPY (SELECT origin, destination, departs AS departs_at, CAST(distance AS INTEGER) AS distance, delay > ${LATE_MINUTES} AS delayed FROM (${flights})
      WHERE n % ${flightsEvery} = 0 ORDER BY n) TO '${sqlText(file)}' (FORMAT parquet)`);
    return Number((await result.getRows())[0]?.[0]);
  }

  async close(): Promise<void> {
    for (const source of Object.values(this.#sources)) (await source.catch(() => undefined))?.connection.closeSync();
    this.#instance.closeSync();
  }

  #whereSql(airport: string, slice: Slice): string {
    const { scenario } = this.#options;
    const [first = scenario.end] = scenario.days;
    switch (slice.kind) {
      case 'day':
        return `${betweenSql(slice.day, nextDay(slice.day))} AND NOT ${lateSql(airport)}`;
      case 'late':
        return `${betweenSql(first, scenario.end)} AND ${lateSql(airport)}`;
      case 'correction':
        return `${betweenSql(first, scenario.end)} AND ${faultySql(scenario)}`;
      case 'nextDay':
        return betweenSql(scenario.end, nextDay(scenario.end));
    }
  }
}

async function openSource(instance: DuckDBInstance, { table, sql }: { readonly table: string; readonly sql: string }): Promise<Source> {
  const connection = await instance.connect();
  await connection.run(sql);
  return { table, connection };
}

/** The airports' rows as they are reported at first. */
function reportedSql(scenario: Scenario): string {
  return `(SELECT * REPLACE (CASE WHEN ${faultySql(scenario)} THEN mean_delay_24h * ${FAULT_FACTOR} ELSE mean_delay_24h END AS mean_delay_24h) FROM airports)`;
}

/** A flight counts from the first full hour at which it has landed: half an hour on the ground, 480 miles an hour, its delay. */
function flightsSql({ flightsFile, scenario }: FeedOptions): string {
  return `CREATE TABLE flights AS SELECT origin, destination, date AT TIME ZONE 'UTC' AS departs, distance, delay,
    (date_trunc('hour', date + to_minutes(29 + distance // 8 + greatest(delay, 0))) + INTERVAL 1 HOUR) AT TIME ZONE 'UTC' AS hour
    FROM read_parquet('${sqlText(flightsFile)}') WHERE date >= TIMESTAMP '${scenario.flightsFrom}'`;
}

function airportsSql(): string {
  return `CREATE TABLE airports AS WITH hourly AS (${hourlySql('origin AS airport')})
    SELECT airport, hour, CAST(sum(flights) OVER w3 AS INTEGER) AS flights_3h, sum(late) OVER w3 / sum(flights) OVER w3 AS late_share_3h,
      CAST(sum(flights) OVER w24 AS INTEGER) AS flights_24h, sum(delay) OVER w24 / sum(flights) OVER w24 AS mean_delay_24h, sum(late) OVER w24 / sum(flights) OVER w24 AS late_share_24h
    FROM hourly WINDOW w3 AS (PARTITION BY airport ORDER BY hour RANGE INTERVAL 2 HOURS PRECEDING), w24 AS (PARTITION BY airport ORDER BY hour RANGE INTERVAL 23 HOURS PRECEDING) ORDER BY hour`;
}

function routesSql(): string {
  return `CREATE TABLE routes AS WITH hourly AS (${hourlySql('origin, destination')})
    SELECT origin, destination, hour, CAST(sum(flights) OVER w AS INTEGER) AS flights_7d, sum(delay) OVER w / sum(flights) OVER w AS mean_delay_7d, sum(late) OVER w / sum(flights) OVER w AS late_share_7d
    FROM hourly WINDOW w AS (PARTITION BY origin, destination ORDER BY hour RANGE INTERVAL 167 HOURS PRECEDING) ORDER BY hour`;
}

function hourlySql(key: string): string {
  return `SELECT ${key}, hour, count(*) AS flights, sum(delay) AS delay, count(*) FILTER (delay > ${LATE_MINUTES}) AS late FROM flights GROUP BY ALL`;
}

function lateSql(airport: string): string {
  return `(${airport} = '${LATE_AIRPORT}' AND ${betweenSql(LATE_DAY, nextDay(LATE_DAY))} OR ${airport} = '${LATE_EVENING_AIRPORT}' AND hour > TIMESTAMPTZ '${LATE_EVENING_FROM}')`;
}

function faultySql(scenario: Scenario): string {
  return `(airport = '${FAULTY_AIRPORT}' AND (${betweenSql(scenario.faultyDay, nextDay(scenario.faultyDay))} OR hour = ${dayText(scenario.end)}))`;
}

function betweenSql(after: Day, until: Day): string {
  return `(hour > ${dayText(after)} AND hour <= ${dayText(until)})`;
}

function dayText(day: Day): string {
  return `TIMESTAMPTZ '${day}T00:00:00Z'`;
}

function sqlText(text: string): string {
  return text.replaceAll("'", "''");
}
