/** How DuckDB carries the point-in-time join out: its plan is what its cost depends on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { batchOfRows, rowsOf } from '../../lib/core/batch.ts';
import { INGESTED_AT } from '../../lib/core/names.ts';
import type { Column } from '../../lib/core/types.ts';
import { LABEL_MICROS, type PointInTimeJoin, pointInTimeSql } from '../../lib/engine/point-in-time.ts';
import type { Engine } from '../../lib/ports/engine.ts';

const ROWS = 5000;
const column = (name: string, kind: 'string' | 'bigint' | 'timestamp'): Column => ({ name, type: { kind }, nullable: true });
const SPINE = [column('k', 'string'), column('__ordinal', 'bigint'), column(LABEL_MICROS, 'bigint')];
const GROUP = [column('k', 'string'), column('at', 'timestamp'), column('v', 'bigint'), column(INGESTED_AT, 'timestamp')];
const JOIN: PointInTimeJoin = {
  name: 'g',
  relation: 'r0',
  columns: GROUP,
  on: [{ kind: 'spine', spine: 'k', key: 'k' }],
  eventTime: column('at', 'timestamp'),
  features: [{ name: 'v', output: 'v' }],
  boundary: 'inclusive',
  delayMicros: 0n,
  lookbackMicros: 1000n,
  filter: undefined,
  latestBy: undefined,
  ties: { kind: 'byReceipt' },
  known: undefined,
};

let directory: string;
let engine: Engine;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lakefold-plan-'));
  engine = await openDuckDbEngine({ scratchDirectory: directory, threads: 1 });
});
afterAll(async () => {
  await engine.close();
  await rm(directory, { recursive: true, force: true });
});

/** Names of the operators of the plan that join. */
async function joinsOf(joins: readonly PointInTimeJoin[]): Promise<readonly string[]> {
  const at = (i: number): string => `k${i % 100}`;
  const relations = [
    {
      name: 'spine',
      batch: batchOfRows(
        SPINE,
        Array.from({ length: ROWS }, (_, i) => [at(i), BigInt(i), BigInt(i)]),
      ),
    },
    {
      name: 'r0',
      batch: batchOfRows(
        GROUP,
        Array.from({ length: ROWS }, (_, i) => [at(i), BigInt(i), 1n, BigInt(i)]),
      ),
    },
  ];
  const sql = pointInTimeSql({ spine: { relation: 'spine', ordinal: '__ordinal', columns: ['k'] }, joins });
  const plan: string[] = [];
  for await (const batch of engine.query({ relations, sql: `EXPLAIN ${sql}` })) plan.push(...rowsOf(batch).flat().map(String));
  return [...plan.join('\n').matchAll(/[A-Z_]*(?:JOIN|PRODUCT)/g)].map(([name]) => name);
}

describe('the plan of a point-in-time join', () => {
  it('is one as-of join a group, and never each row against each record (P20)', async () => {
    expect(await joinsOf([JOIN])).toEqual(['ASOF_JOIN']);
    expect(await joinsOf([JOIN, { ...JOIN, boundary: 'exclusive', delayMicros: 5n, lookbackMicros: undefined }])).toEqual(['ASOF_JOIN', 'ASOF_JOIN']);
    expect(await joinsOf([{ ...JOIN, known: { at: 'labelTime', history: undefined, unknownBefore: undefined, showUnknown: false } }])).toEqual(['ASOF_JOIN']);
  });

  it('is a hash join where a group counts as it stands (P9, P20)', async () => {
    expect(await joinsOf([{ ...JOIN, eventTime: undefined, latestBy: column('at', 'timestamp'), lookbackMicros: undefined }])).toEqual(['HASH_JOIN']);
  });
});
