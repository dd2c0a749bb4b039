/** What a seed makes of a schedule: every schedule has its own mix of faults, sizes and pauses (swarm testing). */
import { Dice } from './dice.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Clocks of actors differ from the store's by up to this, ms. */
export const SKEW_MAX = 10 * MINUTE;

export interface Knobs {
  /** `s3`: the S3 adapter over a raw bucket; `port`: a store that answers as adapters do; `local`: one with a local path, whose writers are fenced. */
  readonly store: 's3' | 'port' | 'local';
  readonly codec: 'ndjson' | 'parquet';
  readonly profile: 'merge-on-read' | 'compatible';
  readonly hasEventTime: boolean;
  readonly keys: number;
  readonly latency: number;
  readonly slow: number;
  readonly before: number;
  readonly after: number;
  readonly late: number;
  readonly contended: number;
  /** Per entry of the log that is asked for. */
  readonly cut: number;
  /** Windows in which the store asks to slow down, or answers hardly anybody, ms from the start. */
  readonly bursts: readonly { readonly kind: 'throttle' | 'outage'; readonly from: number; readonly to: number }[];
  readonly pageSize: number;
  /** Per request of an actor. */
  readonly crash: number;
  readonly freeze: number;
  readonly freezeMillis: number;
  readonly skew: number;
  /** Waking times of the actors, ms from the start: between them the log ages. */
  readonly epochs: readonly number[];
  readonly retentionMillis: number;
  readonly logRetentionMillis: number;
  readonly checkpointEvery: number;
  /** Whether writes wait in an inbox, instead of those that one process groups. */
  readonly hasInbox: boolean;
}

/** One schedule in this many is in Parquet, which costs a hundred times as much. */
const PARQUET_EVERY = 1000;

/** One in this many has an inbox, at which its committers look again and again. */
const INBOX_EVERY = 5;

export function knobsOf(seed: number): Knobs {
  const dice = new Dice(seed ^ 0x5eed);
  const isHard = seed % 2 === 0;
  const gaps: [number, number, number, number, number] = [20 * SECOND, 3 * MINUTE, 2 * HOUR, 26 * HOUR, 9 * DAY];
  const epochs = [0];
  for (let i = dice.int(3, 4); i > 0; i -= 1) epochs.push((epochs.at(-1) ?? 0) + dice.pick(gaps));
  const rate = (soft: number, hard: number): number => (dice.chance(0.8) ? dice.unit() * (isHard ? hard : soft) : 0);
  return {
    store: dice.pick(['s3', 's3', 's3', 'port', 'local']),
    codec: seed % PARQUET_EVERY === 0 ? 'parquet' : 'ndjson',
    profile: dice.pick(['merge-on-read', 'merge-on-read', 'merge-on-read', 'compatible']),
    hasEventTime: dice.chance(0.4),
    keys: dice.int(2, 6),
    latency: dice.pick([2, 10, 40]),
    slow: rate(0.01, 0.04),
    before: rate(0.02, 0.08),
    after: rate(0.03, 0.12),
    late: rate(0.02, 0.08),
    contended: rate(0.05, 0.3),
    bursts: Array.from({ length: dice.int(0, 2) }, () => {
      const from = dice.pick([epochs[0] ?? 0, ...epochs]) + dice.unit() * SECOND;
      const kind = dice.pick<'throttle' | 'outage'>(['throttle', 'throttle', 'outage']);
      return { kind, from, to: from + dice.unit() * (kind === 'outage' ? 40 : isHard ? 5 : 1) * SECOND };
    }),
    pageSize: dice.pick([3, 7, 20, 1000, 1000]),
    crash: rate(0.004, 0.008),
    freeze: rate(0.003, 0.01),
    freezeMillis: dice.pick([MINUTE, 2 * HOUR, 30 * HOUR, 10 * DAY]),
    skew: dice.chance(0.7) ? SKEW_MAX : 0,
    epochs,
    retentionMillis: dice.pick([36 * HOUR, 2 * DAY, 7 * DAY]),
    logRetentionMillis: dice.pick([HOUR, 30 * HOUR, 5 * DAY]),
    checkpointEvery: dice.int(3, 8),
    cut: rate(0.01, 0.03),
    hasInbox: seed % INBOX_EVERY === 1,
  };
}
