/** Every row of the table of schema evolution (semantics §6) by plan and apply, and appliers that meet. */
import { afterEach, describe, expect, it } from 'vitest';
import { airportDelays, type Api, delayModel, EXAMPLE_ROWS, GROUP, type memoryParts, openExampleApi } from '../support/api.ts';
import { EVOLVING, EVOLVING_ROW, SCHEMA_CHANGES, type SchemaChange } from '../support/schema-changes.ts';

let open: Api<ReturnType<typeof memoryParts>> | undefined;
afterEach(() => open?.close());

async function start(): Promise<Api<ReturnType<typeof memoryParts>>> {
  open = await openExampleApi();
  await open.post(`${GROUP}/rows`, { rows: EXAMPLE_ROWS });
  return open;
}

const SCHEMA = [
  { name: 'origin', type: 'string' },
  { name: 'hour', type: 'timestamp' },
  { name: 'flights_24h', type: 'int' },
  { name: 'mean_delay_24h', type: 'double', nullable: true },
];
const group = (change: object): object => ({ ...airportDelays.json, ...change });
const retyped = (name: string, change: object): object => group({ schema: SCHEMA.map((column) => (column.name === name ? { ...column, ...change } : column)) });
const added = (column: object): object => group({ schema: [...SCHEMA, column] });
const plan = async (api: Api, definition: object): Promise<Planned> =>
  JSON.parse((await api.post('/v1/projects/demo/definitions:plan', { featureGroups: [definition] })).text);
const apply = (api: Api, planId: string, rewrite?: boolean) =>
  api.post('/v1/projects/demo/definitions:apply', { planId, ...(rewrite === undefined ? {} : { rewrite }) });

interface Planned {
  readonly planId: string;
  readonly breaking: boolean;
  readonly changes: readonly {
    readonly verdict: string;
    readonly newVersion: number | null;
    readonly details: readonly { readonly path: string; readonly change: string }[];
  }[];
}

describe('apply (§6)', () => {
  const changed = (verdict: SchemaChange['verdict']): readonly SchemaChange[] => SCHEMA_CHANGES.filter((change) => change.verdict === verdict);
  const EVOLVING_GROUP = '/v1/projects/demo/feature-groups/evolving/versions/1';

  async function startEvolving(): Promise<Api<ReturnType<typeof memoryParts>>> {
    const api = await start();
    await api.post('/v1/projects/demo/feature-groups', EVOLVING);
    await api.post(`${EVOLVING_GROUP}/rows`, { rows: [EVOLVING_ROW] });
    return api;
  }

  it.each(changed('in place').map((each) => [each.what, each] as const))('changes in place: %s', async (_, { definition, path, change }) => {
    const api = await startEvolving();
    const { planId, ...planned } = await plan(api, definition);
    expect(planned).toMatchObject({
      breaking: false,
      changes: [{ action: 'update', verdict: 'in place', details: [{ path, change }], rewrite: null, newVersion: null }],
    });
    expect(await apply(api, planId)).toMatchObject({ status: 200, body: { applied: [{ name: 'evolving', version: 1, action: 'update' }], revision: 4 } });
    expect((await plan(api, definition)).changes).toMatchObject([{ action: 'none' }]);
  });

  it.each(changed('rewrite').map((each) => [each.what, each] as const))('writes files again: %s', async (_, { definition, path }) => {
    const api = await startEvolving();
    const { planId, ...planned } = await plan(api, definition);
    expect(planned).toMatchObject({
      breaking: false,
      changes: [{ verdict: 'rewrite', details: [{ path }], rewrite: { files: 1, bytes: expect.any(Number) }, newVersion: 2 }],
    });
    expect(await apply(api, planId)).toMatchObject({ status: 409, body: { code: 'BREAKING_SCHEMA_CHANGE', newVersion: 2 } });
    expect(await apply(api, planId, true)).toMatchObject({ status: 200, body: { revision: 4 } });
  });

  it.each(changed('new version').map((each) => [each.what, each] as const))('wants a new version: %s', async (_, { definition }) => {
    const api = await startEvolving();
    const before = (await api.get(EVOLVING_GROUP)).body;
    const { planId, ...planned } = await plan(api, definition);
    expect(planned).toMatchObject({ breaking: true, changes: [{ verdict: 'new version', newVersion: 2 }] });
    expect(await apply(api, planId, true)).toMatchObject({ status: 409, body: { code: 'BREAKING_SCHEMA_CHANGE', newVersion: 2 } });
    expect((await api.get(EVOLVING_GROUP)).body).toEqual(before);
    // What is offered can be had.
    const next = await plan(api, { ...definition, version: 2 });
    expect(await apply(api, next.planId)).toMatchObject({ status: 200, body: { applied: [{ version: 2, action: 'create' }] } });
  });

  it('shows a bigint column as a double as a new version, and a widened one as nothing to do', async () => {
    const api = await start();
    await apply(api, (await plan(api, retyped('flights_24h', { type: 'bigint' }))).planId, true);
    expect((await plan(api, retyped('flights_24h', { type: 'double' }))).changes).toMatchObject([{ verdict: 'new version' }]);
    expect((await plan(api, retyped('flights_24h', { type: 'bigint' }))).changes).toMatchObject([{ action: 'none' }]);
  });
});

describe('appliers that meet', () => {
  it('of one plan are all told that it is applied, in one revision', async () => {
    const api = await start();
    const { planId } = await plan(api, added({ name: 'n', type: 'int', nullable: true }));
    const answers = await Promise.all(Array.from({ length: 8 }, () => apply(api, planId)));
    const codes = answers.map(({ status, body }) => (status === 200 ? 'applied' : JSON.stringify(body)));
    expect(codes.filter((code) => code !== 'applied' && !code.includes('PLAN_STALE'))).toEqual([]);
    expect(codes).toContain('applied');
    expect((await api.get('/v1/projects/demo/definitions')).body).toMatchObject({ revision: 3 });
  });

  it('of plans that differ are applied one at a time: who planned on other definitions is told to plan again', async () => {
    const api = await start();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const plans = await Promise.all(names.map((name) => plan(api, added({ name, type: 'int', nullable: true }))));
    const answers = await Promise.all(plans.map(({ planId }) => apply(api, planId)));
    const applied = answers.filter(({ status }) => status === 200);
    expect(applied.length).toBe(1);
    for (const answer of answers) if (answer.status !== 200) expect(answer).toMatchObject({ status: 409, body: { code: 'PLAN_STALE' } });
    expect((await api.get('/v1/projects/demo/definitions')).body).toMatchObject({ revision: 3 });
  });

  it('of other definitions do not disturb each other', async () => {
    const api = await start();
    const bodies = ['a', 'b', 'c'].map((name) => ({ featureGroups: [group({ name })] }));
    const plans = await Promise.all(bodies.map((body) => api.post('/v1/projects/demo/definitions:plan', body)));
    const answers = await Promise.all(plans.map(({ text }) => apply(api, JSON.parse(text).planId)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await api.get('/v1/projects/demo/definitions')).body).toMatchObject({
      featureGroups: [{ name: 'airport_delays' }, expect.anything(), expect.anything(), expect.anything()],
      featureViews: [{ name: delayModel.name }],
      revision: 5,
    });
  });
});
