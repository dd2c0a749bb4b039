/** Local times of a named zone as instants, for files whose timestamps have no offset. */
import { LakefoldError } from '../../core/errors.ts';
import { floorDiv } from '../../core/time.ts';

const HOUR_MICROS = 3_600_000_000n;
/** Offsets change on the quarter hour at the finest, so one look-up serves a quarter of an hour. */
const BUCKET_MICROS = 900_000_000n;
const CACHED_MAX = 100_000;

/**
 * Resolves local times (µs as if UTC) of `zone`; undefined where the clock showed that time twice or never.
 * @throws LakefoldError INVALID_ARGUMENT for a name that is no IANA zone
 */
export function localTimeResolver(zone: string): (localMicros: bigint) => bigint | undefined {
  if (zone === 'UTC' || zone === 'Etc/UTC') return (local) => local;
  const offsetAt = offsetReader(zone);
  const cache = new Map<bigint, bigint | undefined>();
  return (local) => {
    const bucket = floorDiv(local, BUCKET_MICROS);
    if (!cache.has(bucket)) {
      if (cache.size >= CACHED_MAX) cache.clear();
      cache.set(bucket, offsetOfLocal(offsetAt, bucket * BUCKET_MICROS));
    }
    const offset = cache.get(bucket);
    return offset === undefined ? undefined : local - offset;
  };
}

/** The one offset under which the clock of the zone shows `local`. */
function offsetOfLocal(offsetAt: (micros: bigint) => bigint, local: bigint): bigint | undefined {
  const candidates = new Set([offsetAt(local - 26n * HOUR_MICROS), offsetAt(local), offsetAt(local + 26n * HOUR_MICROS)]);
  const valid = [...candidates].filter((offset) => offsetAt(local - offset) === offset);
  return valid.length === 1 ? valid[0] : undefined;
}

/** Offset from UTC in µs at an instant. */
function offsetReader(zone: string): (micros: bigint) => bigint {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch (cause) {
    throw new LakefoldError('INVALID_ARGUMENT', `expected an IANA time zone, found ${JSON.stringify(zone)}`, { cause });
  }
  return (micros) => {
    const name = format.formatToParts(Number(floorDiv(micros, 1000n))).find((part) => part.type === 'timeZoneName')?.value ?? '';
    const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(name);
    const seconds = Number(match?.[2] ?? 0) * 3600 + Number(match?.[3] ?? 0) * 60 + Number(match?.[4] ?? 0);
    return BigInt(match?.[1] === '-' ? -seconds : seconds) * 1_000_000n;
  };
}
