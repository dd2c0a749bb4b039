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
  const { days, recordedDay } = demo.scenario;
  const recorded: Record<GroupName, number> = { [AIRPORTS]: -1, [ROUTES]: -1 };
  const rows: Record<GroupName, number> = { [AIRPORTS]: 0, [ROUTES]: 0 };
  const startedAt = performance.now();
  let waiting = 0;
  for (const [i, day] of days.entries()) {
    step.progress(i, days.length, `days, ${day}`);
    for (const name of GROUPS) {
      const receipt = await deliver(demo, name, { kind: 'day', day, key: `backfill-${day}` });
      rows[name] += receipt.commit?.rowsInserted ?? 0;
      if (!isApplied(receipt)) waiting += 1;
      if (day === recordedDay) recorded[name] = versionOf(receipt);
    }
  }
  step.progress(days.length, days.length, 'days');
  const seconds = (performance.now() - startedAt) / 1000;
  const total = rows[AIRPORTS] + rows[ROUTES];
  step.say(`${count(days.length * 2)} commits of ${count(total)} rows, ${days[0]} to ${days.at(-1)}, in ${seconds.toFixed(1)} s: ${count(Math.round(total / seconds))} rows a second, durable and online.`);
  step.say(`What nobody has noticed: ${LATE_AIRPORT} was silent for a day, ${LATE_EVENING_AIRPORT} for the last evening, and ${FAULTY_AIRPORT} once counted seconds as minutes.`);
  step.check('every commit was online when its receipt came', { found: waiting, expected: 0 });
  for (const name of GROUPS) await checkCounts(demo, step, { name, rows: rows[name] });
  return recorded;
}

async function checkCounts(demo: Demo, step: Step, { name, rows }: { readonly name: GroupName; readonly rows: number }): Promise<void> {
  const truth = truthOf(name);
  const all = await demo.oracle.count(truth, upTo(midnight(demo.scenario.end)));
  const late = await demo.oracle.count(truth, lateRows(name, demo.scenario));
  const { table } = await openDemoGroup(demo, name);
  step.check(`${name}: ${count(rows)} rows, as many as SQL finds but for ${count(late.rows)} not reported yet`, { found: rows, expected: all.rows - late.rows });
  step.check(`${name}: ${count(demo.scenario.days.length)} commits, and the online store follows the last`, {
    found: { head: (await table.refresh()).version, watermark: (await onlineCount(demo, name)).watermark }, expected: { head: demo.scenario.days.length, watermark: demo.scenario.days.length },
  });
}

function isApplied(receipt: Receipt): boolean {
  return receipt.online?.state === 'applied' && receipt.online.failed === 0;
}
