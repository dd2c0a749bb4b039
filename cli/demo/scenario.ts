/** What happens when, in the demo: which days are back-filled, what arrives late, wrong or twice, and which flights train the model. */

/** A day, `YYYY-MM-DD`, UTC. */
export type Day = string;

export interface Scenario {
  /** Back-filled one commit a day and group; the commit of day d holds the hours after d 00:00 up to and with d + 1 00:00. */
  readonly days: readonly Day[];
  /** From this day on each commit is online before its receipt; what was before is committed first and published at once. */
  readonly liveFrom: Day;
  /** Flights that left before cannot reach into any statistic of `days`: seven days of window, one flight of up to two days. */
  readonly flightsFrom: Day;
  /** The table as it stood after this day's commit is read again later. */
  readonly recordedDay: Day;
  /** The hours of this day, and the last of all, reach us with the faulty airport's mean delay in seconds instead of minutes. */
  readonly faultyDay: Day;
  readonly trainFrom: Day;
  /** Flights from this day on are the test set. */
  readonly testFrom: Day;
  /** First day that is not in the training set, and whose first hours are left for the writer that is killed. */
  readonly end: Day;
  /** Each n-th flight trains the model. */
  readonly flightsEvery: number;
  readonly lookups: number;
}

/** Airport whose reports of `LATE_DAY` arrive after everything else. */
export const LATE_AIRPORT = 'DEN';
export const LATE_DAY: Day = '2001-06-27';
/** Airport whose newest reports arrive after everything else. */
export const LATE_EVENING_AIRPORT = 'SEA';
export const LATE_EVENING_FROM = '2001-06-30T20:00:00Z';
export const FAULTY_AIRPORT = 'ORD';
/** Seconds reported as minutes. */
export const FAULT_FACTOR = 60;
/** Minutes of delay above which a flight counts as late. */
export const LATE_MINUTES = 15;

const END: Day = '2001-07-01';

/** The whole half year, or its last month with fewer flights. */
export function scenario(size: 'full' | 'quick'): Scenario {
  return size === 'full'
    ? {
        days: daysBetween('2001-01-01', END),
        flightsFrom: '2001-01-01',
        liveFrom: '2001-06-01',
        recordedDay: '2001-03-31',
        faultyDay: '2001-03-15',
        trainFrom: '2001-06-01',
        testFrom: '2001-06-21',
        end: END,
        flightsEvery: 2,
        lookups: 5000,
      }
    : {
        days: daysBetween('2001-06-12', END),
        flightsFrom: '2001-06-02',
        liveFrom: '2001-06-22',
        recordedDay: '2001-06-17',
        faultyDay: '2001-06-14',
        trainFrom: '2001-06-14',
        testFrom: '2001-06-25',
        end: END,
        flightsEvery: 4,
        lookups: 2000,
      };
}

/** The day after. */
export function nextDay(day: Day): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

function daysBetween(first: Day, end: Day): readonly Day[] {
  const days: Day[] = [];
  for (let day = first; day < end; day = nextDay(day)) days.push(day);
  return days;
}
