/** Every error code, brought about by a request and by a command: status, exit code and place alike, nothing on stdout, nothing changed. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFINITION_CASES } from './definition-cases.ts';
import { type ErrorCase, refusalsOf } from './error-world.ts';
import { REQUEST_CASES } from './request-cases.ts';
import { STORE_CASES } from './store-cases.ts';

const CASES: readonly ErrorCase[] = [...REQUEST_CASES, ...DEFINITION_CASES, ...STORE_CASES];

/** Codes that no request to a store without sign-in and no command can bring about, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'nobody is asked here; a server that asks for keys is in test/api/access.test.ts and test/cli/access.test.ts',
  FORBIDDEN: 'as above',
  UNKNOWN_KEY_ID: 'as above',
  RATE_LIMITED: 'a deployment answers it; when to come back: test/functions/http.test.ts',
  OVERLOADED: 'only groups of writes wait, which no route opens: test/delta/group/group-committer.test.ts',
  UNSUPPORTED_FILESYSTEM: 'needs a file system without hard links: test/adapters/fs.test.ts',
};

describe('an error', () => {
  it.each(CASES)('$code for $what is the same by a request and by a command, and leaves everything as it was', async (errorCase) => {
    const { code, status, exit, command, problem = {} } = errorCase;
    const refused = await refusalsOf(errorCase);
    expect(refused).toMatchObject({
      request: { status, type: 'application/problem+json', problem: { ...problem, code, status } },
      command: 'none' in command ? undefined : { exit, stdout: '', problem: { ...problem, code, status } },
    });
    expect(refused.changed).toEqual([]);
  });

  it('of every code there is has its case, or a reason to have none', () => {
    const source = readFileSync(resolve(import.meta.dirname, '../../lib/core/errors.ts'), 'utf8');
    const codes = [...source.matchAll(/^ {2}([A-Z_]+): row\(/gm)].map(([, code = '']) => code);
    const covered: readonly string[] = [...CASES.map(({ code }) => code), ...Object.keys(ELSEWHERE)];
    expect(codes.length).toBeGreaterThan(70);
    expect(covered.toSorted()).toEqual(codes.toSorted());
  });
});
