/** Every acceptance vector of the semantics through each of its ways, with equal results. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Driver } from '../../cli/conformance/driver.ts';
import { httpDriver } from '../../cli/conformance/http-driver.ts';
import { VectorMap } from '../../cli/conformance/map-vector.ts';
import { runConformance } from '../../cli/conformance/run.ts';
import { runVector } from '../../cli/conformance/run-vector.ts';
import { parseVectors, type Through, type Vector, VECTORS } from '../../cli/conformance/vectors.ts';
import { Client, type Send } from '../../cli/client.ts';
import { type LocalStore, openLocalStore } from '../../cli/local-store.ts';
import { startServer } from '../../cli/server.ts';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import type { OnlineRules } from '../../lib/adapters/memory/online-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { instant } from '../../lib/core/time.ts';
import type { Engine } from '../../lib/ports/engine.ts';
import { decideEdit, decideMerge } from '../../lib/ports/online-rules.ts';
import { type Api, openApi } from '../support/api.ts';
import { recordedLog } from '../support/fold-ports.ts';
import { cliDriver } from './cli-driver.ts';
import { libraryDriver, libraryWorld, PROJECT } from './library-driver.ts';
import { stagedDriver } from './staged-driver.ts';

const NOW_MICROS = instant('2025-06-15T12:00:00Z');

let directory: string;
let engine: Engine;
let server: LocalStore;
const send: Send = async (request) => server.app.fetch(request);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-conformance-'));
  engine = await openDuckDbEngine({ scratchDirectory: directory, threads: 1 });
  server = await openLocalStore({ location: join(directory, 'server') });
});

afterAll(async () => {
  await server.close();
  await engine.close();
  await rm(directory, { recursive: true, force: true });
});

/** The place of a vector in the data: its names everywhere. */
function prefixOf(vector: Vector): string {
  return `v${VECTORS.indexOf(vector)}`;
}

async function differenceOf(vector: Vector, driver: Driver, nowMicros: bigint): Promise<string | undefined> {
  try {
    return await runVector(driver, new VectorMap(vector, { nowMicros, prefix: prefixOf(vector) }));
  } finally {
    await driver.close();
  }
}

function vectorsThrough(through: Through): readonly Vector[] {
  return VECTORS.filter((vector) => vector.through.includes(through));
}

function vectorNamed(name: string): Vector {
  const vector = VECTORS.find((candidate) => candidate.name === name);
  if (vector === undefined) throw new Error(`no vector is named ${name}`);
  return vector;
}

function titleOf({ name, rules }: Vector): string {
  return `${name} (${rules.join(', ')})`;
}

describe('through the library, on an injected clock and stores', () => {
  it.each(vectorsThrough('library').map((vector) => [titleOf(vector), vector] as const))('%s', async (_, vector) => {
    const driver = await libraryDriver({ engine, directory }, { nowMicros: NOW_MICROS, name: prefixOf(vector) });
    expect(await differenceOf(vector, driver, NOW_MICROS)).toBeUndefined();
  });
});

describe('through HTTP', () => {
  it.each(vectorsThrough('http').map((vector) => [titleOf(vector), vector] as const))('%s', async (_, vector) => {
    const driver = httpDriver(new Client(send, { base: 'http://localhost' }), 'default');
    expect(await differenceOf(vector, driver, new SystemClock().nowMicros())).toBeUndefined();
  });
});

describe('through the command line', () => {
  it.each(vectorsThrough('cli').map((vector) => [titleOf(vector), vector] as const))('%s', async (_, vector) => {
    const driver = await cliDriver(join(directory, `cli-${prefixOf(vector)}`));
    expect(await differenceOf(vector, driver, new SystemClock().nowMicros())).toBeUndefined();
  });
});

describe('through a server whose clock stands still and whose rows the library received', () => {
  const staged = vectorsThrough('library').filter((vector) => !vector.through.includes('http'));
  const ways: readonly { readonly way: string; readonly driverOf: (server: Api, name: string) => Promise<Driver> }[] = [
    { way: 'HTTP', driverOf: async ({ app }) => httpDriver(new Client(async (request) => app.fetch(request), { base: 'http://localhost' }), PROJECT) },
    {
      way: 'the command line',
      driverOf: async ({ app }, name) => {
        const { url, close } = await startServer(app, { port: 0 });
        return { ...(await cliDriver(join(directory, name), ['--endpoint', url, '--project', PROJECT])), close };
      },
    },
  ];

  it.each(ways.flatMap(({ way, driverOf }) => staged.map((vector) => [titleOf(vector), way, vector, driverOf] as const)))(
    '%s, asked by %s',
    async (_, way, vector, driverOf) => {
      const name = `staged-${way === 'HTTP' ? 'http' : 'cli'}-${prefixOf(vector)}`;
      const { deps, driver: library } = await libraryWorld({ engine, directory }, { nowMicros: NOW_MICROS, name });
      const api = await openApi({ ...deps, log: recordedLog() });
      const driver = stagedDriver(library, await driverOf(api, name));
      const difference = await differenceOf(vector, driver, NOW_MICROS);
      await api.close();
      expect(difference).toBeUndefined();
    },
  );

  it('leaves no vector that runs in the library alone', () => {
    expect(VECTORS.filter((vector) => !staged.includes(vector) && vector.through.length < 3).map(({ name }) => name)).toEqual([]);
  });
});

describe('the late writes', () => {
  const withoutFence: Partial<OnlineRules> = {
    decideMerge: (stored, row) => decideMerge(stored === undefined || stored.fence === undefined ? stored : { ...stored, fence: -1 }, row),
    decideEdit: (stored, edit) => decideEdit(stored === undefined || stored.fence === undefined ? stored : { ...stored, fence: -1 }, edit),
  };

  it.each(['a write that lands after the delete that followed it', 'a late write of a merge and of an edit'])(
    '%s: fails on a store without the fence (U1, U7)',
    async (name) => {
      const vector = vectorNamed(name);
      const driver = await libraryDriver({ engine, directory }, { nowMicros: NOW_MICROS, name: prefixOf(vector), onlineRules: withoutFence });
      expect(await differenceOf(vector, driver, NOW_MICROS)).toMatch(/^step \d \(lookup\): expected values /);
    },
  );
});

describe('lakefold conformance', () => {
  it('runs every vector of the routes in a project of its own and tells which could not run there', async () => {
    const lines: string[] = [];
    const report = await runConformance({ endpoint: 'http://localhost/', send, out: { write: (line) => lines.push(line) }, random: new SeededRandom(7) });
    const library = VECTORS.filter((vector) => !vector.through.includes('http'));
    expect(report).toEqual({
      ok: true,
      endpoint: 'http://localhost',
      project: expect.stringMatching(/^conformance_[0-9a-f]{12}$/),
      passed: vectorsThrough('http').length,
      failed: 0,
      skipped: library.length,
      vectors: VECTORS.map((vector) => ({
        name: vector.name,
        ok: vectorsThrough('http').includes(vector) ? true : null,
        detail: library.includes(vector) ? 'runs in the library only' : null,
      })),
    });
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([
      VECTORS.length + 1,
      '✓ exact boundary\n',
      `${report.passed} passed, 0 failed, ${report.skipped} skipped in project ${report.project}\n`,
    ]);
  });

  it('says what was expected and what was found where a server answers otherwise', async () => {
    const [wrong, right] = [vectorNamed('future only'), vectorNamed('exact boundary')];
    const vectors: readonly Vector[] = [
      { ...wrong, steps: wrong.steps.map((step) => ({ ...step, expect: step.expect === undefined ? undefined : { ...step.expect, values: [['x']] } })) },
      right,
    ];
    const lines: string[] = [];
    const report = await runConformance({ endpoint: 'http://localhost', send, vectors, json: true, out: { write: (line) => lines.push(line) } });
    expect([report.ok, report.passed, report.failed, report.vectors, lines]).toEqual([
      false,
      1,
      1,
      [
        { name: 'future only', ok: false, detail: 'step 1 (train): expected values [["x"]], found [[null]]' },
        { name: 'exact boundary', ok: true, detail: null },
      ],
      [],
    ]);
  });

  it('refuses a server that is none of ours before it runs anything', async () => {
    const run = runConformance({ endpoint: 'http://localhost', send: async () => new Response('not here', { status: 404 }) });
    await expect(run).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { httpStatus: 404 } });
  });
});

describe('the form of vectors', () => {
  const file = (vector: object): object => ({ format: 1, section: 's', vectors: [{ name: 'n', rules: ['P1'], through: ['library'], steps: [], ...vector }] });

  it('gives every vector a name of its own, and a way that can do what it asks', () => {
    const needsLibrary = (vector: Vector): boolean =>
      vector.steps.some(
        (step) => step.kind === 'resend' || (step.kind === 'publish' && step.to !== 'head') || ('receivedAt' in step && step.receivedAt !== undefined),
      );
    expect(VECTORS.length).toBeGreaterThan(60);
    expect(VECTORS.filter((vector) => needsLibrary(vector) && vector.through.some((through) => through !== 'library')).map(({ name }) => name)).toEqual([]);
    expect(VECTORS.filter((vector) => !vector.through.includes('library')).map(({ name }) => name)).toEqual([]);
  });

  it.each([
    [{ why: 1, through: ['grpc'] }, 'expected library or http or cli as n: through, found "grpc"'],
    [{ step: [] }, 'expected name, rules, why, through, now, groups, view, refused, steps in n, found "step"'],
    [
      { steps: [{ append: [], upsert: [] }] },
      'expected one of append, upsert, overwrite, delete, restore, publish, resend, read, lookup, train in n: steps[0], found "append, upsert"',
    ],
    [{ steps: [{ lookup: [], pins: {} }] }, 'expected lookup, expect in n: steps[0], found "pins"'],
    [{ steps: [{ restore: 1.5 }] }, 'expected an integer as n: steps[0], found 1.5'],
  ])('refuses %j', (vector, message) => {
    expect(() => parseVectors(file(vector))).toThrow(message);
  });

  it('refuses two vectors of one name', () => {
    const vector = { name: 'n', rules: [], through: [], steps: [] };
    expect(() => parseVectors({ format: 1, section: 's', vectors: [vector, vector] })).toThrow('expected a name no other vector has, found "n"');
  });
});
