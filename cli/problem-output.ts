/** How a command fails: what is said, and the exit code. */
import { isLakefoldError, LakefoldError, toProblem, type ErrorCode, type Fault } from '../lib/core/errors.ts';
import { stringifyJson } from '../lib/core/json.ts';
import { isUsageError } from './arguments.ts';
import type { Paint } from './output.ts';

export const EXIT = { ok: 0, error: 1, usage: 2, refused: 3, differs: 4 } as const;

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['VALIDATION_FAILED', 'INVALID_DEFINITION', 'BREAKING_SCHEMA_CHANGE', 'IMMUTABLE']);
/** Faults a person is shown; the document lists more. */
const FAULTS_SHOWN = 10;

export function exitCodeOf(error: unknown): number {
  if (isUsageError(error)) return EXIT.usage;
  return isLakefoldError(error) && REFUSALS.has(error.code) ? EXIT.refused : EXIT.error;
}

/** The problem document on one line; `usage` becomes a member of it after a command line that is wrong. */
export function problemLine(error: unknown, options: { readonly newRequestId: () => string; readonly usage: string | undefined }): string {
  const { newRequestId, usage } = options;
  const known = isUsageError(error) ? withUsage(error, usage) : shownError(error);
  const { requestId } = known.context;
  const document = toProblem(known, typeof requestId === 'string' ? requestId : newRequestId());
  try {
    return stringifyJson(document);
  } catch {
    // A context that JSON has no form for must not hide the error.
    return stringifyJson(toProblem(new LakefoldError(known.code, known.message), newRequestId()));
  }
}

/** The same for a person. `usage` is said after a command line that is wrong. */
export function problemText(error: unknown, paint: Paint, usage: string | undefined): string {
  const known = shownError(error);
  const lines = [`${paint('error:', 'red', 'bold')} ${known.message}`];
  for (const fault of (known.errors ?? []).slice(0, FAULTS_SHOWN))
    lines.push(`  ${paint(placeOf(fault), 'yellow')} ${fault.message} ${paint(fault.code, 'dim')}`);
  const more = (known.errorCount ?? 0) - Math.min(known.errors?.length ?? 0, FAULTS_SHOWN);
  if (more > 0) lines.push(`  and ${more} more; --json lists up to 100`);
  if (isUsageError(error)) lines.push(...(usage === undefined ? [] : [`usage: ${usage}`]));
  else lines.push(paint(`${known.code}${hintOf(known)}`, 'dim'));
  return `${lines.join('\n')}\n`;
}

/** What was not thrown on purpose is a bug of ours; on one's own machine its message helps more than it tells. */
function shownError(error: unknown): LakefoldError {
  if (isLakefoldError(error)) return error;
  return new LakefoldError('INTERNAL', `an unexpected fault: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

function withUsage(error: LakefoldError, usage: string | undefined): LakefoldError {
  return new LakefoldError(error.code, error.message, { cause: error, context: usage === undefined ? {} : { usage } });
}

function placeOf({ row, entry, field, feature }: Fault): string {
  const places = [row === undefined ? undefined : `row ${row}`, entry === undefined ? undefined : `entry ${entry}`, field, feature];
  return `${places.filter((place) => place !== undefined).join(', ')}:`;
}

function hintOf(error: LakefoldError): string {
  if (error.kind === 'unavailable') return ': try again later';
  if (error.kind === 'unknown') return ': repeat with the same --idempotency-key';
  if (error.code === 'FUNCTION_MISMATCH') return ': run this where the definitions are (lakefold.config.ts), after lakefold apply';
  if (error.code === 'UNKNOWN_PROJECT') return ': lakefold project create makes one';
  return '';
}
