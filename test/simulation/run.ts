/**
 * Schedules by hand.
 *
 *   npm run simulate -- --seed N [--trace]
 *   npm run simulate -- --schedules N [--from SEED] [--step 1] [--workers 2] [--minutes M] [--report FILE] [--portable]
 *   npm run simulate -- --minutes M
 *
 * `--minutes`: no more are started after so long; without `--schedules` as many as fit. `--step`: from one seed to the next. `--report`: what became of every 5,000, as JSON.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runSimulation } from './workers.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    schedules: { type: 'string' },
    from: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    minutes: { type: 'string' },
    report: { type: 'string' },
    portable: { type: 'boolean', default: false },
  },
});

const startedAt = performance.now();
const CHUNK = 5000;
const chunks = new Map<number, { schedules: number; failures: string[] }>();
const step = Number(values.step);
const schedules = values.schedules ?? (values.minutes === undefined ? 1000 : Number.MAX_SAFE_INTEGER / 2);
const isOne = values.seed !== undefined;
const report = await runSimulation({
  from: Number(values.seed ?? values.from),
  schedules: isOne ? 1 : Number(schedules),
  step,
  workers: isOne ? 1 : Number(values.workers),
  drain: values.portable ? 'immediate' : 'checkpoint',
  trace: values.trace,
  untilMillis: startedAt + Number(values.minutes ?? 600) * 60_000,
  onReport: (part, from) => {
    const number = Math.floor((from - Number(values.from)) / step / CHUNK);
    const chunk = chunks.get(number) ?? { schedules: 0, failures: [] };
    chunk.schedules += part.schedules;
    chunk.failures.push(...part.failures.map(({ seed, violation }) => `simulation seed ${seed}: ${violation}`));
    if (chunk.schedules >= CHUNK)
      console.log(`schedules from ${number * CHUNK * step + Number(values.from)} on: done after ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
    chunks.set(number, chunk);
  },
});
if (values.trace) console.log(report.lines.join('\n'));
for (const { seed, violation, lines } of report.failures) {
  console.log(`\nseed ${seed}: ${violation}`);
  if (!values.trace) console.log(lines.join('\n'));
  console.log(`again: npm run simulate -- --seed ${seed} --trace`);
}
const seconds = (performance.now() - startedAt) / 1000;
console.log(
  `${report.schedules} schedules (${report.counted} count) in ${seconds.toFixed(1)} s, ${((seconds / report.schedules) * 1000).toFixed(1)} ms each; ` +
    `${(report.requests / report.schedules).toFixed(0)} requests each, at most ${report.requestsMax}; ${(report.commits / report.schedules).toFixed(1)} versions each`,
);
console.log(
  `faults: ${Object.entries(report.faults)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ')}${isOne ? `; trace ${report.hash}` : ''}`,
);
if (values.report !== undefined) {
  const parts = [...chunks].map(([number, { failures }]) => ({ from: number * CHUNK * step + Number(values.from), failures }));
  await writeFile(values.report, JSON.stringify({ schedules: report.schedules, counted: report.counted, chunks: parts }));
}
process.exitCode = report.failures.length > 0 ? 1 : 0;
