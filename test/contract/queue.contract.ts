/** What every `Queue` does, as data. */
import { expect } from 'vitest';
import type { Queue, QueueMessage } from '../../lib/ports/queue.ts';
import { describeContract } from '../support/contract-suite.ts';
import type { ContractCase, ContractSuite } from '../support/contract-suite.ts';

export interface QueueSubject {
  /** Empty. */
  readonly queue: Queue;
  /** Lets time pass on the queue's clock. */
  pass(seconds: number): Promise<void>;
}

const VISIBILITY_SECONDS = 30;
const RECEIVE_MAX = 10;
const CONSUMERS = 8;

function receive(queue: Queue, countMax = RECEIVE_MAX, visibilitySeconds = VISIBILITY_SECONDS): Promise<readonly QueueMessage[]> {
  return queue.receive({ countMax, visibilitySeconds });
}

async function receiveOne(queue: Queue): Promise<QueueMessage> {
  const [message, ...others] = await receive(queue);
  if (message === undefined || others.length > 0) throw new Error(`expected one message, found ${others.length + (message === undefined ? 0 : 1)}`);
  return message;
}

export const queueCases: readonly ContractCase<QueueSubject>[] = [
  {
    name: 'hands out what was sent, in that order, each once while it is invisible',
    run: async ({ queue }) => {
      const bodies = ['first', 'second', '{"third":"\u{1f600}é\\u0000"}'];
      const ids: string[] = [];
      for (const body of bodies) ids.push((await queue.send(body)).id);
      const messages = await receive(queue);
      expect(messages.map(({ id, body, receiveCount }) => ({ id, body, receiveCount }))).toEqual(
        bodies.map((body, i) => ({ id: ids[i], body, receiveCount: 1 })),
      );
      expect(new Set(messages.map(({ receipt }) => receipt)).size).toBe(3);
      expect(await receive(queue)).toEqual([]);
    },
  },
  {
    name: 'hands a message out again, under another receipt, when its time is over',
    run: async ({ queue, pass }) => {
      await queue.send('work');
      const first = await receiveOne(queue);
      await pass(VISIBILITY_SECONDS - 1);
      expect(await receive(queue)).toEqual([]);
      await pass(2);
      const second = await receiveOne(queue);
      expect({ ...second, receipt: '' }).toEqual({ id: first.id, body: 'work', receiveCount: 2, receipt: '' });
      expect(second.receipt).not.toBe(first.receipt);
    },
  },
  {
    name: 'never hands out again what was acknowledged',
    run: async ({ queue, pass }) => {
      await queue.send('done');
      await queue.send('kept');
      const [done] = await receive(queue);
      await queue.acknowledge(done?.receipt ?? '');
      await pass(VISIBILITY_SECONDS + 1);
      expect((await receiveOne(queue)).body).toBe('kept');
      await pass(VISIBILITY_SECONDS + 1);
      expect((await receiveOne(queue)).body).toBe('kept');
    },
  },
  {
    name: 'acknowledges late while no other delivery was made',
    run: async ({ queue, pass }) => {
      await queue.send('slow');
      const { receipt } = await receiveOne(queue);
      await pass(VISIBILITY_SECONDS + 1);
      await queue.acknowledge(receipt);
      expect(await receive(queue)).toEqual([]);
    },
  },
  {
    name: 'lets a receipt that was overtaken do nothing',
    run: async ({ queue, pass }) => {
      await queue.send('work');
      const first = await receiveOne(queue);
      await pass(VISIBILITY_SECONDS + 1);
      const second = await receiveOne(queue);
      await queue.acknowledge(first.receipt);
      await queue.release(first.receipt);
      expect(await receive(queue)).toEqual([]);
      await pass(VISIBILITY_SECONDS + 1);
      const third = await receiveOne(queue);
      expect(third.receiveCount).toBe(3);
      await queue.acknowledge(second.receipt);
      await queue.acknowledge('no such receipt');
      await pass(VISIBILITY_SECONDS + 1);
      await queue.acknowledge((await receiveOne(queue)).receipt);
      await pass(VISIBILITY_SECONDS + 1);
      expect(await receive(queue)).toEqual([]);
    },
  },
  {
    name: 'shows a released message at once or after its delay, and its receipt is spent',
    run: async ({ queue, pass }) => {
      await queue.send('work');
      const first = await receiveOne(queue);
      await queue.release(first.receipt);
      await queue.acknowledge(first.receipt);
      const second = await receiveOne(queue);
      expect(second.receiveCount).toBe(2);
      await queue.release(second.receipt, { delaySeconds: 5 });
      await pass(4);
      expect(await receive(queue)).toEqual([]);
      await pass(2);
      expect((await receiveOne(queue)).receiveCount).toBe(3);
    },
  },
  {
    name: 'shows a delayed message after its delay',
    run: async ({ queue, pass }) => {
      await queue.send('later', { delaySeconds: 10 });
      await queue.send('now');
      expect((await receiveOne(queue)).body).toBe('now');
      await pass(9);
      expect(await receive(queue)).toEqual([]);
      await pass(2);
      expect((await receiveOne(queue)).body).toBe('later');
    },
  },
  {
    name: 'hands out no more than asked for, and never more than ten',
    run: async ({ queue }) => {
      for (let i = 0; i < 15; i += 1) await queue.send(String(i));
      expect(await receive(queue, 3)).toHaveLength(3);
      expect(await receive(queue, 50)).toHaveLength(RECEIVE_MAX);
      expect(await receive(queue, 50)).toHaveLength(2);
    },
  },
  {
    name: 'hands each message to one of many consumers at once',
    run: async ({ queue }) => {
      for (let i = 0; i < 20; i += 1) await queue.send(String(i));
      const handedOut = await Promise.all(Array.from({ length: CONSUMERS }, () => receive(queue, 5)));
      const bodies = handedOut.flat().map(({ body }) => Number(body));
      expect(bodies.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    },
  },
  {
    name: 'rejects with the reason of a signal that is aborted, and sends nothing',
    run: async ({ queue }) => {
      const reason = new Error('no longer wanted');
      const signal = AbortSignal.abort(reason);
      await expect(queue.send('x', { signal })).rejects.toBe(reason);
      await expect(queue.receive({ countMax: 1, visibilitySeconds: 1, signal })).rejects.toBe(reason);
      expect(await receive(queue)).toEqual([]);
    },
  },
];

export function describeQueue(suite: ContractSuite<QueueSubject>): void {
  describeContract('queue', queueCases, suite);
}
