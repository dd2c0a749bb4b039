/** Ten megabytes of naughty texts through every place a row has for text: each comes back byte for byte, or is refused by rule. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { lakefold, lakefoldJson, lines } from '../cli/cli-support.ts';
import { type Answer, type Api, type memoryParts, openMemoryApi, rowsOf } from '../support/api.ts';
import { LONE_SURROGATES, naughtyTexts } from '../support/naughty-texts.ts';
import { readTfRecords } from '../support/tf-records.ts';

const TEXTS = naughtyTexts(10_000_000);
/** Those that a key may be, and an argument of a command line is. */
const SHORT = TEXTS.filter((text) => Buffer.byteLength(text) <= 200).slice(0, 200);

const DEFINITION = {
  name: 'texts',
  version: 1,
  primaryKey: ['id'],
  onlineEnabled: true,
  schema: [
    { name: 'id', type: 'string' },
    { name: 'text', type: 'string', nullable: true },
    { name: 'n', type: 'int' },
  ],
};
const VIEW = {
  name: 'texts',
  version: 1,
  spine: [
    { name: 'id', type: 'string' },
    { name: 'said', type: 'string', nullable: true },
  ],
  joins: [{ featureGroup: 'texts', version: 1, temporal: false, features: ['text'] }],
};
const GROUPS = '/v1/projects/demo/feature-groups';
const GROUP = `${GROUPS}/texts/versions/1`;
const VIEWS = '/v1/projects/demo/feature-views';
const SETS = `${VIEWS}/texts/versions/1/training-datasets`;

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openMemoryApi();
  expect((await open.post(GROUPS, DEFINITION)).status).toBe(201);
  expect((await open.post(VIEWS, VIEW)).status).toBe(201);
  return open;
}

const keyed = (texts: readonly string[]): readonly { readonly id: string; readonly text: string; readonly n: number }[] =>
  texts.map((text, n) => ({ id: Buffer.byteLength(text) <= 900 ? text : `${n}`, text, n }));
const ndjson = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const byNumber = (rows: readonly unknown[]): readonly unknown[] => (rows as readonly { readonly n: number }[]).toSorted((a, b) => a.n - b.n);
const NDJSON = { 'content-type': 'application/x-ndjson' };

describe('naughty texts', () => {
  it('of ten megabytes come back from keys and values, as JSON and CSV', async () => {
    const api = await start();
    const rows = keyed(TEXTS);
    expect(rows.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)).toBeGreaterThan(10_000_000);
    for (const name of ['large', 'again']) await api.post(GROUPS, { ...DEFINITION, name, onlineEnabled: false, statistics: false });
    const large = `${GROUPS}/large/versions/1`;
    expect((await api.post(`${large}/rows`, ndjson(rows), NDJSON)).body).toMatchObject({ received: rows.length, commit: { rowsInserted: rows.length } });
    expect(byNumber(rowsOf(await api.post(`${large}/read`)))).toEqual(rows);
    const csv = await api.post(`${large}/read`, {}, { accept: 'text/csv' });
    expect((await api.post(`${GROUPS}/again/versions/1/rows?operation=append`, csv.bytes, { 'content-type': 'text/csv' })).status).toBe(200);
    expect(byNumber(rowsOf(await api.post(`${GROUPS}/again/versions/1/read`)))).toEqual(rows);
  });

  it('come back from Parquet and Arrow, out and in, and online', async () => {
    const api = await start();
    const rows = keyed(TEXTS.slice(0, 600));
    await api.post(`${GROUP}/rows`, ndjson(rows), NDJSON);
    const vectors = await api.post(`${VIEWS}/texts/versions/1/vectors`, { entries: rows.slice(0, 500).map(({ id }) => ({ id })) });
    expect(JSON.parse(vectors.text).features).toEqual(rows.slice(0, 500).map(({ text }) => [text]));
    for (const [name, type] of [
      ['parquet', 'application/vnd.apache.parquet'],
      ['arrow', 'application/vnd.apache.arrow.stream'],
    ] as const) {
      const read = await api.post(`${GROUP}/read`, {}, { accept: type });
      await api.post(GROUPS, { ...DEFINITION, name, onlineEnabled: false });
      expect((await api.post(`${GROUPS}/${name}/versions/1/rows`, read.bytes, { 'content-type': type })).status).toBe(200);
      expect(byNumber(rowsOf(await api.post(`${GROUPS}/${name}/versions/1/read`)))).toEqual(rows);
    }
  });

  it('come back from training files of every format, from columns of the spine and of the join', async () => {
    const api = await start();
    const rows = keyed(TEXTS.slice(0, 400));
    await api.post(`${GROUP}/rows`, ndjson(rows), NDJSON);
    const spine = { rows: rows.map(({ id, text }) => ({ id, said: text })) };
    const expected = rows.map(({ id, text }) => ({ id, said: text, text }));
    const made = async (format: string): Promise<Answer> => {
      const { status, body } = await api.post(SETS, { spine, format });
      expect(status).toBe(201);
      return api.send('GET', `${SETS}/${(body as { readonly trainingDataset: number }).trainingDataset}/data`, { headers: { accept: '*/*' } });
    };
    expect(rowsOf(await made('ndjson'))).toEqual(expected);
    const parquet = bytesSource((await made('parquet')).bytes);
    const { columns } = await api.parts.codec.describe(parquet);
    const values: unknown[][] = columns.map(() => []);
    for await (const { batch } of api.parts.codec.decode(parquet, { columns }))
      for (const [c, vector] of batch.vectors.entries()) values[c]?.push(...vector.values);
    expect(values).toEqual([rows.map(({ id }) => id), rows.map(({ text }) => text), rows.map(({ text }) => text)]);
    expect(readTfRecords((await made('tfrecord')).bytes)).toEqual(expected.map(({ id, said, text }) => ({ id: [id], said: [said], text: [text] })));
    // CSV and Arrow, read back by our own readers of them.
    for (const [format, type] of [
      ['csv', 'text/csv'],
      ['arrow', 'application/vnd.apache.arrow.stream'],
    ] as const) {
      const schema = ['id', 'said', 'text'].map((name) => ({ name, type: 'string' }));
      await api.post(GROUPS, { ...DEFINITION, name: `read_${format}`, schema });
      const read = `${GROUPS}/read_${format}/versions/1`;
      expect((await api.post(`${read}/rows`, (await made(format)).bytes, { 'content-type': type })).status).toBe(200);
      expect(new Set(rowsOf(await api.post(`${read}/read`)))).toEqual(new Set(expected));
    }
  });

  it('are found by the filter that names them and by no other, and are deleted by it', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, ndjson(keyed(SHORT)), NDJSON);
    for (const [n, text] of SHORT.slice(0, 75).entries()) {
      const where = { column: 'text', op: '=', value: text };
      expect(rowsOf(await api.post(`${GROUP}/read`, { where }))).toEqual([{ id: text, text, n }]);
    }
    const gone = SHORT.slice(0, 40);
    expect((await api.post(`${GROUP}/rows:delete`, { where: { column: 'text', op: 'in', value: gone } })).body).toMatchObject({
      commit: { rowsDeleted: gone.length },
    });
    expect((await api.post(`${GROUP}/rows:delete`, { keys: SHORT.slice(30, 60).map((id) => ({ id })) })).body).toMatchObject({
      commit: { rowsDeleted: 20 },
      notFound: 10,
    });
    expect(rowsOf(await api.post(`${GROUP}/read`))).toHaveLength(SHORT.length - 60);
  });

  it('come back from the payloads of rows set aside', async () => {
    const api = await start();
    await api.post(GROUPS, { ...DEFINITION, name: 'aside', validationPolicy: 'QUARANTINE' });
    const rows = SHORT.map((text) => ({ id: text, text, n: 'no number' }));
    expect((await api.post(`${GROUPS}/aside/versions/1/rows`, ndjson(rows), NDJSON)).body).toMatchObject({
      commit: null,
      validation: { ingestionResult: 'QUARANTINED' },
    });
    const aside = rowsOf(await api.post(`${GROUPS}/aside/versions/1/quarantine:read`, { limit: 1000 })) as readonly {
      readonly _row: number;
      readonly _payload: string;
    }[];
    expect(aside.toSorted((a, b) => a._row - b._row).map(({ _payload }) => JSON.parse(_payload))).toEqual(rows);
  });

  it('are values of partitions, on real files, or are refused as the empty one is', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'lakefold-texts-'));
    try {
      const texts = [...SHORT.slice(0, 120), 'long '.repeat(300)];
      const definition = { ...DEFINITION, name: 'parts', partitionBy: ['text'] };
      await writeFile(join(cwd, 'definitions.json'), JSON.stringify({ featureGroups: [definition, DEFINITION], featureViews: [VIEW] }));
      await lakefoldJson(['apply', '--yes', '--config', 'definitions.json'], { cwd });
      const rows = texts.map((text, n) => ({ id: `${n}`, text, n }));
      await writeFile(join(cwd, 'rows.ndjson'), ndjson(rows));
      const refused = await lakefold(['fg', 'ingest', 'parts/1', '--file', 'rows.ndjson', '--json'], { cwd });
      expect([refused.code, JSON.parse(refused.stderr)]).toMatchObject([1, { code: 'CONSTRAINT_VIOLATED', row: 0 }]);
      const full = rows.filter(({ text }) => text !== '');
      await writeFile(join(cwd, 'rows.ndjson'), ndjson(full));
      expect(await lakefoldJson(['fg', 'ingest', 'parts/1', '--file', 'rows.ndjson'], { cwd })).toMatchObject({ commit: { rowsInserted: full.length } });
      expect(byNumber(lines((await lakefold(['fg', 'read', 'parts/1'], { cwd })).stdout))).toEqual(full);
      // The words of a command line, and its CSV.
      const few = SHORT.slice(0, 12);
      await writeFile(join(cwd, 'few.ndjson'), ndjson(few.map((text, n) => ({ id: text, text, n }))));
      await lakefoldJson(['fg', 'ingest', 'texts/1', '--file', 'few.ndjson'], { cwd });
      for (const text of few) expect((await lakefoldJson(['fv', 'get', 'texts/1', `id=${text}`], { cwd })).features).toEqual([text]);
      const csv = await lakefold(['fg', 'read', 'texts/1', '--format', 'csv'], { cwd });
      await writeFile(join(cwd, 'few.csv'), csv.stdout);
      expect(await lakefoldJson(['fg', 'ingest', 'texts/1', '--file', 'few.csv', '--operation', 'overwrite'], { cwd })).toMatchObject({
        commit: { rowsInserted: few.length },
      });
      expect(byNumber(lines((await lakefold(['fg', 'read', 'texts/1'], { cwd })).stdout))).toEqual(few.map((text, n) => ({ id: text, text, n })));
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });
});

describe('half a pair', () => {
  it.each(LONE_SURROGATES)('%j is refused wherever text goes', async (text) => {
    const api = await start();
    const fault = { code: 'INVALID_UNICODE' };
    expect(await api.post(`${GROUP}/rows`, { rows: [{ id: 'a', text, n: 1 }] })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ row: 0, feature: 'text', ...fault }] },
    });
    expect(await api.post(SETS, { spine: { rows: [{ id: 'a', said: text }] } })).toMatchObject({
      status: 400,
      body: { code: 'MALFORMED_JSON' },
    });
    expect((await api.post(`${GROUP}/rows:delete`, { keys: [{ id: text }] })).status).toBeGreaterThanOrEqual(400);
    expect((await api.post(`${GROUP}/read`, { where: { column: 'text', op: '=', value: text } })).status).toBeGreaterThanOrEqual(400);
    expect((await api.post(`${VIEWS}/texts/versions/1/vector`, { entry: { id: text } })).status).toBeGreaterThanOrEqual(400);
    const bytes = Uint8Array.from([...Buffer.from('{"id":"a","n":1,"text":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}\n')]);
    expect(await api.post(`${GROUP}/rows`, bytes, NDJSON)).toMatchObject({ status: 400, body: { code: 'MALFORMED_FILE' } });
  });
});
