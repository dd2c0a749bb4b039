/**
 * Check constraints and column invariants: every new row must make each of them true; null is not enough.
 *
 * An expression we can't evaluate exactly as Spark does closes the table for our writes; reads go on.
 */
import { type Batch, batchOfRows, rowAt } from '../../core/batch.ts';
import { canonicalRow } from '../../core/canonical.ts';
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';
import { isJsonObject, parseJson } from '../../core/json.ts';
import type { Column } from '../../core/types.ts';
import type { Metadata } from '../actions/actions.ts';
import { parseSchema } from '../schema/schema.ts';
import { bindBoolean } from './sql-evaluate.ts';
import type { TableColumn } from '../snapshot/snapshot-state.ts';
import { parseSqlExpression, type SqlExpression } from './sql-parser.ts';
import type { ValueRule } from '../schema/value-rules.ts';

/** Key of `metaData.configuration` before the constraint's name. */
export const CONSTRAINT_PREFIX = 'delta.constraints.';
const INVARIANT = 'delta.invariants';

export interface Constraint {
  readonly kind: 'checkConstraints' | 'invariants';
  /** Of an invariant, its column. */
  readonly name: string;
  readonly text: string;
  readonly expression: SqlExpression;
}

/** By metadata: parsed once, asked for with every commit. */
const CONSTRAINTS = new WeakMap<Metadata, readonly Constraint[]>();

/** @throws LakefoldError UNSUPPORTED_TABLE_FEATURE naming the first constraint we can't check */
export function constraintsOf(metadata: Metadata): readonly Constraint[] {
  const known = CONSTRAINTS.get(metadata);
  if (known !== undefined) return known;
  const columns = parseSchema(metadata.schemaString);
  const checks = Object.entries(metadata.configuration)
    .filter(([key]) => key.startsWith(CONSTRAINT_PREFIX))
    .map(([key, text]) => understood({ kind: 'checkConstraints', name: key.slice(CONSTRAINT_PREFIX.length), text }, columns));
  const invariants = columns.flatMap((column) => {
    const stated = column.metadata[INVARIANT];
    return stated === undefined ? [] : [understood({ kind: 'invariants', name: column.name, text: invariantText(stated) }, columns)];
  });
  const constraints = [...checks, ...invariants];
  CONSTRAINTS.set(metadata, constraints);
  return constraints;
}

/** Columns the expression names, in lower case. */
export function columnsNamedBy(expression: SqlExpression): ReadonlySet<string> {
  switch (expression.kind) {
    case 'literal':
      return new Set();
    case 'column':
      return new Set(expression.path.slice(0, 1).map((name) => name.toLowerCase()));
    case 'and':
    case 'or':
      return new Set(expression.parts.flatMap((part) => [...columnsNamedBy(part)]));
    case 'compare':
    case 'arithmetic':
      return new Set([...columnsNamedBy(expression.left), ...columnsNamedBy(expression.right)]);
    case 'in':
      return new Set([expression.operand, ...expression.items].flatMap((part) => [...columnsNamedBy(part)]));
    default:
      return columnsNamedBy(expression.operand);
  }
}

/** The constraint's expression. @throws LakefoldError INVALID_ARGUMENT when it is none over these columns */
export function parseConstraint(text: string, columns: readonly RuledColumn[]): SqlExpression {
  const expression = parseSqlExpression(text);
  const batch = batchOfRows(
    columns.map(({ name, type, nullable }) => ({ name, type, nullable })),
    [],
  );
  bindBoolean(expression, { batch, rules: rulesOf(columns) });
  return expression;
}

type RuledColumn = Column & Pick<TableColumn, 'rule'>;

function rulesOf(columns: readonly RuledColumn[]): ReadonlyMap<string, ValueRule> {
  return new Map(columns.flatMap(({ name, rule }) => (rule === undefined ? [] : [[name, rule] as const])));
}

/** @throws LakefoldError CONSTRAINT_VIOLATED naming constraint, expression, row and values */
export function checkRows(constraints: readonly Constraint[], columns: readonly RuledColumn[], batch: Batch): void {
  if (constraints.length === 0 || batch.rowCount === 0) return;
  const scope = { batch: withAbsent(batch, columns), rules: rulesOf(columns) };
  for (const constraint of constraints) {
    const condition = bindBoolean(constraint.expression, scope);
    for (let row = 0; row < batch.rowCount; row += 1) {
      const reason = reasonAgainst(() => condition.at(row));
      if (reason !== undefined) throw violated(constraint, { batch, row, reason });
    }
  }
}

function understood(stated: Omit<Constraint, 'expression'>, columns: readonly Column[]): Constraint {
  try {
    return { ...stated, expression: parseConstraint(stated.text, columns) };
  } catch (error) {
    if (!isLakefoldError(error, 'INVALID_ARGUMENT') && !isLakefoldError(error, 'LIMIT_EXCEEDED')) throw error;
    throw new LakefoldError('UNSUPPORTED_TABLE_FEATURE', `expected only constraints Lakefold can check, found ${stated.name}: ${error.message}`, {
      cause: error,
      context: { feature: stated.kind, constraint: stated.name, expression: stated.text.slice(0, EXPRESSION_SHOWN_MAX) },
    });
  }
}

/** `{"expression":{"expression":"v > 0"}}`, as JSON text. */
function invariantText(stated: unknown): string {
  const parsed = typeof stated === 'string' && stated.startsWith('{') ? parseJson(stated) : null;
  const outer = isJsonObject(parsed) ? parsed['expression'] : undefined;
  const inner = isJsonObject(outer) ? outer['expression'] : undefined;
  return typeof inner === 'string' ? inner : '';
}

function reasonAgainst(evaluate: () => unknown): string | undefined {
  try {
    const value = evaluate();
    return value === true ? undefined : value === null ? 'null' : 'false';
  } catch (error) {
    if (isLakefoldError(error, 'CONSTRAINT_VIOLATED')) return error.message;
    throw error;
  }
}

/** Characters of an expression and of a row that a refusal shows. */
const EXPRESSION_SHOWN_MAX = 500;
const ROW_SHOWN_MAX = 300;

function violated({ name, text }: Constraint, found: { readonly batch: Batch; readonly row: number; readonly reason: string }): LakefoldError {
  const { batch, row, reason } = found;
  const values = canonicalRow(batch.columns, rowAt(batch, row));
  const expression = text.slice(0, EXPRESSION_SHOWN_MAX);
  return new LakefoldError(
    'CONSTRAINT_VIOLATED',
    `expected ${name} (${expression}) to be true, found ${reason} in row ${row}: ${values.slice(0, ROW_SHOWN_MAX)}`,
    {
      context: { constraint: name, expression, row, values: values.slice(0, ROW_SHOWN_MAX) },
    },
  );
}

/** With the columns that the rows leave out, as nulls. */
function withAbsent(batch: Batch, columns: readonly Column[]): Batch {
  const absent = columns.filter(({ name }) => !batch.columns.some((column) => column.name === name));
  if (absent.length === 0) return batch;
  const nulls = batchOfRows(
    absent,
    Array.from({ length: batch.rowCount }, () => []),
  );
  return { columns: [...batch.columns, ...absent], vectors: [...batch.vectors, ...nulls.vectors], rowCount: batch.rowCount };
}
