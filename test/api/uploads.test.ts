/** Files sent first and named by a request afterwards. */
import { tableFromIPC } from 'apache-arrow';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { UPLOAD_BYTES_MAX, UPLOAD_LIFETIME_MILLIS } from '../../lib/core/limits.ts';
import { type Api, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi, rowsOf, VIEW } from '../support/api.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  return open;
}

const UPLOADS = '/v1/projects/demo/uploads';

/** Announces and sends; answers the id. */
async function upload(api: Api, bytes: Uint8Array): Promise<string> {
  const announced = await api.post(UPLOADS, { bytes: bytes.length, contentType: 'application/x-ndjson' });
  expect([announced.status, announced.body]).toEqual([
    201,
    {
      uploadId: expect.stringMatching(/^up_[a-z2-7]{26}$/),
      url: expect.stringMatching(/^http:\/\/[^/]+\/v1\/projects\/demo\/uploads\/up_[a-z2-7]{26}$/),
      method: 'PUT',
      headers: {},
      expiresAt: '2001-03-02T10:30:00Z',
    },
  ]);
  const { uploadId, url } = announced.body as { uploadId: string; url: string };
  expect((await api.send('PUT', new URL(url).pathname, { body: bytes })).status).toBe(204);
  return uploadId;
}

const rows = utf8(EXAMPLE_ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));

describe('an upload', () => {
  it('is ingested as if its bytes were the body', async () => {
    const api = await start();
    const uploadId = await upload(api, rows);
    const receipt = await api.post(`${GROUP}/rows`, { source: { uploadId }, format: 'ndjson' });
    expect([receipt.status, receipt.body]).toMatchObject([200, { received: 2, commit: { version: 1, rowsInserted: 2 } }]);
    expect(rowsOf(await api.post(`${GROUP}/read`, {}))).toHaveLength(2);
  });

  it('is a spine, whose columns that the view does not declare pass through from a typed file', async () => {
    const api = await start();
    await api.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
    const spine = [{ origin: 'SFO', dest: 'JFK', predicted_at: '2001-03-01T10:05:00Z', distance: 2000, delayed: true }];
    const lines = await upload(api, utf8(`${JSON.stringify(spine[0])}\n`));
    const made = await api.post(`${VIEW}/training-datasets`, { spine: { source: { uploadId: lines }, format: 'ndjson' }, format: 'arrow' });
    expect([made.status, made.body]).toMatchObject([201, { counts: { spineRows: 1, rows: 1 } }]);
    const data = await api.send('GET', `${VIEW}/training-datasets/1/data`);
    expect(tableFromIPC(data.bytes).numRows).toBe(1);
    // The set itself, an Arrow file with feature columns the view does not declare, as the spine of the next.
    const typed = await upload(api, data.bytes);
    const again = await api.post(`${VIEW}/training-datasets`, { spine: { source: { uploadId: typed }, format: 'arrow' } });
    expect([again.status, again.body]).toMatchObject([422, { code: 'AMBIGUOUS_FEATURE_NAME' }]);
  });

  it("is nobody else's, not for ever, and as large as it was announced", async () => {
    const api = await start();
    const uploadId = await upload(api, rows);
    await api.post('/v1/projects', { name: 'other' });
    const problem = async (answer: Promise<{ readonly status: number; readonly body: unknown }>): Promise<unknown> => {
      const { status, body } = await answer;
      return [status, (body as { code?: string }).code];
    };
    const ingest = (id: string): Promise<unknown> => problem(api.post(`${GROUP}/rows`, { source: { uploadId: id }, format: 'ndjson' }));
    expect(await problem(api.send('PUT', `/v1/projects/other/uploads/${uploadId}`, { body: rows }))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(await problem(api.send('PUT', `${UPLOADS}/${uploadId}`, { body: utf8('x'.repeat(rows.length)) }))).toEqual([409, 'ALREADY_EXISTS']);
    expect((await api.send('PUT', `${UPLOADS}/${uploadId}`, { body: rows })).status).toBe(204);
    expect(await problem(api.send('PUT', `${UPLOADS}/${uploadId}`, { body: new Uint8Array(rows.length + 1) }))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(await problem(api.send('PUT', `${UPLOADS}/${uploadId}`, { body: rows.subarray(1) }))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(await problem(api.post(UPLOADS, { bytes: UPLOAD_BYTES_MAX + 1 }))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(await problem(api.post(UPLOADS, {}))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(await problem(api.post('/v1/projects/nobody/uploads', { bytes: 1 }))).toEqual([404, 'UNKNOWN_PROJECT']);
    expect([await ingest('up_aaaaaaaaaaaaaaaaaaaaaaaaaa'), await ingest('../../lakefold.json')]).toEqual([
      [400, 'INVALID_ARGUMENT'],
      [400, 'INVALID_ARGUMENT'],
    ]);
    await api.parts.clock.advance(UPLOAD_LIFETIME_MILLIS);
    expect(await problem(api.send('PUT', `${UPLOADS}/${uploadId}`, { body: rows }))).toEqual([400, 'INVALID_ARGUMENT']);
    // The next one sweeps it away.
    await api.post(UPLOADS, { bytes: 1 });
    expect(await ingest(uploadId)).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it.each([
    ['a path', { source: 's3://bucket/rows.parquet' }, [422, 'UNSUPPORTED_OPERATION']],
    ['another format', { source: { uploadId: 'up_a' }, format: 'avro' }, [400, 'INVALID_ARGUMENT']],
    ['rows beside it', { source: { uploadId: 'up_a' }, rows: [] }, [400, 'UNKNOWN_FIELD']],
    ['no id', { source: {} }, [400, 'INVALID_ARGUMENT']],
  ])('is refused as a source with %s', async (_what, body, expected) => {
    const api = await start();
    const answer = await api.post(`${GROUP}/rows`, body);
    expect([answer.status, (answer.body as { code?: string }).code]).toEqual(expected);
  });
});
