/** Expectations on write (semantics §11, step 4): over the rows of one batch that passed the row checks. Pure. */
import { type Batch, valueAt, vectorNamed } from '../../core/batch.ts';
import { type Fault, LakefoldError } from '../../core/errors.ts';
import { type Column, parseType } from '../../core/types.ts';
import type { ExpectationDefinition, FeatureGroupDefinition } from '../../registry/definition.ts';
import { compileExpectation, type ExpectationCheck, type ExpectationFinding, showValue } from './expectation-checks.ts';

/** Rows named one by one for each expectation that is not met. */
const ROWS_LISTED_MAX = 1000;

export interface CheckedRows {
  readonly batch: Batch;
  /** Where each row stood in the request; absent = at its own position. */
  readonly rowIndex?: ArrayLike<number> | undefined;
}

/** An expectation held against a batch. */
export interface JudgedExpectation {
  readonly definition: ExpectationDefinition;
  readonly check: ExpectationCheck;
  readonly finding: ExpectationFinding;
  /** Absent where it is met. */
  readonly unmet: UnmetExpectation | undefined;
}

/** An expectation that a batch does not meet. */
export interface UnmetExpectation {
  readonly expectationType: string;
  readonly message: string;
  /** At most a thousand rows, or one fault of the batch. */
  readonly faults: readonly Fault[];
  readonly faultCount: number;
}

/** Every expectation, in the order of the definition. @throws LakefoldError INVALID_DEFINITION for one that can't be checked on its column */
export function judgeExpectations(definition: Pick<FeatureGroupDefinition, 'schema' | 'expectations'>, rows: CheckedRows): readonly JudgedExpectation[] {
  const columns = columnsOf(definition);
  return definition.expectations.map((expectation, position) => {
    const compiled = compileExpectation(expectation, columns);
    if (compiled.kind === 'problem') throw new LakefoldError('INVALID_DEFINITION', `${expectation.expectationType}: ${compiled.problem.message}`);
    const { check } = compiled;
    const finding = check.find(rows.batch);
    return { definition: expectation, check, finding, unmet: heldAgainst(expectation, { check, finding, rows, position }) };
  });
}

/** Those that are not met. */
export function unmetExpectations(judged: readonly JudgedExpectation[]): readonly UnmetExpectation[] {
  return judged.flatMap(({ unmet }) => (unmet === undefined ? [] : [unmet]));
}

/** What a row at fault is told. */
export function rowFault(rows: CheckedRows, check: ExpectationCheck, row: number): Fault & { readonly row: number } {
  const found = foundAt(rows.batch, check, row);
  return {
    row: rows.rowIndex?.[row] ?? row,
    ...(check.column === undefined ? {} : { feature: check.column }),
    code: 'EXPECTATION_FAILED',
    message: `expected ${check.expected}, found ${found}`,
    expected: check.expected,
    found,
  };
}

/** Faults of expectations that can't be checked on their columns, for `plan` and `apply`. */
export function expectationFaults(definition: Pick<FeatureGroupDefinition, 'schema' | 'expectations'>): readonly Fault[] {
  const columns = columnsOf(definition);
  return definition.expectations.flatMap((expectation, position) => {
    const compiled = compileExpectation(expectation, columns);
    return compiled.kind === 'check'
      ? []
      : [{ field: `expectations[${position}].kwargs.${compiled.problem.kwarg}`, code: 'INVALID_ARGUMENT', message: compiled.problem.message }];
  });
}

function columnsOf(definition: Pick<FeatureGroupDefinition, 'schema'>): readonly Column[] {
  return definition.schema.map(({ name, type, nullable }) => ({ name, type: parseType(type), nullable }));
}

interface Held {
  readonly check: ExpectationCheck;
  readonly finding: ExpectationFinding;
  readonly rows: CheckedRows;
  readonly position: number;
}

function heldAgainst({ expectationType, kwargs }: ExpectationDefinition, { check, finding, rows, position }: Held): UnmetExpectation | undefined {
  if (finding.kind === 'batch') {
    const feature = check.column === undefined ? {} : { feature: check.column };
    if (finding.isMet) return undefined;
    const found = String(finding.value ?? 'no value');
    const message = `expected ${check.expected}, found ${found}`;
    return {
      expectationType,
      message,
      faults: [{ field: `expectations[${position}]`, ...feature, code: 'EXPECTATION_FAILED', message, expected: check.expected, found }],
      faultCount: 1,
    };
  }
  const { considered, unexpected } = finding;
  const mostly = typeof kwargs['mostly'] === 'number' ? kwargs['mostly'] : 1;
  // Divided, not multiplied: the nearest double of 11/20 is that of 0.55, while 0.55 × 20 is above 11.
  if (unexpected.length === 0 || (considered - unexpected.length) / considered >= mostly) return undefined;
  const share = mostly === 1 ? 'all' : `${mostly} of`;
  return {
    expectationType,
    faultCount: unexpected.length,
    message: `expected ${check.expected} in ${share} ${considered} rows, found ${unexpected.length} otherwise`,
    faults: unexpected.slice(0, ROWS_LISTED_MAX).map((row) => rowFault(rows, check, row)),
  };
}

function foundAt(batch: Batch, check: ExpectationCheck, row: number): string {
  if (check.column === undefined) return 'it again';
  const vector = vectorNamed(batch, check.column);
  return showValue(vector.type, valueAt(vector, row));
}

/** @throws LakefoldError VALIDATION_FAILED with row, column and expectation, where any is unmet */
export function refuseUnmet(unmet: readonly UnmetExpectation[], reportId: string | null): void {
  if (unmet.length === 0) return;
  throw new LakefoldError(
    'VALIDATION_FAILED',
    `expected rows that meet the group's expectations, found ${unmet.length} unmet; first: ${unmet[0]?.message ?? ''}`,
    {
      errors: unmet.flatMap(({ faults }) => faults),
      errorCount: unmet.reduce((sum, { faultCount }) => sum + faultCount, 0),
      context: { reportId },
    },
  );
}
