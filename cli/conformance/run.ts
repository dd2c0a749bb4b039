/** `lakefold conformance`: the acceptance vectors against a server, in a project of their own. */
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';
import { isLakefoldError, LakefoldError } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Random } from '../../lib/ports/random.ts';
import { Client, sendByFetch, type Send } from '../client.ts';
import { httpDriver } from './http-driver.ts';
import { VectorMap } from './map-vector.ts';
import { runVector } from './run-vector.ts';
import { type Vector, VECTORS } from './vectors.ts';

export interface ConformanceOptions {
  /** Base URL of the server. */
  readonly endpoint: string;
  readonly apiKey?: string | undefined;
  /** Gets a line a vector and a last one with the counts, unless `json`. */
  readonly out?: { write(text: string): unknown };
  readonly json?: boolean;
  /** Ends the run after the vector under way. */
  readonly signal?: AbortSignal;
  /** Fetch unless given. */
  readonly send?: Send;
  readonly clock?: Pick<Clock, 'nowMicros'>;
  readonly random?: Pick<Random, 'bytes'>;
  /** Every vector unless given. */
  readonly vectors?: readonly Vector[];
}

export interface VectorResult {
  readonly name: string;
  /** Null where it was not run. */
  readonly ok: boolean | null;
  /** The first difference, or why it was not run. */
  readonly detail: string | null;
}

export interface ConformanceReport {
  readonly ok: boolean;
  readonly endpoint: string;
  readonly project: string;
  readonly vectors: readonly VectorResult[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Runs the vectors one after the other; each has feature groups and a view of its own in a new project.
 * @throws LakefoldError what creating the project is refused with; a vector's own failures are in the report
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const clock = options.clock ?? new SystemClock();
  const project = `conformance_${[...(options.random ?? new SystemRandom()).bytes(6)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  const endpoint = options.endpoint.replace(/\/+$/, '');
  const client = new Client(options.send ?? sendByFetch, {
    base: endpoint,
    headers: options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` },
  });
  await client.json({ method: 'POST', path: '/v1/projects', json: { name: project, description: 'acceptance vectors' } });
  const results: VectorResult[] = [];
  for (const [i, vector] of (options.vectors ?? VECTORS).entries()) {
    if (options.signal?.aborted === true) break;
    const result = await resultOf(vector, () =>
      runVector(httpDriver(client, project), new VectorMap(vector, { nowMicros: clock.nowMicros(), prefix: `v${i}` })),
    );
    results.push(result);
    if (options.json !== true) options.out?.write(`${lineOf(result)}\n`);
  }
  const count = (ok: boolean | null): number => results.filter((result) => result.ok === ok).length;
  if (options.json !== true) options.out?.write(`${count(true)} passed, ${count(false)} failed, ${count(null)} skipped in project ${project}\n`);
  return {
    ok: count(false) === 0 && options.signal?.aborted !== true,
    endpoint,
    project,
    vectors: results,
    passed: count(true),
    failed: count(false),
    skipped: count(null),
  };
}

async function resultOf({ name, through }: Vector, run: () => Promise<string | undefined>): Promise<VectorResult> {
  if (!through.includes('http')) return { name, ok: null, detail: 'runs in the library only' };
  try {
    const difference = await run();
    return { name, ok: difference === undefined, detail: difference ?? null };
  } catch (error) {
    if (isLakefoldError(error)) return { name, ok: false, detail: `${error.code}: ${error.message}` };
    throw new LakefoldError('INTERNAL', `vector ${JSON.stringify(name)} could not be run: ${String(error)}`, { cause: error });
  }
}

function lineOf({ name, ok, detail }: VectorResult): string {
  return `${ok === null ? '-' : ok ? '✓' : '✗'} ${name}${detail === null ? '' : `: ${detail}`}`;
}
