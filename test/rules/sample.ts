/** Which proofs a run tries when it can't try all. */
import { execFileSync } from 'node:child_process';
import { hashOf } from '../../lib/core/hash.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import type { Proof } from './proof.ts';

/** As many as asked for, the same ones for the same seed: those whose hash with the seed is least. */
export function sampleProofs(proofs: readonly Proof[], { count, seed }: { readonly count: number; readonly seed: string }): readonly Proof[] {
  const rankOf = ({ rule, promise }: Proof): string => hashOf(utf8(`${seed} ${rule} ${promise}`));
  return proofs.toSorted((a, b) => (rankOf(a) < rankOf(b) ? -1 : 1)).slice(0, count);
}

/** This commit, so that every commit tries others; outside a repository today. */
export function defaultSeed(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return new Date().toISOString().slice(0, 10);
  }
}
