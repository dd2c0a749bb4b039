/**
 * The most frequent of many numbers, counted as they lie in a typed array: the summary of `frequent-values.ts` for one vector
 * whose values are mostly different, of which no map could hold its own.
 */

/** Different values counted, and as many more before the rarest are given up. */
const KEPT_MAX = 1024;
const COUNTED_MAX = 2 * KEPT_MAX;
const SLOTS = 4 * COUNTED_MAX;

export interface FrequentRows {
  /** A row of each value, in the order they were met. */
  readonly rows: Int32Array;
  readonly counts: Float64Array;
}

/** Values of 64 bits by their halves, low first; rows marked in `skipped` have none. Equal bits are equal values. */
export function frequentRows(halves: Int32Array, skipped: Uint8Array | undefined): FrequentRows {
  const table = { slots: new Int16Array(SLOTS), rows: new Int32Array(COUNTED_MAX), counts: new Float64Array(COUNTED_MAX), size: 0 };
  const length = halves.length >> 1;
  for (let row = 0; row < length; row += 1) {
    if (skipped !== undefined && skipped[row] === 1) continue;
    const [low, high] = [halves[2 * row] ?? 0, halves[2 * row + 1] ?? 0];
    let slot = slotOf(low, high);
    for (; ; slot = (slot + 1) & (SLOTS - 1)) {
      const entry = (table.slots[slot] ?? 0) - 1;
      if (entry < 0) break;
      const other = table.rows[entry] ?? 0;
      if (halves[2 * other] !== low || halves[2 * other + 1] !== high) continue;
      table.counts[entry] = (table.counts[entry] ?? 0) + 1;
      slot = -1;
      break;
    }
    if (slot < 0) continue;
    table.rows[table.size] = row;
    table.counts[table.size] = 1;
    table.size += 1;
    table.slots[slot] = table.size;
    if (table.size === COUNTED_MAX) cut(table, halves);
  }
  return { rows: table.rows.slice(0, table.size), counts: table.counts.slice(0, table.size) };
}

interface Table {
  readonly slots: Int16Array;
  readonly rows: Int32Array;
  readonly counts: Float64Array;
  size: number;
}

/** Takes the first count that is not kept off all of them, and gives up those that come to nothing. */
function cut(table: Table, halves: Int32Array): void {
  const { slots, rows, counts } = table;
  const least = leastGivenUp(counts);
  slots.fill(0);
  let size = 0;
  for (let entry = 0; entry < COUNTED_MAX; entry += 1) {
    const count = (counts[entry] ?? 0) - least;
    if (count <= 0) continue;
    const row = rows[entry] ?? 0;
    rows[size] = row;
    counts[size] = count;
    size += 1;
    let slot = slotOf(halves[2 * row] ?? 0, halves[2 * row + 1] ?? 0);
    while (slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    slots[slot] = size;
  }
  table.size = size;
}

function leastGivenUp(counts: Float64Array): number {
  let more = 0;
  for (const count of counts) if (count > 1) more += 1;
  // Mostly there is nothing but rare ones, and nothing to sort.
  return more <= KEPT_MAX ? 1 : (counts.toSorted().at(-KEPT_MAX - 1) ?? 1);
}

function slotOf(low: number, high: number): number {
  const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & (SLOTS - 1);
}
