/** Drift metrics of random samples, by us and by SciPy. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { batchOfRows } from '../../lib/core/batch.ts';
import { type Column, parseType, type Value } from '../../lib/core/types.ts';
import { detectDrift, type DriftSample } from '../../lib/features/statistics/drift.ts';
import { DRIFT_METRICS } from '../../lib/features/statistics/drift-metrics.ts';
import { interopPython } from './engines.ts';

const SCRIPT = fileURLToPath(new URL('drift.py', import.meta.url));
const CASES = 40;

interface Case {
  readonly target: readonly (number | string | null)[];
  readonly reference: readonly (number | string | null)[];
  readonly expected?: Readonly<Record<string, number | null>>;
}

function randomCase(random: SeededRandom, index: number): Case {
  const isText = index % 4 === 3;
  const side = (): Case['target'] => {
    const [count, distinct, shift] = [100 + Math.floor(random.unit() * 400), 2 + Math.floor(random.unit() * 500), Math.floor(random.unit() * 50)];
    return Array.from({ length: count }, () => {
      const chance = random.unit();
      if (chance < 0.05) return null;
      const value = Math.floor(random.unit() ** 2 * distinct) + shift;
      if (isText) return `c${value % 60}`;
      return chance < 0.1 ? 'NaN' : value / 4;
    });
  };
  return { target: side(), reference: side() };
}

async function byScipy(cases: readonly Case[]): Promise<readonly Case[]> {
  const text = await new Promise<string>((resolve, reject) => {
    const child = execFile(interopPython ?? 'python3', [SCRIPT], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    child.stdin?.end(JSON.stringify({ cases }));
  });
  const document: { readonly cases: readonly Case[] } = JSON.parse(text);
  return document.cases;
}

function sampleOf(type: string, values: Case['target']): DriftSample {
  const columns: readonly Column[] = [{ name: 'x', type: parseType(type), nullable: true }];
  const rows = values.map((value): readonly Value[] => [value === 'NaN' ? Number.NaN : value]);
  return {
    columns,
    read: async function* () {
      yield batchOfRows(columns, rows);
    },
  };
}

it.skipIf(interopPython === undefined)('drift metrics of random samples are those of SciPy', async () => {
  const random = new SeededRandom(20_260);
  const cases = await byScipy(Array.from({ length: CASES }, (_, i) => randomCase(random, i)));
  expect(cases).toHaveLength(CASES);
  for (const [i, { target, reference, expected }] of cases.entries()) {
    const type = i % 4 === 3 ? 'string' : 'double';
    const { features } = await detectDrift({ target: sampleOf(type, target), reference: sampleOf(type, reference), metrics: DRIFT_METRICS });
    const found = features[0]?.metrics ?? {};
    const wrong = DRIFT_METRICS.filter((metric) => Math.abs((found[metric] ?? 0) - (expected?.[metric] ?? 0)) > 1e-9);
    expect({ case: i, wrong, found, expected }).toMatchObject({ wrong: [] });
  }
});
