/** Remembers what a pure function made of stored bytes: many processes read the same object, and each would parse it anew. */

/** The bytes an answer is of: a stored object's, whole or in part. */
type Answers = Map<string, unknown>;

/** `make`, asked once for the same part of the same object. What it throws is not remembered. */
export function memoByBytes<Rest extends readonly unknown[], T>(make: (bytes: Uint8Array, ...rest: Rest) => T): (bytes: Uint8Array, ...rest: Rest) => T {
  const known = new WeakMap<ArrayBufferLike, Answers>();
  return (bytes, ...rest) => {
    let answers = known.get(bytes.buffer);
    if (answers === undefined) known.set(bytes.buffer, (answers = new Map()));
    const part = `${bytes.byteOffset}+${bytes.length}`;
    const found = answers.get(part);
    if (found !== undefined) return found as T;
    const answer = make(bytes, ...rest);
    answers.set(part, answer);
    return answer;
  };
}
