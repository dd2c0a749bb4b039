/** The right of every route, as one table that a reviewer can read. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requiredRight } from '../../functions/http/access-rules.ts';
import { type Api, openMemoryApi } from '../support/api.ts';
import { rightText, ROUTE_RIGHTS } from '../support/route-rights.ts';

let api: Api;
beforeAll(async () => {
  api = await openMemoryApi();
});
afterAll(() => api.close());

describe('the right a route needs', () => {
  it.each(ROUTE_RIGHTS)('%s is %s', (route, expected) => {
    const [method = '', path = ''] = route.split(' ');
    expect(rightText(requiredRight(method, path))).toBe(expected);
  });

  it('is stated for every route there is', () => {
    const stated = ROUTE_RIGHTS.map(([route]) => route);
    const missing = api.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1'))
      .filter(({ method, path }) => !stated.some((route) => route.startsWith(`${method} `) && patternOf(path).test(route.slice(method.length + 1))))
      .map(({ method, path }) => `${method} ${path}`);
    expect(missing).toEqual([]);
    expect(api.app.routes.length).toBeGreaterThan(40);
  });

  it.each([
    'GET /v1',
    'GET /v1/projects/demo/secrets',
    'POST /v1/projects/demo/feature-groups/g/versions/1:explode',
    'PUT /v1/projects/demo/feature-groups/g/versions/1',
    'POST /v1/projects/demo/feature-groups/g/versions/1/__proto__',
    'GET /v1/projects/demo/feature-views/v/versions/1/nothing',
    'GET /v2/projects/demo',
  ])('of %s, which is no route, is none', (route) => {
    const [method = '', path = ''] = route.split(' ');
    expect(requiredRight(method, path)).toEqual({ kind: 'none' });
  });

  it('is told of a path as the router reads it', () => {
    expect(requiredRight('GET', '/v1/projects/d%65mo/feature-groups/%61/versions/1')).toEqual({
      kind: 'right',
      project: 'demo',
      action: 'describe',
      resource: 'feature-groups/a',
    });
    expect(requiredRight('POST', '/v1/projects/demo/feature-groups/g/versions/1%3Apublish')).toMatchObject({ action: 'publish' });
    expect(requiredRight('HEAD', '/v1/projects/demo/definitions')).toEqual(requiredRight('GET', '/v1/projects/demo/definitions'));
  });
});

/** A router's pattern as an expression over whole paths. */
function patternOf(path: string): RegExp {
  const source = path.replaceAll(/:[a-z]+(\{(?:[^{}]|\{[^}]*\})*\})?/gi, (_, bound: string | undefined) =>
    bound === undefined ? '[^/]+' : `(?:${bound.slice(1, -1)})`,
  );
  return new RegExp(`^${source}$`);
}
