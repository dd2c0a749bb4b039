import { ProvisionedThroughputExceededException } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { WritePace } from '../../lib/adapters/aws/dynamodb-pace.ts';

const throttled = () => new ProvisionedThroughputExceededException({ message: 'slow down', $metadata: { httpStatusCode: 400 } });

/** Writes that end when told to. */
function writes(pace: WritePace, count: number) {
  const ends: ((outcome?: Error) => void)[] = [];
  const all = Array.from({ length: count }, () =>
    pace
      .run(
        () =>
          new Promise<void>((resolve, reject) => {
            ends.push((outcome) => (outcome === undefined ? resolve() : reject(outcome)));
          }),
      )
      .catch(() => undefined),
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    all: Promise.all(all),
    /** Sent so far and not ended. */
    underWay: async (): Promise<number> => {
      await settle();
      return ends.length;
    },
    end: async (n: number, outcome?: Error): Promise<void> => {
      await settle();
      for (const end of ends.splice(0, n)) end(outcome);
      await settle();
    },
  };
}

describe('the pace of writes', () => {
  it('lets as many go at once as it may, the others as these end', async () => {
    const run = writes(new WritePace({ concurrencyMax: 4 }), 6);
    expect(await run.underWay()).toBe(4);
    await run.end(1);
    expect(await run.underWay()).toBe(4);
    await run.end(5);
    await run.end(5);
    await run.all;
  });

  it('is halved when the store throttles: once for all writes under way together', async () => {
    const pace = new WritePace({ concurrencyMax: 8 });
    const run = writes(pace, 20);
    await run.end(8, throttled());
    expect([pace.concurrency, await run.underWay()]).toEqual([4, 4]);
    await run.end(4, throttled());
    expect([pace.concurrency, await run.underWay()]).toEqual([2, 2]);
    for (let i = 0; i < 8; i += 1) await run.end(2, throttled());
    expect(pace.concurrency).toBe(1);
    await run.all;
  });

  it('grows by one with every round the store takes, up to where it began', async () => {
    const pace = new WritePace({ concurrencyMax: 4 });
    await pace.run(() => Promise.reject(throttled())).catch(() => undefined);
    expect(pace.concurrency).toBe(2);
    for (const expected of [2, 2, 3, 3, 3, 4]) {
      await pace.run(async () => undefined);
      expect(pace.concurrency).toBe(expected);
    }
    for (let i = 0; i < 40; i += 1) await pace.run(async () => undefined);
    expect(pace.concurrency).toBe(4);
  });

  it('is not slowed by a condition that does not hold, and is by an answer that leaves items unwritten', async () => {
    const pace = new WritePace({ concurrencyMax: 8 });
    await pace.run(() => Promise.reject(Object.assign(new Error('no'), { name: 'ConditionalCheckFailedException' }))).catch(() => undefined);
    expect(pace.concurrency).toBe(8);
    await pace.run(
      async () => 3,
      (left) => left > 0,
    );
    expect(pace.concurrency).toBe(4);
  });
});
