/** What a plan may read and hold before it is refused with its size and the SQL that would do the same. */
import { LakefoldError } from '../../core/errors.ts';
import { GROUP_PLAN_BYTES_MAX, PROBE_BYTES_MAX, PROBE_FILES_MAX, PROBE_ROWS_MAX, REWRITE_BYTES_MAX } from '../../core/limits.ts';
import type { AddFile } from '../actions/actions.ts';

export type PlanLimit = 'GROUP_PLAN_BYTES_MAX' | 'PROBE_FILES_MAX' | 'PROBE_BYTES_MAX' | 'PROBE_ROWS_MAX' | 'REWRITE_BYTES_MAX';

export interface PlanSize {
  readonly files: number;
  readonly bytes: number;
  /** Rows found so far, which are held until the commit. */
  readonly rows: number;
}

/** The size of reading these files beside `rows` found before. */
export function sizeOf(files: readonly AddFile[], rows = 0): PlanSize {
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0), rows };
}

/** @throws LakefoldError PLAN_TOO_LARGE when looking into as much exceeds a limit; `sql` is asked for only then */
export function checkProbeBudget(size: PlanSize, sql?: () => string, rowsMax = PROBE_ROWS_MAX): void {
  if (size.files > PROBE_FILES_MAX)
    throw tooLarge(size, { limit: 'PROBE_FILES_MAX', estimate: size.files, budget: PROBE_FILES_MAX, unit: 'files to look into' }, sql);
  if (size.bytes > PROBE_BYTES_MAX)
    throw tooLarge(size, { limit: 'PROBE_BYTES_MAX', estimate: size.bytes, budget: PROBE_BYTES_MAX, unit: 'bytes of files to look into' }, sql);
  if (size.rows > rowsMax) throw tooLarge(size, { limit: 'PROBE_ROWS_MAX', estimate: size.rows, budget: rowsMax, unit: 'rows to take out' }, sql);
}

/** @throws LakefoldError PLAN_TOO_LARGE when writing as much again, row by row, exceeds the limit */
export function checkRewriteBudget(size: PlanSize, sql: (() => string) | undefined): void {
  if (size.bytes > REWRITE_BYTES_MAX)
    throw tooLarge(size, { limit: 'REWRITE_BYTES_MAX', estimate: size.bytes, budget: REWRITE_BYTES_MAX, unit: 'bytes of files to write again' }, sql);
}

/** @throws LakefoldError PLAN_TOO_LARGE when the plan of a group holds more than `budget` */
export function checkGroupBudget(bytes: number, budget = GROUP_PLAN_BYTES_MAX): void {
  if (bytes > budget)
    throw tooLarge(
      { files: 0, bytes, rows: 0 },
      { limit: 'GROUP_PLAN_BYTES_MAX', estimate: bytes, budget, unit: 'bytes of identities of rows that may meet others' },
      undefined,
    );
}

function tooLarge(
  { files, bytes, rows }: PlanSize,
  { limit, estimate, budget, unit }: { readonly limit: PlanLimit; readonly estimate: number; readonly budget: number; readonly unit: string },
  sql: (() => string) | undefined,
): LakefoldError {
  return new LakefoldError(
    'PLAN_TOO_LARGE',
    `expected at most ${budget} ${unit}, found ${estimate}; write fewer keys or a narrower range at once, or let an engine run it`,
    {
      context: { limit, estimate, budget, files, bytes, rows, ...(sql === undefined ? {} : { alternative: sql() }) },
    },
  );
}
