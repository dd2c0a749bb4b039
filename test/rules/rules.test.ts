/** Every rule has its proof, every change fits the code as it stands, and docs/rules.md lists them. `npm run rules` makes the changes. */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rulesPage } from './document.ts';
import { changedText } from './proof.ts';
import { PROOFS } from './proofs.ts';
import { ROOT } from './root.ts';
import { CHAPTERS, NOT_BUILT } from './rules.ts';
import { sampleProofs } from './sample.ts';

const PAGE = join(ROOT, 'docs/rules.md');
const ids = CHAPTERS.flatMap(({ rules }) => rules.map(({ id }) => id));

describe('the rules of the semantics', () => {
  it('each have a proof, or are named as not built', () => {
    expect(ids.filter((id) => !PROOFS.some(({ rule }) => rule === id) && NOT_BUILT[id] === undefined)).toEqual([]);
    expect(PROOFS.filter(({ rule }) => !ids.includes(rule))).toEqual([]);
  });

  it('are proven by tests that are there, each promise once', () => {
    const files = new Set(PROOFS.flatMap(({ test }) => [test.file, ...(test.onEmulators === undefined ? [] : [test.onEmulators])]));
    expect([...files].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    const promises = PROOFS.map(({ rule, promise }) => `${rule} ${promise}`);
    expect(promises.filter((promise, i) => promises.indexOf(promise) !== i)).toEqual([]);
  });

  it('are broken by changes that fit the code as it stands', () => {
    const faults = PROOFS.flatMap(({ rule, change }) => {
      try {
        const text = readFileSync(join(ROOT, change.file), 'utf8');
        return changedText(text, change) === text ? [`${rule}: the change of ${change.file} changes nothing`] : [];
      } catch (error) {
        return [`${rule}: ${error instanceof Error ? error.message : String(error)}`];
      }
    });
    expect(faults).toEqual([]);
  });

  it('are listed in docs/rules.md', async () => {
    const page = rulesPage(PROOFS);
    if (process.env['UPDATE_DOCS'] === '1') await writeFile(PAGE, page);
    expect(readFileSync(PAGE, 'utf8'), 'UPDATE_DOCS=1 npx vitest run --project pure test/rules/rules.test.ts').toBe(page);
  });

  it('are sampled by a seed: the same ten for the same, others for another', () => {
    const sample = (seed: string): readonly string[] => sampleProofs(PROOFS, { count: 10, seed }).map(({ rule, promise }) => `${rule} ${promise}`);
    expect(sample('a')).toEqual(sample('a'));
    expect([sample('a').length, new Set(sample('a')).size]).toEqual([10, 10]);
    expect(sample('a')).not.toEqual(sample('b'));
  });
});
