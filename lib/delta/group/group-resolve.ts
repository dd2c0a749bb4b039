/**
 * What a group of writes makes of a table's rows: as if each were committed alone, in their order (semantics §0). Pure.
 *
 * Only rows that may meet others come here; where two have the same identity, `order` says which one counts.
 */

/** A row in a file, of the table or staged. */
export interface GroupRow {
  readonly path: string;
  readonly position: number;
  /** Undefined where a part of it is null: such a row meets no other. */
  readonly identity: string | undefined;
  /** µs; undefined where the table keeps none. */
  readonly receipt: bigint | undefined;
}

export interface GroupWrite {
  readonly operation: 'append' | 'upsert';
  /** Rows by receipt and content; else the write's own count over those before it. */
  readonly isOrdered: boolean;
  /** Its rows that may meet others. */
  readonly rows: readonly GroupRow[];
  /** Its rows that can't. */
  readonly otherRows: number;
}

export interface WriteEffect {
  readonly inserted: number;
  readonly updated: number;
  readonly stale: number;
  /** Refused: it would have taken rows out of a table that only grows. */
  readonly isRefused: boolean;
}

export interface GroupEffect {
  readonly writes: readonly WriteEffect[];
  /** Physical positions that end up outside of the table, by file, ascending. */
  readonly out: ReadonlyMap<string, readonly number[]>;
}

export interface GroupRules {
  /** > 0 when the first row is the later one. */
  readonly order: (a: GroupRow, b: GroupRow) => number;
  /** Rows may not be taken out. */
  readonly isAppendOnly: boolean;
}

/** Rows that are equal by receipt and need their contents compared, so that `order` can be given. */
export function tiedRows(tableRows: readonly GroupRow[], writes: readonly GroupWrite[]): readonly GroupRow[] {
  const byReceipt = new Map<string, GroupRow[]>();
  for (const row of [...tableRows, ...writes.flatMap(({ rows }) => rows)]) {
    if (row.identity === undefined || row.receipt === undefined) continue;
    const key = `${row.receipt} ${row.identity}`;
    const same = byReceipt.get(key);
    if (same === undefined) byReceipt.set(key, [row]);
    else same.push(row);
  }
  return [...byReceipt.values()].filter((rows) => rows.length > 1).flat();
}

/** Runs the writes in order over the rows of the table they may meet. */
export function resolveGroup(tableRows: readonly GroupRow[], writes: readonly GroupWrite[], rules: GroupRules): GroupEffect {
  const live = new Map<string, GroupRow[]>();
  const out = new Map<string, number[]>();
  for (const row of tableRows) addTo(live, row);
  const effects = writes.map((write): WriteEffect => {
    if (write.operation === 'append') {
      for (const row of write.rows) addTo(live, row);
      return { inserted: write.rows.length + write.otherRows, updated: 0, stale: 0, isRefused: false };
    }
    return applyUpsert({ live, out, rules }, write);
  });
  return { writes: effects, out: new Map([...out].map(([path, positions]) => [path, positions.toSorted((a, b) => a - b)])) };
}

interface State {
  readonly live: Map<string, GroupRow[]>;
  readonly out: Map<string, number[]>;
  readonly rules: GroupRules;
}

function applyUpsert({ live, out, rules }: State, write: GroupWrite): WriteEffect {
  const fates = write.rows.map((row) => {
    const met = row.identity === undefined ? [] : (live.get(row.identity) ?? []);
    const isStale = write.isOrdered && met.some((other) => rules.order(other, row) > 0);
    return { row, met, isStale };
  });
  if (rules.isAppendOnly && fates.some(({ met, isStale }) => met.length > 0 && !isStale)) {
    // Its files are not named by the entry, so its rows need not be taken out.
    return { inserted: 0, updated: 0, stale: 0, isRefused: true };
  }
  let [inserted, updated, stale] = [write.otherRows, 0, 0];
  for (const { row, met, isStale } of fates) {
    if (isStale) {
      stale += 1;
      take(out, row);
      continue;
    }
    if (met.length > 0) updated += 1;
    else inserted += 1;
    for (const other of met) take(out, other);
    if (row.identity !== undefined) live.set(row.identity, [row]);
  }
  return { inserted, updated, stale, isRefused: false };
}

function addTo(live: Map<string, GroupRow[]>, row: GroupRow): void {
  if (row.identity === undefined) return;
  const same = live.get(row.identity);
  if (same === undefined) live.set(row.identity, [row]);
  else same.push(row);
}

function take(out: Map<string, number[]>, { path, position }: GroupRow): void {
  const positions = out.get(path);
  if (positions === undefined) out.set(path, [position]);
  else positions.push(position);
}
