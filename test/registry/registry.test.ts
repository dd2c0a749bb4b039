import { describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { appendPlan, appendRevision, createProject, type RegistryDeps } from '../../lib/registry/append-revision.ts';
import { groupKey, tablesOf } from '../../lib/registry/apply-plan.ts';
import { checkLocation, ensureLocation, listProjects } from '../../lib/registry/location.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { planDefinitions, type DefinitionsPlan } from '../../lib/registry/plan.ts';
import { loadRegistry, refreshRegistry, type Registry } from '../../lib/registry/registry.ts';
import { RegistryCache } from '../../lib/registry/registry-cache.ts';
import { decodeRevision, registryPath } from '../../lib/registry/revision.ts';
import { delaysJson, registryDeps } from './examples.ts';

const describeProject =
  (description: string) =>
  ({ state }: Registry) => ({ state: { ...state, project: { ...state.project, description } }, changes: [] });
const planOf = (registry: Registry, json: object): DefinitionsPlan =>
  planDefinitions(registry.state, { featureGroups: [parseFeatureGroup(json)], featureViews: [] });
const idsOf = (plan: DefinitionsPlan): ReadonlyMap<string, string> =>
  new Map(tablesOf(plan).map(({ definition }) => [groupKey(definition), `id-${groupKey(definition)}`]));

/** Counts requests and lets a test do something in front of one. */
function watched(
  deps: RegistryDeps,
  before: (call: string, path: string) => Promise<void> = async () => {},
): { readonly deps: RegistryDeps; readonly calls: string[] } {
  const calls: string[] = [];
  const { store } = deps;
  const proxy = new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== 'function') return method;
      if (name === 'list')
        return (...args: unknown[]): unknown => {
          calls.push(`list ${String(args[0])}`);
          return Reflect.apply(method, target, args);
        };
      return async (...args: unknown[]): Promise<unknown> => {
        calls.push(`${String(name)} ${String(args[0])}`);
        await before(String(name), String(args[0]));
        return Reflect.apply(method, target, args);
      };
    },
  }) as ObjectStore;
  return { deps: { ...deps, store: proxy }, calls };
}

async function projectOf(deps: RegistryDeps): Promise<Registry> {
  return (await createProject(deps, 'demo', { txnId: 'create' })).registry;
}

describe('a project', () => {
  it('begins with revision 0 and is created once', async () => {
    const deps = registryDeps();
    const first = await createProject(deps, 'demo', { txnId: 'one', description: 'd' });
    expect(first).toEqual({
      kind: 'committed',
      registry: {
        project: 'demo',
        revision: 0,
        state: { project: { description: 'd', createdAt: '2023-11-14T22:13:20Z' }, featureGroups: [], featureViews: [], grants: [], highestVersions: {} },
      },
    });
    expect(await createProject(deps, 'demo', { txnId: 'two' })).toEqual({ kind: 'unchanged', registry: first.registry });
    expect(await loadRegistry(deps, 'demo')).toEqual(first.registry);
  });

  it.each([
    ['_x', 'RESERVED_NAME'],
    ['Demo', 'INVALID_NAME'],
    ['../x', 'INVALID_NAME'],
    ['', 'INVALID_NAME'],
  ])('is not called %j', async (name, code) => {
    await expect(createProject(registryDeps(), name, { txnId: 'x' })).rejects.toMatchObject({ code: 'INVALID_DEFINITION', errors: [{ field: 'name', code }] });
    await expect(loadRegistry(registryDeps(), name)).rejects.toMatchObject({ code: 'UNKNOWN_PROJECT' });
  });

  it('is listed, beside whatever else lies at the location', async () => {
    const deps = registryDeps();
    await ensureLocation(deps);
    for (const path of ['a.txt', 'demo-x/file', 'online.lmdb/data', 'other/feature-groups/x', 'zzz/_registry/readme.txt'])
      await deps.store.createIfAbsent(objectPath(path), utf8('x'), { identity: path });
    for (const name of ['demo', 'b', 'demo0']) await createProject(deps, name, { txnId: name });
    expect(await listProjects(deps)).toEqual(['b', 'demo', 'demo0']);
    expect(await listProjects(registryDeps())).toEqual([]);
  });
});

describe('a location', () => {
  it('is marked once with its layout number', async () => {
    const deps = registryDeps();
    expect(await checkLocation(deps)).toBe(false);
    expect(await ensureLocation(deps)).toEqual({ created: true });
    expect(await ensureLocation(deps)).toEqual({ created: false });
    expect(new TextDecoder().decode((await deps.store.get(objectPath('lakefold.json')))?.bytes)).toBe(
      '{"format":1,"createdBy":"lakefold/test","createdAt":"2023-11-14T22:13:20Z"}',
    );
  });

  it('is refused when a later layout stands there', async () => {
    const deps = registryDeps();
    await deps.store.overwrite(objectPath('lakefold.json'), utf8('{"format":2}'));
    await expect(ensureLocation(deps)).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' });
    await deps.store.overwrite(objectPath('lakefold.json'), utf8('{'));
    await expect(ensureLocation(deps)).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
  });
});

describe('the registry', () => {
  it('is loaded by one LIST and one GET, and refreshed by one GET', async () => {
    const plain = registryDeps();
    const created = await projectOf(plain);
    await appendRevision(plain, created, { txnId: 'a', message: 'm', revise: describeProject('one') });
    const { deps, calls } = watched(plain);
    const loaded = await loadRegistry(deps, 'demo');
    expect(calls.splice(0)).toEqual(['list demo/_registry/', `get ${registryPath('demo', 1)}`]);
    expect(await refreshRegistry(deps, loaded)).toBe(loaded);
    expect(calls.splice(0)).toEqual([`get ${registryPath('demo', 2)}`]);
    expect((await refreshRegistry(deps, created)).state.project.description).toBe('one');
  });

  it('follows many revisions', async () => {
    const deps = registryDeps();
    const created = await projectOf(deps);
    let registry = created;
    for (let i = 1; i <= 40; i += 1) ({ registry } = await appendRevision(deps, registry, { txnId: `t${i}`, message: 'm', revise: describeProject(`d${i}`) }));
    expect(await refreshRegistry(deps, created)).toEqual(registry);
    expect(await loadRegistry(deps, 'demo')).toEqual(registry);
    expect(registry.revision).toBe(40);
  });

  it('is unknown for a project that was never created, and corrupt when a revision stands under another number', async () => {
    const deps = registryDeps();
    await expect(loadRegistry(deps, 'demo')).rejects.toMatchObject({ code: 'UNKNOWN_PROJECT' });
    await projectOf(deps);
    const bytes = (await deps.store.get(registryPath('demo', 0)))?.bytes ?? new Uint8Array();
    await deps.store.createIfAbsent(registryPath('demo', 1), bytes, { identity: 'x' });
    await expect(loadRegistry(deps, 'demo')).rejects.toMatchObject({ code: 'CORRUPT_STORE' });
  });

  it('writes who, when and why with the state', async () => {
    const deps = registryDeps();
    const created = await projectOf(deps);
    const outcome = await appendRevision(deps, created, { txnId: 'a', message: 'why', committedBy: 'key:x', revise: describeProject('one') });
    expect(decodeRevision((await deps.store.get(registryPath('demo', 1)))?.bytes ?? new Uint8Array(), 'p')).toEqual({
      revision: 1,
      txnId: 'a',
      timestamp: '2023-11-14T22:13:20Z',
      committedBy: 'key:x',
      engineInfo: 'lakefold/test',
      message: 'why',
      changes: [],
      state: outcome.registry.state,
    });
  });

  it('keeps every change of writers that race', async () => {
    const deps = registryDeps();
    const base = await projectOf(deps);
    const names = Array.from({ length: 8 }, (_, i) => `g${i}`);
    await Promise.all(
      names.map((name) => {
        const plan = planOf(base, { ...delaysJson, name });
        return appendPlan(deps, base, { txnId: name, message: name, plan, tableIds: idsOf(plan) });
      }),
    );
    const { revision, state } = await loadRegistry(deps, 'demo');
    expect(revision).toBe(8);
    expect(state.featureGroups.map(({ definition }) => definition.name).toSorted()).toEqual(names);
    expect(state.featureGroups.map((group) => group.revision).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('refuses a plan whose ground a winner changed', async () => {
    const deps = registryDeps();
    const base = await projectOf(deps);
    const [mine, theirs] = [
      planOf(base, { ...delaysJson, version: undefined, owner: 'me' }),
      planOf(base, { ...delaysJson, version: undefined, owner: 'them' }),
    ];
    await appendPlan(deps, base, { txnId: 'theirs', message: 'm', plan: theirs, tableIds: idsOf(theirs) });
    await expect(appendPlan(deps, base, { txnId: 'mine', message: 'm', plan: mine, tableIds: idsOf(mine) })).rejects.toMatchObject({
      code: 'PLAN_STALE',
      context: { planId: mine.body.planId },
    });
    expect((await loadRegistry(deps, 'demo')).revision).toBe(1);
  });

  it('writes nothing for a plan that was carried out before', async () => {
    const deps = registryDeps();
    const base = await projectOf(deps);
    const plan = planOf(base, delaysJson);
    const request = { txnId: 'a', message: 'm', plan, tableIds: idsOf(plan) };
    const first = await appendPlan(deps, base, request);
    expect(first.kind).toBe('committed');
    expect(await appendPlan(deps, first.registry, { ...request, txnId: 'b' })).toEqual({ kind: 'unchanged', registry: first.registry });
    // The same request from where it began: its own revision is met among the winners.
    expect(await appendPlan(deps, base, request)).toMatchObject({ registry: { revision: 1 } });
    expect((await loadRegistry(deps, 'demo')).revision).toBe(1);
  });

  it('writes nothing for a breaking plan', async () => {
    const deps = registryDeps();
    const base = await projectOf(deps);
    const plan = planOf(base, delaysJson);
    const { registry } = await appendPlan(deps, base, { txnId: 'a', message: 'm', plan, tableIds: idsOf(plan) });
    const breaking = planOf(registry, { ...delaysJson, primaryKey: [] });
    await expect(appendPlan(deps, registry, { txnId: 'b', message: 'm', plan: breaking, tableIds: new Map() })).rejects.toMatchObject({
      code: 'BREAKING_SCHEMA_CHANGE',
    });
    expect((await loadRegistry(deps, 'demo')).revision).toBe(1);
  });

  it('plans again on the winner it meets between planning and writing', async () => {
    const plain = registryDeps();
    const base = await projectOf(plain);
    let raced = false;
    const { deps } = watched(plain, async (call, path) => {
      if (call !== 'createIfAbsent' || raced || path !== registryPath('demo', 1)) return;
      raced = true;
      await appendRevision(plain, base, { txnId: 'other', message: 'm', revise: describeProject('theirs') });
    });
    const plan = planOf(base, delaysJson);
    const outcome = await appendPlan(deps, base, { txnId: 'mine', message: 'm', plan, tableIds: idsOf(plan) });
    expect(outcome.registry.revision).toBe(2);
    expect(outcome.registry.state.project.description).toBe('theirs');
    expect(outcome.registry.state.featureGroups).toMatchObject([{ revision: 2 }]);
  });
});

describe('the registry cache', () => {
  it('costs nothing while warm, one GET when stale, and sees what others wrote', async () => {
    const plain = registryDeps();
    const { clock } = plain;
    const base = await projectOf(plain);
    const { deps, calls } = watched(plain);
    const cache = new RegistryCache(deps);
    await cache.load('demo');
    calls.splice(0);
    await appendRevision(plain, base, { txnId: 'a', message: 'm', revise: describeProject('new') });
    expect((await cache.load('demo')).revision).toBe(0);
    expect(calls.splice(0)).toEqual([]);
    expect((await cache.load('demo', { staleMaxMillis: 0 })).revision).toBe(1);
    calls.splice(0);
    clock.set(clock.nowMicros() + 10_000_000n);
    expect((await cache.load('demo')).revision).toBe(1);
    expect(calls).toEqual([`get ${registryPath('demo', 2)}`]);
  });

  it('remembers a commit and never goes back', async () => {
    const deps = registryDeps();
    const base = await projectOf(deps);
    const { registry } = await appendRevision(deps, base, { txnId: 'a', message: 'm', revise: describeProject('new') });
    const cache = new RegistryCache(deps);
    cache.remember(registry);
    cache.remember(base);
    expect(await cache.load('demo')).toBe(registry);
  });
});
