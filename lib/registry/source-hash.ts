/** What names the code of a function: SHA-256 of its source text. */
import { sha256, toHex, utf8 } from '../core/bytes.ts';

/** `sha256:` and 64 hex digits over the texts, which are told apart by a zero byte. */
export function sourceHashOf(...functions: readonly ((...parameters: never[]) => unknown)[]): string {
  return `sha256:${toHex(sha256(utf8(functions.map(String).join('\0'))))}`;
}
