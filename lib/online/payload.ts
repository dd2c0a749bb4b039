/**
 * The bytes of a record's features in the online store: payload layout 1 (storage.md §4). Key and event time are in the
 * item. Offsets are computed once per schema; reading one feature touches no other.
 */
import { vectorOf, type Vector } from '../core/batch.ts';
import { fromHex } from '../core/bytes.ts';
import { isLakefoldError, LakefoldError } from '../core/errors.ts';
import { raiseBetween, type Raise } from '../core/raise.ts';
import { formatType, parseType, type ColumnType, type Value } from '../core/types.ts';
import { checkRecord, readColumn, type RecordBytes } from './payload-decode.ts';
import { bindPayloads } from './payload-encode.ts';
import { HEADER_BYTES, PAYLOAD_LAYOUT, recordLayout, type RecordLayout } from './payload-layout.ts';

/** Columns of a payload and the fingerprint of their names, types and nullability (storage.md §4). */
export interface PayloadColumns {
  /** 16 hex digits. */
  readonly fingerprint: string;
  /** Name, type, nullable: features in definition order. */
  readonly columns: readonly (readonly [name: string, type: string, nullable: boolean])[];
}

export interface PayloadEncoder {
  /** One row by feature position. */
  encode(values: readonly Value[]): Uint8Array;
  /** Payloads of a batch's rows by index: `vectors[i]` holds feature i, absent = null. Float bits are kept. */
  bind(vectors: readonly (Vector | undefined)[]): (index: number) => Uint8Array;
}

/** @throws LakefoldError INVALID_ARGUMENT for a type or fingerprint that is none */
export function compilePayloadEncoder(schema: PayloadColumns): PayloadEncoder {
  const { header, layout, types } = compileSchema(schema);
  return {
    bind: (vectors) => bindPayloads(header, layout, vectors),
    encode: (values) =>
      bindPayloads(
        header,
        layout,
        types.map((type, i) => vectorOf(type, [values[i] ?? null])),
      )(0),
  };
}

export type PayloadRead =
  /** `values[i]` is the wanted feature i, raised to its type today. */
  | { readonly kind: 'values'; readonly values: readonly Value[] }
  /** Written with a schema this reader was not told of: ask the registry again. */
  | { readonly kind: 'unknownSchema' }
  | { readonly kind: 'corrupt'; readonly reason: string };

/** The features a reader wants, by today's name and type. */
export interface WantedFeature {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * Reads `wanted` from payloads of any of `schemas`: a column the payload lacks is null, a narrower one is raised exactly.
 * @throws LakefoldError SCHEMA_DRIFT when a schema's type cannot be raised to the wanted one
 */
export function compilePayloadReader(schemas: readonly PayloadColumns[], wanted: readonly WantedFeature[]): (payload: Uint8Array) => PayloadRead {
  // Newest last in the registry, and most payloads are of the newest.
  const readers = schemas.map((schema) => compileSchemaReader(schema, wanted)).toReversed();
  return (payload) => {
    for (const reader of readers) if (startsWith(payload, reader.header)) return reader.read(payload);
    if (payload.length < HEADER_BYTES) return { kind: 'corrupt', reason: `expected at least ${HEADER_BYTES} bytes, found ${payload.length}` };
    if (payload[0] !== PAYLOAD_LAYOUT) return { kind: 'corrupt', reason: `expected payload layout ${PAYLOAD_LAYOUT}, found ${payload[0]}` };
    return { kind: 'unknownSchema' };
  };
}

interface CompiledSchema {
  readonly header: Uint8Array;
  readonly layout: RecordLayout;
  readonly types: readonly ColumnType[];
}

function compileSchema(schema: PayloadColumns): CompiledSchema {
  if (!/^[0-9a-f]{16}$/.test(schema.fingerprint))
    throw new LakefoldError('INVALID_ARGUMENT', `expected a schema fingerprint of 16 hex digits, found ${JSON.stringify(schema.fingerprint)}`);
  const types = schema.columns.map(([, type]) => parseType(type));
  return { header: Uint8Array.of(PAYLOAD_LAYOUT, ...fromHex(schema.fingerprint)), layout: recordLayout(types), types };
}

interface SchemaReader {
  readonly header: Uint8Array;
  readonly read: (payload: Uint8Array) => PayloadRead;
}

function compileSchemaReader(schema: PayloadColumns, wanted: readonly WantedFeature[]): SchemaReader {
  const { header, layout, types } = compileSchema(schema);
  const picks = wanted.map((feature): { readonly position: number; readonly raise: Raise } | undefined => {
    const position = schema.columns.findIndex(([name]) => name === feature.name);
    const from = types[position];
    if (from === undefined) return undefined;
    const raise = raiseBetween(from, feature.type);
    if (raise === undefined)
      throw new LakefoldError(
        'SCHEMA_DRIFT',
        `expected ${feature.name} of a type that widens to ${formatType(feature.type)}, found ${formatType(from)} in online schema ${schema.fingerprint}`,
      );
    return { position, raise };
  });
  const read = (payload: Uint8Array): PayloadRead => {
    const record: RecordBytes = {
      bytes: payload,
      view: new DataView(payload.buffer, payload.byteOffset, payload.byteLength),
      base: HEADER_BYTES,
      end: payload.length,
    };
    try {
      checkRecord(layout, record);
      return { kind: 'values', values: picks.map((pick) => (pick === undefined ? null : pick.raise(readColumn(layout, record, pick.position)))) };
    } catch (error) {
      if (isLakefoldError(error, 'CORRUPT_STORE')) return { kind: 'corrupt', reason: error.message };
      throw error;
    }
  };
  return { header, read };
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i += 1) if (bytes[i] !== prefix[i]) return false;
  return true;
}
