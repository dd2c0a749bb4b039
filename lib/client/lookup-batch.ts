/**
 * Lookups of one view that go out as one request: each caller has its own entry, time and signal, the request is theirs together.
 * A caller that leaves costs the others nothing; the request ends early only when nobody waits for it any more.
 */
import type { Fault } from '../core/errors.ts';
import { LakefoldClientError } from './error.ts';
import type { ClientRuntime } from './runtime.ts';

/** What one entry of a request brings, each as JSON text. */
export interface EncodedEntry {
  readonly entry: string;
  /** Null where the view's functions need none. */
  readonly parameters: string | null;
  readonly passed: string | null;
}

export interface Wait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter<Result> {
  readonly slot: number;
  readonly deadline: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

export interface Question {
  readonly entries: readonly EncodedEntry[];
  readonly signal: AbortSignal;
  /** The latest deadline of those who wait. */
  readonly deadline: () => number;
}

/** Asks for all entries at once; answers one result an entry. */
export type AskAll<Result> = (question: Question) => Promise<readonly Result[]>;

export class LookupBatch<Result> {
  readonly #runtime: ClientRuntime;
  readonly #ask: AskAll<Result>;
  readonly #slots = new Map<string, number>();
  readonly #entries: EncodedEntry[] = [];
  readonly #waiting = new Set<Waiter<Result>>();
  readonly #controller = new AbortController();

  constructor(runtime: ClientRuntime, ask: AskAll<Result>) {
    this.#runtime = runtime;
    this.#ask = ask;
  }

  /** Distinct entries so far. */
  get size(): number {
    return this.#entries.length;
  }

  /** Adds a lookup; equal ones share a place. */
  add(entry: EncodedEntry, { timeoutMs, signal }: Wait): Promise<Result> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        if (!this.#waiting.delete(waiter)) return;
        release();
        reject(reason);
        if (this.#waiting.size === 0) this.#controller.abort(reason);
      };
      const onAbort = (): void => leave(signal?.reason);
      const cancelTimer = this.#runtime.after(timeoutMs, () => leave(timeUp(timeoutMs)));
      const release = (): void => {
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter<Result> = {
        slot: this.#slotOf(entry),
        deadline: this.#runtime.now() + timeoutMs,
        resolve: (result) => {
          release();
          resolve(result);
        },
        reject: (reason) => {
          release();
          reject(reason);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** Sends what was gathered; every caller hears of it. */
  async send(): Promise<void> {
    if (this.#waiting.size === 0) return;
    await this.#settle(this.#entries.map((_, slot) => slot));
  }

  async #settle(slots: readonly number[]): Promise<void> {
    try {
      const results = await this.#ask({
        entries: slots.map((slot) => this.#entries[slot]).filter((entry) => entry !== undefined),
        signal: this.#controller.signal,
        deadline: () => Math.max(...[...this.#waiting].map(({ deadline }) => deadline)),
      });
      slots.forEach((slot, i) => this.#finish(slot, (waiter) => waiter.resolve(results[i] as Result)));
    } catch (error) {
      const faulty = faultyPlaces(error, slots.length);
      // What names no entry, or all of them, concerns everybody.
      if (faulty === undefined) return slots.forEach((slot) => this.#finish(slot, (waiter) => waiter.reject(error)));
      slots.forEach((slot, i) => {
        const own = faulty.get(i);
        if (own !== undefined) this.#finish(slot, (waiter) => waiter.reject(own));
      });
      await this.#settle(slots.filter((_, i) => !faulty.has(i)));
    }
  }

  #finish(slot: number, end: (waiter: Waiter<Result>) => void): void {
    for (const waiter of this.#waiting) {
      if (waiter.slot !== slot) continue;
      this.#waiting.delete(waiter);
      end(waiter);
    }
  }

  #slotOf(entry: EncodedEntry): number {
    const key = `${entry.entry}\n${entry.parameters ?? ''}\n${entry.passed ?? ''}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    this.#slots.set(key, this.#entries.push(entry) - 1);
    return this.#entries.length - 1;
  }
}

function timeUp(timeoutMs: number): LakefoldClientError {
  return new LakefoldClientError('DEADLINE_EXCEEDED', `expected an answer within ${timeoutMs} ms, found none`, { status: 0, repeatable: true });
}

/** What a request is refused with for an entry; any other fault of one is a value of the wrong type. */
const ENTRY_CODES = ['UNKNOWN_ENTRY_KEY', 'MISSING_ENTRY_KEY', 'UNKNOWN_FEATURE', 'UNKNOWN_REQUEST_PARAMETER', 'MISSING_REQUEST_PARAMETER'] as const;

/** Where a refusal names single entries among others: the error of each, as if it had been asked for alone. */
function faultyPlaces(error: unknown, places: number): ReadonlyMap<number, LakefoldClientError> | undefined {
  if (!(error instanceof LakefoldClientError)) return undefined;
  const byPlace = new Map<number, Fault[]>();
  for (const fault of error.errors) {
    if (fault.entry === undefined || fault.entry >= places) return undefined;
    byPlace.set(fault.entry, [...(byPlace.get(fault.entry) ?? []), { ...fault, entry: 0 }]);
  }
  if (byPlace.size === 0 || byPlace.size === places) return undefined;
  const { status, repeatable, requestId } = error;
  return new Map(
    [...byPlace].map(([place, errors]) => {
      const code = ENTRY_CODES.find((known) => known === errors[0]?.code) ?? 'TYPE_MISMATCH';
      return [place, new LakefoldClientError(code, errors[0]?.message ?? error.message, { cause: error, status, repeatable, requestId, errors })] as const;
    }),
  );
}
