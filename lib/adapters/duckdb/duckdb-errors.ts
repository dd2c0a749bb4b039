/** DuckDB's errors, which tell themselves apart by the first words of their text only. */
import { isLakefoldError, LakefoldError } from '../../core/errors.ts';

/** What a failed query comes to; the abort's own reason where it was aborted. */
export function translateError(cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (isLakefoldError(cause)) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const [line = ''] = text.split('\n');
  if (/^Out of Memory Error|max_temp_directory_size|No space left on device|could not allocate/i.test(text))
    return new LakefoldError('PLAN_TOO_LARGE', `expected a query within the engine's memory and scratch space, found one beyond it: ${line}`, { cause });
  if (/No files found that match|No such file or directory/.test(text))
    return new LakefoldError('FILE_MISSING', `expected a data file, found none: ${line}`, { cause });
  if (isFileFault(text)) return new LakefoldError('FILE_CORRUPT', `expected a readable data file, found another: ${line}`, { cause });
  return new LakefoldError('INTERNAL', `expected the query to run, found: ${line}`, { cause });
}

/** After these DuckDB refuses every later query of the same instance. */
export function isFatal(cause: unknown): boolean {
  const text = cause instanceof Error ? cause.message : String(cause);
  return /^(?:FATAL|INTERNAL) Error|database has been invalidated/.test(text);
}

function isFileFault(text: string): boolean {
  // `Invalid Error` is how exceptions of DuckDB's libraries come out: Thrift and the decompressors.
  if (/^(?:IO|Serialization|Invalid) Error/.test(text)) return true;
  return (
    /magic bytes|parquet|thrift|TProtocol|ZSTD|Snappy|decompress|corrupt|Invalid string encoding|unicode/i.test(text) &&
    /^(?:Invalid Input|Conversion) Error/.test(text)
  );
}
