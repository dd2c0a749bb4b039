import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches, rightsOf, rulesFor } from '../../../lib/features/access/rights.ts';

describe('a pattern', () => {
  it.each([
    ['feature-groups/a', 'feature-groups/a', true],
    ['feature-groups/a', 'feature-groups/ab', false],
    ['feature-groups/a*', 'feature-groups/ab', true],
    ['feature-groups/a*', 'feature-groups/a', true],
    ['*_b', 'a_b', true],
    ['*_b', 'a_bc', false],
    ['a*b*c', 'axbxc', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'acb', false],
    ['a*a', 'a', false],
    ['*', '', true],
    ['**', 'x', true],
    ['', '', true],
    ['a.c', 'abc', false],
  ])('%s meets %s: %s', (pattern, text, met) => {
    expect(matches(pattern, text)).toBe(met);
  });

  it('means what an expression of any text between its parts does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (parts, subject) => {
        expect(matches(parts.join('*'), subject)).toBe(new RegExp(`^${parts.join('.*')}$`).test(subject));
      }),
    );
  });

  it('of many stars is answered in no time', () => {
    expect(matches('*a'.repeat(30), 'a'.repeat(29))).toBe(false);
  });
});

describe('rights', () => {
  it('are those of all rules together, and nothing without one', () => {
    const none = rightsOf('key:ak_1', []);
    expect([none.allows('describe', 'project'), none.allowsSome(['describe'])]).toEqual([false, false]);
    const rights = rightsOf('key:ak_1', [
      { actions: ['readOnline'], resources: ['feature-views/a'], features: ['x'] },
      { actions: ['readOnline', 'describe'], resources: ['feature-views/*'], features: ['y_*'] },
    ]);
    expect(rights.allows('readOnline', 'feature-views/b')).toBe(true);
    expect(() =>
      rights.requireFeatures('readOnline', 'feature-views/a', () => [
        { name: 'p_x', feature: 'x' },
        { name: 'y_1', feature: 'y_1' },
      ]),
    ).not.toThrow();
    expect(() => rights.requireFeatures('readOnline', 'feature-views/b', () => [{ name: 'p_x', feature: 'x' }])).toThrow(
      'expected a grant of readOnline on p_x of feature-views/b to key:ak_1, found none',
    );
    expect(() => rights.require('update', 'feature-views/a')).toThrow('expected a grant of update on feature-views/a to key:ak_1, found none');
  });

  it('follow from the grants that name a principal', () => {
    const grant = { actions: ['describe'] as const, resources: ['*'], features: null };
    const grants = [
      { id: 'a', principals: ['arn:aws:iam::1:role/*'], ...grant },
      { id: 'b', principals: ['key:ak_1', 'key:ak_2'], ...grant },
    ];
    expect(rulesFor('arn:aws:iam::1:role/x', grants)).toEqual([grants[0]]);
    expect(rulesFor('key:ak_2', grants)).toEqual([grants[1]]);
    expect(rulesFor('key:ak_22', grants)).toEqual([]);
  });
});
