/** Step: the past is filled in, a commit a day and group, each published before its receipt. */
import { publishRows } from '../../lib/features/history/manage-rows.ts';
import type { Receipt } from '../../lib/features/ingest/receipt.ts';
import { AIRPORTS, type GroupName, ROUTES } from './definitions.ts';
import { deliver, type Demo, GROUPS, onlineCount, openDemoGroup, versionOf } from './demo.ts';
import { FAULTY_AIRPORT, LATE_AIRPORT, LATE_EVENING_AIRPORT } from './scenario.ts';
import { count, type Step } from './story.ts';
import { lateRows, midnight, truthOf, upTo } from './truth.ts';

/** Versions of the groups right after the scenario's recorded day. */
export type RecordedVersions = Readonly<Record<GroupName, number>>;

export async function backfill(demo: Demo, step: Step): Promise<RecordedVersions> {
  const { days, liveFrom } = demo.scenario;
  const startedAt = performance.now();
  let done = 0;
  const tick = (day: string): void => step.progress((done += 1), days.length * GROUPS.length, `commits, ${day}`);
  // While one group waits for its files to reach the disk, the other computes.
  const [airports, routes] = await Promise.all([fillIn(demo, AIRPORTS, tick), fillIn(demo, ROUTES, tick)]);
  const seconds = (performance.now() - startedAt) / 1000;
  const rows = airports.rows + routes.rows;
  step.say(
    `${count(done)} commits of ${count(rows)} rows, ${days[0]} to ${days.at(-1)}, in ${seconds.toFixed(1)} s: ${count(Math.round(rows / seconds))} rows a second, durable and online.`,
  );
  step.say(`What was before ${liveFrom} was committed first and then published at once; from then on each day was online before its receipt came.`);
  step.say(
    `What nobody has noticed: ${LATE_AIRPORT} was silent for a day, ${LATE_EVENING_AIRPORT} for the last evening, and ${FAULTY_AIRPORT} once counted seconds as minutes.`,
  );
  await checkGroup(demo, step, { name: AIRPORTS, filled: airports });
  await checkGroup(demo, step, { name: ROUTES, filled: routes });
  return { [AIRPORTS]: airports.recorded, [ROUTES]: routes.recorded };
}

interface Filled {
  readonly rows: number;
  /** Live commits that were not online when their receipt came. */
  readonly waiting: number;
  /** Version of the recorded day's commit. */
  readonly recorded: number;
  /** The commits published at once, and the keys online after. */
  readonly published: { readonly commits: number; readonly keys: number };
}

async function fillIn(demo: Demo, name: GroupName, tick: (day: string) => void): Promise<Filled> {
  const { days, liveFrom, recordedDay } = demo.scenario;
  let [rows, waiting, recorded] = [0, 0, -1];
  let published = { commits: 0, keys: 0 };
  for (const day of days) {
    if (day === liveFrom) published = await publishAll(demo, name);
    const receipt = await deliver(demo, name, { kind: 'day', day, key: `backfill-${day}`, wait: day < liveFrom ? 'commit' : 'online' });
    rows += receipt.commit?.rowsInserted ?? 0;
    if (day >= liveFrom && !isApplied(receipt)) waiting += 1;
    if (day === recordedDay) recorded = versionOf(receipt);
    tick(day);
  }
  return { rows, waiting, recorded, published };
}

async function publishAll(demo: Demo, name: GroupName): Promise<Filled['published']> {
  const { from, to } = await publishRows(demo.store.deps, await openDemoGroup(demo, name));
  // Version 0, the table's creation, is published with the first rows.
  return { commits: to - Math.max(0, from), keys: (await onlineCount(demo, name)).keys };
}

async function checkGroup(demo: Demo, step: Step, { name, filled }: { readonly name: GroupName; readonly filled: Filled }): Promise<void> {
  const { days, end, liveFrom } = demo.scenario;
  const truth = truthOf(name);
  const oracle = await demo.oracle;
  const [all, late, history] = [
    await oracle.count(truth, upTo(midnight(end))),
    await oracle.count(truth, lateRows(name, demo.scenario)),
    await oracle.count(truth, upTo(midnight(liveFrom))),
  ];
  step.check(`${name}: ${count(filled.rows)} rows, as many as SQL finds but for ${count(late.rows)} not reported yet`, {
    found: filled.rows,
    expected: all.rows - late.rows,
  });
  step.check(
    `${name}: ${count(days.indexOf(liveFrom))} commits published at once brought ${count(history.keys)} keys online; each later one was online when its receipt came`,
    {
      found: { ...filled.published, waiting: filled.waiting },
      expected: { commits: days.indexOf(liveFrom), keys: history.keys, waiting: 0 },
    },
  );
  const { table } = await openDemoGroup(demo, name);
  step.check(`${name}: ${count(days.length)} commits, and the online store follows the last`, {
    found: { head: (await table.refresh()).version, watermark: (await onlineCount(demo, name)).watermark },
    expected: { head: days.length, watermark: days.length },
  });
}

function isApplied(receipt: Receipt): boolean {
  return receipt.online?.state === 'applied' && receipt.online.failed === 0;
}
