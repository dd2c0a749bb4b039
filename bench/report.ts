/** How every benchmark reports: one line a goal, the peer or floor measured in the same run, their ratio. */

export interface Goal {
  /** Short and stable, so that runs can be compared: `open-100k`. */
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  readonly peer: { readonly name: string; readonly value: number };
  /** `atMost`: the ratio value / peer may not be greater; `atLeast`: not less. */
  readonly limit: { readonly kind: 'atMost' | 'atLeast'; readonly ratio: number };
}

/** Prints the goal's line; answers whether it was met. */
export function reportGoal({ id, what, unit, value, peer, limit }: Goal): boolean {
  const ratio = value / peer.value;
  const met = limit.kind === 'atMost' ? ratio <= limit.ratio : ratio >= limit.ratio;
  const bound = `${limit.kind === 'atMost' ? '<=' : '>='} ${limit.ratio}`;
  console.log(
    `GOAL ${id} ${what}: ${shown(value)} ${unit} vs ${peer.name} ${shown(peer.value)} ${unit}, ratio ${ratio.toFixed(2)} (${bound}) ${met ? 'pass' : 'FAIL'}`,
  );
  return met;
}

/** Runs the contenders in turn, `rounds` times each, and answers the median of each in milliseconds. */
export async function interleaved(rounds: number, contenders: readonly (() => Promise<unknown>)[]): Promise<readonly number[]> {
  return (await interleavedTimes(rounds, contenders)).map(medianOf);
}

/** As `interleaved`, but answers the time of every round. */
export async function interleavedTimes(rounds: number, contenders: readonly (() => Promise<unknown>)[]): Promise<readonly (readonly number[])[]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, contender] of contenders.entries()) {
      const startedAt = performance.now();
      await contender();
      times[i]?.push(performance.now() - startedAt);
    }
  }
  return times;
}

/** Below the line of a goal: its ratio among the rounds that nothing else on the machine disturbed, a tenth of them. Not judged. */
export function noteUndisturbed(id: string, own: readonly number[], peer: readonly number[]): void {
  const [a = Number.NaN, b = Number.NaN] = [own, peer].map((times) => times.toSorted((x, y) => x - y)[Math.floor(times.length / 10)]);
  console.log(`     ${id} fastest tenth: ${shown(a)} ms vs ${shown(b)} ms, ratio of times ${(a / b).toFixed(2)}`);
}

/** Below the line of a goal: the ratio of the times of each round, which says how far a median among other work may be trusted. */
export function noteRatios(what: string, own: readonly number[], peer: readonly number[]): void {
  const ratios = own.map((time, i) => time / (peer[i] ?? Number.NaN)).toSorted((a, b) => a - b);
  const [least = Number.NaN, most = Number.NaN] = [ratios[0], ratios.at(-1)];
  console.log(`     ${what}: ${least.toFixed(2)} / ${medianOf(ratios).toFixed(2)} / ${most.toFixed(2)} (min / median / max of ${ratios.length} rounds)`);
}

/** The middle value; of an even count the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
