/**
 * The part of Spark SQL that constraints are written in: comparisons, AND, OR, NOT, IS NULL, IN, BETWEEN, LIKE, arithmetic,
 * literals, CAST, columns and their fields. Anything else is refused, never guessed.
 */
import { LakefoldError } from '../../core/errors.ts';
import { type Token, tokensOf } from './sql-tokens.ts';

export type SqlExpression =
  /** Digits as written; `string` without quotes; `date` and `timestamp` the text in theirs. */
  | { readonly kind: 'literal'; readonly type: 'number' | 'string' | 'date' | 'timestamp' | 'boolean' | 'null'; readonly text: string }
  | { readonly kind: 'column'; readonly path: readonly string[] }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly SqlExpression[] }
  | { readonly kind: 'not' | 'minus' | 'isNull'; readonly operand: SqlExpression }
  | { readonly kind: 'compare' | 'arithmetic'; readonly op: string; readonly left: SqlExpression; readonly right: SqlExpression }
  | { readonly kind: 'in'; readonly operand: SqlExpression; readonly items: readonly SqlExpression[] }
  | { readonly kind: 'like'; readonly operand: SqlExpression; readonly pattern: string }
  | { readonly kind: 'cast'; readonly operand: SqlExpression; readonly to: string };

/** Deepest nesting. */
const DEPTH_MAX = 100;
const COMPARISONS: ReadonlySet<string> = new Set(['=', '==', '!=', '<>', '<', '<=', '>', '>=', '<=>']);
const KEYWORDS: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'is',
  'in',
  'between',
  'like',
  'as',
  'case',
  'when',
  'escape',
  'rlike',
  'div',
  'interval',
  'exists',
  'any',
  'all',
  'from',
  'end',
  'then',
  'else',
]);

/** @throws LakefoldError INVALID_ARGUMENT saying what was expected where */
export function parseSqlExpression(text: string): SqlExpression {
  const parser = new Parser(text);
  const expression = parser.or();
  parser.end();
  return expression;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  or(): SqlExpression {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw this.#wrong(`an expression nested at most ${DEPTH_MAX} deep`);
    const parts = [this.#and()];
    while (this.#word('or')) parts.push(this.#and());
    this.#depth -= 1;
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'or', parts };
  }

  end(): void {
    if (this.#peek().kind !== 'end') throw this.#wrong('the end');
  }

  #and(): SqlExpression {
    const parts = [this.#not()];
    while (this.#word('and')) parts.push(this.#not());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'and', parts };
  }

  #not(): SqlExpression {
    let isNegated = false;
    while (this.#word('not')) isNegated = !isNegated;
    const operand = this.#predicate();
    return isNegated ? { kind: 'not', operand } : operand;
  }

  #predicate(): SqlExpression {
    const left = this.#sum();
    const token = this.#peek();
    if (token.kind === 'symbol' && COMPARISONS.has(token.text)) {
      this.#at += 1;
      const compared: SqlExpression = { kind: 'compare', op: token.text, left, right: this.#sum() };
      // Chained comparisons mean what few expect.
      if (COMPARISONS.has(this.#peek().text) && this.#peek().kind === 'symbol') throw this.#wrong('parentheses around one of two comparisons');
      return compared;
    }
    if (this.#word('is')) {
      const isNegated = this.#word('not');
      if (!this.#word('null')) throw this.#wrong('NULL');
      return negated({ kind: 'isNull', operand: left }, isNegated);
    }
    const isNegated = this.#word('not');
    if (this.#word('in')) return negated({ kind: 'in', operand: left, items: this.#list() }, isNegated);
    if (this.#word('between')) {
      const low = this.#sum();
      if (!this.#word('and')) throw this.#wrong('AND');
      const range: SqlExpression = {
        kind: 'and',
        parts: [
          { kind: 'compare', op: '>=', left, right: low },
          { kind: 'compare', op: '<=', left, right: this.#sum() },
        ],
      };
      return negated(range, isNegated);
    }
    if (this.#word('like')) {
      const pattern = this.#next();
      if (pattern.kind !== 'string') throw this.#wrong('a pattern in quotes', pattern);
      return negated({ kind: 'like', operand: left, pattern: pattern.text }, isNegated);
    }
    if (isNegated) throw this.#wrong('IN, BETWEEN or LIKE');
    return left;
  }

  #sum(): SqlExpression {
    let left = this.#product();
    for (let op = this.#symbol('+', '-'); op !== undefined; op = this.#symbol('+', '-')) left = { kind: 'arithmetic', op, left, right: this.#product() };
    return left;
  }

  #product(): SqlExpression {
    let left = this.#unary();
    for (let op = this.#symbol('*', '/', '%'); op !== undefined; op = this.#symbol('*', '/', '%'))
      left = { kind: 'arithmetic', op, left, right: this.#unary() };
    return left;
  }

  #unary(): SqlExpression {
    let isNegative = false;
    for (let sign = this.#symbol('+', '-'); sign !== undefined; sign = this.#symbol('+', '-')) isNegative = isNegative !== (sign === '-');
    const operand = this.#primary();
    if (!isNegative) return operand;
    return operand.kind === 'literal' && operand.type === 'number' && !operand.text.startsWith('-')
      ? { ...operand, text: `-${operand.text}` }
      : { kind: 'minus', operand };
  }

  #primary(): SqlExpression {
    const token = this.#next();
    switch (token.kind) {
      case 'number':
      case 'string':
        return { kind: 'literal', type: token.kind, text: token.text };
      case 'symbol': {
        if (token.text !== '(') throw this.#wrong('a value', token);
        const inner = this.or();
        this.#expect(')');
        return inner;
      }
      case 'name':
        return this.#column(token.text);
      case 'word':
        return this.#worded(token);
      default:
        throw this.#wrong('a value', token);
    }
  }

  #worded(token: Token): SqlExpression {
    const word = token.text.toLowerCase();
    const next = this.#peek();
    if (word === 'true' || word === 'false') return { kind: 'literal', type: 'boolean', text: word };
    if (word === 'null') return { kind: 'literal', type: 'null', text: '' };
    if ((word === 'date' || word === 'timestamp') && next.kind === 'string') {
      this.#at += 1;
      return { kind: 'literal', type: word, text: next.text };
    }
    if (word === 'cast' && next.text === '(' && next.kind === 'symbol') return this.#cast();
    if (KEYWORDS.has(word)) throw this.#wrong('a value', token);
    if (next.kind === 'symbol' && next.text === '(') throw this.#wrong('no function', token);
    if (next.kind === 'string') throw this.#wrong('no typed literal but DATE and TIMESTAMP', token);
    return this.#column(token.text);
  }

  #cast(): SqlExpression {
    this.#expect('(');
    const operand = this.or();
    if (!this.#word('as')) throw this.#wrong('AS');
    let to = this.#next().text.toLowerCase();
    if (this.#symbol('(') !== undefined) {
      const precision = this.#next().text;
      const scale = this.#symbol(',') === undefined ? '0' : this.#next().text;
      this.#expect(')');
      to = `${to}(${precision},${scale})`;
    }
    this.#expect(')');
    return { kind: 'cast', operand, to };
  }

  #column(first: string): SqlExpression {
    const path = [first];
    while (this.#symbol('.') !== undefined) {
      const part = this.#next();
      if (part.kind !== 'word' && part.kind !== 'name') throw this.#wrong('the name of a field', part);
      path.push(part.text);
    }
    return { kind: 'column', path };
  }

  #list(): readonly SqlExpression[] {
    this.#expect('(');
    const items = [this.or()];
    while (this.#symbol(',') !== undefined) items.push(this.or());
    this.#expect(')');
    return items;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #word(word: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'word' || token.text.toLowerCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  #symbol(...symbols: readonly string[]): string | undefined {
    const token = this.#peek();
    if (token.kind !== 'symbol' || !symbols.includes(token.text)) return undefined;
    this.#at += 1;
    return token.text;
  }

  #expect(symbol: string): void {
    if (this.#symbol(symbol) === undefined) throw this.#wrong(JSON.stringify(symbol));
  }

  #wrong(expected: string, found: Token = this.#peek()): LakefoldError {
    const shown = found.kind === 'end' ? 'the end' : JSON.stringify(found.text);
    return new LakefoldError('INVALID_ARGUMENT', `expected ${expected} in the expression ${JSON.stringify(this.#text.slice(0, 200))}, found ${shown}`);
  }
}

function negated(operand: SqlExpression, isNegated: boolean): SqlExpression {
  return isNegated ? { kind: 'not', operand } : operand;
}
