/** A publisher that sleeps through an erasure, whole or in part, brings nothing back into the online store (semantics D3, U6). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { publishGroup } from '../../lib/features/publish/publish-group.ts';
import type { OnlineStore } from '../../lib/ports/online-store.ts';
import { airportDelays, type Api, GROUP, type memoryParts, openExampleApi } from '../support/api.ts';
import { onlineItemsOf } from '../support/erased-scan.ts';

const ONLINE = { project: 'demo', featureGroup: airportDelays.name, version: 1, generation: 1, shards: 16 };
const ROW = { origin: 'SFO', hour: '2001-03-01T10:00:00Z', flights_24h: 31, mean_delay_24h: 8.2 };

let api: Api<ReturnType<typeof memoryParts>>;
beforeEach(async () => {
  api = await openExampleApi();
});
afterEach(() => api.close());

/** A publisher whose next write waits until it is woken; `asleep` is fulfilled when it does. */
async function sleepingPublisher(): Promise<{ readonly asleep: Promise<void>; readonly wake: () => void; readonly ended: Promise<unknown> }> {
  const { online } = api.parts;
  let wake = (): void => undefined;
  let fallAsleep = (): void => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const asleep = new Promise<void>((resolve) => (fallAsleep = resolve));
  const later = async <Answer>(write: () => Promise<Answer>): Promise<Answer> => {
    fallAsleep();
    await woken;
    return write();
  };
  const slow: OnlineStore = {
    read: (request, options) => online.read(request, options),
    merge: (table, rows, options) => later(() => online.merge(table, rows, options)),
    edit: (table, edits, options) => later(() => online.edit(table, edits, options)),
    watermark: (table, options) => online.watermark(table, options),
    moveWatermark: (table, move, options) => online.moveWatermark(table, move, options),
    load: (table, rows, options) => online.load(table, rows, options),
    heal: (table, heals, options) => online.heal(table, heals, options),
    clear: (table, options) => online.clear(table, options),
    forget: (table, keys, options) => online.forget(table, keys, options),
    scan: (table, options) => online.scan(table, options),
    close: () => online.close(),
  };
  const deps = { ...api.parts, online: slow };
  const group = await new Projects(deps).group('demo', airportDelays.name, 1);
  return { asleep, wake, ended: publishGroup(deps, group) };
}

async function itemCount(): Promise<number> {
  let count = 0;
  for await (const _ of onlineItemsOf(api.parts.online, ONLINE)) count += 1;
  return count;
}

const write = (row: object, query = ''): Promise<unknown> => api.post(`${GROUP}/rows${query}`, { rows: [row] });
const erase = (key: object): Promise<unknown> => api.post(`${GROUP}/rows:erase`, { keys: [key], reason: 'r' });

describe('a publisher asleep through a whole erasure', () => {
  it('takes back the row that it wrote when it woke', async () => {
    await write(ROW, '?wait=commit');
    const publisher = await sleepingPublisher();
    await publisher.asleep;
    expect(await erase({ origin: 'SFO' })).toMatchObject({ status: 202 });
    publisher.wake();
    await publisher.ended;
    expect(await itemCount()).toBe(0);
  });

  it('leaves no mark of a key it deleted', async () => {
    await write(ROW);
    await api.post(`${GROUP}/rows:delete?wait=commit`, { keys: [{ origin: 'SFO' }] });
    const publisher = await sleepingPublisher();
    await publisher.asleep;
    await erase({ origin: 'SFO' });
    publisher.wake();
    await publisher.ended;
    expect(await itemCount()).toBe(0);
  });

  it('leaves what came after the erasure, though it lost to the erased row, and rows of other keys', async () => {
    await write(ROW, '?wait=commit');
    await write({ ...ROW, origin: 'JFK' }, '?wait=commit');
    const publisher = await sleepingPublisher();
    await publisher.asleep;
    await erase({ origin: 'SFO', hour: ROW.hour });
    await write({ ...ROW, hour: '2001-03-01T09:00:00Z', flights_24h: 5 });
    publisher.wake();
    await publisher.ended;
    const vector = { entry: { origin: 'SFO', dest: 'JFK' }, requestParameters: { distance: 1 } };
    const answer = await api.post('/v1/projects/demo/feature-views/delay_model/versions/1/vector', vector);
    expect(answer.body).toMatchObject({ features: [5, 8.2, 8.2, false] });
    expect(await itemCount()).toBe(2);
  });
});
