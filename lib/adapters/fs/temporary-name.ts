/** Names of files that are not objects yet: `.tmp-<pid>-<ulid>`, ignored by every reader. */
import process from 'node:process';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

const PREFIX = '.tmp-';
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function isTemporaryName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** True when a part of the path is a temporary name. */
export function isTemporaryPath(path: string): boolean {
  return isTemporaryName(path) || path.includes(`/${PREFIX}`);
}

/** The name of a marker or lock: temporary, but the same for everybody. */
export function temporaryName(label: string): string {
  return PREFIX + label;
}

/** A name nobody else makes. */
export function uniqueTemporaryName(deps: { readonly clock: Pick<Clock, 'now'>; readonly random: Pick<Random, 'bytes'> }): string {
  return `${PREFIX}${process.pid}-${ulid(deps.clock.now(), deps.random.bytes(16))}`;
}

/** 48 bits of milliseconds, then 80 random bits. */
function ulid(millis: number, random: Uint8Array): string {
  let text = '';
  let rest = millis;
  for (let i = 0; i < 10; i += 1) {
    text = CROCKFORD.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  for (const byte of random) text += CROCKFORD.charAt(byte & 31);
  return text;
}
