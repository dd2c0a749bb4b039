/**
 * Group commit under contention against the loop of writers without it, in the same virtual latency model: figures of a
 * model, medians over seeds, the same on every machine. `npx tsx bench/group-commit.ts`
 */
import { type Contention, type ContentionReport, ROUND_TRIP_MILLIS, runGroupCommit, runListLoop } from './contention.ts';
import { medianOf, reportGoal } from './report.ts';

const SEEDS = [1, 2, 3, 4, 5];

/** The median of each figure over the seeds. */
async function overSeeds(run: (contention: Contention) => Promise<ContentionReport>, contention: Omit<Contention, 'seed'>): Promise<ContentionReport> {
  const reports: ContentionReport[] = [];
  for (const seed of SEEDS) reports.push(await run({ ...contention, seed }));
  return {
    writesPerSecond: medianOf(reports.map(({ writesPerSecond }) => writesPerSecond)),
    requestsPerWrite: medianOf(reports.map(({ requestsPerWrite }) => requestsPerWrite)),
    p99Millis: medianOf(reports.map(({ p99Millis }) => p99Millis)),
    versions: medianOf(reports.map(({ versions }) => versions)),
  };
}

async function main(): Promise<void> {
  for (const writers of [16, 64]) {
    const run = { writers, writesEach: 20 };
    const [group, loop] = [await overSeeds(runGroupCommit, run), await overSeeds(runListLoop, run)];
    const each = (writers * run.writesEach) / group.versions;
    console.log(
      `${writers} writers: ${each.toFixed(1)} writes a version; the loop asks ${loop.requestsPerWrite.toFixed(0)} requests a write, p99 ${loop.p99Millis.toFixed(0)} ms`,
    );
    const peer = { name: 'delta-rs loop', value: loop.writesPerSecond };
    const ratio = writers === 64 ? 25 : 1;
    reportGoal({
      id: `group-commit-${writers}`,
      what: `${writers} writers`,
      unit: 'writes/s',
      value: group.writesPerSecond,
      peer,
      limit: { kind: 'atLeast', ratio },
    });
    const one = { name: 'one', value: 1 };
    reportGoal({
      id: `group-requests-${writers}`,
      what: 'S3 requests a write',
      unit: 'requests',
      value: group.requestsPerWrite,
      peer: one,
      limit: { kind: 'atMost', ratio: 1.2 },
    });
    const roundTrip = { name: 'round trip', value: ROUND_TRIP_MILLIS };
    reportGoal({
      id: `group-p99-${writers}`,
      what: 'p99 of a write',
      unit: 'ms',
      value: group.p99Millis,
      peer: roundTrip,
      limit: { kind: 'atMost', ratio: 6 },
    });
  }
}

await main();
