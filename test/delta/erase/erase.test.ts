/** The end of a table's history (semantics D3): who knew the history before it is told, and nothing is committed on it. */
import { describe, expect, it } from 'vitest';
import type { DeleteWhat } from '../../../lib/delta/write/delete-rows.ts';
import { checkpointEnd, deleteOlderLog, deleteUnneededFiles } from '../../../lib/delta/erase/erase-history.ts';
import { ERASURE } from '../../../lib/delta/erase/erasure.ts';
import type { DeltaTable } from '../../../lib/delta/table.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const A: DeleteWhat = { kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] };

async function filled(): Promise<TableFixture> {
  const fixture = await tableFixture();
  for (let v = 1; v <= 3; v += 1) await fixture.table.upsert(rowsBatch(['a', v, BigInt(v)], ['b', v, BigInt(v)]), { keys: ['k'] });
  return fixture;
}

async function end(deps: TableFixture['deps'], table: DeltaTable): Promise<number> {
  await table.delete(A, { sortBy: ['k'] });
  await table.rewriteHolding(A, { sortBy: ['k'] });
  const outcome = await table.endHistory(A, { rowsErased: 1 });
  if (outcome.kind !== 'committed') throw new Error(`expected the end of history, found ${outcome.kind}`);
  const ended = { root: T_ROOT, version: outcome.version };
  const snapshot = await checkpointEnd(deps, ended);
  await deleteUnneededFiles(deps, { ...ended, snapshot }, A);
  await deleteOlderLog(deps, ended);
  return outcome.version;
}

describe('the end of history', () => {
  it('leaves entries that say nothing, numbers that are taken, and one data file', async () => {
    const { deps, table, store, rows } = await filled();
    const version = await end(deps, table);
    expect(await rows()).toEqual([['b', 3, 3n]]);
    expect((await pathsIn(store, T_ROOT)).filter((path) => path.includes('part-'))).toHaveLength(1);
    expect((await pathsIn(store, `${T_ROOT}/_delta_log`)).filter((path) => /\d{20}\.json$/.test(path))).toHaveLength(version);
    expect((await verifyTable(deps, T_ROOT)).findings).toEqual([]);
  });

  it('makes a reader that knew the table before load it anew', async () => {
    const { deps, table, open } = await filled();
    const other = await open();
    const version = await end(deps, table);
    const snapshot = await other.refresh();
    expect([snapshot.version, snapshot.files.size]).toEqual([version, 1]);
    await expect(other.at({ version: 2 })).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { reason: 'ERASED', oldest: version } });
  });

  it('is a conflict for a write that was planned before it: what it staged may hold erased rows', async () => {
    const { deps, table, open } = await filled();
    const other = await open();
    const version = await end(deps, table);
    const { outcome } = await other.upsert(rowsBatch(['a', 9, 1n]), { keys: ['k'] });
    expect(outcome).toEqual({ kind: 'conflict', winner: version, reason: ERASURE });
    expect((await other.upsert(rowsBatch(['c', 9, 1n]), { keys: ['k'] })).outcome).toMatchObject({ kind: 'committed', version: version + 1 });
  });

  it('is refused while a live file holds the rows, shown or hidden', async () => {
    const { table } = await filled();
    await expect(table.endHistory(A, { rowsErased: 0 })).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
    await table.delete(A, { sortBy: ['k'] });
    await expect(table.endHistory(A, { rowsErased: 0 })).rejects.toMatchObject({ code: 'COMMIT_CONFLICT' });
  });

  it('keeps what another write has staged without erased rows, and deletes what holds some', async () => {
    const { deps, table, file, store } = await filled();
    const kept = await file('part-young-00000.ndjson', rowsBatch(['c', 1, 1n]));
    const gone = await file('part-young-00001.ndjson', rowsBatch(['a', 1, 1n]));
    await end(deps, table);
    const paths = await pathsIn(store, T_ROOT);
    expect([kept, gone].map(({ path }) => paths.some((each) => each.endsWith(path)))).toEqual([true, false]);
  });

  it('leaves entries of before the fence out, not emptied', async () => {
    const { deps, table, store, clock } = await filled();
    for (let v = 0; v < 110; v += 1) await table.append(rowsBatch(['b', v, 1n]));
    await clock.advance(3 * 86_400_000);
    const version = await end(deps, table);
    const entries = (await pathsIn(store, `${T_ROOT}/_delta_log`)).filter((path) => /\d{20}\.json$/.test(path));
    expect(entries).toHaveLength(100);
    expect((await table.refresh()).version).toBe(version);
  });
});
