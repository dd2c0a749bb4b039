/** The right of every route, as one table that a reviewer can read. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requiredRight } from '../../functions/http/access-rules.ts';
import { type Api, openMemoryApi } from '../support/api.ts';
import { rightText, ROUTE_RIGHTS } from '../support/route-rights.ts';

let api: Api;
beforeAll(async () => {
  api = await openMemoryApi();
});
afterAll(() => api.close());

const DOCUMENT = fileURLToPath(new URL('../../docs/security.md', import.meta.url));

/** The table of the document, one line a right. */
function routesTable(): string {
  const byRight = new Map<string, string[]>();
  for (const [route, right] of ROUTE_RIGHTS) {
    const shown = right
      .replace(/^some (.*)$/, (_, actions: string) => `any of ${actions}`)
      .replace('projects: list', 'a key; shows its own project')
      .replace('projects: create', 'no key')
      .replace('address', 'who was told the address')
      .replace(/ on feature-(group|view)s\/\w+/, ' on the $1')
      .replace(' on project', ' on `project`');
    const path = route
      .replace(/\/v1\/projects\/demo$/, '/v1/projects/{p}')
      .replace('/v1/projects/demo', '')
      .replace('/feature-groups/airport_delays/versions/1', '…/{fg}/versions/{v}')
      .replace('/feature-views/delay_model/versions/1', '…/{fv}/versions/{v}')
      .replace(/\/(vr|up|jb|ak)_1/, '/{id}')
      .replace(/(training-datasets|commits)\/[01]/, '$1/{n}');
    byRight.set(shown, [...(byRight.get(shown) ?? []), `\`${path}\``]);
  }
  return ['| right | routes |', '|---|---|', ...[...byRight].map(([right, routes]) => `| ${right} | ${routes.join(' · ')} |`)].join('\n');
}

describe('the right a route needs', () => {
  it('stands in the document for users', () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const written = text.replace(/(<!-- routes -->\n)[^]*(<!-- \/routes -->)/, (_, start: string, end: string) => `${start}${routesTable()}\n${end}`);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, written);
    else expect(text).toBe(written);
  });

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
