/** Ranges of bytes of an object, laid over its size. */
import { LakefoldError } from './errors.ts';

/** What lies outside the object is left out, so a range behind the end is empty. @throws LakefoldError INVALID_ARGUMENT for negative, fractional or reversed bounds */
export function resolveByteRange(
  range: { readonly start: number; readonly end: number } | { readonly last: number },
  sizeBytes: number,
): { readonly start: number; readonly end: number } {
  if ('last' in range) {
    if (!isOffset(range.last)) throw new LakefoldError('INVALID_ARGUMENT', `expected a whole number of last bytes, found ${range.last}`);
    return { start: Math.max(0, sizeBytes - range.last), end: sizeBytes };
  }
  if (!isOffset(range.start) || !isOffset(range.end) || range.end < range.start) {
    throw new LakefoldError('INVALID_ARGUMENT', `expected a byte range [start, end) with 0 <= start <= end, found [${range.start}, ${range.end})`);
  }
  return { start: Math.min(range.start, sizeBytes), end: Math.min(range.end, sizeBytes) };
}

function isOffset(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
