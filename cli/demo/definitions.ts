/** What the demo defines, as the config file a user would write. It is written into the demo's folder and loaded from there. */

export const PROJECT = 'default';
export const AIRPORTS = 'airport_delays';
export const ROUTES = 'route_delays';
export const VIEW = 'delay_model';
/** Where the store lies, from the config file. */
export const STORE_FOLDER = 'store';

export type GroupName = typeof AIRPORTS | typeof ROUTES;

/** Features of the view in the order it answers them. */
export const STORED_FEATURES = [
  'dep_flights_3h',
  'dep_late_share_3h',
  'dep_flights_24h',
  'dep_mean_delay_24h',
  'dep_late_share_24h',
  'arr_late_share_3h',
  'arr_late_share_24h',
  'route_flights_7d',
  'route_mean_delay_7d',
  'route_late_share_7d',
] as const;
export const COMPUTED_FEATURES = ['is_long_haul', 'hour_of_day'] as const;

/** `lakefold.config.ts`. */
export const CONFIG_TEXT = `import { featureGroup, featureView, join, onDemand, t } from 'lakefold';

// A row per airport and full hour at which one more of its departures had landed: what was then known of its delays.
export const airportDelays = featureGroup({
  name: '${AIRPORTS}',
  version: 1,
  description: 'Delays of the flights that left an airport, as known at a full hour',
  schema: {
    airport: t.string(),
    hour: t.timestamp(),
    flights_3h: t.int(),
    late_share_3h: t.double(),
    flights_24h: t.int(),
    mean_delay_24h: t.double().description('minutes'),
    late_share_24h: t.double(),
  },
  primaryKey: ['airport'],
  eventTime: 'hour',
  onlineEnabled: true,
});

// The same for each pair of airports, over seven days.
export const routeDelays = featureGroup({
  name: '${ROUTES}',
  version: 1,
  description: 'Delays of the flights from one airport to another, as known at a full hour',
  schema: {
    origin: t.string(),
    destination: t.string(),
    hour: t.timestamp(),
    flights_7d: t.int(),
    mean_delay_7d: t.double().description('minutes'),
    late_share_7d: t.double(),
  },
  primaryKey: ['origin', 'destination'],
  eventTime: 'hour',
  onlineEnabled: true,
});

const isLongHaul = onDemand({
  name: 'is_long_haul',
  inputs: { distance: t.int() },
  returns: t.boolean(),
  compute: ({ distance }) => distance > 1500,
});

const hourOfDay = onDemand({
  name: 'hour_of_day',
  inputs: { departs_at: t.timestamp() },
  returns: t.int(),
  compute: ({ departs_at }) => Number(departs_at.slice(11, 13)),
});

// Will a flight land more than 15 minutes late? Asked at its scheduled departure, when nothing of the flight itself is known.
export const delayModel = featureView({
  name: '${VIEW}',
  version: 1,
  spine: { origin: t.string(), destination: t.string(), departs_at: t.timestamp(), distance: t.int(), delayed: t.boolean().nullable() },
  labelTime: 'departs_at',
  labels: ['delayed'],
  joins: [
    join(airportDelays, { on: { origin: 'airport' }, prefix: 'dep_', features: ['flights_3h', 'late_share_3h', 'flights_24h', 'mean_delay_24h', 'late_share_24h'] }),
    join(airportDelays, { on: { destination: 'airport' }, prefix: 'arr_', features: ['late_share_3h', 'late_share_24h'] }),
    join(routeDelays, { prefix: 'route_', features: ['flights_7d', 'mean_delay_7d', 'late_share_7d'] }),
  ],
  onDemand: [isLongHaul, hourOfDay],
});

export default { location: './${STORE_FOLDER}', project: '${PROJECT}' };
`;
