/** Definitions that are refused over HTTP: code, status and place of each fault, and nothing registered. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Api, openExampleApi } from '../support/api.ts';
import { BAD_DEFINITIONS } from '../support/bad-definitions.ts';

let open: Api | undefined;
afterEach(() => open?.close());

describe('a definition', () => {
  it.each(BAD_DEFINITIONS)('is refused for $what: $code', async ({ featureGroups = [], featureViews = [], status, code, faults }) => {
    open = await openExampleApi();
    const before = (await open.get('/v1/projects/demo/definitions')).body;
    const answer = await open.post('/v1/projects/demo/definitions:plan', { featureGroups, featureViews });
    expect([answer.status, answer.body]).toMatchObject([status, { code, repeatable: false, ...(faults === undefined ? {} : { errors: faults }) }]);
    expect((await open.get('/v1/projects/demo/definitions')).body).toEqual(before);
  });
});
