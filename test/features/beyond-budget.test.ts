/** A join that outgrows the engine: refused with numbers and SQL, never cut short. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { openWorld, openWorldParts, type WorldParts } from '../support/point-in-time-world.ts';

let parts: WorldParts;
let directory: string;
beforeAll(async () => {
  parts = await openWorldParts();
  directory = await mkdtemp(join(tmpdir(), 'lakefold-small-engine-'));
});
afterAll(async () => {
  await parts.close();
  await rm(directory, { recursive: true, force: true });
});

const JOIN = { temporal: true, boundary: 'inclusive', delay: 0, lookback: undefined, filter: undefined, default: undefined } as const;
const WORLD = {
  isGlobal: false,
  ttl: 30,
  joins: [{ ...JOIN, boundary: 'exclusive', delay: 2, filter: 3, default: 7 }, JOIN],
  steps: [{ kind: 'append', receipt: 1, rows: [['a', 1, 5]] }],
} as const;

it('tells the estimate, the budget and the whole join as SQL, at the versions it would have read (PLAN_TOO_LARGE)', async () => {
  const engine = await openDuckDbEngine({ scratchDirectory: directory, threads: 1, memoryLimitBytes: 8_000_000, scratchBytesMax: 1 });
  try {
    const open = await openWorld({ ...parts, engine }, WORLD);
    const spine = Array.from({ length: 60_000 }, (_, i) => ['a', i % 20] as const);
    const refused: unknown = await open.train(spine).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'PLAN_TOO_LARGE',
      context: { estimate: { spineRows: 60_000, files: 1, bytes: expect.any(Number) }, budget: { bytes: expect.any(Number) }, alternative: expect.any(String) },
    });
    const { alternative } = (refused as { readonly context: { readonly alternative: string } }).context;
    expect(alternative).toMatch(/^WITH b AS \(SELECT `k`, `t`, unix_micros\(CAST\(`t` AS TIMESTAMP\)\) AS `__label` FROM spine\)/);
    expect(alternative).toMatch(/w\/feature-groups\/f\/1` VERSION AS OF 1 /);
    expect(alternative).toMatch(/`v` AS `a_v`|AS `a_v`, .* AS `b_v` FROM p1$/);
    expect(await open.train(spine, 'labelTime').catch((error: unknown) => error)).toMatchObject({
      code: 'PLAN_TOO_LARGE',
      context: expect.not.objectContaining({ alternative: expect.anything() }),
    });
    expect((await open.train(spine.slice(0, 1))).length).toBe(1);
  } finally {
    await engine.close();
  }
});
