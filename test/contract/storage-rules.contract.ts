/** Rules of the semantics that a store could break, asked of the routes: held on every pair of an object store and an online store. */
import { expect } from 'vitest';
import type { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { encodeKey } from '../../lib/core/keys.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import type { OnlineItem } from '../../lib/ports/online-store.ts';
import { type Answer, type Api, openApi, rowsOf } from '../support/api.ts';
import { type ContractCase, type ContractSuite, describeContract } from '../support/contract-suite.ts';
import type { RecordedLog } from '../support/fold-ports.ts';

/** The clock stands at 2001-03-01T10:30:00Z until it is told to move. */
export type StorageParts = FeatureDeps & { readonly log: RecordedLog; readonly clock: ManualClock };

export interface StorageSubject {
  readonly api: Api<StorageParts>;
  /** Nobody else's. */
  readonly project: string;
}

const DAY_MILLIS = 86_400_000;
const NO_ONLINE = { superseded: 0, applied: 0, stale: 0, expired: 0, failed: 0 };

interface World extends StorageSubject {
  readonly group: string;
  readonly view: string;
  write(rows: readonly object[], query?: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The item of an origin as it is stored. */
  item(origin: string): Promise<OnlineItem | undefined>;
  /** Values and statuses of `flights` by origin. */
  vectors(origins: readonly string[]): Promise<readonly unknown[]>;
}

const at = (hour: number, flights: number, origin = 'SFO'): object => ({ origin, hour: `2001-03-01T${String(hour).padStart(2, '0')}:00:00Z`, flights });

async function open({ api, project }: StorageSubject): Promise<World> {
  const schema = [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: 'timestamp' },
    { name: 'flights', type: 'int' },
    { name: 'note', type: 'string', nullable: true },
  ];
  const definition = { name: 'delays', version: 1, schema, primaryKey: ['origin'], eventTime: 'hour', onlineEnabled: true, ttl: 'P7D' };
  const spine = [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: 'timestamp' },
  ];
  const joins = [{ featureGroup: 'delays', version: 1, features: ['flights'] }];
  expect((await api.post('/v1/projects', { name: project })).status).toBe(201);
  expect((await api.post(`/v1/projects/${project}/feature-groups`, definition)).status).toBe(201);
  expect((await api.post(`/v1/projects/${project}/feature-views`, { name: 'model', version: 1, spine, labelTime: 'hour', joins })).status).toBe(201);
  const group = `/v1/projects/${project}/feature-groups/delays/versions/1`;
  const view = `/v1/projects/${project}/feature-views/model/versions/1`;
  return {
    api,
    project,
    group,
    view,
    write: (rows, query = '', headers = {}) => api.post(`${group}/rows${query}`, { rows }, headers),
    item: async (origin) => {
      const { onlineTable } = await api.projects.group(project, 'delays', 1);
      const key = encodeKey([{ kind: 'string' }], [origin]);
      const [read] = (await api.parts.online.read({ items: [{ table: onlineTable, key }], watermarks: [] }, { consistent: true })).items;
      return read?.kind === 'item' ? read.item : undefined;
    },
    vectors: async (origins) => {
      const entries = origins.map((origin) => ({ origin }));
      const { body } = await api.post(`${view}/vectors`, { entries, metadata: { statuses: true }, options: { consistent: true } });
      const { features, metadata } = body as {
        readonly features: readonly (readonly unknown[])[];
        readonly metadata: { readonly statuses: readonly (readonly unknown[])[] };
      };
      return features.map(([value], i) => [value, metadata.statuses[i]?.[0]]);
    },
  };
}

const cases: readonly ContractCase<StorageSubject>[] = [
  {
    name: 'U1 U2 an older event is stale online, kept in the table, and changes nothing that is served',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(10, 1)]);
      expect((await world.write([at(9, 2)])).body).toMatchObject({ commit: { version: 2, rowsInserted: 1 }, online: { ...NO_ONLINE, stale: 1, watermark: 2 } });
      expect(await world.vectors(['SFO'])).toEqual([[1, 'PRESENT']]);
      expect(rowsOf(await world.api.post(`${world.group}/read`))).toHaveLength(2);
    },
  },
  {
    name: 'U2 U3 what a request brought adds up, offline and online',
    run: async (subject) => {
      const world = await open(subject);
      const { body } = await world.write([at(9, 1), at(10, 2), at(10, 3), at(10, 4, 'JFK')]);
      expect(body).toMatchObject({
        received: 4,
        commit: { rowsInserted: 3, rowsUpdated: 0, dedupedInBatch: 1, stale: 0, rejected: 0 },
        online: { ...NO_ONLINE, superseded: 1, applied: 2 },
      });
      expect(await world.vectors(['SFO', 'JFK'])).toEqual([
        [3, 'PRESENT'],
        [4, 'PRESENT'],
      ]);
    },
  },
  {
    name: 'U6 commits that nobody published are published in one go, and the watermark says how far',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(9, 1)], '?wait=commit');
      await world.write([at(10, 2)], '?wait=commit');
      expect((await world.api.get(`${world.group}/online`)).body).toMatchObject({ state: 'behind', head: 2 });
      expect((await world.api.post(`${world.group}:publish`)).body).toMatchObject({ to: 2, applied: 1, stale: 1, failed: 0 });
      expect((await world.api.get(`${world.group}/online`)).body).toMatchObject({ state: 'current', watermark: 2, head: 2 });
      expect((await world.api.post(`${world.group}:publish`)).body).toMatchObject({ from: 2, to: 2, applied: 0 });
    },
  },
  {
    name: 'D1 U7 deleting a record uncovers the one before, behind a fence',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(9, 1), at(10, 2)]);
      const deleted = await world.api.post(`${world.group}/rows:delete`, { keys: [{ origin: 'SFO', hour: '2001-03-01T10:00:00Z' }] });
      expect(deleted.body).toMatchObject({ commit: { version: 2, rowsDeleted: 1 }, notFound: 0 });
      expect(await world.item('SFO')).toMatchObject({ commit: 2, fence: 2, deleted: false });
      expect(await world.vectors(['SFO'])).toEqual([[1, 'PRESENT']]);
    },
  },
  {
    name: 'D1 D2 a deleted entity leaves a mark without event time, and an older event appears after it',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(9, 1), at(10, 2)]);
      await world.api.post(`${world.group}/rows:delete`, { keys: [{ origin: 'SFO' }] });
      expect(await world.item('SFO')).toEqual({ commit: 2, fence: 2, deleted: true });
      expect(await world.vectors(['SFO'])).toEqual([[null, 'NOT_FOUND']]);
      expect((await world.write([at(8, 3)])).body).toMatchObject({ online: { ...NO_ONLINE, applied: 1 } });
      expect(await world.item('SFO')).toMatchObject({ commit: 3, fence: 2, deleted: false });
      expect(await world.vectors(['SFO'])).toEqual([[3, 'PRESENT']]);
    },
  },
  {
    name: 'D4 deleting what is not there commits nothing and counts it',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(9, 1)]);
      expect((await world.api.post(`${world.group}/rows:delete`, { keys: [{ origin: 'XXX' }] })).body).toMatchObject({ commit: null, notFound: 1 });
      expect(await world.vectors(['SFO'])).toEqual([[1, 'PRESENT']]);
    },
  },
  {
    name: 'U8 packing files publishes nothing but moves the watermark',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(9, 1)], '?operation=append');
      await world.write([at(9, 2, 'JFK')], '?operation=append');
      const before = await world.item('SFO');
      world.api.log.lines.splice(0);
      expect((await world.api.post(`${world.group}:optimize`)).body).toMatchObject({
        commit: { version: 3, operation: 'optimize' },
        filesRemoved: 2,
        filesAdded: 1,
      });
      const [published] = world.api.log.lines.filter(({ event }) => event === 'publish.succeeded').map(({ fields }) => fields);
      expect(published).toMatchObject({ from: 2, to: 3, superseded: 0, applied: 0, duplicate: 0, stale: 0 });
      expect(await world.item('SFO')).toEqual(before);
    },
  },
  {
    name: 'U9 a repeat to another process is the original commit, and another body under its key is refused',
    run: async (subject) => {
      const world = await open(subject);
      const key = { 'idempotency-key': 'k' };
      expect((await world.write([at(9, 1)], '', key)).body).toMatchObject({ commit: { version: 1, alreadyApplied: false } });
      const other = await openApi(world.api.parts);
      const repeat = (rows: readonly object[]): Promise<Answer> => other.post(`${world.group}/rows`, { rows }, key);
      expect((await repeat([at(9, 1)])).body).toMatchObject({ commit: { version: 1, rowsInserted: 1, alreadyApplied: true }, online: { applied: 1 } });
      expect(await repeat([at(9, 2)])).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_MISMATCH', version: 1 } });
      await other.close();
    },
  },
  {
    name: 'U10 U12 a row too large for an item, or of the far future, is refused before anything is written',
    run: async (subject) => {
      const world = await open(subject);
      const large = await world.write([at(9, 1), { ...at(9, 2, 'JFK'), note: 'x'.repeat(400_000) }]);
      expect(large.body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ row: 1, code: 'ROW_TOO_LARGE' }] });
      expect((await world.write([at(9, 1), at(11, 2)])).body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ row: 1, code: 'FUTURE_EVENT_TIME' }] });
      expect((await world.api.get(world.group)).body).toMatchObject({ latestCommit: 0 });
      expect(await world.item('SFO')).toBeUndefined();
    },
  },
  {
    name: 'T2 T3 a record is seen to the end of its ttl, then EXPIRED, and its item may go seven days later',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([{ ...at(10, 1), hour: '2001-03-01T10:00:00.000001Z' }]);
      expect((await world.item('SFO'))?.expiresAt).toBe(Date.parse('2001-03-15T10:00:01Z') / 1000);
      await world.api.parts.clock.advance(7 * DAY_MILLIS - 30 * 60_000);
      expect(await world.vectors(['SFO'])).toEqual([[1, 'PRESENT']]);
      await world.api.parts.clock.advance(1);
      expect(await world.vectors(['SFO'])).toEqual([[null, 'EXPIRED']]);
    },
  },
  {
    name: 'T5 a row expired on arrival is kept in the table, not online, and counted',
    run: async (subject) => {
      const world = await open(subject);
      const { body } = await world.write([{ origin: 'SFO', hour: '2001-02-22T10:29:59Z', flights: 1 }]);
      expect(body).toMatchObject({ commit: { rowsInserted: 1 }, online: { ...NO_ONLINE, expired: 1 } });
      expect(await world.item('SFO')).toBeUndefined();
      expect(rowsOf(await world.api.post(`${world.group}/read`))).toHaveLength(1);
    },
  },
  {
    name: 'P6 P19 a set is built again from its pins, rows and all that were deleted since',
    run: async (subject) => {
      const world = await open(subject);
      await world.write([at(9, 1), at(10, 2), at(9, 3, 'JFK')]);
      const spine = { rows: [{ origin: 'SFO', hour: '2001-03-01T10:10:00Z' }] };
      const sets = `${world.view}/training-datasets`;
      const first = await world.api.post(sets, { spine, format: 'ndjson' });
      await world.api.post(`${world.group}/rows:delete`, { keys: [{ origin: 'SFO', hour: '2001-03-01T10:00:00Z' }] });
      await world.api.post(sets, { spine, format: 'ndjson' });
      await world.write([at(8, 4)], '?operation=overwrite');
      const again = await world.api.post(sets, { spine, format: 'ndjson', pins: { 'delays/1': 1 } });
      const flights = async (set: number): Promise<unknown> => rowsOf(await world.api.get(`${sets}/${set}/data`)).map((row) => Object.values(row ?? {}).at(-1));
      expect([await flights(1), await flights(2), await flights(3)]).toEqual([[2], [1], [2]]);
      const { contentHash } = first.body as { readonly contentHash: string };
      expect(again.body).toMatchObject({ contentHash });
      expect((await world.api.post(`${sets}/2:verify`)).body).toMatchObject({ equal: true, reason: null });
    },
  },
  {
    name: 'S1 S6 one lookup of 150 entities aligns with its entries, known ones and others',
    run: async (subject) => {
      const world = await open(subject);
      const origins = Array.from({ length: 150 }, (_, i) => `A${i}`);
      await world.write(origins.filter((_, i) => i % 3 > 0).map((origin, i) => at(9, i, origin)));
      const expected = origins.map((_, i) => (i % 3 > 0 ? [Math.floor(i / 3) * 2 + (i % 3) - 1, 'PRESENT'] : [null, 'NOT_FOUND']));
      expect(await world.vectors(origins)).toEqual(expected);
      expect(await world.vectors([...origins, ...origins])).toEqual([...expected, ...expected]);
    },
  },
];

export function describeStorageRules(suite: ContractSuite<StorageSubject>): void {
  describeContract('storage rules', cases, suite);
}
