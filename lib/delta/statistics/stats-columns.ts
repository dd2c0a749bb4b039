/** Which columns and nested fields have statistics: the first so many leaves, or those named. */
import type { ColumnType } from '../../core/types.ts';

/** A column or nested field to collect; structs carry the chosen fields with their positions. */
export interface StatsField {
  /** Name in the statistics: the physical one. */
  readonly name: string;
  readonly type: ColumnType;
  readonly position: number;
  readonly fields: readonly StatsField[];
}

interface Candidate {
  readonly name: string;
  readonly physicalName: string;
  readonly type: ColumnType;
  /** `type` with the nested physical names. */
  readonly physicalType: ColumnType;
}

/** Leaves are counted in schema order, arrays and maps as one; `count` below zero means all. */
export function firstLeaves(columns: readonly Candidate[], count: number): StatsField[] {
  const budget = { left: count < 0 ? Number.POSITIVE_INFINITY : count };
  return takeLeaves(columns, budget);
}

/** Fields by name or dotted path, letter case aside; a struct's name means all its fields. */
export function namedFields(columns: readonly Candidate[], names: readonly string[]): StatsField[] {
  const top = new Set(columns.map((column) => column.name.toLowerCase()));
  const paths = names.map((name) => name.toLowerCase()).map((name) => (top.has(name) ? [name] : name.split('.')));
  return filterFields(columns, paths);
}

function takeLeaves(candidates: readonly Candidate[], budget: { left: number }): StatsField[] {
  const chosen: StatsField[] = [];
  for (const [position, candidate] of candidates.entries()) {
    if (budget.left <= 0) break;
    if (candidate.type.kind === 'struct') {
      chosen.push({ name: candidate.physicalName, type: candidate.type, position, fields: takeLeaves(nested(candidate), budget) });
    } else {
      budget.left -= 1;
      chosen.push({ name: candidate.physicalName, type: candidate.type, position, fields: [] });
    }
  }
  return chosen;
}

function filterFields(candidates: readonly Candidate[], paths: readonly (readonly string[])[]): StatsField[] {
  return candidates.flatMap((candidate, position): StatsField[] => {
    const rests = paths.filter((path) => path[0] === candidate.name.toLowerCase()).map((path) => path.slice(1));
    if (rests.length === 0) return [];
    const field = { name: candidate.physicalName, type: candidate.type, position };
    if (rests.some((rest) => rest.length === 0)) return [{ ...field, fields: takeLeaves(nested(candidate), { left: Number.POSITIVE_INFINITY }) }];
    return candidate.type.kind === 'struct' ? [{ ...field, fields: filterFields(nested(candidate), rests) }] : [];
  });
}

function nested({ type, physicalType }: Candidate): Candidate[] {
  if (type.kind !== 'struct') return [];
  return type.fields.map((field, i) => {
    const physical = physicalType.kind === 'struct' ? physicalType.fields[i] : undefined;
    return { name: field.name, physicalName: physical?.name ?? field.name, type: field.type, physicalType: physical?.type ?? field.type };
  });
}
