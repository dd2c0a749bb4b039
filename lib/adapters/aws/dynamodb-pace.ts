/**
 * How many writes are under way at once. A store that throttles is asked for half as much, at once; while it does not, for one more with
 * every round: requests that would be refused are not sent, and capacity that comes is used within seconds.
 */
import { dynamoDbFaultOf } from './dynamodb-errors.ts';

export interface WritePaceOptions {
  readonly concurrencyMax: number;
}

/** Shared by all writes of one process to one table. */
export class WritePace {
  readonly #concurrencyMax: number;
  readonly #waiting: (() => void)[] = [];
  #limit: number;
  #running = 0;
  /** Rises with each slowing down: what was sent before it says nothing new. */
  #round = 0;

  constructor({ concurrencyMax }: WritePaceOptions) {
    this.#concurrencyMax = concurrencyMax;
    this.#limit = concurrencyMax;
  }

  /** Writes that may be under way at once now. */
  get concurrency(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** Runs one try of a write when its turn comes. `isThrottled`: whether an answer asks to slow down, too. */
  async run<Answer>(attempt: () => Promise<Answer>, isThrottled: (answer: Answer) => boolean = () => false): Promise<Answer> {
    await this.#enter();
    const round = this.#round;
    try {
      const answer = await attempt();
      if (isThrottled(answer)) this.#slowDown(round);
      else this.#speedUp();
      return answer;
    } catch (error) {
      if (dynamoDbFaultOf(error) === 'throttled') this.#slowDown(round);
      throw error;
    } finally {
      this.#running -= 1;
      this.#letIn();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.concurrency) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #letIn(): void {
    while (this.#waiting.length > 0 && this.#running < this.concurrency) {
      this.#running += 1;
      this.#waiting.shift()?.();
    }
  }

  /** Once for all writes that were under way together. */
  #slowDown(round: number): void {
    if (round !== this.#round) return;
    this.#round += 1;
    this.#limit = Math.max(1, this.#limit / 2);
  }

  #speedUp(): void {
    this.#limit = Math.min(this.#concurrencyMax, this.#limit + 1 / this.#limit);
  }
}
