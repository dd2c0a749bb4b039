/** Parallel work under a bound. */

/** Runs for each item, at most `concurrencyMax` at a time; items are taken as their turn comes. The first failure stops new starts and is thrown. */
export async function eachConcurrent<Item>(
  items: Iterable<Item>,
  { concurrencyMax }: { readonly concurrencyMax: number },
  run: (item: Item) => Promise<unknown>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    while (!failed) {
      const next = iterator.next();
      if (next.done === true) return;
      try {
        await run(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: concurrencyMax }, worker));
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Maps in parallel, at most `concurrencyMax` at a time, results in input order; the first failure stops new starts and is thrown. */
export async function mapConcurrent<Item, Result>(
  items: readonly Item[],
  options: { readonly concurrencyMax: number },
  run: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next;
      next += 1;
      const item = items[index];
      if (item === undefined) continue;
      try {
        results[index] = await run(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.min(options.concurrencyMax, items.length) }, worker));
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}
