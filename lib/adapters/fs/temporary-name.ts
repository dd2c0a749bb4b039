/** Names of files that are not objects yet: `.tmp-<pid>-<ulid>`, ignored by every reader. */
import process from 'node:process';
import { ulid } from '../../core/ulid.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

const PREFIX = '.tmp-';

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

/** The process that made a name with `uniqueTemporaryName`; undefined for markers and locks. */
export function writerOf(name: string): number | undefined {
  const pid = /^\.tmp-(\d+)-[0-9A-Z]{26}$/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}
