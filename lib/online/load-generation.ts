/**
 * Loading a generation (U11): the newest row of every key at one version, written without conditions where nobody reads. It is
 * complete once it has a watermark; from then on it is published to like any other.
 */
import { LakefoldError } from '../core/errors.ts';
import { epochMillis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import type { OnlineRow, OnlineStore, OnlineTable } from '../ports/online-store.ts';
import type { StorableRow } from './fold.ts';
import { isExpired } from './fold-group.ts';
import { newestInParts, type PartsInput } from './newest-parts.ts';

/** Rows of one call of the online store. */
const LOAD_ROWS_MAX = 2048;
/** Items of an unfinished load of the same number that one call takes away. */
const LEFTOVERS_PER_CALL = 10_000;

export interface LoadDeps {
  readonly online: OnlineStore;
  readonly clock: Pick<Clock, 'nowMicros'>;
}

export interface LoadInput extends PartsInput {
  readonly table: OnlineTable;
  /** Called between batches; throws where the load is to be given up. */
  readonly goOn: () => Promise<void>;
}

export interface Loaded {
  readonly keys: number;
  /** Keys whose newest row is past its time to live (T5). */
  readonly expired: number;
  /** Rows without key or event time (U13), and rows that no item can hold. */
  readonly invalid: number;
}

/** @throws LakefoldError COMMIT_CONFLICT when somebody has finished this generation already; what `goOn` throws; STORE_* */
export async function loadGeneration(deps: LoadDeps, input: LoadInput, options: RequestOptions = {}): Promise<Loaded> {
  const { table, source, version } = input;
  // Never allotted twice; but a registry that was lost and listed again may have forgotten a number.
  while (!(await deps.online.clear(table, { ...options, itemsMax: LEFTOVERS_PER_CALL }))) await input.goOn();
  const now = deps.clock.nowMicros();
  const totals = { keys: 0, expired: 0, invalid: 0 };
  for await (const part of newestInParts(input)) {
    const live = [...part.rows.values()].filter(({ eventTime }) => !isExpired(input.group, eventTime, now));
    const rows = live.flatMap(({ stored }) => (stored === undefined ? [] : [stored]));
    await writePart(deps, input, rows, options);
    totals.keys += rows.length;
    totals.expired += part.rows.size - live.length;
    totals.invalid += part.invalid + live.length - rows.length;
  }
  const [commit] = version < 0 ? [] : await source.commits(version - 1, version);
  const next = { version, ahead: [], committedAt: epochMillis(commit?.committedAt ?? 0), tableId: source.tableId };
  if (!(await deps.online.moveWatermark(table, { expected: undefined, next }, options))) {
    throw new LakefoldError(
      'COMMIT_CONFLICT',
      `expected generation ${table.generation} of ${table.featureGroup}/${table.version} to be loaded once, found it complete`,
      {
        context: { generation: table.generation },
      },
    );
  }
  return totals;
}

async function writePart(deps: LoadDeps, input: LoadInput, rows: readonly StorableRow[], options: RequestOptions): Promise<void> {
  for (let start = 0; start < rows.length; start += LOAD_ROWS_MAX) {
    await input.goOn();
    const chunk = rows.slice(start, start + LOAD_ROWS_MAX).map((row): OnlineRow => ({ ...row, commit: input.version }));
    await deps.online.load(input.table, chunk, options);
  }
}
