/** Naughty strings through every text of definitions and rows: each comes back as it was sent, or is refused by rule. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';

const FILE = resolve(import.meta.dirname, '../../../shared/corpora/naughty-strings/blns.json');
const isThere = existsSync(FILE);
/** Beside the corpus: what ends texts, what objects inherit, what looks equal and isn't, what is no text. */
const OURS = [
  '\0',
  'a\0b',
  '\ufeff',
  'e\u0301',
  '\u00e9',
  '\u2028\u2029',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\u{1f600}',
  '"',
  '\\',
  '\r\n',
  '\t',
];
const LONE = ['\ud800', 'a\udc00b', '\udfff\ud800'];
const corpus: readonly string[] = isThere ? (JSON.parse(readFileSync(FILE, 'utf8')) as string[]) : [];
const strings = [...new Set([...corpus, ...OURS])];

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

const GROUPS = '/v1/projects/demo/feature-groups';
const GROUP = `${GROUPS}/texts/versions/1`;
const VIEWS = '/v1/projects/demo/feature-views';
const DEFINITION = {
  name: 'texts',
  version: 1,
  primaryKey: ['id'],
  onlineEnabled: true,
  schema: [
    { name: 'id', type: 'string' },
    { name: 'text', type: 'string', nullable: true },
    { name: 'list', type: 'array<string>', nullable: true },
    { name: 'inner', type: 'struct<a:string>', nullable: true },
    { name: 'pairs', type: 'map<string,string>', nullable: true },
  ],
};
const VIEW = {
  name: 'texts',
  version: 1,
  spine: [{ name: 'id', type: 'string' }],
  joins: [{ featureGroup: 'texts', version: 1, temporal: false, features: ['text', 'list', 'inner', 'pairs'] }],
};

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openMemoryApi();
  expect((await open.post(GROUPS, DEFINITION)).status).toBe(201);
  expect((await open.post(VIEWS, VIEW)).status).toBe(201);
  return open;
}

const rowOf = (text: string): object => ({ id: text, text, list: [text], inner: { a: text }, pairs: { [text]: text } });
const patch = (api: Api, path: string, body: unknown) => api.send('PATCH', path, { body });
const sorted = (rows: readonly unknown[]): readonly string[] => rows.map((row) => JSON.stringify(row)).toSorted((a, b) => (a < b ? -1 : 1));

describe.skipIf(!isThere)(isThere ? 'naughty strings' : `naughty strings: SKIPPED, ${FILE} is not there`, () => {
  it('are all there', () => {
    expect(corpus.length).toBe(515);
  });

  it('come back from tags, sixty at a time, unless they are empty or too long for a key', async () => {
    const api = await start();
    const fit = strings.filter((text) => text.length >= 1 && text.length <= 128);
    expect(strings.length - fit.length).toBeLessThan(20);
    for (let i = 0; i < fit.length; i += 60) {
      const pairs = fit.slice(i, i + 60).map((text) => [text, text] as const);
      for (const path of [GROUP, `${VIEWS}/texts/versions/1`]) {
        const answer = await patch(api, path, { tags: Object.fromEntries(pairs) });
        expect([answer.status, new Map(Object.entries(tagsOf(answer.body)))]).toEqual([200, new Map(pairs)]);
      }
    }
    const unfit = strings.filter((text) => !fit.includes(text));
    for (const text of unfit) expect(await patch(api, GROUP, { tags: { [text]: 'a' } })).toMatchObject({ status: 422, body: { code: 'INVALID_DEFINITION' } });
  });

  it('come back from descriptions and owners, or are refused as too long', async () => {
    const api = await start();
    for (const text of strings.filter((_, i) => i % 8 === 0 || i >= strings.length - OURS.length)) {
      const answers = [await patch(api, GROUP, { description: text, owner: text }), await patch(api, `${VIEWS}/texts/versions/1`, { description: text })];
      const expected = text.length <= 256 ? { status: 200, body: { description: text } } : { status: 422, body: { code: 'INVALID_DEFINITION' } };
      for (const answer of answers) expect(answer).toMatchObject(expected);
    }
    expect((await api.get(GROUP)).body).toMatchObject({ description: strings.at(-1), owner: strings.at(-1) });
  });

  it('come back from descriptions and defaults of columns', async () => {
    const api = await start();
    const fit = strings.filter((text) => text.length <= 256);
    const columns = fit.map((text, i) => ({ name: `c${i}`, type: 'string', nullable: true, default: text, description: text }));
    const schema = [{ name: 'id', type: 'int' }, ...columns];
    const created = await api.post(GROUPS, { name: 'wide', version: 1, primaryKey: ['id'], schema });
    expect(created).toMatchObject({ status: 201, body: { schema: [{ name: 'id' }, ...columns] } });
    await api.post(`${GROUPS}/wide/versions/1/rows`, { rows: [{ id: 1 }] });
    expect(rowsOf(await api.post(`${GROUPS}/wide/versions/1/read`))).toEqual([{ id: 1, ...Object.fromEntries(fit.map((text, i) => [`c${i}`, text])) }]);
  });

  it('are refused as names unless they are names', async () => {
    const api = await start();
    for (const text of strings.filter((_, i) => i % 4 === 0 || i >= strings.length - OURS.length)) {
      const body = { errors: [{ code: expect.stringMatching(/^(INVALID_NAME|RESERVED_NAME)$/) }] };
      const isName = /^[a-z][a-z0-9_]{0,62}$/.test(text);
      const asColumn = await api.post('/v1/projects/demo/definitions:plan', {
        featureGroups: [{ ...DEFINITION, name: 'other', schema: [...DEFINITION.schema, { name: text, type: 'int' }] }],
      });
      const asGroup = await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [{ ...DEFINITION, name: text }] });
      for (const answer of [asColumn, asGroup]) expect(answer).toMatchObject(isName ? { status: 200 } : { status: 422, body });
    }
  });

  it('come back from keys, texts, lists, structs and maps of rows, offline and online', async () => {
    const api = await start();
    const rows = strings.map(rowOf);
    expect((await api.post(`${GROUP}/rows`, { rows })).body).toMatchObject({ received: strings.length, commit: { rowsInserted: strings.length } });
    expect(sorted(rowsOf(await api.post(`${GROUP}/read`)))).toEqual(sorted(rows));
    const entries = strings.map((id) => ({ id }));
    const answer = await api.post(`${VIEWS}/texts/versions/1/vectors`, { entries });
    const { features }: { readonly features: readonly unknown[] } = JSON.parse(answer.text);
    expect(features).toEqual(strings.map((text) => [text, [text], { a: text }, { [text]: text }]));
  });

  it('come back from CSV and NDJSON, and the read of one format is what another takes', async () => {
    const api = await start();
    const rows = strings.map(rowOf);
    await api.post(`${GROUP}/rows`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { 'content-type': 'application/x-ndjson' });
    const csv = await api.send('POST', `${GROUP}/read`, { headers: { accept: 'text/csv' } });
    await api.post(GROUPS, { ...DEFINITION, name: 'again' });
    const again = await api.post(`${GROUPS}/again/versions/1/rows`, csv.text, { 'content-type': 'text/csv' });
    expect(again.body).toMatchObject({ received: strings.length, commit: { rowsInserted: strings.length } });
    expect(sorted(rowsOf(await api.post(`${GROUPS}/again/versions/1/read`)))).toEqual(sorted(rows));
  });

  it('find what holds them, and break no search', async () => {
    const api = await start();
    for (const text of strings) expect((await api.get(`/v1/projects/demo/search?q=${encodeURIComponent(text)}`)).status).toBe(200);
  });
});

describe('what is no text', () => {
  it.each(LONE)('is refused in rows and definitions alike: %j', async (text) => {
    const api = await start();
    const fault = { row: 0, code: 'INVALID_UNICODE' };
    expect(await api.post(`${GROUP}/rows`, { rows: [rowOf(text)] })).toMatchObject({ status: 422, body: { errors: [fault, fault, fault, fault, fault] } });
    for (const body of [{ description: text }, { owner: text }, { tags: { a: text } }, { tags: { [text]: 'a' } }])
      expect(await patch(api, GROUP, body)).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
    const columns = [
      { name: 'c', type: 'string', nullable: true, description: text },
      { name: 'c', type: 'string', nullable: true, default: text },
    ];
    for (const column of columns) expect(await patch(api, GROUP, { addFeatures: [column] })).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
  });
});

function tagsOf(body: unknown): object {
  return typeof body === 'object' && body !== null && 'tags' in body && typeof body.tags === 'object' && body.tags !== null ? body.tags : {};
}
