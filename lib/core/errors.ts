/** The one error class, and the one table from public code to kind and HTTP status. */
import { FAULTS_LISTED_MAX } from './limits.ts';

/** What the caller can do about it. */
export type ErrorKind = 'invalid' | 'denied' | 'not_found' | 'conflict' | 'expired' | 'unavailable' | 'unknown' | 'unsupported' | 'corrupt' | 'internal';

interface ErrorRow {
  readonly status: number;
  readonly kind: ErrorKind;
  readonly title: string;
}

const row = (status: number, kind: ErrorKind, title: string): ErrorRow => ({ status, kind, title });

const TABLE = {
  MALFORMED_JSON: row(400, 'invalid', 'Malformed JSON'),
  DUPLICATE_KEY: row(400, 'invalid', 'Duplicate key in a JSON object'),
  UNKNOWN_FIELD: row(400, 'invalid', 'Unknown field'),
  INVALID_ARGUMENT: row(400, 'invalid', 'Invalid argument'),
  MALFORMED_FILE: row(400, 'invalid', 'Malformed file'),
  UNKNOWN_FEATURE: row(400, 'invalid', 'Unknown feature'),
  UNKNOWN_ENTRY_KEY: row(400, 'invalid', 'Unknown entry key'),
  MISSING_ENTRY_KEY: row(400, 'invalid', 'Missing entry key'),
  MISSING_REQUEST_PARAMETER: row(400, 'invalid', 'Missing request parameter'),
  UNKNOWN_REQUEST_PARAMETER: row(400, 'invalid', 'Unknown request parameter'),
  TYPE_MISMATCH: row(400, 'invalid', 'Type mismatch'),
  UNAUTHENTICATED: row(401, 'denied', 'Not signed in'),
  FORBIDDEN: row(403, 'denied', 'Not allowed'),
  UNKNOWN_ROUTE: row(404, 'not_found', 'Unknown route'),
  UNKNOWN_PROJECT: row(404, 'not_found', 'Unknown project'),
  UNKNOWN_FEATURE_GROUP: row(404, 'not_found', 'Unknown feature group'),
  UNKNOWN_FEATURE_VIEW: row(404, 'not_found', 'Unknown feature view'),
  UNKNOWN_TRAINING_DATASET: row(404, 'not_found', 'Unknown training dataset'),
  UNKNOWN_JOB: row(404, 'not_found', 'Unknown job'),
  UNKNOWN_REPORT: row(404, 'not_found', 'Unknown report'),
  UNKNOWN_KEY_ID: row(404, 'not_found', 'Unknown key id'),
  NO_SUCH_COMMIT: row(404, 'not_found', 'No such commit'),
  TABLE_NOT_FOUND: row(404, 'not_found', 'Table not found'),
  METHOD_NOT_ALLOWED: row(405, 'invalid', 'Method not allowed'),
  NOT_ACCEPTABLE: row(406, 'invalid', 'Not acceptable'),
  ALREADY_EXISTS: row(409, 'conflict', 'Already exists'),
  COMMIT_CONFLICT: row(409, 'conflict', 'Commit conflict'),
  IDEMPOTENCY_MISMATCH: row(409, 'conflict', 'Idempotency key used for another request'),
  IN_USE: row(409, 'conflict', 'In use'),
  BREAKING_SCHEMA_CHANGE: row(409, 'conflict', 'Breaking schema change'),
  IMMUTABLE: row(409, 'conflict', 'Immutable'),
  FUNCTION_MISMATCH: row(409, 'conflict', 'Function mismatch'),
  PLAN_STALE: row(409, 'conflict', 'Plan is stale'),
  SCHEMA_DRIFT: row(409, 'conflict', 'Schema drift'),
  WRITER_FENCED: row(409, 'conflict', 'Writer fenced'),
  HISTORY_EXPIRED: row(410, 'expired', 'History expired'),
  PRECONDITION_FAILED: row(412, 'conflict', 'Precondition failed'),
  PAYLOAD_TOO_LARGE: row(413, 'invalid', 'Payload too large'),
  LIMIT_EXCEEDED: row(413, 'invalid', 'Limit exceeded'),
  UNSUPPORTED_MEDIA_TYPE: row(415, 'invalid', 'Unsupported media type'),
  VALIDATION_FAILED: row(422, 'invalid', 'Validation failed'),
  INVALID_DEFINITION: row(422, 'invalid', 'Invalid definition'),
  JOIN_KEY_MISMATCH: row(422, 'invalid', 'Join key mismatch'),
  AMBIGUOUS_FEATURE_NAME: row(422, 'invalid', 'Ambiguous feature name'),
  POINT_IN_TIME_REQUIRES_EVENT_TIME: row(422, 'invalid', 'Point in time requires an event time'),
  SELF_JOIN_BOUNDARY_REQUIRED: row(422, 'invalid', 'Self join requires a boundary'),
  INVALID_LABEL_TIME: row(422, 'invalid', 'Invalid label time'),
  INVALID_SPINE: row(422, 'invalid', 'Invalid spine'),
  ON_DEMAND_FAILED: row(422, 'invalid', 'On-demand function failed'),
  FEATURE_VECTOR_INCOMPLETE: row(422, 'invalid', 'Feature vector incomplete'),
  EMPTY_OVERWRITE: row(422, 'invalid', 'Empty overwrite'),
  RETENTION_TOO_SHORT: row(422, 'invalid', 'Retention too short'),
  CONSTRAINT_VIOLATED: row(422, 'invalid', 'Constraint violated'),
  PLAN_TOO_LARGE: row(422, 'unsupported', 'Plan too large'),
  UNSUPPORTED_TABLE_FEATURE: row(422, 'unsupported', 'Unsupported table feature'),
  UNSUPPORTED_OPERATION: row(422, 'unsupported', 'Unsupported operation'),
  PATH_OUTSIDE_TABLE: row(422, 'unsupported', 'Path outside the table'),
  UNSUPPORTED_FORMAT: row(422, 'unsupported', 'Unsupported format'),
  UNSUPPORTED_FILESYSTEM: row(422, 'unsupported', 'Unsupported file system'),
  RATE_LIMITED: row(429, 'unavailable', 'Rate limited'),
  OVERLOADED: row(429, 'unavailable', 'Overloaded'),
  INTERNAL: row(500, 'internal', 'Internal error'),
  INVALID_PROTOCOL: row(500, 'corrupt', 'Invalid protocol'),
  LOG_MISSING_PROTOCOL: row(500, 'corrupt', 'Log has no protocol'),
  LOG_MISSING_METADATA: row(500, 'corrupt', 'Log has no metadata'),
  LOG_GAP: row(500, 'corrupt', 'Gap in the log'),
  LOG_CORRUPT: row(500, 'corrupt', 'Log corrupt'),
  CHECKPOINT_CORRUPT: row(500, 'corrupt', 'Checkpoint corrupt'),
  FILE_MISSING: row(500, 'corrupt', 'File missing'),
  FILE_CORRUPT: row(500, 'corrupt', 'File corrupt'),
  DELETION_VECTOR_CORRUPT: row(500, 'corrupt', 'Deletion vector corrupt'),
  CORRUPT_STORE: row(500, 'corrupt', 'Store corrupt'),
  STORE_THROTTLED: row(503, 'unavailable', 'Store throttled'),
  STORE_UNAVAILABLE: row(503, 'unavailable', 'Store unavailable'),
  NOT_YET_PUBLISHED: row(503, 'unavailable', 'Not yet published'),
  COMMIT_OUTCOME_UNKNOWN: row(503, 'unknown', 'Commit outcome unknown'),
  DEADLINE_EXCEEDED: row(504, 'unavailable', 'Deadline exceeded'),
} as const satisfies Record<string, ErrorRow>;

/** Every public error code (shapes.md, "Error codes"). */
export type ErrorCode = keyof typeof TABLE;

/** One fault of a request, named by its place: a row, an entry or a field. */
export interface Fault {
  readonly row?: number;
  readonly entry?: number;
  readonly field?: string;
  readonly feature?: string;
  readonly code: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Machine-readable particulars; they become members of the problem document. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Faults by place; at most 100 are shown, `errorCount` tells the total. */
  readonly errors?: readonly Fault[];
  readonly errorCount?: number;
}

/** The only error Lakefold throws on purpose. `message` says what was expected, what was found and where. */
export class LakefoldError extends Error {
  readonly code: ErrorCode;
  readonly context: Readonly<Record<string, unknown>>;
  readonly errors: readonly Fault[] | undefined;
  readonly errorCount: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LakefoldError';
    this.code = code;
    this.context = options.context ?? {};
    this.errors = options.errors;
    this.errorCount = options.errorCount ?? options.errors?.length;
  }

  get kind(): ErrorKind {
    return TABLE[this.code].kind;
  }

  get status(): number {
    return TABLE[this.code].status;
  }
}

/** An RFC 9457 problem document, as every route and the CLI print it. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly repeatable: boolean;
  readonly detail: string;
  readonly errors?: readonly Fault[];
  readonly errorCount?: number;
  readonly requestId: string;
  readonly [extra: string]: unknown;
}

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(TABLE, value);
}

/** True when the same request may simply be sent again. */
function isRepeatable(code: ErrorCode): boolean {
  const { kind } = TABLE[code];
  return kind === 'unavailable' || kind === 'unknown';
}

export function isLakefoldError(error: unknown, code?: ErrorCode): error is LakefoldError {
  return error instanceof LakefoldError && (code === undefined || error.code === code);
}

/** The problem document of any thrown thing; of what is not a `LakefoldError` nothing about the inside is shown. */
export function toProblem(error: unknown, requestId: string): Problem {
  if (!(error instanceof LakefoldError)) {
    return {
      type: 'about:blank',
      title: TABLE.INTERNAL.title,
      status: 500,
      code: 'INTERNAL',
      repeatable: false,
      detail: 'an unexpected fault inside the service',
      requestId,
    };
  }
  const { title, status } = TABLE[error.code];
  return {
    ...error.context,
    type: 'about:blank',
    title,
    status,
    code: error.code,
    repeatable: isRepeatable(error.code),
    detail: error.message,
    ...(error.errors === undefined ? {} : { errors: error.errors.slice(0, FAULTS_LISTED_MAX), errorCount: error.errorCount ?? error.errors.length }),
    requestId,
  };
}

/** Compile-time proof that a union is handled whole. */
export function assertNever(value: never): never {
  throw new LakefoldError('INTERNAL', `unhandled case ${JSON.stringify(value)}`);
}
