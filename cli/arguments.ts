/** Options and positionals of one command line, against what the command declares. */
import { parseArgs } from 'node:util';
import { LakefoldError } from '../lib/core/errors.ts';

export interface OptionSpec {
  /** `flag` takes no value (`--no-x` and `--x=false` turn it off), `list` may be given several times. */
  readonly kind: 'text' | 'flag' | 'list';
  /** What stands for the value in help: `FILE`. */
  readonly value?: string;
  readonly help: string;
  readonly short?: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** A command line after parsing. An option not given is undefined, a list not given empty. */
export interface Arguments {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  /** @throws LakefoldError a usage error when it is absent */
  required(name: string): string;
  flag(name: string): boolean | undefined;
  list(name: string): readonly string[];
  /** A whole number of at least `min`, 0 unless given. @throws LakefoldError a usage error when it is none */
  integer(name: string, options?: { readonly min?: number }): number | undefined;
  /** One of `words`. @throws LakefoldError a usage error when it is another */
  word<Word extends string>(name: string, words: readonly Word[]): Word | undefined;
  /** Comma-separated names. */
  names(name: string): readonly string[] | undefined;
}

/** A command line that is wrong in itself: exit code 2. */
export function usageError(message: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', message, { context: { usage: true } });
}

export function isUsageError(error: unknown): error is LakefoldError {
  return error instanceof LakefoldError && error.context['usage'] !== undefined;
}

/** The positionals of `argv` with their places, by the options given alone; an unknown option counts as a flag. */
export function positionalsOf(argv: readonly string[], specs: OptionSpecs): readonly { readonly value: string; readonly index: number }[] {
  return tokensOf(argv, specs).flatMap((token) => (token.kind === 'positional' ? [{ value: token.value, index: token.index }] : []));
}

/** @throws LakefoldError a usage error naming the option that is unknown, lacks its value, has one too many or stands twice */
export function parseArguments(argv: readonly string[], specs: OptionSpecs): Arguments {
  const positionals: string[] = [];
  const texts = new Map<string, readonly string[]>();
  const flags = new Map<string, boolean>();
  for (const token of tokensOf(argv, specs)) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, isOff } = nameOf(token.name, token.rawName, specs);
    const spec = specs[name];
    if (spec === undefined) throw usageError(`unknown option ${token.rawName}${suggestion(token.name, specs)}`);
    if (spec.kind === 'flag') flags.set(name, flagOf(token, isOff));
    else texts.set(name, [...(texts.get(name) ?? []), valueOf(token, spec)]);
  }
  for (const [name, values] of texts)
    if (specs[name]?.kind === 'text' && values.length > 1) throw usageError(`expected --${name} once, found it ${values.length} times`);
  return accessors(positionals, texts, flags);
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

function tokensOf(argv: readonly string[], specs: OptionSpecs): readonly Token[] {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { kind, short }]) => [
      name,
      { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), ...(short === undefined ? {} : { short }) },
    ]),
  );
  return parseArgs({ args: [...argv], options, strict: false, tokens: true }).tokens;
}

function nameOf(name: string, rawName: string, specs: OptionSpecs): { readonly name: string; readonly isOff: boolean } {
  const positive = name.slice('no-'.length);
  const isOff = specs[name] === undefined && rawName.startsWith('--no-') && specs[positive]?.kind === 'flag';
  return { name: isOff ? positive : name, isOff };
}

function flagOf(token: OptionToken, isOff: boolean): boolean {
  if (token.value === undefined) return !isOff;
  if (isOff || (token.value !== 'true' && token.value !== 'false'))
    throw usageError(`expected no value or true or false for ${token.rawName}, found ${JSON.stringify(token.value)}`);
  return token.value === 'true';
}

function valueOf(token: OptionToken, spec: OptionSpec): string {
  const { value } = token;
  // An option in the place of a value is a value forgotten; one that does begin with two dashes comes as --name=--value.
  if (value === undefined || (token.inlineValue === false && value.startsWith('--')))
    throw usageError(`expected ${spec.value ?? 'a value'} after ${token.rawName}`);
  return value;
}

function accessors(positionals: readonly string[], texts: ReadonlyMap<string, readonly string[]>, flags: ReadonlyMap<string, boolean>): Arguments {
  const text = (name: string): string | undefined => texts.get(name)?.[0];
  return {
    positionals,
    text,
    required: (name) => {
      const value = text(name);
      if (value === undefined) throw usageError(`expected --${name}`);
      return value;
    },
    flag: (name) => flags.get(name),
    list: (name) => texts.get(name) ?? [],
    integer: (name, { min = 0 } = {}) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
      if (!Number.isSafeInteger(number) || number < min) throw usageError(`expected a whole number from ${min} as --${name}, found ${JSON.stringify(value)}`);
      return number;
    },
    word: (name, words) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const word = words.find((candidate) => candidate === value);
      if (word === undefined) throw usageError(`expected ${words.join(' or ')} as --${name}, found ${JSON.stringify(value)}`);
      return word;
    },
    names: (name) => {
      const names = text(name)
        ?.split(',')
        .map((item) => item.trim());
      if (names?.includes('') === true) throw usageError(`expected names separated by commas as --${name}, found ${JSON.stringify(text(name))}`);
      return names;
    },
  };
}

function suggestion(name: string, specs: OptionSpecs): string {
  const near = nearest(name, Object.keys(specs));
  return near === undefined ? '' : `; did you mean --${near}?`;
}

/** The candidate that is a typing error away. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const distances = candidates.map((candidate) => ({ candidate, distance: editDistance(word, candidate) })).toSorted((a, b) => a.distance - b.distance);
  const [best] = distances;
  return best !== undefined && best.distance <= Math.max(1, Math.ceil(word.length / 3)) ? best.candidate : undefined;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1)
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    previous = row;
  }
  return previous[b.length] ?? 0;
}
