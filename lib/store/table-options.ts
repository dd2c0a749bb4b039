/** Options of a table's methods, and what each member must be. */
import type { VacuumScope } from '../delta/maintain/vacuum.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import { AMOUNT, ANYTHING, COUNT, FLAG, oneOf, type OptionKinds, REQUEST_OPTIONS, TEXTS, WHOLE, WRITE_OPTIONS } from './arguments.ts';
import type { AsOfInput, Where } from './native-input.ts';
import type { TableWriteOptions } from './table-input.ts';

export interface TableReadOptions extends RequestOptions {
  readonly asOf?: AsOfInput;
  /** In the order wanted; all in schema order unless given. */
  readonly columns?: readonly string[];
  readonly where?: Where;
  readonly limit?: number;
}

export interface TableChangesOptions {
  /** Exclusive, so that ranges chain; left out, from the first commit on. */
  readonly fromVersion?: number;
  /** Inclusive; the newest unless given. */
  readonly toVersion?: number;
  /** What identifies a row, so that a changed one shows as an update; a feature group's table knows it, another has only deletes and inserts without. */
  readonly keys?: readonly string[];
  /** In the order wanted; all in schema order unless given. */
  readonly columns?: readonly string[];
}

export interface TableOverwriteOptions extends TableWriteOptions {
  /** Only the rows it passes are replaced, and every new row must pass it. */
  readonly where?: Where;
  /** Lets an overwrite without rows take the old ones out. */
  readonly allowEmpty?: boolean;
}

export interface TableVacuumOptions {
  /** Only tells, unless false. */
  readonly dryRun?: boolean;
  /** The table's `delta.deletedFileRetentionDuration` unless given. */
  readonly retentionHours?: number;
  /** Allows less than a week. */
  readonly force?: boolean;
  /** `full` lists the folder and finds what crashes left, too; unless given, the log where it tells all since the last vacuum. */
  readonly scope?: VacuumScope;
  /** No deletion is begun after this long, ms; another call goes on. */
  readonly timeMillisMax?: number;
}

export const READ_OPTIONS: OptionKinds = { ...REQUEST_OPTIONS, asOf: ANYTHING, columns: TEXTS, where: ANYTHING, limit: COUNT };
export const OVERWRITE_OPTIONS: OptionKinds = { ...WRITE_OPTIONS, where: ANYTHING, allowEmpty: FLAG };
export const CHANGES_OPTIONS: OptionKinds = { ...REQUEST_OPTIONS, fromVersion: WHOLE, toVersion: WHOLE, keys: TEXTS, columns: TEXTS };
export const VACUUM_OPTIONS: OptionKinds = { dryRun: FLAG, retentionHours: AMOUNT, force: FLAG, scope: oneOf('log', 'full'), timeMillisMax: AMOUNT };
