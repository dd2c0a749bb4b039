/** Words of Spark SQL expressions. */
import { LakefoldError } from '../../core/errors.ts';

export type Token =
  | { readonly kind: 'word'; readonly text: string }
  /** Backquoted: never a keyword. */
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  /** As written, suffix included: `1.5BD`. */
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'symbol'; readonly text: string }
  | { readonly kind: 'end'; readonly text: '' };

/** Longest expression taken. */
const EXPRESSION_CHARACTERS_MAX = 10_000;

const PATTERNS: readonly (readonly [kind: 'word' | 'name' | 'string' | 'number' | 'symbol', pattern: RegExp])[] = [
  ['number', /(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?:BD|bd|[LlDdFfSsYy])?(?![A-Za-z0-9_])/y],
  ['word', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['name', /`(?:[^`]|``)+`/y],
  ['string', /'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*"/y],
  ['symbol', /<=>|<=|>=|<>|!=|==|[=<>+\-*/%(),.]/y],
];

/** @throws LakefoldError INVALID_ARGUMENT naming the place of what is no word of an expression */
export function tokensOf(text: string): readonly Token[] {
  if (text.length > EXPRESSION_CHARACTERS_MAX)
    throw new LakefoldError('INVALID_ARGUMENT', `expected an expression of at most ${EXPRESSION_CHARACTERS_MAX} characters, found ${text.length}`);
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(text.charAt(at))) at += 1;
    if (at >= text.length) break;
    // Comments, which nobody writes into a constraint.
    const isComment = text.startsWith('--', at) || text.startsWith('/*', at);
    const found = isComment ? undefined : tokenAt(text, at);
    if (found === undefined) throw new LakefoldError('INVALID_ARGUMENT', `expected an expression, found ${JSON.stringify(text.slice(at, at + 10))} at ${at}`);
    tokens.push(found.token);
    at += found.length;
  }
  return [...tokens, { kind: 'end', text: '' }];
}

function tokenAt(text: string, at: number): { readonly token: Token; readonly length: number } | undefined {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const [match] = pattern.exec(text) ?? [];
    if (match === undefined) continue;
    return { token: { kind, text: plainText(kind, match) }, length: match.length };
  }
  return undefined;
}

function plainText(kind: Token['kind'], match: string): string {
  if (kind === 'name') return match.slice(1, -1).replaceAll('``', '`');
  if (kind !== 'string') return match;
  // Three octal digits are one character to Spark, which no constraint needs.
  return match.slice(1, -1).replace(/\\([01][0-7]{2}|[^])/g, (whole, character: string) => {
    if (character === '%' || character === '_') return whole;
    const known = ESCAPES[character];
    if (known === undefined)
      throw new LakefoldError('INVALID_ARGUMENT', `expected \\n, \\r, \\t, \\0, \\b, \\\\ or an escaped quote, found ${JSON.stringify(whole)}`);
    return known;
  });
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0', b: '\b', '\\': '\\', "'": "'", '"': '"' };
