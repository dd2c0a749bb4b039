/** The advisory lease of a table's committer: it spares work, safety never depends on it (the log entry is conditional). */
import { decodeUtf8, utf8 } from '../../core/bytes.ts';
import { isJsonObject, type Json, parseJson, stringifyJson } from '../../core/json.ts';
import { LEASE_MILLIS } from '../../core/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Control, ControlCondition } from '../../ports/control.ts';

export interface LeaseDeps {
  readonly control: Control;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Lease {
  readonly partition: string;
  readonly owner: string;
  readonly revision: number;
  /** The newest version the last holder knew when it let go, if it told. */
  readonly head?: number;
}

const SORT = 'l';

/** Undefined while another holds it. A lease that ran out, or can't be read, is anybody's. */
export async function takeLease(deps: LeaseDeps, name: string, owner: string): Promise<Lease | undefined> {
  const partition = `lease/${name}`;
  const stored = await deps.control.get(partition, SORT, { consistent: true });
  const { until, head } = stored === undefined ? { until: 0 } : parseLease(stored.bytes);
  if (until > deps.clock.now()) return undefined;
  const condition = stored === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'revision', revision: stored.revision } as const);
  const taken = await write(deps, { partition, owner, until: deps.clock.now() + LEASE_MILLIS }, condition);
  return taken === undefined || head === undefined ? taken : { ...taken, head };
}

/** Undefined when it was lost to another. */
export function renewLease(deps: LeaseDeps, lease: Lease): Promise<Lease | undefined> {
  const { partition, owner, revision } = lease;
  return write(deps, { partition, owner, until: deps.clock.now() + LEASE_MILLIS }, { kind: 'revision', revision });
}

/** Lets go of it, unless another has it by now. `head` spares the next holder an attempt at a version that is taken. */
export async function releaseLease(deps: LeaseDeps, { partition, owner, revision }: Lease, head?: number): Promise<void> {
  await write(deps, { partition, owner, until: 0, ...(head === undefined ? {} : { head }) }, { kind: 'revision', revision });
}

interface LeaseFields {
  readonly owner: string;
  /** Epoch ms. */
  readonly until: number;
  readonly head?: number;
}

async function write(
  deps: LeaseDeps,
  { partition, ...fields }: LeaseFields & { readonly partition: string },
  condition: ControlCondition,
): Promise<Lease | undefined> {
  const stored = await deps.control.put({ partition, sort: SORT, bytes: utf8(stringifyJson({ format: 1, ...fields })) }, { condition });
  return stored === undefined ? undefined : { partition, owner: fields.owner, revision: stored.revision };
}

function parseLease(bytes: Uint8Array): Omit<LeaseFields, 'owner'> {
  let lease: Json;
  try {
    lease = parseJson(decodeUtf8(bytes) ?? 'null');
  } catch {
    return { until: 0 };
  }
  if (!isJsonObject(lease)) return { until: 0 };
  const { until, head } = lease;
  return { until: typeof until === 'number' ? until : 0, ...(typeof head === 'number' ? { head } : {}) };
}
