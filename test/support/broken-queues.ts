/** Queues that are wrong on purpose: each is caught by a case of the contract. */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import type { QueueSubject } from '../contract/queue.contract.ts';
import type { Queue, QueueMessage } from '../../lib/ports/queue.ts';
import type { BrokenAdapter } from './contract-suite.ts';

function broken(name: string, caughtBy: readonly string[], overrides: (good: Queue) => Partial<Queue>): BrokenAdapter<QueueSubject> {
  const make = (): QueueSubject => {
    const clock = new ManualClock();
    const good = new MemoryQueue({ clock });
    const queue: Queue = {
      send: (body, options) => good.send(body, options),
      receive: (options) => good.receive(options),
      acknowledge: (receipt, options) => good.acknowledge(receipt, options),
      release: (receipt, options) => good.release(receipt, options),
      close: () => good.close(),
      ...overrides(good),
    };
    return { queue, pass: (seconds) => clock.advance(seconds * 1000) };
  };
  return { name, caughtBy, make };
}

export const brokenQueues: readonly BrokenAdapter<QueueSubject>[] = [
  broken('loses what was handed out', ['hands a message out again', 'shows a released message'], (good) => ({
    receive: async (options) => {
      const messages = await good.receive(options);
      await Promise.all(messages.map(({ receipt }) => good.acknowledge(receipt)));
      return messages;
    },
  })),
  broken('hands out what is being worked on', ['hands out what was sent', 'hands each message to one'], (good) => ({
    receive: (options) => good.receive({ ...options, visibilitySeconds: 0 }),
  })),
  broken('counts every delivery as the first', ['hands a message out again'], (good) => ({
    receive: async (options) => (await good.receive(options)).map((message) => ({ ...message, receiveCount: 1 })),
  })),
  broken('forgets acknowledgements', ['never hands out again', 'acknowledges late'], () => ({ acknowledge: async () => undefined })),
  broken('lets an old receipt acknowledge a later delivery', ['lets a receipt that was overtaken'], (good) => {
    const latest = new Map<string, string>();
    return {
      receive: async (options) => {
        const messages = await good.receive(options);
        for (const { id, receipt } of messages) latest.set(id, receipt);
        return messages;
      },
      acknowledge: (receipt) => good.acknowledge(latest.get(receipt.split('.')[0] ?? '') ?? receipt),
    };
  }),
  broken('holds back what was released', ['shows a released message'], () => ({ release: async () => undefined })),
  broken('releases without the delay', ['shows a released message'], (good) => ({ release: (receipt) => good.release(receipt) })),
  broken('sends without the delay', ['shows a delayed message'], (good) => ({ send: (body) => good.send(body) })),
  broken('hands out all there is', ['hands out no more than asked for'], (good) => ({
    receive: async (options) => {
      const all: QueueMessage[] = [];
      for (let page = await good.receive({ ...options, countMax: 10 }); page.length > 0; page = await good.receive({ ...options, countMax: 10 }))
        all.push(...page);
      return all;
    },
  })),
  broken('does not look at signals', ['rejects with the reason of a signal'], (good) => ({ send: (body) => good.send(body) })),
];
