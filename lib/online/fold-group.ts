/** A feature group as the fold sees it, and rows of a batch in the terms of the fold: key, order, payload, expiry. */
import { valueAt, type Batch, type Vector } from '../core/batch.ts';
import { rowDigest } from '../core/canonical.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { encodeKey, type EntityKey } from '../core/keys.ts';
import { INGESTED_AT } from '../core/names.ts';
import { raiseBetween } from '../core/raise.ts';
import { isEpochMicros, microsOfDays, secondsOfMicrosCeil, type DurationMicros, type EpochSeconds } from '../core/time.ts';
import { formatType, type Column, type Value } from '../core/types.ts';
import { compilePayloadEncoder, type PayloadColumns, type PayloadEncoder } from './payload.ts';

/** How long an expired item may stay until the store collects it (T3), seconds. */
const EXPIRY_GRACE_SECONDS = 7 * 24 * 60 * 60;

export interface FoldGroupOptions {
  /** In primary-key order; none for a global entity. */
  readonly keyColumns: readonly Column[];
  readonly eventTime?: Column | undefined;
  /** In definition order, the order of the payload. */
  readonly features: readonly Column[];
  /** Fingerprint of the payload schema that `features` make. */
  readonly fingerprint: string;
  readonly ttl?: DurationMicros | undefined;
  /** Rows beyond now + this raise an alarm (U13); they are folded all the same. */
  readonly maxFutureSkew?: DurationMicros | undefined;
}

/** Made once per definition by `compileFoldGroup`. */
export interface FoldGroup extends FoldGroupOptions {
  readonly encoder: PayloadEncoder;
  /** What the row digest is over: keys, event time, features. */
  readonly digestColumns: readonly Column[];
}

/** @throws LakefoldError INVALID_ARGUMENT for a fingerprint that is none */
export function compileFoldGroup(options: FoldGroupOptions): FoldGroup {
  const schema: PayloadColumns = {
    fingerprint: options.fingerprint,
    columns: options.features.map((column) => [column.name, formatType(column.type), column.nullable] as const),
  };
  const eventTime = options.eventTime === undefined ? [] : [options.eventTime];
  return { ...options, encoder: compilePayloadEncoder(schema), digestColumns: [...options.keyColumns, ...eventTime, ...options.features] };
}

/** Rows of one batch; every member takes the row's index. */
export interface FoldRows {
  readonly rowCount: number;
  /** Equal texts for equal keys; undefined where a part is null. */
  readonly token: (index: number) => string | undefined;
  /** Undefined where the key is longer than a key may be. */
  readonly key: (index: number) => EntityKey | undefined;
  /** µs; 0 for a group without event time (U4); undefined where it is null or outside the years 0001–9999. */
  readonly eventTime: (index: number) => bigint | undefined;
  readonly ingestedAt: (index: number) => bigint;
  readonly digest: (index: number) => Uint8Array;
  readonly payload: (index: number) => Uint8Array;
}

/** Reads `batch` by column name. `ingestedAtDefault`: what a null `_ingested_at` reads as, µs. */
export function bindFoldRows(group: FoldGroup, batch: Batch, options: { readonly ingestedAtDefault: bigint }): FoldRows {
  const named = new Map(batch.columns.map((column, i) => [column.name, batch.vectors[i]] as const));
  const readers = group.digestColumns.map((column) => reader(column, named.get(column.name)));
  const keyReaders = readers.slice(0, group.keyColumns.length);
  const keyTypes = group.keyColumns.map((column) => column.type);
  const received = named.get(INGESTED_AT);
  let payload: ((index: number) => Uint8Array) | undefined;
  return {
    rowCount: batch.rowCount,
    token: tokenReader(keyReaders),
    key: (index) =>
      keyOrUndefined(() =>
        encodeKey(
          keyTypes,
          keyReaders.map((read) => read(index)),
        ),
      ),
    eventTime: group.eventTime === undefined ? () => 0n : eventTimeReader(group.eventTime, named.get(group.eventTime.name)),
    ingestedAt: (index) => {
      const value = received === undefined ? null : valueAt(received, index);
      return typeof value === 'bigint' ? value : options.ingestedAtDefault;
    },
    digest: (index) =>
      rowDigest(
        group.digestColumns,
        readers.map((read) => read(index)),
      ),
    payload: (index) => {
      payload ??= group.encoder.bind(group.features.map((column) => named.get(column.name)));
      return payload(index);
    },
  };
}

/** True when the row is past its time to live at `now`, µs (T2, T5). */
export function isExpired(group: FoldGroup, eventTime: bigint, now: bigint): boolean {
  return group.ttl !== undefined && now - eventTime > group.ttl;
}

/** When the store may collect the row (T3); undefined = never. */
export function expiryOf(group: FoldGroup, eventTime: bigint): EpochSeconds | undefined {
  return group.ttl === undefined ? undefined : secondsOfMicrosCeil(eventTime + group.ttl + BigInt(EXPIRY_GRACE_SECONDS) * 1_000_000n);
}

type ValueReader = (index: number) => Value;

function reader(column: Column, vector: Vector | undefined): ValueReader {
  if (vector === undefined) return () => null;
  const raise = raiseBetween(vector.type, column.type);
  if (raise === undefined)
    throw new LakefoldError(
      'SCHEMA_DRIFT',
      `expected ${column.name} of a type that widens to ${formatType(column.type)}, found ${formatType(vector.type)} in the table`,
    );
  return (index) => raise(valueAt(vector, index));
}

function eventTimeReader(column: Column, vector: Vector | undefined): (index: number) => bigint | undefined {
  if (vector === undefined) return () => undefined;
  if (column.type.kind === 'date') {
    return (index) => {
      const days = valueAt(vector, index);
      return typeof days === 'number' && isEpochMicros(BigInt(days) * 86_400_000_000n) ? microsOfDays(days) : undefined;
    };
  }
  return (index) => {
    const micros = valueAt(vector, index);
    return typeof micros === 'bigint' && isEpochMicros(micros) ? micros : undefined;
  };
}

/** One key column is its own token; several are length-prefixed, so that ('1','23') and ('12','3') stay two. */
function tokenReader(keyReaders: readonly ValueReader[]): (index: number) => string | undefined {
  const [only] = keyReaders;
  if (keyReaders.length === 1 && only !== undefined) {
    return (index) => {
      const value = only(index);
      return value === null ? undefined : tokenPart(value);
    };
  }
  return (index) => {
    let token = '';
    for (const read of keyReaders) {
      const value = read(index);
      if (value === null) return undefined;
      const part = tokenPart(value);
      token += `${part.length}:${part}`;
    }
    return token;
  };
}

function tokenPart(value: Exclude<Value, null>): string {
  return typeof value === 'string' ? value : value instanceof Uint8Array ? value.join(',') : String(value);
}

function keyOrUndefined(encode: () => EntityKey): EntityKey | undefined {
  try {
    return encode();
  } catch (error) {
    if (isLakefoldError(error, 'LIMIT_EXCEEDED')) return undefined;
    throw error;
  }
}
