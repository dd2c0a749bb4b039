/** Whatever wins, a plan that is made again only where it must is the plan made from nothing on the winners' snapshot. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import type { Row } from '../../lib/core/batch.ts';
import { deletePlanner } from '../../lib/delta/write/delete-rows.ts';
import type { Filter } from '../../lib/delta/filter/filter.ts';
import { overwritePlanner } from '../../lib/delta/write/overwrite.ts';
import type { DeltaTable } from '../../lib/delta/table.ts';
import { updatePlanner } from '../../lib/delta/write/update-rows.ts';
import { upsertPlanner } from '../../lib/delta/write/upsert.ts';
import type { Random } from '../../lib/ports/random.ts';
import { commitAlone, contentOf, loseRace, type Write } from '../support/lost-race.ts';
import { rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../support/table-fixture.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

function pick<T>(random: Random, items: readonly [T, ...T[]]): T {
  return items[Math.floor(random.unit() * items.length)] ?? items[0];
}

const rowsOf = (random: Random): Row[] =>
  Array.from({ length: 1 + Math.floor(random.unit() * 3) }, () => [pick(random, KEYS), Math.floor(random.unit() * 9), BigInt(Math.floor(random.unit() * 5))]);

function randomFilter(random: Random): Filter {
  return random.unit() < 0.5 ? { kind: 'compare', column: 'k', op: '<=', value: pick(random, KEYS) } : { kind: 'compare', column: 'v', op: '>', value: 4 };
}

function randomLoser(random: Random): Write {
  const target = { root: T_ROOT, txnId: 'loser', sortBy: ['k'] };
  const rows = rowsBatch(...rowsOf(random));
  const filter = randomFilter(random);
  const keys = [[pick(random, KEYS)], [pick(random, KEYS)]];
  const writes: [Write, ...Write[]] = [
    (deps) => upsertPlanner(deps, target, { batch: rows, keys: ['k'], eventTime: undefined }).plan,
    (deps) => deletePlanner(deps, target, { kind: 'keys', sets: [{ columns: ['k'], rows: keys }] }).plan,
    (deps) => deletePlanner(deps, target, { kind: 'where', filter }).plan,
    (deps) => updatePlanner(deps, target, { filter, set: new Map([['v', 50]]) }),
    (deps) => overwritePlanner(deps, target, { batch: rowsBatch(['a', 7, 5n]), where: { kind: 'compare', column: 'k', op: '=', value: 'a' } }),
  ];
  return pick(random, writes);
}

type Step = (table: DeltaTable) => Promise<unknown>;

function randomStep(random: Random): Step {
  const rows = rowsBatch(...rowsOf(random));
  const keys = [[pick(random, KEYS)]];
  const version = Math.floor(random.unit() * 3);
  const steps: [Step, ...Step[]] = [
    (table) => table.append(rows),
    (table) => table.upsert(rows, { keys: ['k'] }),
    (table) => table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: keys }] }),
    (table) => table.optimize(),
    async (table) => table.restore({ version: Math.min(version, (await table.refresh()).version) }),
    (table) => (version === 0 ? table.overwrite(rows) : table.append(rows)),
  ];
  return pick(random, steps);
}

async function run(fixture: TableFixture, steps: readonly Step[]): Promise<void> {
  const table = await fixture.open();
  for (const step of steps) await step(table);
}

describe.each(['merge-on-read', 'compatible'] as const)('a lost race on a %s table', (profile) => {
  it('ends as the winners and the loser in turn, with the same counts', async () => {
    let lost = 0;
    for (let seed = 0; seed < 250; seed += 1) {
      const random = new SeededRandom(seed);
      const before = Array.from({ length: 3 + Math.floor(random.unit() * 3) }, () => randomStep(random));
      const winners = Array.from({ length: 1 + Math.floor(random.unit() * 3) }, () => randomStep(random));
      const loser = randomLoser(random);
      const [raced, serial] = [await tableFixture({ profile }), await tableFixture({ profile })];
      await run(raced, before);
      const { outcome, hasLost } = await loseRace(raced, loser, { win: async () => run(raced, winners) });
      await run(serial, [...before, ...winners]);
      const alone = await commitAlone(serial, loser);
      if (!hasLost) continue;
      lost += 1;
      expect({ seed, kind: outcome.kind }).toEqual({ seed, kind: alone.kind });
      if (outcome.kind === 'committed' && alone.kind === 'committed') expect({ seed, counts: outcome.counts }).toEqual({ seed, counts: alone.counts });
      expect({ seed, ...(await contentOf(raced)) }).toEqual({ seed, ...(await contentOf(serial)) });
    }
    expect(lost).toBeGreaterThan(150);
  });
});
