/** Step: rows arrive late, out of order, twice and corrected; the online store is still the fold of the log. */
import { AIRPORTS, type GroupName, ROUTES } from './definitions.ts';
import { deliver, type Demo, send, tableFingerprint } from './demo.ts';
import { checkEveryVector, type ServedVector } from './online-check.ts';
import { FAULTY_AIRPORT, LATE_AIRPORT, LATE_DAY, LATE_EVENING_AIRPORT } from './scenario.ts';
import { count, type Step } from './story.ts';
import { faultyRows, lateRows, midnight, truthOf } from './truth.ts';

/** Answers every vector as served after all has arrived. */
export async function lateRowsArrive(demo: Demo, step: Step): Promise<ReadonlyMap<string, ServedVector>> {
  const until = midnight(demo.scenario.end);
  step.say(
    `${LATE_AIRPORT}'s rows of ${LATE_DAY} arrive now, days late: history gains them, the newest values must not change. ${LATE_EVENING_AIRPORT}'s of the last evening are newest.`,
  );
  for (const name of [AIRPORTS, ROUTES] as const) await arriveLate(demo, step, { name, until });
  await correct(demo, step, until);
  for (const name of [AIRPORTS, ROUTES] as const) {
    step.check(`${name}: all rows of the table at its head are the rows SQL finds`, {
      found: await tableFingerprint(demo, name),
      expected: await (await demo.oracle).fingerprint(truthOf(name), until),
    });
  }
  return checkEveryVector(demo, step, until);
}

async function arriveLate(demo: Demo, step: Step, { name, until }: { readonly name: GroupName; readonly until: string }): Promise<void> {
  const late = await (await demo.oracle).count(truthOf(name), lateRows(name, demo.scenario));
  const newest = await (await demo.oracle).newestAmong(truthOf(name), lateRows(name, demo.scenario), until);
  const request = { body: await demo.feed.rows(name, { kind: 'late' }), key: 'late-rows' };
  const receipt = await send(demo, name, request);
  const { rowsInserted, rowsUpdated } = receipt.commit ?? {};
  const { applied, stale } = receipt.online ?? {};
  step.check(
    `${name}: ${count(late.rows)} late rows of ${count(late.keys)} keys kept; online ${count(newest)} applied, ${count(late.keys - newest)} refused as stale`,
    {
      found: { rowsInserted, rowsUpdated, applied, stale },
      expected: { rowsInserted: late.rows, rowsUpdated: 0, applied: newest, stale: late.keys - newest },
    },
  );
  const again = await send(demo, name, request);
  step.check(`${name}: sent again with the same idempotency key, the answer is the same commit`, {
    found: { version: again.commit?.version, alreadyApplied: again.commit?.alreadyApplied },
    expected: { version: receipt.commit?.version, alreadyApplied: true },
  });
}

async function correct(demo: Demo, step: Step, until: string): Promise<void> {
  const faulty = await (await demo.oracle).count('airports', faultyRows(demo.scenario));
  const newest = await (await demo.oracle).newestAmong('airports', faultyRows(demo.scenario), until);
  const receipt = await deliver(demo, AIRPORTS, { kind: 'correction', key: 'correction' });
  const { rowsInserted, rowsUpdated } = receipt.commit ?? {};
  step.check(`${AIRPORTS}: ${faulty.rows} corrected rows of ${FAULTY_AIRPORT} replace those of the same hours; ${newest} of them is its newest`, {
    found: { rowsInserted, rowsUpdated, applied: receipt.online?.applied },
    expected: { rowsInserted: 0, rowsUpdated: faulty.rows, applied: newest },
  });
}
