/** Runs the seeds it is given, one schedule after the other, and reports to its parent or, without one, to the console. */
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import type { FaultKind } from './network.ts';
import { runSchedule, type ScheduleResult } from './schedule.ts';
import { type Drain, nextMacrotask } from './scheduler.ts';

/** What a worker is asked to do. */
export interface WorkOrder {
  readonly from: number;
  readonly schedules: number;
  /** From one seed to the next. */
  readonly step: number;
  /** Seeds tried at most, until one fails. */
  readonly untilFirst?: boolean;
  readonly drain: Drain;
  readonly trace?: boolean;
}

export interface WorkReport {
  readonly schedules: number;
  /** Schedules with at least 8 actors, 300 requests and 5 kinds of fault. */
  readonly counted: number;
  readonly requests: number;
  readonly requestsMax: number;
  readonly commits: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Hash over the traces of all schedules, in order. */
  readonly hash: string;
  readonly failures: readonly Failure[];
  readonly lines: readonly string[];
}

export interface Failure {
  readonly seed: number;
  readonly violation: string;
  readonly lines: readonly string[];
}

/** Failures worth telling; the rest are counted. */
const FAILURES_MAX = 5;
const STACK_FRAMES = 10;
const ACTORS_MIN = 8;
const REQUESTS_MIN = 300;
const FAULT_KINDS_MIN = 5;

const rejections: string[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)));

const codecs = { ndjson: createNdjsonCodec(), parquet: createParquetCodec({ wasm: readParquetWasm() }) };

async function runSeed(seed: number, trace: 'hash' | 'tail' | 'all', drain: Drain): Promise<ScheduleResult> {
  rejections.length = 0;
  // Faults are errors by the hundred, and nobody asks where they were thrown until a schedule fails and is run again.
  Error.stackTraceLimit = trace === 'hash' ? 0 : STACK_FRAMES;
  const result = await runSchedule({ seed, codecs, trace, drain });
  // What was rejected and never handled is known after a turn of the loop.
  await nextMacrotask();
  const [rejection] = rejections;
  return rejection === undefined || result.violation !== undefined ? result : { ...result, violation: `an unhandled rejection: ${rejection}` };
}

/** A violation without the stack that only the second run has. */
function headline(violation: string | undefined): string | undefined {
  return violation?.split('\n    at ')[0];
}

async function work(order: WorkOrder): Promise<WorkReport> {
  const faults = new Map<FaultKind, number>();
  const failures: Failure[] = [];
  let lines: readonly string[] = [];
  let [schedules, counted, requests, requestsMax, commits, hash] = [0, 0, 0, 0, 0, 0x811c9dc5];
  for (let seed = order.from; seed < order.from + order.schedules * order.step && failures.length < FAILURES_MAX; seed += order.step) {
    const result = await runSeed(seed, order.trace === true ? 'all' : 'hash', order.drain);
    schedules += 1;
    requests += result.requests;
    requestsMax = Math.max(requestsMax, result.requests);
    commits += result.commits;
    ({ lines } = result);
    for (const character of result.hash) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    for (const [kind, count] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
    if (result.actors >= ACTORS_MIN && result.requests >= REQUESTS_MIN && result.faults.size >= FAULT_KINDS_MIN) counted += 1;
    if (result.violation === undefined) continue;
    const again = await runSeed(seed, 'tail', order.drain);
    const isSame = headline(again.violation) === headline(result.violation) && again.hash === result.hash;
    failures.push({
      seed,
      violation: isSame ? (again.violation ?? result.violation) : `${result.violation} (and another end the second time: ${again.violation})`,
      lines: again.lines,
    });
    if (order.untilFirst === true) break;
  }
  return { schedules, counted, requests, requestsMax, commits, faults: Object.fromEntries(faults), hash: (hash >>> 0).toString(16), failures, lines };
}

process.on('message', (order: WorkOrder) => {
  work(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
