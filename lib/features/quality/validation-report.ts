/** What a request's rows were found to be (shapes.md, `ValidationReport`). Pure. */
import { type Batch, findVector, valueAt, vectorNamed } from '../../core/batch.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { type Json, parseJson } from '../../core/json.ts';
import { formatMillis } from '../../core/time.ts';
import type { ExpectationDefinition, FeatureGroupDefinition } from '../../registry/definition.ts';
import type { CheckedRows, JudgedExpectation } from './expectations.ts';
import type { GroupRef, ValidationReceipt } from '../ingest/receipt.ts';

/** Unexpected values and rows that a result lists. */
const PARTIAL_MAX = 20;

/** How one expectation fared, under Great Expectations' names; what does not apply is null. */
export interface ExpectationResult {
  readonly expectationType: string;
  readonly kwargs: ExpectationDefinition['kwargs'];
  readonly success: boolean;
  /** The figure, of an expectation of the whole batch. */
  readonly observedValue: Json;
  readonly elementCount: number;
  readonly missingCount: number | null;
  readonly unexpectedCount: number | null;
  /** Of the elements that are not null. */
  readonly unexpectedPercent: number | null;
  /** At most 20. */
  readonly partialUnexpectedList: readonly Json[];
  /** Their rows' positions in the request. */
  readonly partialUnexpectedRows: readonly number[];
  readonly exception: string | null;
}

export interface ValidationReport {
  /** Null where nothing was written. */
  readonly reportId: string | null;
  readonly featureGroup: GroupRef;
  /** Of the commit with the rows; null where there is none. */
  readonly commitVersion: number | null;
  readonly createdAt: string;
  readonly policy: FeatureGroupDefinition['validationPolicy'];
  readonly success: boolean;
  /** Rows received. */
  readonly rows: number;
  /** Rows with faults of their own. */
  readonly rowFaults: number;
  /** Of the expectations. */
  readonly statistics: { readonly evaluated: number; readonly successful: number; readonly unsuccessful: number; readonly successPercent: number | null };
  readonly results: readonly ExpectationResult[];
  readonly ingestionResult: ValidationReceipt['ingestionResult'];
}

export interface ReportFacts {
  readonly definition: Pick<FeatureGroupDefinition, 'name' | 'version' | 'validationPolicy'>;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly received: number;
  readonly rowFaults: number;
  readonly rows: CheckedRows;
  readonly judged: readonly JudgedExpectation[];
  readonly ingestionResult: ValidationReport['ingestionResult'];
}

/** The report of a request, before it has an id and a commit. */
export function planReport({ definition, createdAt, received, rowFaults, rows, judged, ingestionResult }: ReportFacts): ValidationReport {
  const successful = judged.filter(({ unmet }) => unmet === undefined).length;
  return {
    reportId: null,
    featureGroup: { name: definition.name, version: definition.version },
    commitVersion: null,
    createdAt: formatMillis(createdAt),
    policy: definition.validationPolicy,
    success: rowFaults === 0 && successful === judged.length,
    rows: received,
    rowFaults,
    statistics: {
      evaluated: judged.length,
      successful,
      unsuccessful: judged.length - successful,
      successPercent: judged.length === 0 ? null : (100 * successful) / judged.length,
    },
    results: judged.map((expectation) => resultOf(expectation, rows)),
    ingestionResult,
  };
}

function resultOf({ definition, check, finding, unmet }: JudgedExpectation, rows: CheckedRows): ExpectationResult {
  const { expectationType, kwargs } = definition;
  const { rowCount: elementCount } = rows.batch;
  const common = { expectationType, success: unmet === undefined, elementCount, exception: null };
  if (finding.kind === 'batch') {
    return {
      ...common,
      kwargs,
      observedValue: figureJson(finding.value),
      missingCount: check.column === undefined ? null : nullsIn(rows.batch, check.column),
      unexpectedCount: null,
      unexpectedPercent: null,
      partialUnexpectedList: [],
      partialUnexpectedRows: [],
    };
  }
  const { considered, unexpected } = finding;
  const listed = unexpected.slice(0, PARTIAL_MAX);
  return {
    ...common,
    kwargs: { ...kwargs, mostly: kwargs['mostly'] ?? 1 },
    observedValue: null,
    missingCount: elementCount - considered,
    unexpectedCount: unexpected.length,
    unexpectedPercent: considered === 0 ? null : (100 * unexpected.length) / considered,
    partialUnexpectedList: listed.map((row) => valuesAt(rows.batch, check.columns, row)),
    partialUnexpectedRows: listed.map((row) => rows.rowIndex?.[row] ?? row),
  };
}

function figureJson(value: number | bigint | undefined): Json {
  if (value === undefined) return null;
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function nullsIn(batch: Batch, column: string): number {
  const vector = findVector(batch, column);
  let nulls = 0;
  for (let row = 0; row < batch.rowCount; row += 1) if (vector === undefined || valueAt(vector, row) === null) nulls += 1;
  return nulls;
}

/** The value at fault; of several columns an object of theirs. */
function valuesAt(batch: Batch, columns: readonly string[], row: number): Json {
  const [only] = columns;
  if (columns.length === 1 && only !== undefined) return valueJson(batch, only, row);
  return Object.fromEntries(columns.map((name) => [name, valueJson(batch, name, row)]));
}

function valueJson(batch: Batch, column: string, row: number): Json {
  const vector = vectorNamed(batch, column);
  return parseJson(canonicalValue(vector.type, valueAt(vector, row), {}));
}
