/** A queue in memory: for tests, simulation and throw-away work. */
import { QUEUE_RECEIVE_MAX } from '../../core/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { Queue, QueueMessage } from '../../ports/queue.ts';

interface Waiting {
  readonly id: string;
  readonly body: string;
  readonly sequence: number;
  visibleAtMillis: number;
  receiveCount: number;
  receipt: string | undefined;
}

/** A `Queue` on the clock given; messages come in the order they become visible, those of one instant in the order sent. */
export class MemoryQueue implements Queue {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #messages = new Map<string, Waiting>();
  #sent = 0;

  constructor(options: { readonly clock: Pick<Clock, 'now'> }) {
    this.#clock = options.clock;
  }

  async send(body: string, options: RequestOptions & { readonly delaySeconds?: number } = {}): Promise<{ readonly id: string }> {
    options.signal?.throwIfAborted();
    this.#sent += 1;
    const id = String(this.#sent);
    this.#messages.set(id, { id, body, sequence: this.#sent, visibleAtMillis: this.#in(options.delaySeconds), receiveCount: 0, receipt: undefined });
    return { id };
  }

  async receive(options: RequestOptions & { readonly countMax: number; readonly visibilitySeconds: number }): Promise<readonly QueueMessage[]> {
    options.signal?.throwIfAborted();
    const now = this.#clock.now();
    const visible = [...this.#messages.values()].filter(({ visibleAtMillis }) => visibleAtMillis <= now);
    visible.sort((a, b) => a.visibleAtMillis - b.visibleAtMillis || a.sequence - b.sequence);
    return visible.slice(0, Math.min(options.countMax, QUEUE_RECEIVE_MAX)).map((message) => {
      message.receiveCount += 1;
      message.visibleAtMillis = this.#in(options.visibilitySeconds);
      const receipt = `${message.id}.${message.receiveCount}`;
      message.receipt = receipt;
      return { id: message.id, body: message.body, receiveCount: message.receiveCount, receipt };
    });
  }

  async acknowledge(receipt: string, options: RequestOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const message = this.#delivered(receipt);
    if (message !== undefined) this.#messages.delete(message.id);
  }

  async release(receipt: string, options: RequestOptions & { readonly delaySeconds?: number } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const message = this.#delivered(receipt);
    if (message === undefined) return;
    message.visibleAtMillis = this.#in(options.delaySeconds);
    message.receipt = undefined;
  }

  async close(): Promise<void> {}

  #in(seconds = 0): number {
    return this.#clock.now() + Math.ceil(seconds * 1000);
  }

  #delivered(receipt: string): Waiting | undefined {
    const message = this.#messages.get(receipt.slice(0, receipt.indexOf('.')));
    return message?.receipt === receipt ? message : undefined;
  }
}
