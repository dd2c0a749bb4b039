/** Runs the point-in-time join of a view over a spine on the engine. */
import { type Batch, batchOfRows, concatBatches, rowAt, valueAt, type Vector } from '../../core/batch.ts';
import { compareBytes } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { contentDigest } from '../../delta/write/upsert.ts';
import { identityOver } from '../../delta/rows/row-identity.ts';
import {
  equalReceiptsSql,
  identityNames,
  LABEL_MICROS,
  type PointInTimeJoin,
  type PointInTimeQuery,
  pointInTimeSql,
  tiesSql,
  unknownCountsSql,
} from '../../engine/point-in-time.ts';
import type { Engine, EngineQuery, InlineRelation } from '../../ports/engine.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { groupName } from '../open-group.ts';
import type { Warning } from '../ingest/receipt.ts';
import { historyName, type JoinPlan } from './join-plan.ts';
import type { Spine } from './spine.ts';

const ORDINAL = '__ordinal';

export interface SpineJoin {
  readonly spine: Spine;
  readonly joins: readonly JoinPlan[];
  readonly expiredHistory: 'error' | 'absent';
  /** Joins that are taken to have no ties, without a look. */
  readonly untied?: ReadonlySet<number>;
}

/** The query of a spine's joins, ready to run. */
export interface JoinedSpine {
  readonly relations: EngineQuery['relations'];
  readonly query: PointInTimeQuery;
  readonly sql: string;
  readonly warnings: readonly Warning[];
}

/**
 * Joined rows in spine order: spine columns, then features and helpers of each join.
 * @throws LakefoldError HISTORY_EXPIRED where the answer for a row depends on history that is no longer kept, unless that is taken for absent
 */
export async function planJoinedSpine(deps: { readonly engine: Engine }, input: SpineJoin, options: RequestOptions = {}): Promise<JoinedSpine> {
  const { spine, joins } = input;
  const resolved = await resolveTies(deps, input, options);
  const history = joins.flatMap(({ replaced, query }, i) =>
    replaced === undefined || query.known?.history === undefined ? [] : [{ name: historyName(i), batch: replaced.batch }],
  );
  const winners = resolved.flatMap(({ winners: rows }) => (rows === undefined ? [] : [rows]));
  const relations = [{ name: 'spine', batch: withOrdinals(spine) }, ...joins.map((join) => join.relation), ...history, ...winners];
  const query: PointInTimeQuery = {
    spine: { relation: 'spine', ordinal: ORDINAL, columns: spine.batch.columns.map((column) => column.name) },
    joins: resolved.map((each) => each.query),
  };
  const warnings = await expiredRows(deps, { ...input, relations, query }, options);
  return { relations, query, sql: pointInTimeSql(query), warnings };
}

// Records whose state is no longer known are looked for only where history ends too soon for some of them.
async function expiredRows(
  deps: { readonly engine: Engine },
  { joins, expiredHistory, relations, query }: SpineJoin & { readonly relations: EngineQuery['relations']; readonly query: PointInTimeQuery },
  options: RequestOptions,
): Promise<readonly Warning[]> {
  if (joins.every(({ replaced }) => replaced?.expired === undefined)) return [];
  const shown = query.joins.map((join) => (join.known === undefined ? join : { ...join, known: { ...join.known, showUnknown: true } }));
  const warnings: Warning[] = [];
  for await (const batch of deps.engine.query({ relations, sql: unknownCountsSql({ ...query, joins: shown }), ...options })) {
    if (batch.rowCount === 0) continue;
    for (const [i, { definition, replaced }] of joins.entries()) {
      const rows = Number(valueAt(batch.vectors[i] ?? NO_COUNTS, 0));
      if (rows === 0 || replaced?.expired === undefined) continue;
      const { oldestVersion, reason } = replaced.expired;
      const group = groupName({ name: definition.featureGroup, version: definition.version });
      const message = `${rows} spine rows ask join ${definition.name} what was known of ${group} before version ${oldestVersion}, the oldest that can be read`;
      if (expiredHistory === 'error')
        throw new LakefoldError('HISTORY_EXPIRED', `expected the history of ${group}, but ${message}`, {
          context: { featureGroup: group, join: definition.name, oldestVersion, rows, reason },
        });
      warnings.push({ code: 'HISTORY_EXPIRED', message: `${message}: taken for absent` });
    }
  }
  return warnings;
}

const NO_COUNTS: Vector = { type: { kind: 'bigint' }, length: 1, values: new BigInt64Array(1) };

function withOrdinals(spine: Spine): Batch {
  const { batch, labelMicros } = spine;
  const ordinals = new BigInt64Array(batch.rowCount);
  for (let i = 0; i < ordinals.length; i += 1) ordinals[i] = BigInt(i);
  const ordinal: Vector = { type: { kind: 'bigint' }, length: batch.rowCount, values: ordinals };
  return {
    columns: [
      ...batch.columns.map((column) => ({ ...column, nullable: true })),
      { name: ORDINAL, type: ordinal.type, nullable: false },
      { name: LABEL_MICROS, type: labelMicros.type, nullable: true },
    ],
    vectors: [...batch.vectors, ordinal, labelMicros],
    rowCount: batch.rowCount,
  };
}

interface ResolvedJoin {
  readonly query: PointInTimeJoin;
  readonly winners: InlineRelation | undefined;
}

// Tables kept by upserts have one row per (key, event time); the others need a pick, and only rows received at once need their content compared.
async function resolveTies(
  deps: { readonly engine: Engine },
  { joins, untied }: Pick<SpineJoin, 'joins' | 'untied'>,
  options: RequestOptions,
): Promise<readonly ResolvedJoin[]> {
  const resolved: ResolvedJoin[] = [];
  for (const [i, { query, relation }] of joins.entries()) {
    const ties = untied?.has(i) === true ? 0 : await firstNumber(deps.engine.query({ relations: [relation], sql: tiesSql(query), ...options }));
    if (ties === 0) {
      resolved.push({ query: { ...query, ties: { kind: 'none' } }, winners: undefined });
      continue;
    }
    const batches: Batch[] = [];
    for await (const batch of deps.engine.query({ relations: [relation], sql: equalReceiptsSql(query), ...options }))
      batches.push({ ...batch, columns: relation.columns });
    const tied = concatBatches(relation.columns, batches);
    if (tied.rowCount === 0) resolved.push({ query: { ...query, ties: { kind: 'byReceipt' } }, winners: undefined });
    else resolved.push({ query: { ...query, ties: { kind: 'resolved', relation: `w${i}` } }, winners: { name: `w${i}`, batch: greatestRows(tied, query) } });
  }
  return resolved;
}

/** Of the rows of each record and receipt the greatest in the order of records. */
function greatestRows(batch: Batch, join: PointInTimeJoin): Batch {
  const identityOf = identityOver(batch, [...identityNames(join), INGESTED_AT]);
  const best = new Map<string, { readonly index: number; readonly digest: Uint8Array }>();
  for (let i = 0; i < batch.rowCount; i += 1) {
    const identity = identityOf(i);
    if (identity === undefined) continue;
    const digest = contentDigest(batch, i);
    const known = best.get(identity);
    if (known === undefined || compareBytes(digest, known.digest) > 0) best.set(identity, { index: i, digest });
  }
  return batchOfRows(
    batch.columns,
    [...best.values()].map(({ index }) => rowAt(batch, index)),
  );
}

async function firstNumber(batches: AsyncIterable<Batch>): Promise<number> {
  for await (const batch of batches) {
    const [vector] = batch.vectors;
    if (vector !== undefined && batch.rowCount > 0) return Number(valueAt(vector, 0));
  }
  return 0;
}
