/**
 * The statistics of a file made of the rows of others, from theirs alone. Pure.
 *
 * As if its rows had been looked at, but for maxima of cut texts: the greatest of bounds holds for all rows, and may be
 * wider than the bound of the greatest row.
 */
import type { ColumnType } from '../../core/types.ts';
import type { AddFile } from '../actions/actions.ts';
import { compareValues } from '../filter/filter.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';
import { type Bound, boundText, parseBound } from './stats-bounds.ts';

/** Objects, and leaves as the very characters that stand in the text. */
type Tree = string | { readonly [name: string]: Tree };

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g;

/** Undefined where a file has deleted rows, or statistics that do not tell enough. */
export function mergeStats(files: readonly AddFile[], columns: readonly TableColumn[]): string | undefined {
  const trees = files.map(({ stats, deletionVector }) => (deletionVector === undefined && stats !== undefined ? parseTree(stats) : undefined));
  const known = trees.filter((tree) => tree !== undefined);
  const counts = known.map((tree) => countOf(tree['numRecords']));
  if (known.length !== files.length || known.length === 0 || counts.includes(undefined)) return undefined;
  const parts = known.map((tree): Part => ({
    rows: countOf(tree['numRecords']) ?? 0,
    min: membersOf(tree['minValues']),
    max: membersOf(tree['maxValues']),
    nulls: membersOf(tree['nullCount']),
  }));
  const types = new Map(columns.map((column) => [column.physicalName, column.physicalType ?? column.type]));
  const names = Object.keys(parts[0]?.nulls ?? {});
  if (parts.some(({ nulls }) => Object.keys(nulls).join('\0') !== names.join('\0'))) return undefined;
  const merged = mergeFields(parts, types, names);
  if (merged === undefined) return undefined;
  const isBounded = known.some((tree) => tree['minValues'] !== undefined);
  const tight = known.every((tree) => tree['tightBounds'] !== undefined) ? [`"tightBounds":${known.every((tree) => tree['tightBounds'] === 'true')}`] : [];
  return `{${[
    `"numRecords":${counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)}`,
    ...(isBounded ? [`"minValues":{${merged.min.join()}}`, `"maxValues":{${merged.max.join()}}`] : []),
    ...(known.some((tree) => tree['nullCount'] !== undefined) ? [`"nullCount":{${merged.nulls.join()}}`] : []),
    ...tight,
  ].join()}}`;
}

interface Part {
  readonly rows: number;
  readonly min: Readonly<Record<string, Tree>>;
  readonly max: Readonly<Record<string, Tree>>;
  readonly nulls: Readonly<Record<string, Tree>>;
}

/** `"name":value` of each field that has one. */
interface Merged {
  readonly min: readonly string[];
  readonly max: readonly string[];
  readonly nulls: readonly string[];
}

function mergeFields(parts: readonly Part[], types: ReadonlyMap<string, ColumnType>, names: readonly string[]): Merged | undefined {
  const min: string[] = [];
  const max: string[] = [];
  const nulls: string[] = [];
  for (const name of names) {
    const type = types.get(name);
    if (type === undefined) return undefined;
    const key = JSON.stringify(name);
    if (type.kind === 'struct') {
      const inner = parts.map((part): Part => ({
        rows: part.rows,
        min: membersOf(part.min[name]),
        max: membersOf(part.max[name]),
        nulls: membersOf(part.nulls[name]),
      }));
      const fields = mergeFields(inner, new Map(type.fields.map((field) => [field.name, field.type])), Object.keys(inner[0]?.nulls ?? {}));
      if (fields === undefined) return undefined;
      const isBounded = parts.some((part) => part.min[name] !== undefined);
      if (isBounded) min.push(`${key}:{${fields.min.join()}}`);
      if (isBounded) max.push(`${key}:{${fields.max.join()}}`);
      nulls.push(`${key}:{${fields.nulls.join()}}`);
      continue;
    }
    const counts = parts.map((part) => countOf(part.nulls[name]));
    if (counts.includes(undefined)) return undefined;
    nulls.push(`${key}:${counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)}`);
    // A file with nothing but nulls has no bounds and needs none.
    const valued = parts.filter((part, i) => counts[i] !== part.rows);
    const least = extreme(
      valued.map((part) => part.min[name]),
      type,
      -1,
    );
    const greatest = extreme(
      valued.map((part) => part.max[name]),
      type,
      1,
    );
    if (least !== undefined) min.push(`${key}:${least}`);
    if (greatest !== undefined) max.push(`${key}:${greatest}`);
  }
  return { min, max, nulls };
}

/** The text of the least (-1) or greatest (1) bound, spelled as we spell it; undefined where one is missing. */
function extreme(texts: readonly (Tree | undefined)[], type: ColumnType, sign: -1 | 1): string | undefined {
  let best: { readonly text: string; readonly value: Bound } | undefined;
  for (const text of texts) {
    if (typeof text !== 'string') return undefined;
    const value = parseBound(type, text.startsWith('"') ? String(JSON.parse(text)) : text);
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'string') return undefined;
    const order = best === undefined ? 1 : compareValues(value, best.value) * sign;
    // Of two zeros the negative one is the lesser.
    const isZeroOff = order === 0 && best !== undefined && !Object.is(value, best.value) && Object.is(value, sign === -1 ? -0 : 0);
    if (order > 0 || isZeroOff) best = { text, value };
  }
  if (best === undefined) return undefined;
  // Texts are cut already, and longer for it; instants may have a zone or digits that we would not write.
  return type.kind === 'string' ? best.text : boundText(type, best.value, sign === -1 ? 'min' : 'max');
}

function parseTree(stats: string): Readonly<Record<string, Tree>> | undefined {
  try {
    // Every token becomes a text of itself, so that no digit is lost; names are unwrapped again.
    const tree: unknown = JSON.parse(stats.replace(TOKEN, (token) => JSON.stringify(token)));
    return unwrap(tree);
  } catch {
    return undefined;
  }
}

function unwrap(value: unknown): Readonly<Record<string, Tree>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const members: [string, Tree][] = [];
  for (const [name, inner] of Object.entries(value)) {
    const tree = typeof inner === 'string' ? inner : unwrap(inner);
    if (tree === undefined) return undefined;
    members.push([String(JSON.parse(name)), tree]);
  }
  return Object.fromEntries(members);
}

function membersOf(tree: Tree | undefined): Readonly<Record<string, Tree>> {
  return typeof tree === 'object' ? tree : {};
}

function countOf(tree: Tree | undefined): number | undefined {
  const count = typeof tree === 'string' && /^\d{1,15}$/.test(tree) ? Number(tree) : undefined;
  return count;
}
