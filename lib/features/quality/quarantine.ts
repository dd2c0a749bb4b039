/** Rows set aside (semantics §11): a Delta table of their own beside the group's, `_quarantine/`. */
import { type Batch, batchOfRows, type Row } from '../../core/batch.ts';
import { isLakefoldError } from '../../core/errors.ts';
import { CHECKPOINT_INTERVAL } from '../../core/limits.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { joinPath } from '../../core/path.ts';
import type { Column } from '../../core/types.ts';
import { readEntry } from '../../delta/changes/changes.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import type { Filter } from '../../delta/filter/filter.ts';
import { recordOf, REPORT_TAG } from '../../delta/snapshot/history.ts';
import { checkpointInterval } from '../../delta/maintain/log-maintenance.ts';
import { DeltaTable } from '../../delta/table.ts';
import type { Idempotency } from '../../delta/write/write-outcome.ts';
import type { FeatureDeps } from '../deps.ts';
import type { SetAsideRow } from '../ingest/judge-rows.ts';
import type { OpenGroup } from '../open-group.ts';
import { settle } from '../ingest/settle.ts';

const TEXT = { kind: 'string' } as const;

/** The seven columns, in order. */
export const QUARANTINE_COLUMNS: readonly Column[] = [
  { name: INGESTED_AT, type: { kind: 'timestamp' }, nullable: false },
  { name: '_report_id', type: TEXT, nullable: false },
  { name: '_row', type: { kind: 'int' }, nullable: false },
  { name: '_code', type: TEXT, nullable: false },
  { name: '_feature', type: TEXT, nullable: true },
  { name: '_message', type: TEXT, nullable: false },
  { name: '_payload', type: TEXT, nullable: false },
];

export interface QuarantineWrite {
  readonly rows: readonly SetAsideRow[];
  readonly reportId: string;
  readonly idempotency: Idempotency | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Commits the rows under the request's own key; the report they are of: an earlier one where the request was made before.
 * @throws LakefoldError COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, IDEMPOTENCY_MISMATCH
 */
export async function setAside(deps: FeatureDeps, group: OpenGroup, { rows, reportId, idempotency, signal }: QuarantineWrite): Promise<string> {
  const table = await quarantineTable(deps, group);
  const { outcome } = await table.append(batchOf(rows, { reportId, receivedAt: deps.clock.nowMicros() }), {
    received: rows.length,
    tags: { [REPORT_TAG]: reportId },
    ...(idempotency === undefined ? {} : { idempotency }),
    ...(signal === undefined ? {} : { signal }),
  });
  await settle(deps, table.root, { outcome, idempotency, rejected: 0 });
  if (outcome.kind === 'committed' && outcome.version % checkpointInterval(outcome.snapshot) === 0)
    deps.background.run('maintainLog', async () => void (await table.maintainLog()));
  if (outcome.kind !== 'alreadyApplied') return reportId;
  const entry = await readEntry(deps, table.root, outcome.version);
  return (entry === undefined ? undefined : recordOf(entry).validationReportId) ?? reportId;
}

export interface QuarantineRead {
  readonly reportId: string | undefined;
  /** Received at or after this, µs. */
  readonly since: bigint | undefined;
  readonly limit: number;
  readonly signal?: AbortSignal;
}

/** Rows set aside, in no particular order; none where none ever were. */
export async function* readQuarantine(deps: DeltaDeps, group: OpenGroup, { reportId, since, limit, signal }: QuarantineRead): AsyncIterable<Batch> {
  const table = await openQuarantine(deps, group);
  if (table === undefined) return;
  const filters: Filter[] = [
    ...(reportId === undefined ? [] : [{ kind: 'compare', column: '_report_id', op: '=', value: reportId } as const]),
    ...(since === undefined ? [] : [{ kind: 'compare', column: INGESTED_AT, op: '>=', value: since } as const]),
  ];
  yield* table.read({
    columns: QUARANTINE_COLUMNS.map(({ name }) => name),
    limit,
    ...(filters.length === 0 ? {} : { where: { kind: 'and', filters } }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function rootOf(group: OpenGroup): string {
  return joinPath(group.table.root, '_quarantine');
}

/** The table of rows set aside; undefined where none ever were. */
export async function openQuarantine(deps: DeltaDeps, group: OpenGroup): Promise<DeltaTable | undefined> {
  try {
    return await DeltaTable.open(deps, rootOf(group));
  } catch (error) {
    if (isLakefoldError(error, 'TABLE_NOT_FOUND')) return undefined;
    throw error;
  }
}

const TABLES = new WeakMap<DeltaTable, Promise<DeltaTable>>();

// Made by the first row set aside: most groups never have one.
function quarantineTable(deps: DeltaDeps, group: OpenGroup): Promise<DeltaTable> {
  const known = TABLES.get(group.table);
  if (known !== undefined) return known;
  const opening = createQuarantine(deps, group);
  TABLES.set(group.table, opening);
  opening.catch(() => TABLES.delete(group.table));
  return opening;
}

async function createQuarantine(deps: DeltaDeps, group: OpenGroup): Promise<DeltaTable> {
  const { configuration } = group.table.snapshot.metadata;
  const kept = ['delta.logRetentionDuration', 'delta.deletedFileRetentionDuration'].flatMap((name) => {
    const value = configuration[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const { table } = await DeltaTable.create(deps, rootOf(group), {
    columns: QUARANTINE_COLUMNS,
    partitionBy: [],
    profile: 'merge-on-read',
    description: `Rows set aside of ${group.definition.name}/${group.definition.version}`,
    configuration: {
      'lakefold.format': '1',
      'delta.dataSkippingStatsColumns': `${INGESTED_AT},_report_id`,
      'delta.checkpointInterval': String(CHECKPOINT_INTERVAL),
      ...Object.fromEntries(kept),
    },
  });
  return table;
}

function batchOf(rows: readonly SetAsideRow[], { reportId, receivedAt }: { readonly reportId: string; readonly receivedAt: bigint }): Batch {
  return batchOfRows(
    QUARANTINE_COLUMNS,
    rows.map(({ row, faults, payload }): Row => {
      const [first] = faults;
      const messages = faults.map(({ message }) => message).join('; ');
      return [receivedAt, reportId, row, first?.code ?? '', wellFormed(first?.feature ?? null), wellFormed(messages), payload];
    }),
  );
}

// A name that nobody knows may hold half a character, which no column can.
function wellFormed<Text extends string | null>(text: Text): Text | string {
  return text === null ? text : text.replace(/\p{Surrogate}/gu, '\uFFFD');
}
