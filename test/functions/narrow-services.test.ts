/** What a service without the rights for it refuses by name, before anything is changed. */
import { describe, expect, it } from 'vitest';
import { createIngestApp } from '../../functions/ingest/app.ts';
import { Projects } from '../../lib/features/definitions/projects.ts';
import { GROUP, memoryParts } from '../support/api.ts';

describe('an ingest service that may only write rows', () => {
  it.each([
    ['an erasure', `${GROUP}/rows:erase`, { keys: [{ origin: 'SFO' }], reason: 'asked to' }],
    ['an upload', '/v1/projects/demo/uploads', { bytes: 1 }],
  ])('refuses %s', async (_what, path, body) => {
    const parts = memoryParts();
    const app = createIngestApp({ ...parts, projects: new Projects(parts) });
    const answer = await app.request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'UNSUPPORTED_OPERATION' }]);
  });
});
