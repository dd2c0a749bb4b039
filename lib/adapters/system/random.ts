/** The machine's randomness. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/** Units that fit a double's 53 bits. */
const UNITS = 2 ** 53;

/** Unpredictable: good for ids and secrets alike. */
export class SystemRandom implements Random {
  unit(): number {
    const bytes = randomBytes(7);
    return (((bytes[0] ?? 0) & 0x1f) * 2 ** 48 + bytes.readUIntBE(1, 6)) / UNITS;
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length));
  }

  uuid(): string {
    return randomUUID();
  }
}
