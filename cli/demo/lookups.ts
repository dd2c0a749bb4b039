/** Step: an app asks for vectors, one at a time. */
import { isDeepStrictEqual } from 'node:util';
import { PROJECT, VIEW } from './definitions.ts';
import type { Demo } from './demo.ts';
import { entryOf, expectedVector } from './online-check.ts';
import type { TrueVector } from './oracle.ts';
import { count, type Step } from './story.ts';
import { midnight } from './truth.ts';

/** Lookups before the clock runs. */
const WARM_UP = 200;
/** The constants of a linear congruential generator: the same routes are asked for in every run. */
const [FACTOR, INCREMENT, MODULUS] = [1_103_515_245, 12_345, 2 ** 31];

export async function lookUpForAnApp(demo: Demo, step: Step): Promise<void> {
  const truth = await (await demo.oracle).vectors(midnight(demo.scenario.end));
  const millis: number[] = [];
  let different = 0;
  let storeRequests = 0;
  for (const [i, asked] of routesAsked(truth, WARM_UP + demo.scenario.lookups).entries()) {
    const startedAt = performance.now();
    const body = await lookUp(demo, asked);
    const elapsed = performance.now() - startedAt;
    if (i < WARM_UP) continue;
    millis.push(elapsed);
    if (!isDeepStrictEqual(body['features'], expectedVector(asked))) different += 1;
    storeRequests = Math.max(storeRequests, storeRequestsOf(body['timings']));
  }
  millis.sort((a, b) => a - b);
  const at = (share: number): string => (millis[Math.min(millis.length - 1, Math.floor(millis.length * share))] ?? Number.NaN).toFixed(2);
  step.say(`${count(millis.length)} lookups of 12 features from 2 groups through the HTTP app, in this process: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms.`);
  step.check('every one of them is the vector SQL finds', { found: different, expected: 0 });
  step.check('none took more than one request to the online store', { found: storeRequests, expected: 1 });
}

async function lookUp(demo: Demo, asked: TrueVector): Promise<Readonly<Record<string, unknown>>> {
  const { entry, parameters } = entryOf(asked);
  const response = await demo.store.app.request(`/v1/projects/${PROJECT}/feature-views/${VIEW}/versions/1/vector`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ entry, requestParameters: parameters }),
  });
  const body: unknown = await response.json();
  return { ...Object(body) };
}

function storeRequestsOf(timings: unknown): number {
  return typeof timings === 'object' && timings !== null && 'storeRequests' in timings ? Number(timings.storeRequests) : Number.NaN;
}

function routesAsked(truth: readonly TrueVector[], n: number): readonly TrueVector[] {
  let state = 1;
  return Array.from({ length: n }, () => {
    state = (state * FACTOR + INCREMENT) % MODULUS;
    return truth[state % truth.length];
  }).filter((asked) => asked !== undefined);
}
