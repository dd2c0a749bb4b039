/** Table properties of `metaData.configuration` that govern what we do. */
import { LakefoldError } from '../../core/errors.ts';
import type { Metadata, Protocol } from '../actions/actions.ts';

const UNIT_MILLIS: Readonly<Record<string, number>> = {
  microsecond: 0.001,
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

const DELETED_FILE_RETENTION = 'delta.deletedFileRetentionDuration';
const DELETED_FILE_RETENTION_DEFAULT = 'interval 1 week';
const LOG_RETENTION = 'delta.logRetentionDuration';
const LOG_RETENTION_DEFAULT = 'interval 30 days';

/** How long tombstones stay in checkpoints, ms. @throws LakefoldError LOG_CORRUPT when the property is no interval */
export function deletedFileRetentionMillis(metadata: Metadata): number {
  return intervalOf(metadata, DELETED_FILE_RETENTION, DELETED_FILE_RETENTION_DEFAULT);
}

/** How long versions stay readable, ms. @throws LakefoldError LOG_CORRUPT when the property is no interval */
export function logRetentionMillis(metadata: Metadata): number {
  return intervalOf(metadata, LOG_RETENTION, LOG_RETENTION_DEFAULT);
}

/** Whether expired log entries may be deleted: `delta.enableExpiredLogCleanup`. */
export function isLogCleanupEnabled(metadata: Metadata): boolean {
  return metadata.configuration['delta.enableExpiredLogCleanup']?.toLowerCase() !== 'false';
}

function intervalOf(metadata: Metadata, property: string, absent: string): number {
  const text = metadata.configuration[property] ?? absent;
  const millis = parseInterval(text);
  if (millis === undefined)
    throw new LakefoldError('LOG_CORRUPT', `expected an interval such as 'interval 1 week' in ${property}, found ${JSON.stringify(text)}`);
  return millis;
}

/** In which forms checkpoints keep statistics: `delta.checkpoint.writeStatsAsJson` and `…AsStruct`. */
export function checkpointStatsForms({ configuration }: Metadata): { readonly json: boolean; readonly struct: boolean } {
  return {
    json: configuration['delta.checkpoint.writeStatsAsJson']?.toLowerCase() !== 'false',
    struct: configuration['delta.checkpoint.writeStatsAsStruct']?.toLowerCase() === 'true',
  };
}

/** Only inserts are allowed: `delta.appendOnly`. */
export function isAppendOnly(metadata: Metadata): boolean {
  return metadata.configuration['delta.appendOnly']?.toLowerCase() === 'true';
}

/** Every commit states its own time: `delta.enableInCommitTimestamps`. */
export function hasInCommitTimestamps(metadata: Metadata): boolean {
  return metadata.configuration['delta.enableInCommitTimestamps']?.toLowerCase() === 'true';
}

/** Every commit that changes parts of files brings change files: `delta.enableChangeDataFeed`. */
export function isChangeFeedOn({ protocol, metadata }: { readonly protocol: Protocol; readonly metadata: Metadata }): boolean {
  const isSupported = protocol.minWriterVersion === 7 ? (protocol.writerFeatures ?? []).includes('changeDataFeed') : protocol.minWriterVersion >= 4;
  return isSupported && metadata.configuration['delta.enableChangeDataFeed']?.toLowerCase() === 'true';
}

/** Milliseconds of Spark's `interval 30 days`, `interval 1 week 12 hours`; undefined for anything else, months and years included. */
export function parseInterval(text: string): number | undefined {
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words[0] === 'interval') words.shift();
  if (words.length === 0 || words.length % 2 !== 0) return undefined;
  let millis = 0;
  for (let i = 0; i < words.length; i += 2) {
    const count = words[i] ?? '';
    const unit = UNIT_MILLIS[(words[i + 1] ?? '').replace(/s$/, '')];
    if (unit === undefined || !/^\d{1,12}$/.test(count)) return undefined;
    millis += Number(count) * unit;
  }
  return Math.floor(millis);
}
