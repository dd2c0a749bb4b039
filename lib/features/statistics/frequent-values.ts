/**
 * The most frequent values with their counts, mergeable: exact while there are at most `KEPT_MAX` different ones, from then
 * on Misra and Gries' summary (1982; merges by Agarwal et al. 2012): no count is too high, each too low by less than n / `KEPT_MAX`.
 */

/** Different values counted. */
const KEPT_MAX = 1024;

export type FrequentValue = string | number | bigint | boolean;

export class FrequentValues {
  readonly #counts = new Map<FrequentValue, number>();

  add(value: FrequentValue, count = 1): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
    // Room for as many again, so that the cut is rare.
    if (this.#counts.size > 2 * KEPT_MAX) this.#cut();
  }

  merge(other: FrequentValues): void {
    for (const [value, count] of other.#counts) this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
    this.#cut();
  }

  /** Most frequent first, equals by value. */
  top(count: number): readonly (readonly [FrequentValue, number])[] {
    return [...this.#counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, count);
  }

  countOf(value: FrequentValue): number {
    return this.#counts.get(value) ?? 0;
  }

  /** All that are counted. */
  entries(): Iterable<readonly [FrequentValue, number]> {
    this.#cut();
    return this.#counts;
  }

  #cut(): void {
    if (this.#counts.size <= KEPT_MAX) return;
    const least = [...this.#counts.values()].toSorted((a, b) => b - a)[KEPT_MAX] ?? 0;
    for (const [value, count] of this.#counts) {
      if (count <= least) this.#counts.delete(value);
      else this.#counts.set(value, count - least);
    }
  }
}
