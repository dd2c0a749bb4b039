/** Every vector the online store can serve, held against the judge. */
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../../lib/core/json.ts';
import { AIRPORTS, PROJECT, ROUTES, VIEW } from './definitions.ts';
import { type Demo, onlineCount } from './demo.ts';
import type { TrueVector } from './oracle.ts';
import { count, type Step } from './story.ts';
import { truthOf, upTo } from './truth.ts';

/** Entries of one lookup: the most there may be. */
const ENTRIES = 1000;
const DEPARTS_AT = '2001-07-01T17:30:00Z';

/** A lookup's answer for a route: stored features, then those computed on demand. */
export type ServedVector = readonly unknown[];

/** Looks every route up and checks each value; no key may be there that SQL does not know. Answers the vectors by `origin destination`. */
export async function checkEveryVector(demo: Demo, step: Step, until: string): Promise<ReadonlyMap<string, ServedVector>> {
  const truth = await (await demo.oracle).vectors(until);
  const served = new Map<string, ServedVector>();
  let different = 0;
  let example = '';
  for (let start = 0; start < truth.length; start += ENTRIES) {
    const asked = truth.slice(start, start + ENTRIES);
    const vectors = await lookUp(demo, asked);
    for (const [i, expected] of asked.entries()) {
      const vector = vectors[i] ?? [];
      served.set(`${expected.origin} ${expected.destination}`, vector);
      if (isDeepStrictEqual(vector, expectedVector(expected))) continue;
      different += 1;
      example ||= `${expected.origin}-${expected.destination}: expected ${JSON.stringify(expectedVector(expected))}, found ${JSON.stringify(vector)}`;
    }
  }
  step.check(`${count(truth.length)} routes looked up, ${count(truth.length * 12)} values: each is what SQL finds in the newest row of its key`, {
    found: { different, example },
    expected: { different: 0, example: '' },
  });
  for (const name of [AIRPORTS, ROUTES] as const) {
    const { keys } = await (await demo.oracle).count(truthOf(name), upTo(until));
    step.check(`${name}: the online store holds ${count(keys)} keys and no other`, { found: (await onlineCount(demo, name)).keys, expected: keys });
  }
  return served;
}

/** What a lookup of the route must answer. */
export function expectedVector({ values, distance }: TrueVector): ServedVector {
  return [...values, distance > 1500, Number(DEPARTS_AT.slice(11, 13))];
}

/** A lookup's request for the route. */
export function entryOf({ origin, destination, distance }: TrueVector): { readonly entry: object; readonly parameters: object } {
  return { entry: { origin, destination }, parameters: { distance, departs_at: DEPARTS_AT } };
}

async function lookUp(demo: Demo, asked: readonly TrueVector[]): Promise<readonly ServedVector[]> {
  const requests = asked.map(entryOf);
  const { body } = await demo.client.json({
    method: 'POST',
    path: `/v1/projects/${PROJECT}/feature-views/${VIEW}/versions/1/vectors`,
    json: { entries: requests.map(({ entry }) => entry), requestParameters: requests.map(({ parameters }) => parameters), options: { consistent: true } },
  });
  const { features } = body;
  return isJsonObject(body) && Array.isArray(features) ? features.map((vector): ServedVector => (Array.isArray(vector) ? vector : [])) : [];
}
