/** Inference stays cheap: what the compiler does for a view grows with its features, not with their pairs. */
import { describe, expect, it } from 'vitest';
import { compileWideView } from '../../bench/wide-view.ts';

/** Measured: 70,500. A type that meets every feature with every other would take millions. */
const INSTANTIATIONS_MAX = 100_000;

describe('a view of 50 joins of 100 features', () => {
  it('is inferred whole, with few instantiations', async () => {
    const { errors, numbers } = await compileWideView({ joins: 50, features: 100 });
    expect(errors).toEqual([]);
    expect(numbers.get('Instantiations')).toBeGreaterThan(5_000);
    expect(numbers.get('Instantiations')).toBeLessThan(INSTANTIATIONS_MAX);
  }, 60_000);
});
