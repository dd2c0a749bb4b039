/**
 * Rows of other engines' commits that no read can see, without key or event time: put in quarantine by the publisher that skips
 * them (semantics U13). They stand in the table as before; `reportId` of the rows set aside is `commit-<version>`.
 */
import { type Batch, isNullAt } from '../../core/batch.ts';
import { sha256, toBase32, utf8 } from '../../core/bytes.ts';
import type { Fault } from '../../core/errors.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import type { TakeInvalidRows } from '../../online/fold.ts';
import type { InvalidRow } from '../../online/newest-rows.ts';
import type { FeatureDeps } from '../deps.ts';
import type { SetAsideRow } from '../ingest/judge-rows.ts';
import { identityColumns, type OpenGroup } from '../open-group.ts';
import { readQuarantine, setAside } from './quarantine.ts';
import { storedPayload } from '../ingest/row-payload.ts';

/** Once a commit, however often it is published. What fails is told to the log and keeps no row from being served. */
export function quarantineOf(deps: FeatureDeps, group: OpenGroup): TakeInvalidRows {
  return async (version, rows) => {
    try {
      await setAsideOnce(deps, group, { version, rows });
    } catch (error) {
      deps.log.error('quarantine.failed', { table: group.table.root, version, rows: rows.length, cause: String(error) });
    }
  };
}

async function setAsideOnce(
  deps: FeatureDeps,
  group: OpenGroup,
  { version, rows }: { readonly version: number; readonly rows: readonly InvalidRow[] },
): Promise<void> {
  const reportId = `commit-${version}`;
  for await (const batch of readQuarantine(deps, group, { reportId, since: undefined, limit: 1 })) if (batch.rowCount > 0) return;
  const aside = rows.map((row) => setAsideOf(group, row));
  // Of publishers side by side only one adds them.
  const bodyHash = toBase32(sha256(utf8(aside.map(({ payload }) => payload).join('\n'))));
  await setAside(deps, group, {
    rows: aside,
    reportId,
    idempotency: { kind: 'request', key: `lakefold/${reportId}`, bodyHash, windowMillis: IDEMPOTENCY_WINDOW_MILLIS },
  });
}

function setAsideOf(group: OpenGroup, { batch, index, position }: InvalidRow): SetAsideRow {
  return { row: position, faults: faultsOf(group, batch, index), payload: storedPayload(withoutReceipts(batch), index) };
}

function faultsOf(group: OpenGroup, batch: Batch, index: number): readonly Fault[] {
  return identityColumns(group).flatMap(({ name }): Fault[] => {
    const vector = batch.vectors[batch.columns.findIndex((column) => column.name === name)];
    const isEventTime = name === group.eventTime?.name;
    const isMissing = vector === undefined || isNullAt(vector, index);
    if (isMissing) return [{ feature: name, code: isEventTime ? 'EVENT_TIME_REQUIRED' : 'NULL_KEY', message: `expected a value in ${name}, found null` }];
    // A time that is there is skipped for being outside the calendar alone.
    return isEventTime && !identityColumns(group).some((other) => other.name !== name && isNullIn(batch, other.name, index))
      ? [{ feature: name, code: 'OUT_OF_RANGE', message: `expected a time of the years 0001 to 9999 in ${name}, found another` }]
      : [];
  });
}

function isNullIn(batch: Batch, name: string, index: number): boolean {
  const vector = batch.vectors[batch.columns.findIndex((column) => column.name === name)];
  return vector === undefined || isNullAt(vector, index);
}

function withoutReceipts(batch: Batch): Batch {
  const kept = batch.columns.map(({ name }) => name !== INGESTED_AT);
  return { columns: batch.columns.filter((_, i) => kept[i]), vectors: batch.vectors.filter((_, i) => kept[i]), rowCount: batch.rowCount };
}
