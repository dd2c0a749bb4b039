/** Lost races row by row: what two writers of one file, one key or one packing leave together, and what it costs the loser. */
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../lib/core/batch.ts';
import { appendPlanner } from '../../../lib/delta/write/append.ts';
import { deletePlanner } from '../../../lib/delta/write/delete-rows.ts';
import type { DeltaDeps } from '../../../lib/delta/deps.ts';
import { optimizePlanner } from '../../../lib/delta/maintain/optimize.ts';
import { planOptimize } from '../../../lib/delta/maintain/optimize-plan.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { upsertPlanner } from '../../../lib/delta/write/upsert.ts';
import type { CreateOutcome } from '../../../lib/ports/object-store.ts';
import { countingObjectStore, type ObjectRequest } from '../../support/counting-store.ts';
import { commitAlone, contentOf, loseRace, type Write } from '../../support/lost-race.ts';
import { rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { isLogEntry } from '../../support/table-turns.ts';
import { wrappedStore } from '../../support/wrapped-store.ts';

const targetOf = ({ random }: DeltaDeps) => ({ root: T_ROOT, txnId: random.uuid(), sortBy: ['k'] });
const deletion =
  (...keys: readonly string[]): Write =>
  (deps) =>
    deletePlanner(deps, targetOf(deps), { kind: 'keys', sets: [{ columns: ['k'], rows: keys.map((key) => [key]) }] }).plan;
const upsert =
  (...rows: readonly Row[]): Write =>
  (deps) =>
    upsertPlanner(deps, targetOf(deps), { batch: rowsBatch(...rows), keys: ['k'], eventTime: undefined }).plan;
const packing: Write = (deps, head) =>
  optimizePlanner(deps, { ...targetOf(deps), order: undefined, options: { sortBy: ['k'] } }, planOptimize(head, { sortBy: ['k'] }).bins);

const puts = (requests: readonly ObjectRequest[]): readonly string[] =>
  requests.filter(({ kind }) => kind === 'PUT IF ABSENT').map(({ path }) => (path.includes('/_dv/') ? 'vectors' : 'data'));

/** One file with the rows a, b, c, d. */
async function oneFile(profile: 'merge-on-read' | 'compatible' = 'merge-on-read'): Promise<TableFixture> {
  const fixture = await tableFixture({ profile });
  await fixture.table.append(rowsBatch(['a', 1, 10n], ['b', 2, 10n], ['c', 3, 10n], ['d', 4, 10n]));
  return fixture;
}

const keysOf = async ({ rows }: TableFixture): Promise<unknown[]> => (await rows()).map(([key]) => key);

describe('two writers of one file', () => {
  it('unite their deletion vectors where they took out different rows; the loser writes one vector and no data', async () => {
    const raced = await oneFile();
    const { outcome, requests } = await loseRace(raced, deletion('a', 'c'), { win: () => commitAlone(raced, deletion('b')) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 3, attempts: 2, counts: { rowsDeleted: 2 } });
    expect(await keysOf(raced)).toEqual(['d']);
    const [file] = (await loadSnapshot(raced.deps, T_ROOT)).files.values();
    expect(file?.deletionVector?.cardinality).toBe(3);
    expect(puts(requests)).toEqual(['vectors']);
  });

  it('count a row that both took out once', async () => {
    const raced = await oneFile();
    const { outcome } = await loseRace(raced, deletion('a', 'b'), { win: () => commitAlone(raced, deletion('b', 'c')) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 3, counts: { rowsDeleted: 1 } });
    expect(await keysOf(raced)).toEqual(['d']);
    const same = await oneFile();
    const nothing = await loseRace(same, deletion('b'), { win: () => commitAlone(same, deletion('b')) });
    expect(nothing.outcome).toMatchObject({ kind: 'nothing', counts: { rowsDeleted: 0 } });
  });

  it('take the file out when nothing of it is left', async () => {
    const raced = await oneFile();
    const { outcome } = await loseRace(raced, deletion('a', 'b'), { win: () => commitAlone(raced, deletion('c', 'd')) });
    expect(outcome).toMatchObject({ kind: 'committed', filesAdded: 0, filesRemoved: 1 });
    expect((await loadSnapshot(raced.deps, T_ROOT)).files.size).toBe(0);
  });

  it('leave, by copy on write, what one after the other leaves: the loser writes the winner’s file again, without conflict', async () => {
    const raced = await oneFile('compatible');
    const { outcome, requests } = await loseRace(raced, deletion('a'), { win: () => commitAlone(raced, deletion('b')) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 3, attempts: 2, counts: { rowsDeleted: 1 } });
    expect(await keysOf(raced)).toEqual(['c', 'd']);
    expect(puts(requests)).toEqual(['data']);
    const live = (await loadSnapshot(raced.deps, T_ROOT)).files;
    expect([live.size, [...live.values()].every(({ deletionVector }) => deletionVector === undefined)]).toEqual([1, true]);
  });

  it('upload nothing again, by copy on write too, where the winner wrote another file', async () => {
    const raced = await oneFile('compatible');
    await raced.table.append(rowsBatch(['x', 5, 10n], ['y', 6, 10n]));
    const { outcome, requests } = await loseRace(raced, deletion('a'), { win: () => commitAlone(raced, deletion('x')) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 4, attempts: 2 });
    expect([await keysOf(raced), requests]).toEqual([['b', 'c', 'd', 'y'], []]);
  });
});

describe('two upserts of one key', () => {
  const cases = [
    { what: 'later', received: 30n, row: ['a', 100, 30n], counts: { rowsUpdated: 1, stale: 0 } },
    { what: 'earlier', received: 20n, row: ['a', 200, 25n], counts: { rowsUpdated: 0, stale: 1 } },
  ] as const;
  it.each(cases)('leave the row received last, whoever commits last: the loser’s was received $what', async ({ received, row, counts }) => {
    for (const profile of ['merge-on-read', 'compatible'] as const) {
      const raced = await oneFile(profile);
      const { outcome } = await loseRace(raced, upsert(['a', 100, received], ['new', 7, received]), { win: () => commitAlone(raced, upsert(['a', 200, 25n])) });
      expect(outcome).toMatchObject({ kind: 'committed', version: 3, attempts: 2, counts: { rowsInserted: 1, ...counts } });
      expect((await raced.rows()).filter(([key]) => key === 'a')).toEqual([row]);
    }
  });

  it('never abort each other: ten lost in a row still commit, and upload their rows once', async () => {
    const fixture = await oneFile();
    const counting = countingObjectStore(fixture.store);
    let losses = 0;
    const losing = wrappedStore(counting, {
      createIfAbsent: async (path, bytes, options): Promise<CreateOutcome> => {
        if (isLogEntry(path) && losses < 10) {
          losses += 1;
          await commitAlone(fixture, upsert(['a', losses, BigInt(100 + losses)]));
        }
        return counting.createIfAbsent(path, bytes, options);
      },
    });
    const table = await fixture.open(losing);
    const { outcome } = await table.upsert(rowsBatch(['a', 99, 1000n], ['b', 99, 1000n]), { keys: ['k'] });
    expect(outcome).toMatchObject({ kind: 'committed', version: 12, attempts: 11, counts: { rowsUpdated: 2 } });
    const data = counting.requests.filter(({ kind, path }) => kind === 'PUT IF ABSENT' && !isLogEntry(path) && !path.includes('/_dv/'));
    expect(data).toHaveLength(1);
    expect((await fixture.rows()).map(([key, value]) => [key, value])).toEqual([
      ['a', 99],
      ['b', 99],
      ['c', 3],
      ['d', 4],
    ]);
  });
});

describe('a packing that loses', () => {
  /** Two small files in each of the partitions 1 and 2: a bin each. */
  async function twoBins(): Promise<TableFixture> {
    const fixture = await tableFixture({ partitionBy: ['v'] });
    for (const i of [1, 2]) await fixture.table.append(rowsBatch([`a${i}`, 1, 1n], [`b${i}`, 1, 1n], [`a${i}`, 2, 1n], [`b${i}`, 2, 1n]));
    return fixture;
  }
  const filesOf = async ({ deps }: TableFixture): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const { partitionValues } of (await loadSnapshot(deps, T_ROOT)).files.values()) {
      const key = String(partitionValues['v']);
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  };

  it('one of its bins drops that and commits the other, with what it had staged', async () => {
    const raced = await twoBins();
    const inFirst: Write = (deps) =>
      deletePlanner(deps, targetOf(deps), {
        kind: 'where',
        filter: {
          kind: 'and',
          filters: [
            { kind: 'compare', column: 'k', op: '=', value: 'a1' },
            { kind: 'compare', column: 'v', op: '=', value: 1 },
          ],
        },
      }).plan;
    const { outcome, requests } = await loseRace(raced, packing, { win: () => commitAlone(raced, inFirst) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 4, attempts: 2, filesAdded: 1, filesRemoved: 2 });
    expect([await filesOf(raced), requests]).toEqual([{ 1: 2, 2: 1 }, []]);
    const serial = await twoBins();
    await commitAlone(serial, inFirst);
    expect(await contentOf(raced)).toEqual(await contentOf(serial));
  });

  it('all of its bins commits nothing', async () => {
    const raced = await twoBins();
    const { outcome } = await loseRace(raced, packing, { win: () => commitAlone(raced, deletion('a1')) });
    expect(outcome).toMatchObject({ kind: 'nothing' });
    expect(await filesOf(raced)).toEqual({ 1: 2, 2: 2 });
  });

  it('to an append commits all of its bins, and the appended file stays', async () => {
    const raced = await twoBins();
    const { outcome, requests } = await loseRace(raced, packing, {
      win: () => commitAlone(raced, (deps) => appendPlanner(deps, targetOf(deps), rowsBatch(['c', 1, 1n]))),
    });
    expect(outcome).toMatchObject({ kind: 'committed', version: 4, filesAdded: 2, filesRemoved: 4 });
    expect([await filesOf(raced), requests]).toEqual([{ 1: 2, 2: 1 }, []]);
  });
});

it('an append is never aborted by packing: ten lost in a row cost it the log entries alone', async () => {
  const fixture = await tableFixture();
  await fixture.table.append(rowsBatch(['a', 1, 1n]));
  const counting = countingObjectStore(fixture.store);
  let losses = 0;
  const losing = wrappedStore(counting, {
    createIfAbsent: async (path, bytes, options): Promise<CreateOutcome> => {
      if (isLogEntry(path) && losses < 10) {
        losses += 1;
        // Something to pack, and its packing.
        const other = await fixture.open();
        await other.append(rowsBatch(['b', losses, 1n]));
        expect((await other.optimize()).kind).toBe('committed');
      }
      return counting.createIfAbsent(path, bytes, options);
    },
  });
  const table = await fixture.open(losing);
  counting.requests.length = 0;
  const { outcome } = await table.append(rowsBatch(['z', 9, 1n]));
  expect(outcome).toMatchObject({ kind: 'committed', version: 22, attempts: 11 });
  expect(counting.requests.filter(({ path }) => !isLogEntry(path)).map(({ kind }) => kind)).toEqual(['PUT IF ABSENT']);
  expect(await keysOf(fixture)).toEqual(['a', ...Array.from({ length: 10 }, () => 'b'), 'z']);
});
