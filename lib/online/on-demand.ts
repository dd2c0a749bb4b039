/** On-demand functions (S9), called alike for a request and for a training row. */
import { toValue } from '../core/input-values.ts';
import { formatType, type ColumnType, type Value } from '../core/types.ts';
import { toNative } from './native-values.ts';

/** Pure: no clock, no randomness, no I/O; `at` is the label time or the time of the request, RFC 3339. */
export type OnDemandFunction = (inputs: Readonly<Record<string, unknown>>, context: { readonly at: string }) => unknown;

interface OnDemandInput {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

export interface OnDemandPlan {
  readonly name: string;
  readonly inputs: readonly OnDemandInput[];
  readonly returns: { readonly type: ColumnType; readonly nullable: boolean };
  readonly compute: OnDemandFunction;
}

export type OnDemandResult =
  | { readonly kind: 'computed'; readonly value: Value }
  /** `inputs[input]` is null and may not be: the function was not called, its feature is null with that input's status. */
  | { readonly kind: 'notCalled'; readonly input: number }
  /** It threw or returned something else than it declares. */
  | { readonly kind: 'failed'; readonly reason: string };

/** `values[i]` is the value of `plan.inputs[i]`. Never throws on account of the function. */
export function callOnDemand(plan: OnDemandPlan, values: readonly Value[], at: string): OnDemandResult {
  const inputs: Record<string, unknown> = {};
  for (const [i, input] of plan.inputs.entries()) {
    const value = values[i] ?? null;
    if (value === null && !input.nullable) return { kind: 'notCalled', input: i };
    inputs[input.name] = toNative(input.type, value);
  }
  let returned: unknown;
  try {
    returned = plan.compute(inputs, { at });
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : 'it threw something that is no error' };
  }
  const { type, nullable } = plan.returns;
  const result = toValue(type, returned);
  if (result.kind === 'fault') return { kind: 'failed', reason: `expected it to return ${result.expected}, found ${result.found}` };
  if (result.value === null && !nullable) return { kind: 'failed', reason: `expected it to return ${formatType(type)}, found null` };
  return { kind: 'computed', value: result.value };
}
