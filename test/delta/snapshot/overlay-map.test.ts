import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OverlayMap } from '../../../lib/delta/snapshot/overlay-map.ts';

const edits = fc.array(
  fc.array(fc.tuple(fc.constantFrom(...'abcdefghij'), fc.option(fc.nat(99), { nil: undefined })), { maxLength: 5 }).map((list) => new Map(list)),
  { maxLength: 12 },
);

function naive(map: ReadonlyMap<string, number>, changes: ReadonlyMap<string, number | undefined>): Map<string, number> {
  const next = new Map(map);
  for (const [key, value] of changes) {
    next.delete(key);
    if (value !== undefined) next.set(key, value);
  }
  return next;
}

describe('an overlay map', () => {
  it('is what a map copied on every change is, and no change touches an earlier one', () => {
    const base = fc.dictionary(fc.constantFrom(...'abcdefghij'), fc.nat(99)).map((object) => new Map(Object.entries(object)));
    fc.assert(
      fc.property(base, edits, (start, steps) => {
        const expected = [start];
        const actual = [OverlayMap.of<number>(start)];
        for (const changes of steps) {
          expected.push(naive(expected.at(-1) ?? start, changes));
          actual.push((actual.at(-1) ?? OverlayMap.of<number>(start)).with(changes));
        }
        expect(actual.map((map) => [...map])).toEqual(expected.map((map) => [...map]));
        expect(actual.map((map) => map.size)).toEqual(expected.map((map) => map.size));
        for (const [i, map] of actual.entries())
          for (const key of 'abcdefghijk') expect([map.has(key), map.get(key)]).toEqual([expected[i]?.has(key), expected[i]?.get(key)]);
      }),
    );
  });

  it('folds a large overlay and stays the same', () => {
    const many = new Map(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]));
    let map = OverlayMap.of<number>(new Map());
    for (const [key, value] of many) map = map.with(new Map([[key, value]]));
    expect([...map]).toEqual([...many]);
    const visited: [string, number][] = [];
    map.forEach((value, key) => {
      visited.push([key, value]);
    });
    expect([visited, [...map.keys()], [...map.values()]]).toEqual([[...many], [...many.keys()], [...many.values()]]);
  });

  it('is itself when nothing changes, also around an overlay map', () => {
    const map = OverlayMap.of(new Map([['a', 1]]));
    expect([map.with(new Map()) === map, OverlayMap.of(map) === map]).toEqual([true, true]);
  });
});
