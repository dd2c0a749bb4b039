/** Deterministic collaborators of an app under test. */
import { epochMicros, epochMillis } from '../../lib/core/time.ts';
import type { Log, LogFields } from '../../lib/ports/log.ts';
import type { HttpDeps } from '../../functions/http/request-context.ts';

interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

export interface HttpHarness {
  readonly deps: HttpDeps;
  readonly lines: readonly LoggedLine[];
}

/** Request ids count up from `id-1`; the clock stands still. */
export function httpHarness(): HttpHarness {
  const lines: LoggedLine[] = [];
  const record =
    (level: LoggedLine['level']) =>
    (event: string, fields: LogFields = {}) =>
      void lines.push({ level, event, fields });
  const log: Log = { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') };
  let ids = 0;
  const random = {
    unit: () => 0,
    bytes: (length: number) => new Uint8Array(length),
    uuid: () => {
      ids += 1;
      return `id-${ids}`;
    },
  };
  const clock = { now: () => epochMillis(0), nowMicros: () => epochMicros(0n), monotonicMillis: () => 0, sleep: () => Promise.resolve() };
  return { deps: { log, random, clock }, lines };
}
