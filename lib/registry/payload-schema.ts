/** The schema of a group's online payloads and its fingerprint (storage.md §4): features only, in definition order. */
import { sha256, toHex, utf8 } from '../core/bytes.ts';
import { canonicalJson } from '../core/json.ts';
import type { FeatureGroupDefinition, PayloadSchema } from './definition.ts';

const FINGERPRINT_BYTES = 8;

/** First 8 bytes of SHA-256 of the canonical JSON `[["name","type",nullable],…]`, as 16 hex digits. */
export function fingerprintOf(columns: PayloadSchema['columns']): string {
  return toHex(sha256(utf8(canonicalJson(columns))).subarray(0, FINGERPRINT_BYTES));
}

export function payloadSchemaOf(definition: FeatureGroupDefinition): PayloadSchema {
  const identity = new Set([...definition.primaryKey, definition.eventTime]);
  const columns = definition.schema.filter((column) => !identity.has(column.name)).map((column) => [column.name, column.type, column.nullable] as const);
  return { fingerprint: fingerprintOf(columns), columns };
}
