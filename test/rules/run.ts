/**
 * Makes each change of the proofs, one at a time, and sees the test it is for turn red.
 *
 *   npx tsx test/rules/run.ts [--rule P14]... [--sample N --seed TEXT] [--changed-only] [--report FILE]
 *
 * `--sample`: only so many, drawn by the seed, by default this commit. `--changed-only`: does not see first that the tests are
 * green as the code stands. `--report`: what became of each, as JSON.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PROOFS } from './proofs.ts';
import { Prover } from './prover.ts';
import { defaultSeed, sampleProofs } from './sample.ts';

const { values } = parseArgs({
  options: {
    rule: { type: 'string', multiple: true },
    sample: { type: 'string' },
    seed: { type: 'string' },
    'changed-only': { type: 'boolean', default: false },
    report: { type: 'string' },
  },
});

const asked = PROOFS.filter(({ rule }) => values.rule === undefined || values.rule.includes(rule));
const seed = values.seed ?? defaultSeed();
const chosen = values.sample === undefined ? asked : sampleProofs(asked, { count: Number(values.sample), seed });
if (values.sample !== undefined)
  console.log(`${chosen.length} of ${asked.length} changes; again: npx tsx test/rules/run.ts --sample ${values.sample} --seed ${seed}`);

const prover = await Prover.open();
const results: { readonly rule: string; readonly promise: string; readonly fault: string | null }[] = [];
try {
  for (const proof of chosen) {
    const startedAt = performance.now();
    const fault = await prover.faultOf(proof, { changedOnly: values['changed-only'] });
    results.push({ rule: proof.rule, promise: proof.promise, fault: fault ?? null });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(fault === undefined ? `✓ ${proof.rule} ${proof.promise} (${seconds} s)` : `✗ ${proof.rule} ${proof.promise} (${seconds} s)\n    ${fault}`);
  }
} finally {
  await prover.close();
}
const failed = results.filter(({ fault }) => fault !== null).length;
console.log(`${results.length - failed} of ${results.length} changes turn their test red`);
if (values.report !== undefined) await writeFile(values.report, JSON.stringify({ seed, results }));
process.exit(failed === 0 ? 0 : 1);
