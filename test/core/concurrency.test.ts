import { describe, expect, it } from 'vitest';
import { eachConcurrent } from '../../lib/core/concurrency.ts';

describe('work for each of many items', () => {
  it('takes them as their turn comes, no more at a time than allowed', async () => {
    let taken = 0;
    let running = 0;
    const most: number[] = [];
    const items = function* items(): Generator<number> {
      for (; taken < 10; taken += 1) yield taken;
    };
    const done: number[] = [];
    await eachConcurrent(items(), { concurrencyMax: 3 }, async (item) => {
      running += 1;
      most.push(running, taken - done.length);
      await Promise.resolve();
      running -= 1;
      done.push(item);
    });
    expect([done, Math.max(...most)]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3]);
  });

  it('throws the first failure once what is under way has ended, and starts nothing more', async () => {
    const ended: number[] = [];
    const run = async (item: number): Promise<void> => {
      await Promise.resolve();
      ended.push(item);
      if (item === 1) throw new Error('one');
    };
    await expect(eachConcurrent([0, 1, 2, 3, 4, 5], { concurrencyMax: 2 }, run)).rejects.toThrow('one');
    expect(ended).toEqual([0, 1, 2]);
  });
});
