/** What programs without types hand to a table's methods: checked before anything is done with it. */
import { LakefoldError } from '../core/errors.ts';
import { showInput } from '../core/input-values.ts';
import { isRecord } from '../core/json.ts';

/** A kind of argument, as an error message names it. */
export interface ArgumentKind {
  readonly expected: string;
  readonly holds: (value: unknown) => boolean;
}

const isText = (value: unknown): boolean => typeof value === 'string';

export const TEXT: ArgumentKind = { expected: 'text', holds: isText };
export const TEXT_OR_NULL: ArgumentKind = { expected: 'text or null', holds: (value) => value === null || isText(value) };
export const TEXTS: ArgumentKind = { expected: 'a list of texts', holds: (value) => Array.isArray(value) && [...value].every(isText) };
export const FLAG: ArgumentKind = { expected: 'true or false', holds: (value) => typeof value === 'boolean' };
export const LIST: ArgumentKind = { expected: 'a list', holds: Array.isArray };
export const OBJECT: ArgumentKind = { expected: 'an object', holds: isRecord };
/** Zero included, and no end. */
export const AMOUNT: ArgumentKind = { expected: 'a number from 0 on', holds: (value) => typeof value === 'number' && value >= 0 };
export const COUNT: ArgumentKind = { expected: 'a whole number from 0 on', holds: (value) => Number.isSafeInteger(value) && Number(value) >= 0 };
export const WHOLE: ArgumentKind = { expected: 'a whole number', holds: Number.isSafeInteger };
/** Judged where it is used. */
export const ANYTHING: ArgumentKind = { expected: 'anything', holds: () => true };
const SIGNAL: ArgumentKind = { expected: 'an AbortSignal', holds: (value) => value instanceof AbortSignal };

/** Members that options may have, with their kinds; others are passed over. */
export type OptionKinds = Readonly<Record<string, ArgumentKind>>;

export const REQUEST_OPTIONS: OptionKinds = { signal: SIGNAL };
export const WRITE_OPTIONS: OptionKinds = { ...REQUEST_OPTIONS, txn: OBJECT };

export function oneOf(...texts: readonly string[]): ArgumentKind {
  return { expected: texts.join(' or '), holds: (value) => isText(value) && texts.includes(String(value)) };
}

/** Every member of the object of one kind. */
export function membersOf(kind: ArgumentKind): ArgumentKind {
  return { expected: `an object of ${kind.expected}`, holds: (value) => isRecord(value) && Object.values(value).every(kind.holds) };
}

/** @throws LakefoldError INVALID_ARGUMENT naming the argument */
export function checkArgument(value: unknown, field: string, { expected, holds }: ArgumentKind): void {
  if (holds(value)) return;
  throw new LakefoldError('INVALID_ARGUMENT', `expected ${expected} as ${field}, found ${value === undefined ? 'nothing' : showInput(value)}`, {
    context: { field },
  });
}

/** An object of which a member that is there is of its kind. @throws LakefoldError INVALID_ARGUMENT naming the member */
export function checkOptions(options: unknown, kinds: OptionKinds, field = 'options'): void {
  checkArgument(options, field, OBJECT);
  const members = options as Readonly<Record<string, unknown>>;
  for (const [name, kind] of Object.entries(kinds)) if (members[name] !== undefined) checkArgument(members[name], name, kind);
}
