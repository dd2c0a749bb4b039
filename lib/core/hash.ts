/** SHA-256 over bytes that come in pieces. */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from './bytes.ts';

/** A hash under way; `update` reads the bytes before it answers. */
export interface Sha256 {
  readonly update: (bytes: Uint8Array) => void;
  /** The 32 bytes; ends the hash. */
  readonly digest: () => Uint8Array;
}

/** Begins a hash. Where the runtime has one of its own it is many times faster than JavaScript's. */
export type StartSha256 = () => Sha256;

/** In JavaScript, for runtimes that have none. */
export const startPortableSha256: StartSha256 = () => {
  const state = sha256.create();
  return { update: (bytes) => void state.update(bytes), digest: () => state.digest() };
};

/** `sha256:` and 64 hex digits of the pieces, one after the other; none is kept. */
export function hashOfPieces(pieces: Iterable<Uint8Array>, start: StartSha256 = startPortableSha256): string {
  const hash = start();
  for (const piece of pieces) hash.update(piece);
  return hashText(hash.digest());
}

/** `sha256:` and 64 hex digits of the bytes. */
export function hashOf(bytes: Uint8Array, start: StartSha256 = startPortableSha256): string {
  return hashOfPieces([bytes], start);
}

/** A digest as it is shown. */
export function hashText(digest: Uint8Array): string {
  return `sha256:${toHex(digest)}`;
}
