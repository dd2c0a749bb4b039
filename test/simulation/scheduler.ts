/**
 * Virtual time: events in a heap, equal times in an order drawn from the seed.
 *
 * The loop is synchronous: after each event the microtask queue is drained in place, so that a schedule of thousands of
 * events is one turn of the process's own loop and nothing outside can get between them.
 */
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import type { Dice } from './dice.ts';

interface Event {
  readonly at: number;
  readonly tie: number;
  readonly run: () => void;
}

export class Scheduler {
  /** Milliseconds since the start of the schedule. */
  now = 0;
  events = 0;
  readonly #dice: Dice;
  readonly #heap: Event[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  after(millis: number, run: () => void): void {
    const heap = this.#heap;
    const event: Event = { at: this.now + Math.max(0, millis), tie: this.#dice.unit(), run };
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.now = event.at;
    this.events += 1;
    event.run();
    return true;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const moved = heap.pop();
    if (first === undefined || moved === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, left)) child += 1;
      const least = heap[child];
      if (least === undefined || !isBefore(least, moved)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = moved;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.tie < b.tie);
}

/** How the microtasks of one event are run to their end. */
export type Drain = 'checkpoint' | 'immediate';

let checkpoint: (() => void) | undefined;

/** V8's own drain, in place; undefined where this V8 does not hand it out. Only a macrotask may use it. */
function microtaskCheckpoint(): (() => void) | undefined {
  if (checkpoint !== undefined) return checkpoint;
  try {
    setFlagsFromString('--allow-natives-syntax');
    checkpoint = runInThisContext('() => %PerformMicrotaskCheckpoint()') as () => void;
  } catch {
    checkpoint = undefined;
  }
  return checkpoint;
}

/** Steps until `isDone` or nothing is left to do. */
export async function runEvents(scheduler: Scheduler, options: { readonly drain: Drain; readonly isDone: () => boolean }): Promise<void> {
  const drain = options.drain === 'checkpoint' ? microtaskCheckpoint() : undefined;
  // Out of the microtask this call is in: a checkpoint inside a checkpoint does nothing.
  await nextMacrotask();
  if (drain === undefined) {
    while (!options.isDone() && scheduler.step()) await nextMacrotask();
    return;
  }
  await new Promise<void>((resolve, reject) => {
    setImmediate(() => {
      try {
        while (!options.isDone() && scheduler.step()) drain();
        resolve();
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

export function nextMacrotask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
