/** A group whose keys and values can be found again by their bytes, rows of it in every place that keeps some, and copies where nobody lists them. */
import { Buffer } from 'node:buffer';
import { utf8 } from '../../lib/core/bytes.ts';
import { joinPath } from '../../lib/core/path.ts';
import { deadBoxOf } from '../../lib/delta/group/group-inbox.ts';
import type { FeatureDeps } from '../../lib/features/deps.ts';
import type { OnlineTable } from '../../lib/ports/online-store.ts';
import type { Random } from '../../lib/ports/random.ts';
import { type Api, type Answer } from './api.ts';

const P = '/v1/projects/demo';
export const PEOPLE = `${P}/feature-groups/people/versions/1`;
const PEOPLE_ROOT = 'demo/feature-groups/people/1';
export const PEOPLE_ONLINE: OnlineTable = { project: 'demo', featureGroup: 'people', version: 1, generation: 1, shards: 16 };
/** Partitions of control records that may name people. */
export const PEOPLE_PARTITIONS = ['job/demo', 'transforms/demo', 'erased/demo/people', 'upload/demo', deadBoxOf('demo/people/1')];

export interface Person {
  readonly person: string;
  readonly secret: Buffer;
  readonly note: string;
}

export function somebody(random: Pick<Random, 'bytes'>): Person {
  const hex = (): string => Buffer.from(random.bytes(32)).toString('hex');
  return { person: hex(), secret: Buffer.from(random.bytes(32)), note: hex() };
}

/** Bounds of statistics are cut after 32 characters, and the last one of the upper bound is raised. */
const cut = (text: string): Uint8Array => Buffer.from(text.slice(0, 31));

export function needlesOf(people: readonly Person[]): readonly Uint8Array[] {
  return people.flatMap(({ person: name, secret, note }) => [cut(name), secret, cut(secret.toString('base64')), cut(note)]);
}

/** The project, the group, a view of it, and one whose notes are coded. */
export async function definePeople(api: Pick<Api, 'post'>): Promise<void> {
  await api.post(`${P}/feature-groups`, {
    name: 'people',
    version: 1,
    schema: [
      { name: 'person', type: 'string' },
      { name: 'at', type: 'timestamp' },
      { name: 'secret', type: 'binary', nullable: true },
      { name: 'note', type: 'string', nullable: true },
      { name: 'n', type: 'int' },
    ],
    primaryKey: ['person'],
    eventTime: 'at',
    onlineEnabled: true,
    changeFeed: true,
    validationPolicy: 'QUARANTINE',
    expectations: [{ expectationType: 'expect_column_value_lengths_to_be_between', kwargs: { column: 'note', max_value: 64 } }],
  });
  const view = {
    version: 1,
    spine: [
      { name: 'person', type: 'string' },
      { name: 't', type: 'timestamp' },
    ],
    labelTime: 't',
  };
  const join = { featureGroup: 'people', version: 1, on: { person: 'person' }, prefix: 'p_' };
  await api.post(`${P}/feature-views`, { ...view, name: 'model', joins: [{ ...join, features: ['secret', 'note'] }] });
  const transforms = { p_note: { function: 'label_encoder' } };
  await api.post(`${P}/feature-views`, { ...view, name: 'coded', joins: [{ ...join, features: ['note'] }], transforms });
}

const rowOf = ({ person: name, secret, note }: Person, n: number, minute = 0): object => ({
  person: name,
  at: `2001-03-01T10:${String(minute).padStart(2, '0')}:00Z`,
  secret: secret.toString('base64'),
  note,
  n,
});

/** Event times of a person's rows; one row of the first of `gone` is deleted again. */
export const PEOPLE_EVENTS = 9;

type Served = Pick<Api<FeatureDeps & { readonly later?: readonly Promise<void>[] }>, 'post' | 'parts'>;

/** Rows in every place that keeps some: files live, hidden and removed, change files, checkpoints, statistics, reports, quarantine, training sets, codes of transforms. */
export async function fillWithPeople(api: Served, { gone, kept }: { readonly gone: readonly Person[]; readonly kept: readonly Person[] }): Promise<void> {
  const all = [...gone, ...kept];
  const [first, second, third] = gone;
  if (first === undefined || second === undefined || third === undefined) throw new Error('expected at least three people to erase');
  await api.post(`${PEOPLE}/rows`, { rows: all.map((each) => rowOf(each, 1)) });
  await api.post(`${PEOPLE}/rows`, { rows: all.map((each) => rowOf(each, 2)) });
  for (let i = 0; i < 8; i += 1) await api.post(`${PEOPLE}/rows?operation=append`, { rows: all.map((each) => rowOf(each, 3, i + 1)) });
  await api.post(`${PEOPLE}/rows:delete`, { keys: [{ person: first.person, at: '2001-03-01T10:01:00Z' }] });
  const faulty = { ...rowOf(second, 1), n: 'none' };
  await api.post(`${PEOPLE}/rows`, { rows: [faulty, { ...rowOf(third, 1), note: `${third.note}${'x'.repeat(40)}` }] });
  const spine = { rows: all.map((each) => ({ person: each.person, t: '2001-03-01T10:20:00Z' })) };
  for (const format of ['parquet', 'csv', 'ndjson', 'arrow']) await api.post(`${P}/feature-views/model/versions/1/training-datasets`, { spine, format });
  await api.post(`${P}/feature-views/coded/versions/1/training-datasets`, { spine, format: 'ndjson' });
  await Promise.all(api.parts.later ?? []);
}

/** What nobody lists: a file of a write that died, a build that never was published, what a helper left beside the table, a write that was refused. */
export async function plantPeople({ parts: { store, control } }: Served, gone: readonly Person[]): Promise<void> {
  const live: string[] = [];
  for await (const { path } of store.list(`${PEOPLE_ROOT}/part-`)) live.push(path);
  const bytes = (await store.get(joinPath(live[0] ?? '')))?.bytes ?? new Uint8Array();
  const text = utf8(gone.map(({ note }) => note).join());
  await store.overwrite(joinPath(PEOPLE_ROOT, 'part-00000000-0000-0000-0000-000000000000-00000.zstd.parquet'), bytes);
  await store.overwrite(joinPath(PEOPLE_ROOT, '_change_data/cdc-orphan.parquet'), bytes);
  await store.overwrite(joinPath(PEOPLE_ROOT, '_lakefold/statistics/orphan.bin'), text);
  await store.overwrite(joinPath(PEOPLE_ROOT, '_lakefold/reports/vr_orphan.json'), text);
  await store.overwrite(joinPath('demo/_uploads/up_1/rows.csv'), text);
  await store.overwrite(joinPath('demo/training-datasets/model/1/99/data/part-00000.ndjson'), text);
  await control.put({ partition: deadBoxOf('demo/people/1'), sort: '01JXT21Q00RM5YX17J9Z6SK03C', bytes: text });
}

/** Names of `placesHolding`, one kind each; all of them hold something before an erasure. */
export const PEOPLE_PLACES: readonly RegExp[] = [
  /people\/1\/part-0{8}/,
  /people\/1\/part-(?!0{8})/,
  /_change_data\/(?!cdc-orphan)/,
  /cdc-orphan/,
  /_delta_log\/0{19}1\.json$/,
  /_delta_log\/.*\.checkpoint\.parquet$/,
  /_lakefold\/reports\/(?!vr_orphan)/,
  /vr_orphan/,
  /_lakefold\/statistics\/orphan/,
  /_quarantine\/part-/,
  /training-datasets\/model\/1\/1\/.*parquet$/,
  /training-datasets\/model\/1\/2\/.*csv$/,
  /training-datasets\/model\/1\/3\/.*ndjson$/,
  /training-datasets\/model\/1\/4\/.*arrow$/,
  /training-datasets\/model\/1\/1\/spine.parquet$/,
  /training-datasets\/coded\/1\/1\/manifest.json$/,
  /training-datasets\/model\/1\/99\//,
  /_uploads/,
];

/** Kinds of places of which none is among `found`. */
export function placesWithout(found: readonly string[], places: readonly RegExp[]): readonly RegExp[] {
  return places.filter((place) => !found.some((name) => place.test(name)));
}

export function erasePeople(api: Pick<Api, 'post'>, gone: readonly Person[]): Promise<Answer> {
  return api.post(`${PEOPLE}/rows:erase`, { keys: gone.map((each) => ({ person: each.person })), reason: 'r' });
}
