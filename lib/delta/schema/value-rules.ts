/**
 * What a table's schema demands of values beyond the type of their column: whole numbers of 8 or 16 bits, required fields
 * inside structs, required elements, texts of a length (Spark's CHAR and VARCHAR).
 *
 * Other engines trust the schema: a byte of 300 they read as 44, and a null in a required field can make a file unreadable.
 */
import { type Batch, valueAt, findVector } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import type { Value } from '../../core/types.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';

/** Null passes; whether a null may stand somewhere is a matter of what holds it. */
export type ValueRule =
  /** `name` as Spark calls the type. */
  | { readonly kind: 'whole'; readonly name: 'TINYINT' | 'SMALLINT'; readonly min: number; readonly max: number }
  /** Characters as Unicode counts them. */
  | { readonly kind: 'text'; readonly name: string; readonly min: number; readonly max: number }
  | { readonly kind: 'struct'; readonly fields: readonly HeldRule[] }
  | { readonly kind: 'array'; readonly element: HeldRule }
  | { readonly kind: 'map'; readonly key: HeldRule; readonly value: HeldRule }
  | { readonly kind: 'unknown'; readonly name: string };

interface HeldRule {
  readonly name: string;
  readonly required: boolean;
  readonly rule: ValueRule | undefined;
}

/** Where Spark keeps the type that it stores as a string. */
const CHAR_TYPE = '__CHAR_VARCHAR_TYPE_STRING';

/** The rule of a column, by its field of the schema JSON; undefined where its type says all. */
export function ruleOfField(field: JsonObject): ValueRule | undefined {
  const metadata = field['metadata'];
  const stated = isJsonObject(metadata) ? metadata[CHAR_TYPE] : undefined;
  return typeof stated === 'string' ? textRule(stated) : ruleOfType(field['type']);
}

function textRule(name: string): ValueRule {
  const [, isVarying, digits] = /^(var)?char\((\d{1,9})\)$/i.exec(name) ?? [];
  if (digits === undefined) return { kind: 'unknown', name };
  const max = Number(digits);
  return { kind: 'text', name: name.toUpperCase(), min: isVarying === undefined ? max : 0, max };
}

function ruleOfType(type: Json | undefined): ValueRule | undefined {
  if (type === 'byte') return { kind: 'whole', name: 'TINYINT', min: -128, max: 127 };
  if (type === 'short') return { kind: 'whole', name: 'SMALLINT', min: -32_768, max: 32_767 };
  if (!isJsonObject(type)) return undefined;
  const held = (name: string, isNullable: Json | undefined, inner: Json | undefined): HeldRule => ({
    name,
    required: isNullable === false,
    rule: ruleOfType(inner),
  });
  switch (type['type']) {
    case 'struct': {
      const fields = Array.isArray(type['fields']) ? type['fields'].filter(isJsonObject) : [];
      const rules = fields.map((field) => ({ ...held(nameOf(field), field['nullable'], field['type']), rule: ruleOfField(field) }));
      return rules.some(hasSay) ? { kind: 'struct', fields: rules } : undefined;
    }
    case 'array': {
      const element = held('element', type['containsNull'], type['elementType']);
      return hasSay(element) ? { kind: 'array', element } : undefined;
    }
    case 'map': {
      // No map has a null key, whatever its schema.
      const key = held('key', true, type['keyType']);
      const value = held('value', type['valueContainsNull'], type['valueType']);
      return hasSay(key) || hasSay(value) ? { kind: 'map', key, value } : undefined;
    }
    default:
      return undefined;
  }
}

function nameOf({ name }: JsonObject): string {
  return typeof name === 'string' ? name : '';
}

function hasSay({ required, rule }: HeldRule): boolean {
  return required || rule !== undefined;
}

/** @throws LakefoldError CONSTRAINT_VIOLATED naming column, row and what it demands; UNSUPPORTED_TABLE_FEATURE for a demand we can't check */
export function checkValues(columns: readonly TableColumn[], batch: Batch): void {
  if (batch.rowCount === 0) return;
  for (const { name, rule } of columns) {
    if (rule === undefined) continue;
    const vector = findVector(batch, name);
    for (let row = 0; row < (vector === undefined ? 1 : batch.rowCount); row += 1) {
      const fault = faultOf(rule, vector === undefined ? null : valueAt(vector, row), name);
      if (fault !== undefined) throw violated(fault, row);
    }
  }
}

interface Fault {
  readonly path: string;
  readonly constraint: string;
  readonly expected: string;
  readonly found: string;
}

/** A required field inside a struct that is null itself is null, too: as Spark counts it, which would refuse the row. */
function faultOf(rule: ValueRule, value: Value, path: string): Fault | undefined {
  if (rule.kind === 'struct') {
    const values = Array.isArray(value) ? (value as readonly Value[]) : [];
    return firstFault(rule.fields, (_, i) => values[i] ?? null, path);
  }
  if (value === null) return undefined;
  switch (rule.kind) {
    case 'whole':
      return Number(value) >= rule.min && Number(value) <= rule.max
        ? undefined
        : { path, constraint: rule.name, expected: `a number from ${rule.min} to ${rule.max}`, found: String(value) };
    case 'text': {
      const length = typeof value === 'string' ? characters(value) : 0;
      return length >= rule.min && length <= rule.max
        ? undefined
        : { path, constraint: rule.name, expected: `${rule.min === rule.max ? '' : 'at most '}${rule.max} characters`, found: String(length) };
    }
    case 'array':
      return firstFault(Array.isArray(value) ? value.map(() => rule.element) : [], (_, i) => (value as readonly Value[])[i] ?? null, path);
    case 'map': {
      const entries = Array.isArray(value) ? (value as readonly (readonly Value[])[]) : [];
      return firstFault(
        entries.flatMap(() => [rule.key, rule.value]),
        (_, i) => entries[i >> 1]?.[i % 2] ?? null,
        path,
      );
    }
    case 'unknown':
      throw new LakefoldError('UNSUPPORTED_TABLE_FEATURE', `expected column ${path} of a type whose lengths Lakefold can check, found ${rule.name}`, {
        context: { feature: rule.name.slice(0, NAME_SHOWN_MAX), column: path },
      });
  }
}

function firstFault(held: readonly HeldRule[], valueOf: (rule: HeldRule, index: number) => Value, path: string): Fault | undefined {
  for (const [i, each] of held.entries()) {
    const value = valueOf(each, i);
    const at = `${path}.${each.name}`;
    if (value === null && each.required) return { path: at, constraint: 'NOT NULL', expected: 'a value', found: 'null' };
    const fault = each.rule === undefined ? undefined : faultOf(each.rule, value, at);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const NAME_SHOWN_MAX = 200;

function characters(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += (text.codePointAt(i) ?? 0) > 0xff_ff ? 2 : 1) count += 1;
  return count;
}

function violated({ path, constraint, expected, found }: Fault, row: number): LakefoldError {
  return new LakefoldError('CONSTRAINT_VIOLATED', `expected ${expected} in column ${path} (${constraint}), found ${found} in row ${row}`, {
    context: { column: path, row, constraint },
  });
}
