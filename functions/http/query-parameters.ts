/** Query parameters: those the route knows, each at most once, typed. */
import { LakefoldError } from '../../lib/core/errors.ts';

interface IntegerOptions {
  readonly min: number;
  readonly max: number;
}

/** The query of one request. An absent parameter is undefined; a present one is well-formed or a fault (INVALID_ARGUMENT). */
export interface QueryParameters {
  /** As sent; may be empty. */
  text(name: string): string | undefined;
  /** One of the words of `values`. */
  word<Word extends string>(name: string, values: readonly Word[]): Word | undefined;
  integer(name: string, options: IntegerOptions): number | undefined;
  /** `true` or `false`. */
  flag(name: string): boolean | undefined;
  /** Comma-separated, without empty items. */
  list(name: string): readonly string[] | undefined;
}

/** @throws LakefoldError UNKNOWN_FIELD for a parameter that is not in `known`, INVALID_ARGUMENT for one given twice */
export function queryParameters(request: Request, known: readonly string[]): QueryParameters {
  const values = new Map<string, string>();
  for (const [name, value] of new URL(request.url).searchParams) {
    if (!known.includes(name)) {
      const expected = known.length === 0 ? 'no query parameter' : `one of the query parameters ${known.join(', ')}`;
      throw new LakefoldError('UNKNOWN_FIELD', `expected ${expected}, found ${JSON.stringify(name)}`, { context: { field: name } });
    }
    if (values.has(name)) throw invalid(name, 'one value', 'several');
    values.set(name, value);
  }
  return {
    text: (name) => values.get(name),
    word: (name, words) => {
      const text = values.get(name);
      if (text === undefined) return undefined;
      const word = words.find((candidate) => candidate === text);
      if (word === undefined) throw invalid(name, words.join(' or '), JSON.stringify(text));
      return word;
    },
    integer: (name, { min, max }) => {
      const text = values.get(name);
      if (text === undefined) return undefined;
      const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value) || value < min || value > max) throw invalid(name, `a whole number from ${min} to ${max}`, JSON.stringify(text));
      return value;
    },
    flag: (name) => {
      const text = values.get(name);
      if (text === undefined) return undefined;
      if (text !== 'true' && text !== 'false') throw invalid(name, 'true or false', JSON.stringify(text));
      return text === 'true';
    },
    list: (name) => {
      const items = values.get(name)?.split(',');
      if (items?.includes('') === true) throw invalid(name, 'names separated by commas', JSON.stringify(values.get(name)));
      return items;
    },
  };
}

function invalid(name: string, expected: string, found: string): LakefoldError {
  return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} as query parameter ${name}, found ${found}`, { context: { field: name } });
}
