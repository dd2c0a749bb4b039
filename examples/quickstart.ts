/**
 * A feature store in one file: define, write, correct, look up, travel in time, train.
 *
 *     npx tsx examples/quickstart.ts [folder]
 *
 * In a project of your own the first import says 'lakefold'.
 */
import { expectation, featureGroup, featureView, join, onDemand, openFeatureStore, t } from '../lib/index.ts';

/** What is known of an airport's departures at a full hour. */
export const airportDelays = featureGroup({
  name: 'airport_delays',
  version: 1,
  schema: { airport: t.string(), hour: t.timestamp(), flights: t.int(), mean_delay: t.double().nullable().description('minutes') },
  primaryKey: ['airport'],
  eventTime: 'hour',
  onlineEnabled: true,
  expectations: [expectation.columnValuesToBeBetween('flights', { minValue: 0 })],
});

/** Will a flight be late? Asked when it is due to leave. */
export const delayModel = featureView({
  name: 'delay_model',
  version: 1,
  spine: { origin: t.string(), departs_at: t.timestamp(), distance: t.int(), delayed: t.boolean().nullable() },
  labelTime: 'departs_at',
  labels: ['delayed'],
  joins: [join(airportDelays, { on: { origin: 'airport' }, features: ['flights', 'mean_delay'], prefix: 'origin_' })],
  onDemand: [onDemand({ name: 'is_long_haul', inputs: { distance: t.int() }, returns: t.boolean(), compute: ({ distance }) => distance > 1500 })],
});

const store = await openFeatureStore({ location: process.argv[2] ?? '.lakefold', project: 'quickstart' });
try {
  await store.apply({ airportDelays, delayModel });

  const delays = store.featureGroup(airportDelays);
  const rows = [
    { airport: 'SFO', hour: '2001-01-01T08:00:00Z', flights: 12, mean_delay: 4.5 },
    { airport: 'SFO', hour: '2001-01-01T09:00:00Z', flights: 15, mean_delay: 9 },
    { airport: 'JFK', hour: new Date('2001-01-01T09:00:00Z'), flights: 20 },
  ];
  const first = await delays.upsert(rows, { idempotencyKey: 'first-hours' }); // the key makes a repeat harmless
  console.log(`version ${first.commit?.version}: ${first.commit?.rowsInserted} rows, online up to version ${first.online?.watermark}`);

  // A correction: the same airport and hour again.
  const second = await delays.upsert([{ airport: 'SFO', hour: '2001-01-01T09:00:00Z', flights: 15, mean_delay: 11 }], { idempotencyKey: 'correction-1' });
  console.log(`version ${second.commit?.version}: ${second.commit?.rowsUpdated} row updated`);

  const model = store.featureView(delayModel);
  const { features, status } = await model.getFeatureVector({ origin: 'SFO' }, { requestParameters: { distance: 2586 } });
  console.log(status, features);

  for await (const batch of delays.asOf({ version: 1 }).read({ features: ['hour', 'mean_delay'], where: { column: 'airport', op: '=', value: 'SFO' } })) {
    console.log('before the correction:', batch.toRows());
  }

  const training = await model.createTrainingDataset({
    spine: {
      rows: [
        { origin: 'SFO', departs_at: '2001-01-01T08:30:00Z', distance: 2586, delayed: false },
        { origin: 'SFO', departs_at: '2001-01-01T09:30:00Z', distance: 337, delayed: true },
      ],
    },
  });
  console.log(`training dataset ${training.trainingDataset}: ${training.counts.rows} rows, ${training.contentHash}`);
} finally {
  await store.close();
}
