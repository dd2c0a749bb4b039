/** docs/semantics.md promises nothing without the test that shows it. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(`${ROOT}docs/semantics.md`, 'utf8');
const links = [...guide.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, title = '', path = '']) => ({ title, path }));

describe('the guide to semantics', () => {
  it('ends each promise with the tests that show it', () => {
    const promises = guide.split('\n* ').slice(1);
    expect(promises.length).toBeGreaterThan(20);
    expect(promises.filter((promise) => !/\]\(\.\.\/test\//.test(promise)).map((promise) => promise.slice(0, 60))).toEqual([]);
  });

  it.each(links)('finds "$title" in $path', ({ title, path }) => {
    expect(existsSync(`${ROOT}${path}`)).toBe(true);
    expect(readFileSync(`${ROOT}${path}`, 'utf8').replaceAll(/\\'/g, "'")).toContain(title);
  });
});
