/** What every `Control` holds its records to. */
import { LakefoldError } from '../core/errors.ts';
import { CONTROL_RECORD_BYTES_MAX } from '../core/limits.ts';
import type { ControlCondition, PutRecord } from './control.ts';

/** Whether a write may go on, given the revision of the stored record, if there is one. */
export function holdsCondition(stored: { readonly revision: number } | undefined, condition: ControlCondition | undefined): boolean {
  if (condition === undefined) return true;
  return condition.kind === 'absent' ? stored === undefined : stored?.revision === condition.revision;
}

/** @throws LakefoldError LIMIT_EXCEEDED beyond `CONTROL_RECORD_BYTES_MAX`, INVALID_ARGUMENT for keys that are empty or have a NUL */
export function checkRecord(record: PutRecord): void {
  checkRecordKey(record.partition, record.sort);
  if (record.bytes.length <= CONTROL_RECORD_BYTES_MAX) return;
  throw new LakefoldError(
    'LIMIT_EXCEEDED',
    `expected a control record of at most ${CONTROL_RECORD_BYTES_MAX} bytes, found ${record.bytes.length} at ${record.partition}|${record.sort}`,
  );
}

/** @throws LakefoldError INVALID_ARGUMENT for keys that are empty or have a NUL, which no store could keep apart */
export function checkRecordKey(partition: string, sort: string): void {
  if (partition !== '' && sort !== '' && !partition.includes('\0') && !sort.includes('\0')) return;
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected a partition and a sort key without NUL, found ${JSON.stringify(partition)} and ${JSON.stringify(sort)}`,
  );
}
