/** The definitions of the example: what is known of an airport at a full hour, and what a model sees of a flight. */
import { expectation, featureGroup, featureView, join, onDemand, standardScaler, t } from 'lakefold';

export const airportDelays = featureGroup({
  name: 'airport_delays',
  version: 1,
  description: 'Departures of an airport in the 24 hours before a full hour',
  schema: { airport: t.string(), hour: t.timestamp(), flights_24h: t.int(), mean_delay_24h: t.double().description('minutes') },
  primaryKey: ['airport'],
  eventTime: 'hour',
  onlineEnabled: true,
  expectations: [
    expectation.columnValuesToBeBetween('flights_24h', { minValue: 1 }),
    expectation.columnValuesToBeBetween('mean_delay_24h', { minValue: -120, maxValue: 1440 }),
  ],
});

/** Will a flight leave a quarter of an hour late? Asked when it is due to leave. */
export const delayModel = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), dest: t.string(), departs_at: t.timestamp(), distance: t.int(), late: t.boolean().nullable() },
  labelTime: 'departs_at',
  labels: ['late'],
  joins: [
    join(airportDelays, { on: { origin: 'airport' }, features: ['flights_24h', 'mean_delay_24h'], prefix: 'origin_' }),
    join(airportDelays, { on: { dest: 'airport' }, features: ['mean_delay_24h'], prefix: 'dest_' }),
  ],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 })],
  transforms: { origin_flights_24h: standardScaler(), origin_mean_delay_24h: standardScaler(), dest_mean_delay_24h: standardScaler() },
});
