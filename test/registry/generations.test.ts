import { describe, expect, it } from 'vitest';
import type { FeatureGroupDefinition, FeatureGroupState } from '../../lib/registry/definition.ts';
import { allotGeneration, forgetGenerations, needsLoad, retiredGenerations, switchGeneration } from '../../lib/registry/generations.ts';
import { parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { delaysJson } from './examples.ts';

const NOW = '2024-01-02T03:04:05Z';
const LATER = '2024-01-02T03:05:05Z';
const definition: FeatureGroupDefinition = { ...parseFeatureGroup(delaysJson), version: 1 };
const group: FeatureGroupState = {
  definition,
  createdAt: NOW,
  updatedAt: NOW,
  revision: 12,
  status: 'ACTIVE',
  path: 'feature-groups/airport_delays/1',
  tableId: 'table-id',
  generation: 1,
  onlineShards: 16,
  schemas: [],
};

describe('a load of online values is wanted', () => {
  it.each<[string, Partial<FeatureGroupDefinition>, Partial<FeatureGroupDefinition>, boolean]>([
    ['by a longer ttl (T4)', { ttl: 'P7D' }, { ttl: 'P8D' }, true],
    ['by no ttl any more', { ttl: 'P7D' }, { ttl: null }, true],
    ['by other shards (U11)', { onlineShards: 16 }, { onlineShards: 32 }, true],
    ['by a group that goes online', { onlineEnabled: false }, { onlineEnabled: true }, true],
    ['not by a shorter ttl', { ttl: 'P7D' }, { ttl: 'P6D' }, false],
    ['not by a first ttl', { ttl: null }, { ttl: 'P6D' }, false],
    ['not by the same ttl in other words', { ttl: 'P7D' }, { ttl: 'P1W' }, false],
    ['not where the group is not online', { ttl: 'P7D' }, { ttl: 'P8D', onlineEnabled: false }, false],
    ['not by another owner', { owner: 'a' }, { owner: 'b' }, false],
  ])('%s', (_, before, after, expected) => {
    expect(needsLoad({ ...definition, ...before }, { ...definition, ...after })).toBe(expected);
  });
});

describe('generations', () => {
  it('are allotted above every number that is known, with the shards the definition wants', () => {
    const first = allotGeneration({ ...group, definition: { ...definition, onlineShards: 32 } }, { now: NOW, wantedSince: 13 });
    expect(first.allotted).toEqual({ generation: 2, shards: 32, since: NOW });
    const second = allotGeneration(first.group, { now: LATER, wantedSince: 14 });
    expect(second.group).toMatchObject({ generation: 1, loadWantedSince: 13, otherGenerations: [first.allotted, { generation: 3, shards: 32, since: LATER }] });
  });

  it('become current once, the one before is retired from then on', () => {
    const { group: allotted } = allotGeneration({ ...group, definition: { ...definition, onlineShards: 32 } }, { now: NOW, wantedSince: 13 });
    const switched = switchGeneration(allotted, { generation: 2, loadedAt: 13, now: LATER });
    expect(switched).toEqual({
      ...allotted,
      generation: 2,
      onlineShards: 32,
      loadWantedSince: undefined,
      otherGenerations: [{ generation: 1, shards: 16, since: LATER }],
    });
    expect(switched).not.toHaveProperty('loadWantedSince');
    expect(switched === undefined ? switched : switchGeneration(switched, { generation: 2, loadedAt: 13, now: LATER })).toBeUndefined();
    expect(switchGeneration(allotted, { generation: 3, loadedAt: 13, now: LATER })).toBeUndefined();
  });

  it('do not become current after a later one', () => {
    const one = allotGeneration(group, { now: NOW, wantedSince: 13 }).group;
    const two = switchGeneration(allotGeneration(one, { now: NOW, wantedSince: 14 }).group, { generation: 3, loadedAt: 14, now: LATER });
    expect(two?.otherGenerations?.map(({ generation }) => generation)).toEqual([2, 1]);
    expect(two === undefined ? two : switchGeneration(two, { generation: 2, loadedAt: 13, now: LATER })).toBeUndefined();
  });

  it('leave a load wanted that was asked for after they were begun', () => {
    const { group: allotted } = allotGeneration(group, { now: NOW, wantedSince: 13 });
    expect(switchGeneration({ ...allotted, loadWantedSince: 20 }, { generation: 2, loadedAt: 13, now: LATER })).toMatchObject({
      generation: 2,
      loadWantedSince: 20,
    });
  });

  it('are cleared once they were replaced long enough ago, never while they may yet become current', () => {
    const { group: allotted } = allotGeneration(group, { now: NOW, wantedSince: 13 });
    const both = {
      ...allotted,
      generation: 3,
      otherGenerations: [...(allotted.otherGenerations ?? []), { generation: 1, shards: 16, since: LATER }, { generation: 4, shards: 16, since: NOW }],
    };
    expect(retiredGenerations(both, Date.parse(NOW)).map(({ generation }) => generation)).toEqual([2]);
    expect(retiredGenerations(both, Date.parse(LATER) - 1).map(({ generation }) => generation)).toEqual([2]);
    expect(retiredGenerations(both, Date.parse(LATER)).map(({ generation }) => generation)).toEqual([2, 1]);
    expect(forgetGenerations(both, [2, 1])).toMatchObject({ generation: 3, otherGenerations: [{ generation: 4 }] });
    expect(forgetGenerations(both, [1, 2, 4])).not.toHaveProperty('otherGenerations');
    expect(forgetGenerations(both, [9])).toBe(both);
  });
});
