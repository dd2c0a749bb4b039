/** Control records and the queue as a process has them: each call takes effect at one instant, its answer may be lost. */
import type { MemoryControl } from '../../lib/adapters/memory/control.ts';
import type { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import type { Control, ControlRecord } from '../../lib/ports/control.ts';
import type { Queue } from '../../lib/ports/queue.ts';
import { type Process, request } from './network.ts';
import { errorOf, patiently } from './simulated-store.ts';

export interface Services {
  readonly control: MemoryControl;
  readonly queue: MemoryQueue;
  /** When each intent was put, by its ULID, and when a doorbell was rung last, ms from the start. */
  readonly putAt: Map<string, number>;
  rungAt: number;
}

/** Doorbells that ring twice. */
const TWICE = 0.1;

// What is in memory takes effect before it is awaited, within the event of its request.
function asking(process: Process): <T>(verb: string, path: string, apply: () => Promise<T>) => Promise<T> {
  return (verb, path, apply) => patiently(async () => request(process, { verb, path, apply, errorOf }));
}

export function simulatedControl(process: Process): Control {
  const { services, scheduler } = process.world;
  const { control } = services;
  const ask = asking(process);
  return {
    get: (partition, sort) => ask('READ', partition, () => control.get(partition, sort)),
    put: (record, options) =>
      ask('WRITE', record.partition, () => {
        if (record.partition.startsWith('inbox/')) services.putAt.set(record.sort, scheduler.now);
        return control.put(record, options);
      }),
    delete: (partition, sort, options) => ask('REMOVE', partition, () => control.delete(partition, sort, options)),
    query: async function* query(partition, options) {
      yield* await ask('QUERY', partition, async () => {
        const records: ControlRecord[] = [];
        for await (const record of control.query(partition, options)) records.push(record);
        return records;
      });
    },
    close: async () => {},
  };
}

export function simulatedQueue(process: Process): Queue {
  const { services, scheduler } = process.world;
  const { queue } = services;
  const ask = asking(process);
  return {
    send: (body, options) =>
      ask('SEND', 'queue', async () => {
        services.rungAt = scheduler.now;
        if (process.world.dice.chance(TWICE)) void queue.send(body, options);
        return queue.send(body, options);
      }),
    receive: (options) => ask('RECEIVE', 'queue', () => queue.receive(options)),
    acknowledge: (receipt) => ask('ACKNOWLEDGE', 'queue', () => queue.acknowledge(receipt)),
    release: (receipt, options) => ask('RELEASE', 'queue', () => queue.release(receipt, options)),
    close: async () => {},
  };
}
