/** SHA-256 of the process's own cryptography, which uses the processor's instructions for it. */
import { createHash } from 'node:crypto';
import type { StartSha256 } from '../../core/hash.ts';

export const startNativeSha256: StartSha256 = () => {
  const state = createHash('sha256');
  return { update: (bytes) => void state.update(bytes), digest: () => new Uint8Array(state.digest()) };
};
