/** Erasure in the embedded store, held against every file of its folder: pages that LMDB freed, and files that nothing lists, are read as they lie. */
import { Buffer } from 'node:buffer';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { nodeFileSystem } from '../../lib/adapters/fs/node-file-system.ts';
import { type LmdbControl, openLmdbControl } from '../../lib/adapters/lmdb/control.ts';
import { type LmdbOnlineStore, openLmdbOnlineStore } from '../../lib/adapters/lmdb/online-store.ts';
import { openLmdbQueue } from '../../lib/adapters/lmdb/queue.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import { type Api, memoryParts, openApi, rowsOf } from '../support/api.ts';
import { filesOf, onlineItemsOf, placesHolding } from '../support/erased-scan.ts';
import {
  definePeople,
  erasePeople,
  fillWithPeople,
  needlesOf,
  PEOPLE,
  PEOPLE_EVENTS,
  PEOPLE_ONLINE,
  PEOPLE_PLACES,
  type Person,
  placesWithout,
  plantPeople,
  somebody,
} from '../support/erased-people.ts';

type Parts = Omit<ReturnType<typeof memoryParts>, 'store' | 'online' | 'control'> &
  Pick<FeatureDeps, 'store'> & {
    readonly online: LmdbOnlineStore;
    readonly control: LmdbControl;
  };

let folder: string;
let api: Api<Parts>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakefold-erase-'));
  const parts = memoryParts();
  const { clock, random } = parts;
  const store = await openFilesObjectStore({ fs: nodeFileSystem, directory: folder, clock, random });
  api = await openApi({ ...parts, store, online: openLmdbOnlineStore({ directory: folder }), control: openLmdbControl({ directory: folder }) });
  await api.post('/v1/projects', { name: 'demo' });
  await definePeople(api);
});
afterEach(async () => {
  await api.close();
  await api.parts.online.close();
  await api.parts.control.close();
  await rm(folder, { recursive: true, force: true });
});

const people = (count: number): readonly Person[] => Array.from({ length: count }, () => somebody(api.parts.random));
const scan = (gone: readonly Person[]): Promise<readonly string[]> => placesHolding([filesOf(folder)], needlesOf(gone));

/** Id of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

const LMDB_FILES = [/^online\.lmdb\/data\.mdb$/, /^control\.lmdb\/data\.mdb$/];

it('leaves no byte of erased keys and values in any file of the folder, pages that LMDB freed and temporary files included', async () => {
  const [gone, kept] = [people(100), people(5)];
  await fillWithPeople(api, { gone, kept });
  await plantPeople(api, gone);
  const text = gone.map(({ note }) => note).join();
  await writeFile(join(folder, 'demo', `.tmp-${endedProcess()}-01JXT21Q00RM5YX17J9Z6SK03C`), text);
  expect(placesWithout(await scan(gone), [...PEOPLE_PLACES, ...LMDB_FILES, /\.tmp-/])).toEqual([]);

  expect(await erasePeople(api, gone)).toMatchObject({ status: 202, body: { job: { state: 'SUCCEEDED', result: { keys: 100 } } } });
  expect(await scan(gone)).toEqual([]);
  expect(await scan(kept)).not.toEqual([]);
  expect(rowsOf(await api.post(`${PEOPLE}/read`, {}))).toHaveLength(kept.length * PEOPLE_EVENTS);
});

it('has what is live in both databases, and takes writes, after their files were replaced under every handle', async () => {
  const [gone, kept] = [people(3), people(2)];
  const queue = openLmdbQueue({ directory: folder, clock: api.parts.clock });
  const other = openLmdbOnlineStore({ directory: folder });
  await queue.send('waiting');
  await fillWithPeople(api, { gone, kept });
  await erasePeople(api, gone);
  await queue.send('after');
  const received = await queue.receive({ countMax: 10, visibilitySeconds: 1 });
  expect(received.map(({ body }) => body).toSorted()).toEqual(['after', 'waiting']);
  const keys: string[] = [];
  for await (const { name } of onlineItemsOf(other, PEOPLE_ONLINE)) keys.push(name);
  expect(keys).toHaveLength(kept.length);
  const [first] = kept;
  await api.post(`${PEOPLE}/rows`, { rows: [{ person: first?.person, at: '2001-03-01T10:20:00Z', secret: null, note: 'new', n: 4 }] });
  expect(await placesHolding([onlineItemsOf(other, PEOPLE_ONLINE)], [utf8('new')])).toHaveLength(1);
  await other.close();
  await queue.close();
});

it('finds what lies in freed pages alone', async () => {
  const value = Buffer.from(api.parts.random.bytes(64));
  await api.parts.control.put({ partition: 'p', sort: 's', bytes: value });
  await api.parts.control.delete('p', 's');
  expect(await placesHolding([filesOf(folder)], [value])).toEqual(['control.lmdb/data.mdb']);
  await api.parts.control.scrub();
  expect(await placesHolding([filesOf(folder)], [value])).toEqual([]);
});
