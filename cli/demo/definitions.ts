/** What the demo defines: two feature groups of trailing delay statistics and the view a delay model reads. */
import { t } from '../../lib/registry/column-builder.ts';
import { featureGroup } from '../../lib/registry/define-group.ts';
import { featureView, join, onDemand } from '../../lib/registry/define-view.ts';

/** A row per airport and hour in which one of its departures landed: what was known of its delays at that full hour. */
export const airportDelays = featureGroup({
  name: 'airport_delays', version: 1,
  description: 'Delays of the flights that left an airport, known at each full hour',
  schema: {
    airport: t.string(), hour: t.timestamp(),
    flights_3h: t.int(), late_share_3h: t.double(), flights_24h: t.int(), mean_delay_24h: t.double().description('minutes'), late_share_24h: t.double(),
  },
  primaryKey: ['airport'], eventTime: 'hour', onlineEnabled: true, owner: 'ops@example.com',
});

/** The same for each pair of airports, over seven days. */
export const routeDelays = featureGroup({
  name: 'route_delays', version: 1,
  description: 'Delays of the flights between two airports, known at each full hour',
  schema: {
    origin: t.string(), destination: t.string(), hour: t.timestamp(),
    flights_7d: t.int(), mean_delay_7d: t.double().description('minutes'), late_share_7d: t.double(),
  },
  primaryKey: ['origin', 'destination'], eventTime: 'hour', onlineEnabled: true, owner: 'ops@example.com',
});

const isLongHaul = onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 });
const hourOfDay = onDemand({ name: 'hour_of_day', inputs: { departs_at: t.timestamp() }, returns: t.int(), compute: ({ departs_at: text }) => Number(text.slice(11, 13)) });

/** Will this flight be late? Asked at its scheduled departure, when nothing of the flight itself is known. */
export const delayModel = featureView({
  name: 'delay_model', version: 1,
  description: 'Will a flight land more than 15 minutes late?',
  spine: { origin: t.string(), destination: t.string(), departs_at: t.timestamp(), distance: t.int(), delayed: t.boolean().nullable() },
  labelTime: 'departs_at', labels: ['delayed'],
  joins: [
    join(airportDelays, { on: { origin: 'airport' }, features: ['flights_3h', 'late_share_3h', 'flights_24h', 'mean_delay_24h', 'late_share_24h'], prefix: 'dep_' }),
    join(airportDelays, { on: { destination: 'airport' }, features: ['late_share_3h', 'late_share_24h'], prefix: 'arr_' }),
    join(routeDelays, { features: ['flights_7d', 'mean_delay_7d', 'late_share_7d'], prefix: 'route_' }),
  ],
  onDemand: [isLongHaul, hourOfDay],
});
