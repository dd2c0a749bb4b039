/** What the steps of the demo share: the store under test, the feed that fills it and the judge. */
import { hashOf } from '../../lib/core/hash.ts';
import { IDEMPOTENCY_WINDOW_MILLIS } from '../../lib/core/limits.ts';
import { ingestRows } from '../../lib/features/ingest/ingest-rows.ts';
import type { OpenGroup } from '../../lib/features/open-group.ts';
import type { Receipt } from '../../lib/features/ingest/receipt.ts';
import { planRelation } from '../../lib/engine/plan-relation.ts';
import { rowAt } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { Client } from '../client.ts';
import type { LocalStore } from '../local-store.ts';
import { AIRPORTS, type GroupName, PROJECT, ROUTES } from './definitions.ts';
import type { FlightFeed, Slice } from './feed.ts';
import { type Fingerprint, fingerprintSql, type Oracle } from './oracle.ts';
import type { Scenario } from './scenario.ts';
import { truthOf } from './truth.ts';

export interface Demo {
  readonly scenario: Scenario;
  readonly store: LocalStore;
  /** The store's HTTP routes, in this process. */
  readonly client: Client;
  readonly feed: FlightFeed;
  /** It reads the flights beside the first steps. */
  readonly oracle: Promise<Oracle>;
  /** For answers and inputs on their way. */
  readonly scratchDirectory: string;
  /** Where the store lies. */
  readonly location: string;
}

export const GROUPS = [AIRPORTS, ROUTES] as const;

export function openDemoGroup(demo: Pick<Demo, 'store'>, name: GroupName): Promise<OpenGroup> {
  return demo.store.projects.group(PROJECT, name, 1);
}

/** Sends a slice's rows through ingestion: checked, staged as Parquet, committed, published. */
export async function deliver(demo: Demo, name: GroupName, slice: Slice & Omit<Sending, 'body'>): Promise<Receipt> {
  return send(demo, name, { ...slice, body: await demo.feed.rows(name, slice) });
}

/** A Parquet file on its way. */
export interface Sending {
  readonly body: Uint8Array;
  /** The idempotency key. */
  readonly key: string;
  /** `online` (the default): the receipt comes when the rows are online too. */
  readonly wait?: 'commit' | 'online';
}

/** Sends a Parquet file through ingestion. */
export async function send(demo: Demo, name: GroupName, sending: Sending): Promise<Receipt> {
  return ingestRows(demo.store.deps, await openDemoGroup(demo, name), ingestRequest(sending));
}

/** An upsert of a Parquet file. */
export function ingestRequest({ body, key, wait = 'online' }: Sending): Parameters<typeof ingestRows>[2] {
  return {
    rows: { format: 'parquet', body },
    operation: 'upsert',
    wait,
    idempotency: { kind: 'request', key, bodyHash: hashOf(body), windowMillis: IDEMPOTENCY_WINDOW_MILLIS },
  };
}

/** Version of the commit a receipt is about. @throws LakefoldError INTERNAL when there is none */
export function versionOf(receipt: Receipt): number {
  if (receipt.commit === null) throw new LakefoldError('INTERNAL', 'expected a receipt with a commit, found one without');
  return receipt.commit.version;
}

/** Every row of the group at its head, read by the engine, as one number. */
export async function tableFingerprint(demo: Demo, name: GroupName): Promise<Fingerprint> {
  const { deps } = demo.store;
  const group = await openDemoGroup(demo, name);
  const relation = await planRelation(deps, {
    root: group.table.root,
    snapshot: await group.table.refresh(),
    name: 'rows_at_head',
    columns: group.columns.map((column) => column.name),
  });
  const sql = `SELECT CAST(count(*) AS BIGINT) AS n, ${fingerprintSql(truthOf(name), 'epoch(hour) / 3600')} AS h FROM rows_at_head`;
  for await (const batch of deps.engine.query({ relations: [relation], sql })) {
    if (batch.rowCount === 0) continue;
    const [rows, hash] = rowAt(batch, 0);
    return { rows: Number(rows), hash: String(hash) };
  }
  throw new LakefoldError('INTERNAL', 'expected one row of counts, found none');
}

/** How many keys the online store holds, and up to which version. */
export async function onlineCount(demo: Demo, name: GroupName): Promise<{ readonly keys: number; readonly watermark: number }> {
  const { online } = demo.store.deps;
  const { onlineTable } = await openDemoGroup(demo, name);
  let keys = 0;
  for await (const { item } of online.scan(onlineTable)) if (!item.deleted) keys += 1;
  return { keys, watermark: (await online.watermark(onlineTable, { consistent: true }))?.version ?? -1 };
}
