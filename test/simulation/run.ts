/**
 * Schedules by hand.
 *
 *   npx tsx test/simulation/run.ts --seed N [--trace]
 *   npx tsx test/simulation/run.ts --schedules N [--from SEED] [--workers 2] [--portable]
 */
import { parseArgs } from 'node:util';
import { runSimulation } from './workers.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    schedules: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    portable: { type: 'boolean', default: false },
  },
});

const startedAt = performance.now();
const isOne = values.seed !== undefined;
const report = await runSimulation({
  from: Number(values.seed ?? values.from),
  schedules: isOne ? 1 : Number(values.schedules),
  workers: isOne ? 1 : Number(values.workers),
  drain: values.portable ? 'immediate' : 'checkpoint',
  trace: values.trace,
});
if (values.trace) console.log(report.lines.join('\n'));
for (const { seed, violation, lines } of report.failures) {
  console.log(`\nseed ${seed}: ${violation}`);
  if (!values.trace) console.log(lines.join('\n'));
  console.log(`again: npx tsx test/simulation/run.ts --seed ${seed} --trace`);
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
process.exitCode = report.failures.length > 0 ? 1 : 0;
