/** Runs the point-in-time join of a view over a spine on the engine. */
import { type Batch, batchOfRows, concatBatches, rowAt, valueAt, type Vector, vectorNamed } from '../../core/batch.ts';
import { compareOrder, orderBytes } from '../../core/order.ts';
import { INGESTED_AT } from '../../core/names.ts';
import { microsOfDays } from '../../core/time.ts';
import { contentDigest } from '../../delta/upsert.ts';
import { identityOver } from '../../delta/row-identity.ts';
import { equalReceiptsSql, identityNames, LABEL_MICROS, type PointInTimeJoin, pointInTimeSql, tiesSql } from '../../engine/point-in-time.ts';
import type { Engine, InlineRelation } from '../../ports/engine.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import type { JoinPlan } from './join-plan.ts';
import type { Spine } from './spine.ts';

const ORDINAL = '__ordinal';

/** Joined rows in spine order: spine columns, then features and helpers of each join. */
export async function* joinSpine(
  deps: { readonly engine: Engine },
  { spine, joins }: { readonly spine: Spine; readonly joins: readonly JoinPlan[] },
  options: RequestOptions = {},
): AsyncIterable<Batch> {
  const resolved = await resolveTies(deps, joins, options);
  const sql = pointInTimeSql({
    spine: { relation: 'spine', ordinal: ORDINAL, columns: spine.batch.columns.map((column) => column.name) },
    joins: resolved.map(({ query }) => query),
  });
  const winners = resolved.flatMap(({ winners: rows }) => (rows === undefined ? [] : [rows]));
  yield* deps.engine.query({ relations: [{ name: 'spine', batch: withOrdinals(spine) }, ...joins.map((join) => join.relation), ...winners], sql, ...options });
}

function withOrdinals(spine: Spine): Batch {
  const { batch, labelMicros } = spine;
  const ordinals = BigInt64Array.from({ length: batch.rowCount }, (_, i) => BigInt(i));
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
async function resolveTies(deps: { readonly engine: Engine }, joins: readonly JoinPlan[], options: RequestOptions): Promise<readonly ResolvedJoin[]> {
  const resolved: ResolvedJoin[] = [];
  for (const [i, { query, relation }] of joins.entries()) {
    const ties = await firstNumber(deps.engine.query({ relations: [relation], sql: tiesSql(query), ...options }));
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

function greatestRows(batch: Batch, join: PointInTimeJoin): Batch {
  const identityOf = identityOver(batch, identityNames(join));
  const receipts = vectorNamed(batch, INGESTED_AT);
  const times = join.eventTime ?? join.latestBy;
  const eventTimes = times === undefined ? undefined : vectorNamed(batch, times.name);
  const best = new Map<string, { readonly index: number; readonly order: Uint8Array }>();
  for (let i = 0; i < batch.rowCount; i += 1) {
    const identity = identityOf(i);
    if (identity === undefined) continue;
    const time = eventTimes === undefined ? null : valueAt(eventTimes, i);
    const order = orderBytes(
      time === null ? null : typeof time === 'bigint' ? time : microsOfDays(Number(time)),
      BigInt(valueAt(receipts, i) as bigint),
      contentDigest(batch, i),
    );
    const known = best.get(identity);
    if (known === undefined || compareOrder(order, known.order) > 0) best.set(identity, { index: i, order });
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
