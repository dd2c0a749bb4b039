/** Step: the past is filled in, a commit a day and group, each published before its receipt. */
import type { Receipt } from '../../lib/features/receipt.ts';
import { AIRPORTS, type GroupName, ROUTES } from './definitions.ts';
import { deliver, type Demo, GROUPS, onlineCount, openDemoGroup, versionOf } from './demo.ts';
import { FAULTY_AIRPORT, LATE_AIRPORT, LATE_EVENING_AIRPORT } from './scenario.ts';
import { count, type Step } from './story.ts';
import { lateRows, midnight, truthOf, upTo } from './truth.ts';

/** Versions of the groups right after the scenario's recorded day. */
export type RecordedVersions = Readonly<Record<GroupName, number>>;

export async function backfill(demo: Demo, step: Step): Promise<RecordedVersions> {
  const { days } = demo.scenario;
  const startedAt = performance.now();
  let done = 0;
  const tick = (day: string): void => step.progress((done += 1), days.length * GROUPS.length, `commits, ${day}`);
  // While one group waits for its files to reach the disk, the other computes.
  const [airports, routes] = await Promise.all([fillIn(demo, AIRPORTS, tick), fillIn(demo, ROUTES, tick)]);
  const seconds = (performance.now() - startedAt) / 1000;
  const rows = airports.rows + routes.rows;
  step.say(`${count(done)} commits of ${count(rows)} rows, ${days[0]} to ${days.at(-1)}, in ${seconds.toFixed(1)} s: ${count(Math.round(rows / seconds))} rows a second, durable and online.`);
  step.say(`What nobody has noticed: ${LATE_AIRPORT} was silent for a day, ${LATE_EVENING_AIRPORT} for the last evening, and ${FAULTY_AIRPORT} once counted seconds as minutes.`);
  step.check('every commit was online when its receipt came', { found: airports.waiting + routes.waiting, expected: 0 });
  await checkCounts(demo, step, { name: AIRPORTS, rows: airports.rows });
  await checkCounts(demo, step, { name: ROUTES, rows: routes.rows });
  return { [AIRPORTS]: airports.recorded, [ROUTES]: routes.recorded };
}

interface Filled {
  readonly rows: number;
  /** Commits that were not online when their receipt came. */
  readonly waiting: number;
  /** Version of the recorded day's commit. */
  readonly recorded: number;
}

async function fillIn(demo: Demo, name: GroupName, tick: (day: string) => void): Promise<Filled> {
  let filled: Filled = { rows: 0, waiting: 0, recorded: -1 };
  for (const day of demo.scenario.days) {
    const receipt = await deliver(demo, name, { kind: 'day', day, key: `backfill-${day}` });
    filled = {
      rows: filled.rows + (receipt.commit?.rowsInserted ?? 0), waiting: filled.waiting + (isApplied(receipt) ? 0 : 1), recorded: day === demo.scenario.recordedDay ? versionOf(receipt) : filled.recorded,
    };
    tick(day);
  }
  return filled;
}

async function checkCounts(demo: Demo, step: Step, { name, rows }: { readonly name: GroupName; readonly rows: number }): Promise<void> {
  const truth = truthOf(name);
  const all = await (await demo.oracle).count(truth, upTo(midnight(demo.scenario.end)));
  const late = await (await demo.oracle).count(truth, lateRows(name, demo.scenario));
  const { table } = await openDemoGroup(demo, name);
  step.check(`${name}: ${count(rows)} rows, as many as SQL finds but for ${count(late.rows)} not reported yet`, { found: rows, expected: all.rows - late.rows });
  step.check(`${name}: ${count(demo.scenario.days.length)} commits, and the online store follows the last`, {
    found: { head: (await table.refresh()).version, watermark: (await onlineCount(demo, name)).watermark }, expected: { head: demo.scenario.days.length, watermark: demo.scenario.days.length },
  });
}

function isApplied(receipt: Receipt): boolean {
  return receipt.online?.state === 'applied' && receipt.online.failed === 0;
}
