import { describe, expect, it } from 'vitest';
import { applyPlan, tablesOf } from '../../lib/registry/apply-plan.ts';
import type { RegistryState } from '../../lib/registry/definition.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { parseFeatureView } from '../../lib/registry/parse-view.ts';
import { payloadSchemaOf } from '../../lib/registry/payload-schema.ts';
import { planDefinitions, refuseBreaking, refuseUpdates, type DefinitionsPlan } from '../../lib/registry/plan.ts';
import { emptyState, etagOf, featureGroupOf, featureViewOf, latestFeatureGroup } from '../../lib/registry/state.ts';
import { delays, delaysJson, modelJson, thrownBy } from './examples.ts';

const empty = emptyState({ description: null, createdAt: '2024-01-01T00:00:00Z' });
const plan = (state: RegistryState, featureGroups: readonly object[], featureViews: readonly object[] = []): DefinitionsPlan =>
  planDefinitions(state, { featureGroups: featureGroups.map(parseFeatureGroup), featureViews: featureViews.map(parseFeatureView) });
const apply = (state: RegistryState, made: DefinitionsPlan, revision: number): RegistryState =>
  applyPlan(state, made, {
    now: `2024-01-0${revision}T00:00:00Z`,
    revision,
    tableIds: new Map(tablesOf(made).map(({ definition }) => [`${definition.name}/${definition.version}`, `id-${definition.name}`])),
  }).state;
const both = apply(empty, plan(empty, [delaysJson], [modelJson]), 1);
const unversioned = { ...delaysJson, version: undefined };
const withColumn = (column: object): object => ({ ...delaysJson, schema: [...delaysJson.schema, column] });
const retyped = (name: string, change: object): object => ({
  ...delaysJson,
  schema: delaysJson.schema.map((column) => (column.name === name ? { ...column, ...change } : column)),
});

describe('a plan', () => {
  it('creates what is not there, groups before the views that join them', () => {
    const made = plan(empty, [delaysJson], [modelJson]);
    expect(made.body).toEqual({
      planId: expect.stringMatching(/^pl_[0-9a-f]{32}$/),
      changes: [
        { type: 'featureGroup', name: 'airport_delays', version: 1, action: 'create', verdict: 'in place', details: [], rewrite: null, newVersion: null },
        { type: 'featureView', name: 'delay_model', version: 1, action: 'create', verdict: 'in place', details: [], rewrite: null, newVersion: null },
      ],
      breaking: false,
      warnings: [],
    });
    expect(tablesOf(made)).toEqual([{ kind: 'create', definition: delays, path: 'feature-groups/airport_delays/1' }]);
  });

  it('finds nothing to do for equal definitions, whatever the order of columns', () => {
    const made = plan(both, [{ ...delaysJson, schema: delaysJson.schema.toReversed() }], [modelJson]);
    expect(made.body.changes.map(({ action }) => action)).toEqual(['none', 'none']);
    expect(tablesOf(made)).toEqual([]);
    expect(applyPlan(both, made, { now: 'x', revision: 2, tableIds: new Map() })).toEqual({ state: both, changes: [] });
  });

  it('takes the next version where none is given, unless the newest is equal', () => {
    expect(plan(both, [unversioned]).body.changes).toMatchObject([{ version: 1, action: 'none' }]);
    expect(plan(both, [{ ...unversioned, owner: 'else@example.com' }]).body.changes).toMatchObject([{ version: 2, action: 'create' }]);
    expect(plan(empty, [unversioned]).body.changes).toMatchObject([{ version: 1, action: 'create' }]);
  });

  it('never gives a number again, also after its definition was deleted', () => {
    const deleted = { ...both, featureGroups: both.featureGroups.map((group) => ({ ...group, status: 'DELETED' as const })) };
    expect(plan(deleted, [unversioned]).body.changes).toMatchObject([{ version: 2, action: 'create' }]);
    expect(thrownBy(() => plan(deleted, [delaysJson]))).toMatchObject({ code: 'INVALID_DEFINITION' });
    expect(thrownBy(() => plan(deleted, [], [{ ...modelJson, version: 2 }]))).toMatchObject({ code: 'UNKNOWN_FEATURE_GROUP' });
  });

  it('refuses one definition twice', () => {
    expect(thrownBy(() => plan(empty, [delaysJson, delaysJson]))).toMatchObject({ code: 'INVALID_DEFINITION', errors: [{ field: 'featureGroups[1]' }] });
  });

  it('has the same id for the same change on the same state, and another otherwise', () => {
    const id = plan(empty, [delaysJson]).body.planId;
    expect(plan(empty, [delaysJson]).body.planId).toBe(id);
    expect(plan(both, [delaysJson]).body.planId).not.toBe(id);
    expect(plan(empty, [{ ...delaysJson, owner: null }]).body.planId).not.toBe(id);
  });

  it.each([
    ['description', { ...delaysJson, description: 'other' }, 'in place'],
    ['ttl', { ...delaysJson, ttl: 'P8D' }, 'in place'],
    ['expectations', { ...delaysJson, expectations: [] }, 'in place'],
    ['schema.mean_delay_24h', retyped('mean_delay_24h', { description: 'hours' }), 'in place'],
    ['schema.n', withColumn({ name: 'n', type: 'int', nullable: true }), 'in place'],
    ['schema.flights_24h', retyped('flights_24h', { nullable: true }), 'in place'],
    ['schema.flights_24h', retyped('flights_24h', { type: 'bigint' }), 'rewrite'],
    ['schema.flights_24h', retyped('flights_24h', { type: 'double' }), 'rewrite'],
    ['onlineShards', { ...delaysJson, onlineShards: 32 }, 'in place'],
    ['schema.flights_24h', retyped('flights_24h', { type: 'string' }), 'new version'],
    ['schema.mean_delay_24h', retyped('mean_delay_24h', { nullable: false }), 'new version'],
    ['schema.mean_delay_24h', retyped('mean_delay_24h', { type: 'float' }), 'new version'],
    ['schema.n', withColumn({ name: 'n', type: 'int' }), 'new version'],
    ['schema.mean_delay_24h', { ...delaysJson, schema: delaysJson.schema.slice(0, 3) }, 'new version'],
    ['primaryKey', { ...delaysJson, primaryKey: ['origin', 'flights_24h'] }, 'new version'],
    ['partitionBy', { ...delaysJson, partitionBy: ['origin'] }, 'new version'],
    ['profile', { ...delaysJson, profile: 'compatible' }, 'new version'],
  ])('judges a change of %s (§6)', (path, json, verdict) => {
    const { changes, breaking } = plan(both, [json]).body;
    expect(changes).toMatchObject([{ action: 'update', verdict, details: [{ path }], newVersion: verdict === 'in place' ? null : 2 }]);
    expect(breaking).toBe(verdict === 'new version');
  });

  it('is refused by apply where it breaks, with the version that could be created instead', () => {
    expect(thrownBy(() => refuseBreaking(plan(both, [retyped('flights_24h', { type: 'string' })])))).toMatchObject({
      code: 'BREAKING_SCHEMA_CHANGE',
      context: { newVersion: 2, name: 'airport_delays' },
    });
    expect(thrownBy(() => refuseBreaking(plan(both, [], [{ ...modelJson, labels: [] }])))).toMatchObject({ code: 'IMMUTABLE', context: { newVersion: 2 } });
    const wider = plan(both, [retyped('flights_24h', { type: 'bigint' })]);
    expect(thrownBy(() => refuseBreaking(wider))).toMatchObject({ code: 'BREAKING_SCHEMA_CHANGE', context: { newVersion: 2 } });
    expect(thrownBy(() => refuseBreaking(wider, { rewrite: true }))).toBeUndefined();
    expect(thrownBy(() => refuseUpdates(plan(both, [{ ...delaysJson, owner: null }])))).toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(thrownBy(() => refuseUpdates(plan(both, [delaysJson])))).toBeUndefined();
  });

  it('lets a view change its description and tags, and nothing else; a changed function is a changed view (§7)', () => {
    expect(plan(both, [], [{ ...modelJson, description: 'd', tags: { a: 'b' } }]).body.changes).toMatchObject([
      { action: 'update', verdict: 'in place', details: [{ path: 'description' }, { path: 'tags' }] },
    ]);
    const onDemand = [{ ...modelJson.onDemand[0], sourceHash: `sha256:${'cd'.repeat(32)}` }];
    expect(plan(both, [], [{ ...modelJson, onDemand }]).body.changes).toMatchObject([
      { action: 'update', verdict: 'immutable', details: [{ path: 'onDemand' }] },
    ]);
  });

  it('shows what changes, before and after', () => {
    expect(plan(both, [withColumn({ name: 'n', type: 'int', nullable: true })]).body.changes[0]?.details).toEqual([
      { path: 'schema.n', change: 'add', before: null, after: { name: 'n', type: 'int', nullable: true } },
    ]);
    expect(plan(both, [{ ...delaysJson, ttl: 'P8D' }]).body.changes[0]?.details).toEqual([{ path: 'ttl', change: 'change', before: 'P7D', after: 'P8D' }]);
  });
});

describe('an applied plan', () => {
  it('records path, table, payload schema and the greatest version', () => {
    expect(featureGroupOf(both, 'airport_delays', 1)).toEqual({
      definition: delays,
      createdAt: '2024-01-01T00:00:00Z',
      updatedAt: '2024-01-01T00:00:00Z',
      revision: 1,
      status: 'ACTIVE',
      path: 'feature-groups/airport_delays/1',
      tableId: 'id-airport_delays',
      generation: 1,
      onlineShards: 16,
      schemas: [payloadSchemaOf(delays)],
    });
    expect(both.highestVersions).toEqual({ 'featureGroups/airport_delays': 1, 'featureViews/delay_model': 1 });
    expect(featureViewOf(both, 'delay_model', 1).functions).toEqual([{ name: 'is_long_haul', sha256: 'ab'.repeat(32) }]);
  });

  it('keeps what an update does not touch, and every payload schema that was ever written', () => {
    const made = plan(both, [withColumn({ name: 'n', type: 'int', nullable: true })]);
    expect(tablesOf(made)).toMatchObject([{ kind: 'alter', path: 'feature-groups/airport_delays/1' }]);
    const after = featureGroupOf(apply(both, made, 2), 'airport_delays', 1);
    expect(after.schemas).toHaveLength(2);
    expect({ createdAt: after.createdAt, updatedAt: after.updatedAt, etag: etagOf(after), tableId: after.tableId }).toEqual({
      createdAt: '2024-01-01T00:00:00Z',
      updatedAt: '2024-01-02T00:00:00Z',
      etag: '"r2"',
      tableId: 'id-airport_delays',
    });
    expect(featureGroupOf(both, 'airport_delays', 1).schemas).toHaveLength(1);
  });

  it('needs no table for a change of settings', () => {
    expect(tablesOf(plan(both, [{ ...delaysJson, ttl: 'P8D' }]))).toEqual([]);
    expect(tablesOf(plan(both, [{ ...delaysJson, retention: 'P60D' }]))).toMatchObject([{ kind: 'alter' }]);
  });

  it('is not registered before its table exists', () => {
    expect(thrownBy(() => applyPlan(empty, plan(empty, [delaysJson]), { now: 'x', revision: 1, tableIds: new Map() }))).toMatchObject({ code: 'INTERNAL' });
  });

  it('answers the newest version that is not deprecated as the latest (§7)', () => {
    const two = apply(both, plan(both, [{ ...delaysJson, version: 2 }]), 2);
    expect(latestFeatureGroup(two, 'airport_delays')?.definition.version).toBe(2);
    const deprecated = {
      ...two,
      featureGroups: two.featureGroups.map((group) => (group.definition.version === 2 ? { ...group, status: 'DEPRECATED' as const } : group)),
    };
    expect(latestFeatureGroup(deprecated, 'airport_delays')?.definition.version).toBe(1);
    expect(thrownBy(() => featureGroupOf(two, 'nothing', 1))).toMatchObject({ code: 'UNKNOWN_FEATURE_GROUP' });
    expect(thrownBy(() => featureViewOf(two, 'delay_model', 9))).toMatchObject({ code: 'UNKNOWN_FEATURE_VIEW' });
  });
});
