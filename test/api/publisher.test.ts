/** The publisher behind its queue, over stores in memory. */
import { afterEach, describe, expect, it } from 'vitest';
import { createPublisher, type PublisherDeps } from '../../functions/publish/publisher.ts';
import { airportDelays, type Api, EXAMPLE_ROWS, GROUP, memoryParts, openApi } from '../support/api.ts';
import { objectCreated, queueEvent, SWEEP } from '../support/api-lambda.ts';
import { countingObjectStore, countingOnlineStore } from '../support/counting-store.ts';

let open: Awaited<ReturnType<typeof start>>['api'] | undefined;
afterEach(() => open?.close());

const OTHER = GROUP.replace('airport_delays', 'other');

/** Two groups, of which nothing is published but their first version. */
async function start() {
  // As in Lambda: whoever commits leaves checkpoints to the publisher.
  const parts = { ...memoryParts(), background: { run: () => undefined } };
  const api = await openApi({ ...parts, store: countingObjectStore(parts.store), online: countingOnlineStore(parts.online) });
  await api.post('/v1/projects', { name: 'demo' });
  for (const name of ['airport_delays', 'other']) await api.post('/v1/projects/demo/feature-groups', { ...airportDelays.json, name });
  for (const group of [GROUP, OTHER]) await api.post(`${group}/rows?wait=commit`, { rows: EXAMPLE_ROWS });
  open = api;
  const publisher = (prefix = ''): ReturnType<typeof createPublisher> =>
    createPublisher({ ...api.parts, projects: api.projects, prefix } satisfies PublisherDeps);
  return { api, publisher };
}

function entry(version: number, group = 'airport_delays'): string {
  return `demo/feature-groups/${group}/1/_delta_log/${String(version).padStart(20, '0')}.json`;
}

async function watermarks(api: Api): Promise<readonly unknown[]> {
  const bodies = await Promise.all([GROUP, OTHER].map(async (group) => (await api.get(`${group}/online`)).body));
  return bodies.map((body) => (typeof body === 'object' && body !== null && 'watermark' in body ? body.watermark : body));
}

describe('the publisher', () => {
  it('publishes each table once, however many messages tell of it', async () => {
    const { api, publisher } = await start();
    api.parts.online.calls.length = 0;
    expect(await publisher()(queueEvent([0, 1, 1, 1].map((version) => objectCreated('b', entry(version)))))).toEqual({ batchItemFailures: [] });
    expect(api.parts.online.calls).toEqual(['watermark', 'merge', 'moveWatermark']);
    expect(await watermarks(api)).toEqual([1, -1]);
  });

  it('publishes every table of every project when the sweep comes', async () => {
    const { api, publisher } = await start();
    await publisher()(queueEvent([SWEEP]));
    expect(await watermarks(api)).toEqual([1, 1]);
  });

  it.each([
    ['a data file', '', 'demo/feature-groups/airport_delays/1/part-0.parquet'],
    ['a checkpoint', '', 'demo/feature-groups/airport_delays/1/_delta_log/00000000000000000001.checkpoint.parquet'],
    ['a registry revision', '', 'demo/_registry/00000000000000000001.json.gz'],
    ['another lake in the bucket', 'lakes', entry(1)],
    ['a lake whose name begins the same', 'lakes', `lakes-two/${entry(1)}`],
  ])('leaves alone what concerns no log of this lake: %s', async (_what, prefix, key) => {
    const { api, publisher } = await start();
    api.parts.store.requests.length = 0;
    expect(await publisher(prefix)(queueEvent([objectCreated('b', key), { any: 'thing' }]))).toEqual({ batchItemFailures: [] });
    expect(api.parts.store.requests).toEqual([]);
  });

  it('reads keys below its prefix, and skips a message that is no JSON', async () => {
    const { api, publisher } = await start();
    const { Records } = queueEvent([objectCreated('b', `lakes/one/${entry(1)}`)]);
    const [record] = Records;
    if (record === undefined) throw new Error('expected a record');
    expect(await publisher('lakes/one')({ Records: [{ ...record, messageId: 'broken', body: '{' }, record] })).toEqual({ batchItemFailures: [] });
    expect(await watermarks(api)).toEqual([1, -1]);
  });

  it('gives back the messages of a table that failed, and publishes the others', async () => {
    const { api, publisher } = await start();
    const messages = [objectCreated('b', entry(1, 'gone')), objectCreated('b', entry(1)), objectCreated('b', entry(2, 'gone'))];
    expect(await publisher()(queueEvent(messages))).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }, { itemIdentifier: 'm2' }] });
    expect(await watermarks(api)).toEqual([1, -1]);
    expect(api.log.lines.filter(({ level }) => level === 'error')).toMatchObject([{ event: 'publish.failed', fields: { table: 'demo/gone/1' } }]);
  });

  it('writes a checkpoint once ten commits lie behind the last', async () => {
    const { api, publisher } = await start();
    for (let i = 0; i < 9; i += 1) await api.post(`${GROUP}/rows?wait=commit`, { rows: [{ ...EXAMPLE_ROWS[0], hour: `2001-03-01T09:0${i}:00Z` }] });
    const checkpoints = async (): Promise<number> => {
      let count = 0;
      for await (const { path } of api.parts.store.list('demo/feature-groups/airport_delays/1/_delta_log/'))
        count += path.endsWith('.checkpoint.parquet') ? 1 : 0;
      return count;
    };
    expect(await checkpoints()).toBe(0);
    await publisher()(queueEvent([objectCreated('b', entry(10))]));
    expect(await checkpoints()).toBe(1);
  });
});
