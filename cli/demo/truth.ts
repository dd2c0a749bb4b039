/** The scenario in the judge's terms: conditions on its rows, whose hours are counted since 1970. */
import { AIRPORTS, type GroupName } from './definitions.ts';
import { type Deviation, hourSql } from './oracle.ts';
import { type Day, FAULT_FACTOR, FAULTY_AIRPORT, LATE_AIRPORT, LATE_DAY, LATE_EVENING_AIRPORT, LATE_EVENING_FROM, nextDay, type Scenario } from './scenario.ts';

/** What the judge calls a group. */
export function truthOf(group: GroupName): 'airports' | 'routes' {
  return group === AIRPORTS ? 'airports' : 'routes';
}

/** Midnight at which a day begins. */
export function midnight(day: Day): string {
  return `${day}T00:00:00Z`;
}

export function upTo(instant: string): string {
  return `hour <= ${hourSql(instant)}`;
}

/** Rows that arrive after everything else. */
export function lateRows(group: GroupName, scenario: Scenario): string {
  const airport = group === AIRPORTS ? 'airport' : 'origin';
  return `(${airport} = '${LATE_AIRPORT}' AND ${during(LATE_DAY)} OR ${airport} = '${LATE_EVENING_AIRPORT}' AND hour > ${hourSql(LATE_EVENING_FROM)} AND ${upTo(midnight(scenario.end))})`;
}

/** Rows that were wrong when they arrived first. */
export function faultyRows(scenario: Scenario): string {
  return `(airport = '${FAULTY_AIRPORT}' AND (${during(scenario.faultyDay)} OR hour = ${hourSql(midnight(scenario.end))}))`;
}

/** What was wrong with them on the scenario's recorded day. */
export function deviation(scenario: Scenario): Deviation {
  return { airport: FAULTY_AIRPORT, from: midnight(scenario.faultyDay), until: midnight(nextDay(scenario.faultyDay)), factor: FAULT_FACTOR };
}

function during(day: Day): string {
  return `hour > ${hourSql(midnight(day))} AND hour <= ${hourSql(midnight(nextDay(day)))}`;
}
