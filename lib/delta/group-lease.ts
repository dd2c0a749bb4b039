/** The advisory lease of a table's committer: it spares work, safety never depends on it (the log entry is conditional). */
import { decodeUtf8, utf8 } from '../core/bytes.ts';
import { isJsonObject, type Json, parseJson, stringifyJson } from '../core/json.ts';
import { LEASE_MILLIS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Control, ControlCondition } from '../ports/control.ts';

export interface LeaseDeps {
  readonly control: Control;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Lease {
  readonly partition: string;
  readonly owner: string;
  readonly revision: number;
}

const SORT = 'l';

/** Undefined while another holds it. A lease that ran out, or can't be read, is anybody's. */
export async function takeLease(deps: LeaseDeps, name: string, owner: string): Promise<Lease | undefined> {
  const partition = `lease/${name}`;
  const stored = await deps.control.get(partition, SORT, { consistent: true });
  if (stored !== undefined && untilOf(stored.bytes) > deps.clock.now()) return undefined;
  return write(deps, { partition, owner }, stored === undefined ? { kind: 'absent' } : { kind: 'revision', revision: stored.revision });
}

/** Undefined when it was lost to another. */
export function renewLease(deps: LeaseDeps, lease: Lease): Promise<Lease | undefined> {
  return write(deps, lease, { kind: 'revision', revision: lease.revision });
}

export async function releaseLease(deps: LeaseDeps, lease: Lease): Promise<void> {
  await deps.control.delete(lease.partition, SORT, { condition: { kind: 'revision', revision: lease.revision } });
}

async function write(deps: LeaseDeps, { partition, owner }: Omit<Lease, 'revision'>, condition: ControlCondition): Promise<Lease | undefined> {
  const bytes = utf8(stringifyJson({ format: 1, owner, until: deps.clock.now() + LEASE_MILLIS }));
  const stored = await deps.control.put({ partition, sort: SORT, bytes }, { condition });
  return stored === undefined ? undefined : { partition, owner, revision: stored.revision };
}

function untilOf(bytes: Uint8Array): number {
  let lease: Json;
  try {
    lease = parseJson(decodeUtf8(bytes) ?? 'null');
  } catch {
    return 0;
  }
  return isJsonObject(lease) && typeof lease['until'] === 'number' ? lease['until'] : 0;
}
