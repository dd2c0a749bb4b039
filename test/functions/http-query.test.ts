import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PageRequest } from '../../functions/http/pagination.ts';
import { PAGE_PARAMETERS, pageRequest, takePage } from '../../functions/http/pagination.ts';
import { queryParameters } from '../../functions/http/query-parameters.ts';
import { LakefoldError } from '../../lib/core/errors.ts';

const get = (query: string) => new Request(`http://local/x${query}`);
const page = (query: string): PageRequest => pageRequest(queryParameters(get(query), PAGE_PARAMETERS));

function codeOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error instanceof LakefoldError ? { code: error.code, context: error.context } : error;
  }
}

describe('queryParameters', () => {
  it('refuses what the route does not know, and anything twice', () => {
    expect(codeOf(() => queryParameters(get('?wiat=commit'), ['wait']))).toEqual({ code: 'UNKNOWN_FIELD', context: { field: 'wiat' } });
    expect(codeOf(() => queryParameters(get('?a=1'), []))).toEqual({ code: 'UNKNOWN_FIELD', context: { field: 'a' } });
    expect(codeOf(() => queryParameters(get('?a=1&a=1'), ['a']))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: 'a' } });
  });

  it('reads words, integers, flags and lists', () => {
    const query = queryParameters(get('?wait=commit&n=-3&empty=true&features=a,b&text=%C3%A9%20x'), ['wait', 'n', 'empty', 'features', 'text', 'absent']);
    expect([
      query.word('wait', ['commit', 'online']),
      query.integer('n', { min: -3, max: 3 }),
      query.flag('empty'),
      query.list('features'),
      query.text('text'),
      query.word('absent', ['x']),
      query.integer('absent', { min: 0, max: 1 }),
      query.flag('absent'),
      query.list('absent'),
      query.text('absent'),
    ]).toEqual(['commit', -3, true, ['a', 'b'], 'é x', undefined, undefined, undefined, undefined, undefined]);
  });

  it('refuses malformed values by name', () => {
    const query = queryParameters(get('?w=nope&a=1.5&b=7&c=9007199254740993&d=&f=TRUE&l=a,,b'), ['w', 'a', 'b', 'c', 'd', 'f', 'l']);
    const range = { min: 0, max: 5 };
    expect(codeOf(() => query.word('w', ['commit', 'online']))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: 'w' } });
    for (const name of ['a', 'b', 'c', 'd']) expect(codeOf(() => query.integer(name, range))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: name } });
    expect(codeOf(() => query.flag('f'))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: 'f' } });
    expect(codeOf(() => query.list('l'))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: 'l' } });
  });
});

describe('pages', () => {
  it('hold 100 items unless told, and 1 to 1000', () => {
    expect([page(''), page('?limit=1'), page('?limit=1000')]).toEqual([
      { limit: 100, after: undefined },
      { limit: 1, after: undefined },
      { limit: 1000, after: undefined },
    ]);
    for (const limit of ['0', '1001', 'x', '-1'])
      expect(codeOf(() => page(`?limit=${limit}`))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: 'limit' } });
  });

  it('refuse a cursor that is none of ours', () => {
    for (const cursor of ['%20', 'x', 'Mg', '____'])
      expect(codeOf(() => page(`?cursor=${cursor}`))).toEqual({ code: 'INVALID_ARGUMENT', context: { field: 'cursor' } });
  });

  it('together give every item once, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 }), { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), async (names, limit) => {
        const seen: string[] = [];
        let query = `?limit=${limit}`;
        for (let pages = 0; pages <= names.length; pages += 1) {
          const request = page(query);
          const start = request.after === undefined ? 0 : names.indexOf(request.after) + 1;
          const { items, nextCursor } = await takePage(names.slice(start), request, (name) => name);
          expect(items.length).toBeLessThanOrEqual(limit);
          seen.push(...items);
          if (nextCursor === null) break;
          query = `?limit=${limit}&cursor=${encodeURIComponent(nextCursor)}`;
        }
        expect(seen).toEqual(names);
      }),
      { numRuns: 40 },
    );
  });

  it('release the source when the page is full', async () => {
    let released = false;
    async function* endless() {
      try {
        for (let n = 0; ; n += 1) yield n;
      } finally {
        released = true;
      }
    }
    expect((await takePage(endless(), { limit: 2, after: undefined }, String)).items).toEqual([0, 1]);
    expect(released).toBe(true);
  });
});
