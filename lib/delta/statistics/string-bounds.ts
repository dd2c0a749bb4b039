/** Short bounds for long strings in statistics, as Spark cuts them; order is by UTF-8 bytes. */

/** UTF-16 units kept of a bound. */
const PREFIX_LENGTH = 32;
const LENGTH_MAX = 2 * PREFIX_LENGTH;
const ASCII_MAX = '\u007f';
const CODE_POINT_MAX = '\u{10ffff}';

/** At most `text`, and a prefix of it. */
export function lowerBoundText(text: string): string {
  return text.length <= PREFIX_LENGTH ? text : text.slice(0, cutPoint(text));
}

/** At least `text`, or undefined where no short bound exists. */
export function upperBoundText(text: string): string | undefined {
  if (text.length <= PREFIX_LENGTH) return text;
  for (let length = cutPoint(text); length <= LENGTH_MAX;) {
    if (length >= text.length) return text;
    // A tie-breaker is above the rest only if the first character cut off is below it.
    if (text.startsWith(CODE_POINT_MAX, length)) length += CODE_POINT_MAX.length;
    else return text.slice(0, length) + (text.charAt(length) < ASCII_MAX ? ASCII_MAX : CODE_POINT_MAX);
  }
  return undefined;
}

function cutPoint(text: string): number {
  const last = text.charCodeAt(PREFIX_LENGTH - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return splitsPair ? PREFIX_LENGTH + 1 : PREFIX_LENGTH;
}
