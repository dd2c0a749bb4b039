/** SHA-256 over text that comes in pieces. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex, utf8 } from './bytes.ts';

export interface TextHash {
  /** Adds the UTF-8 bytes of `text`. */
  readonly add: (text: string) => void;
  /** `sha256:` and 64 hex digits; ends the hash. */
  readonly finish: () => string;
}

export function startTextHash(): TextHash {
  const state = sha256.create();
  return {
    add: (text) => {
      state.update(utf8(text));
    },
    finish: () => `sha256:${toHex(state.digest())}`,
  };
}

/** `sha256:` and 64 hex digits of the bytes. */
export function hashOf(bytes: Uint8Array): string {
  return `sha256:${toHex(sha256(bytes))}`;
}
