/** A row as it was received, as JSON text: what quarantine keeps of it. */
import { type Batch, rowAt } from '../../core/batch.ts';
import { toBase64 } from '../../core/bytes.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { isLakefoldError } from '../../core/errors.ts';
import { type Json, stringifyJson } from '../../core/json.ts';
import { formatInstant, microsOfNativeDate } from '../../core/time.ts';

/** Objects within objects that are shown; a row nested deeper was refused for it. */
const DEPTH_MAX = 64;

/** Of a row of JSON, CSV or TypeScript. */
export function payloadText(row: unknown): string {
  return stringifyJson(plain(row, 0));
}

/** Of a row of a file, in the types the file has. */
export function storedPayload(batch: Batch, row: number): string {
  const values = rowAt(batch, row);
  const members = batch.columns.map(({ name, type }, i) => `${JSON.stringify(name)}:${written(() => canonicalValue(type, values[i] ?? null, {}), values[i])}`);
  return `{${members.join(',')}}`;
}

// A file may hold an instant that no calendar has: its number says as much.
function written(write: () => string, value: unknown): string {
  try {
    return write();
  } catch (error) {
    if (!isLakefoldError(error)) throw error;
    return payloadText(value);
  }
}

function plain(value: unknown, depth: number): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      return value === null ? null : plainObject(value, depth);
    default:
      return null;
  }
}

function plainObject(value: object, depth: number): Json {
  const micros = microsOfNativeDate(value);
  if (micros !== undefined) return formatInstant(micros);
  if (value instanceof Uint8Array) return toBase64(value);
  if (depth >= DEPTH_MAX) return null;
  if (value instanceof Map) return [...value].map(([key, member]) => [plain(key, depth + 1), plain(member, depth + 1)]);
  if (ArrayBuffer.isView(value)) return value instanceof Float32Array || value instanceof Float64Array ? Array.from(value, Number) : null;
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member, depth + 1)]));
}
