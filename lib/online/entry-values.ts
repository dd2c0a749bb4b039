/** Entries, passed features and request parameters as typed values of a view, every fault named by its entry (S7). */
import { LakefoldError, type ErrorCode, type Fault } from '../core/errors.ts';
import { showInput, toValue } from '../core/input-values.ts';
import type { Value } from '../core/types.ts';
import type { NamedInputs, VectorsRequest } from './vector-request.ts';
import type { EntryKeyPlan, FunctionPlan, ViewPlan } from './view-plan.ts';

/** What one entry brings. */
export interface EntryInput {
  /** By position in `ViewPlan.entryKeys`; undefined = not given, which is allowed where nothing needs it. */
  readonly keys: readonly (Value | undefined)[];
  /** By position in `ViewPlan.features`; undefined = not passed. */
  readonly passed: readonly (Value | undefined)[];
  readonly parameters: ReadonlyMap<string, Value>;
}

interface EntryFault extends Fault {
  readonly requestCode: ErrorCode;
}

/**
 * One per entry, in order.
 * @throws LakefoldError UNKNOWN_ENTRY_KEY, MISSING_ENTRY_KEY, UNKNOWN_FEATURE, UNKNOWN_REQUEST_PARAMETER,
 * MISSING_REQUEST_PARAMETER, TYPE_MISMATCH: the code of the first fault, all of them in `errors`
 */
export function entryInputs(plan: ViewPlan, request: VectorsRequest): readonly EntryInput[] {
  const faults: EntryFault[] = [];
  const keyPositions = new Map(plan.entryKeys.map((key, i) => [key.name, i] as const));
  const featurePositions = new Map(plan.features.map((feature, i) => [feature.name, i] as const));
  const inputs = request.entries.map((entry, index): EntryInput => {
    const note = { entry: index, faults };
    const passed = readPassed(plan, featurePositions, { values: request.passedFeatures[index] ?? {}, note });
    const keys = readKeys(plan, keyPositions, { entry, passed, note });
    const parameters = readParameters(plan, { values: request.requestParameters[request.requestParameters.length === 1 ? 0 : index] ?? {}, note });
    for (const item of plan.functions) checkParameters(item, { passed, parameters, keys, note });
    return { keys, passed, parameters };
  });
  const [first] = faults;
  if (first !== undefined)
    throw new LakefoldError(first.requestCode, `${first.message} in entry ${first.entry ?? 0}`, {
      errors: faults.map(({ requestCode: _, ...fault }) => fault),
      context: { entry: first.entry ?? 0 },
    });
  return inputs;
}

interface Note {
  readonly entry: number;
  readonly faults: EntryFault[];
}

function add(note: Note, requestCode: ErrorCode, fault: Omit<Fault, 'entry' | 'code'> & { readonly code?: string }): void {
  note.faults.push({ entry: note.entry, ...fault, code: fault.code ?? requestCode, requestCode });
}

function readPassed(
  plan: ViewPlan,
  positions: ReadonlyMap<string, number>,
  input: { readonly values: NamedInputs; readonly note: Note },
): readonly (Value | undefined)[] {
  const passed: (Value | undefined)[] = [];
  for (const [name, value] of Object.entries(input.values)) {
    const position = positions.get(name) ?? -1;
    const feature = plan.features[position];
    if (feature === undefined || feature.isHidden)
      add(input.note, 'UNKNOWN_FEATURE', {
        feature: name,
        message: `expected a feature of ${plan.view.name}/${plan.view.version}, found ${JSON.stringify(name)}`,
      });
    else passed[position] = read({ name, type: feature.type, options: {} }, value, input.note);
  }
  return passed;
}

function readKeys(
  plan: ViewPlan,
  positions: ReadonlyMap<string, number>,
  input: { readonly entry: NamedInputs; readonly passed: readonly (Value | undefined)[]; readonly note: Note },
): readonly (Value | undefined)[] {
  const keys: (Value | undefined)[] = [];
  for (const [name, value] of Object.entries(input.entry)) {
    if (value === undefined) continue;
    const position = positions.get(name) ?? -1;
    const key = plan.entryKeys[position];
    if (key === undefined)
      add(input.note, 'UNKNOWN_ENTRY_KEY', {
        field: name,
        message: `expected ${plan.entryKeys.map((known) => known.name).join(', ') || 'no key'}, found ${JSON.stringify(name)}`,
      });
    else keys[position] = read(key, value, input.note);
  }
  plan.entryKeys.forEach((key, position) => {
    if (keys[position] !== undefined || !isNeeded(plan, position, input.passed)) return;
    add(input.note, 'MISSING_ENTRY_KEY', { field: key.name, message: `expected the key ${key.name}, found none` });
  });
  return keys;
}

/** A join all of whose features are passed needs no key (S3). */
function isNeeded(plan: ViewPlan, entryKey: number, passed: readonly (Value | undefined)[]): boolean {
  return plan.joins.some(
    (join) =>
      join.keyParts.some((part) => part.kind === 'entry' && part.entryKey === entryKey) &&
      Array.from({ length: join.featureCount }, (_, i) => passed[join.firstFeature + i]).some((value) => value === undefined),
  );
}

function readParameters(plan: ViewPlan, input: { readonly values: NamedInputs; readonly note: Note }): ReadonlyMap<string, Value> {
  const parameters = new Map<string, Value>();
  for (const [name, value] of Object.entries(input.values)) {
    const parameter = plan.parameters.get(name);
    if (parameter === undefined)
      add(input.note, 'UNKNOWN_REQUEST_PARAMETER', {
        field: name,
        message: `expected an input of a function (${[...plan.parameters.keys()].join(', ') || 'there is none'}), found ${JSON.stringify(name)}`,
      });
    else parameters.set(name, read(parameter, value, input.note));
  }
  return parameters;
}

function checkParameters(
  item: FunctionPlan,
  input: {
    readonly passed: readonly (Value | undefined)[];
    readonly parameters: ReadonlyMap<string, Value>;
    readonly keys: readonly (Value | undefined)[];
    readonly note: Note;
  },
): void {
  if (input.passed[item.feature] !== undefined) return;
  item.inputs.forEach((parameter, i) => {
    const fallback = item.fallbacks[i];
    const isGiven =
      input.parameters.has(parameter.name) || fallback?.kind === 'feature' || (fallback?.kind === 'entry' && input.keys[fallback.entryKey] !== undefined);
    if (!isGiven && !parameter.nullable)
      add(input.note, 'MISSING_REQUEST_PARAMETER', {
        field: parameter.name,
        message: `expected the request parameter ${parameter.name} of function ${item.name}, found none`,
      });
  });
}

/** Null after a fault, which ends the request anyway. */
function read(column: EntryKeyPlan, input: unknown, note: Note): Value {
  const result = toValue(column.type, input, column.options);
  if (result.kind === 'value') return result.value;
  add(note, 'TYPE_MISMATCH', {
    field: column.name,
    code: result.code,
    message: `expected ${result.expected} for ${column.name}, found ${showInput(input)}`,
    expected: result.expected,
    found: result.found,
  });
  return null;
}
