/** What table operations are given. */
import type { StartSha256 } from '../core/hash.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Random } from '../ports/random.ts';
import type { TableCodec } from '../ports/table-codec.ts';

export interface DeltaDeps {
  readonly store: ObjectStore;
  readonly codec: TableCodec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `<name>/<version>` written to every commit: `lakefold/0.1.0`. */
  readonly engineInfo: string;
  /** The runtime's own SHA-256, where it has one. */
  readonly startSha256?: StartSha256;
}
