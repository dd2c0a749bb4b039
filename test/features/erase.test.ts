/** Erasure held against everything that is kept (semantics D3): nothing decoded holds a byte of it, and a process may die at any request. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { verifyTable } from '../../lib/delta/verify/verify.ts';
import { eraseRows } from '../../lib/features/erase/erase-rows.ts';
import { parseErase } from '../../lib/features/erase/parse-erase.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';
import { Crashed, crashingPorts } from '../support/crashing-ports.ts';
import { controlRecordsOf, objectsOf, onlineItemsOf, placesHolding } from '../support/erased-scan.ts';
import {
  definePeople,
  erasePeople,
  fillWithPeople,
  needlesOf,
  PEOPLE,
  PEOPLE_EVENTS,
  PEOPLE_ONLINE,
  PEOPLE_PARTITIONS,
  PEOPLE_PLACES,
  type Person,
  placesWithout,
  plantPeople,
  somebody,
} from '../support/erased-people.ts';

const KEYS = 100;

let api: Api<ReturnType<typeof memoryParts>>;
beforeEach(async () => {
  api = await openMemoryApi();
  await definePeople(api);
});
afterEach(() => api.close());

const people = (count: number): readonly Person[] => Array.from({ length: count }, () => somebody(api.parts.random));

function scan(gone: readonly Person[]): Promise<readonly string[]> {
  const { store, online, control } = api.parts;
  return placesHolding([objectsOf(store), onlineItemsOf(online, PEOPLE_ONLINE), controlRecordsOf(control, PEOPLE_PARTITIONS)], needlesOf(gone));
}

describe('an erasure', () => {
  it('of 100 keys leaves no byte of them or their values in anything that is kept, listed or not, and all other rows', async () => {
    const gone = people(KEYS);
    const kept = people(5);
    await fillWithPeople(api, { gone, kept });
    await plantPeople(api, gone);
    expect(placesWithout(await scan(gone), [...PEOPLE_PLACES, /^online:/, /^control:transforms/, /^control:dead/])).toEqual([]);

    expect(await erasePeople(api, gone)).toMatchObject({
      status: 202,
      body: { job: { state: 'SUCCEEDED', result: { keys: KEYS, rowsErased: KEYS * PEOPLE_EVENTS - 1 } } },
    });
    expect(await scan(gone)).toEqual([]);
    expect(rowsOf(await api.post(`${PEOPLE}/read`, {}))).toHaveLength(kept.length * PEOPLE_EVENTS);
    expect((await api.get(`${PEOPLE}/online`)).body).toMatchObject({ state: 'current' });
    const { table } = await api.projects.group('demo', 'people', 1);
    expect(await findingsOf(table.root)).toEqual([]);
    for (const version of [0, 1, 5, table.snapshot.version - 1])
      expect(await api.post(`${PEOPLE}/read`, { asOf: { version } })).toMatchObject({ status: 410, body: { code: 'HISTORY_EXPIRED', reason: 'ERASED' } });
  });

  it.each(['before', 'after'] as const)('goes on wherever it died, %s a request had its effect, and comes to the same', async (when) => {
    const gone = people(3);
    const kept = people(2);
    await fillWithPeople(api, { gone, kept });
    await plantPeople(api, gone);
    const body = { keys: gone.map((each) => ({ person: each.person })), reason: 'r' };
    let deaths = 0;
    for (let at = 1; ; at += at < 10 ? 1 : 11) {
      const ports = crashingPorts({ ...api.parts, queue: new MemoryQueue({ clock: api.parts.clock }) }, { at, when });
      const deps = { ...api.parts, ...ports };
      try {
        const projects = new Projects(deps);
        const group = await projects.group('demo', 'people', 1);
        const { state } = await projects.registry('demo');
        const job = await eraseRows(deps, group, { ...parseErase(group, body), views: state.featureViews.map(({ definition }) => definition) });
        expect(job.result).toMatchObject({ keys: 3, rowsErased: 26 });
        break;
      } catch (error) {
        if (!(error instanceof Crashed) && !(isLakefoldError(error) && error.kind !== 'corrupt')) throw error;
        deaths += 1;
      }
    }
    expect(deaths).toBeGreaterThan(15);
    expect(await scan(gone)).toEqual([]);
    const again = new Projects(api.parts);
    const group = await again.group('demo', 'people', 1);
    const rows: number[] = [];
    for await (const batch of group.table.read()) rows.push(batch.rowCount);
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(18);
    expect(await findingsOf(group.table.root)).toEqual([]);
  });
});

async function findingsOf(root: string): Promise<Awaited<ReturnType<typeof verifyTable>>['findings']> {
  return (await verifyTable(api.parts, root)).findings;
}
