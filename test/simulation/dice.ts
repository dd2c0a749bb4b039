/** Choices of a schedule, all from its seed. */
import { SeededRandom } from '../../lib/adapters/memory/random.ts';

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  unit(): number {
    return this.#random.unit();
  }

  chance(probability: number): boolean {
    return this.#random.unit() < probability;
  }

  /** A whole number in `[from, to]`. */
  int(from: number, to: number): number {
    return from + Math.floor(this.#random.unit() * (to - from + 1));
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.#random.unit() * items.length)] ?? items[0];
  }

  /** A seed for something of its own. */
  seed(): number {
    return Math.floor(this.#random.unit() * 2 ** 32);
  }
}
