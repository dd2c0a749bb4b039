/**
 * Keys that were erased, as keyed digests: none can be told from its digest without the project's secret, and a row of one with an
 * event time up to the erasure is refused from then on (semantics D3, `ERASED_KEY`).
 */
import { type Batch, type Vector, valueAt, vectorNamed } from '../../core/batch.ts';
import { concatBytes, decodeUtf8, hmacSha256, toHex, utf8 } from '../../core/bytes.ts';
import { mapConcurrent } from '../../core/concurrency.ts';
import { LakefoldError } from '../../core/errors.ts';
import { hashOf } from '../../core/hash.ts';
import { type EntityKey, encodeKey } from '../../core/keys.ts';
import { CONTROL_WRITE_CONCURRENCY } from '../../core/limits.ts';
import { parseOrder } from '../../core/order.ts';
import { formatInstant, microsOfDays } from '../../core/time.ts';
import type { Value } from '../../core/types.ts';
import type { KeySet } from '../../delta/write/delete-rows.ts';
import { erasureOf } from '../../delta/erase/erasure.ts';
import type { DeltaTable } from '../../delta/table.ts';
import type { Control } from '../../ports/control.ts';
import type { Random } from '../../ports/random.ts';
import { groupName, type OpenGroup } from '../open-group.ts';
import type { RowCheck } from '../ingest/validate-rows.ts';

const SECRET_BYTES = 32;

/** Digests of the keys and records of `sets`, hexadecimal, ascending. */
export async function digestKeys(
  deps: { readonly control: Control; readonly random: Random },
  group: OpenGroup,
  sets: readonly KeySet[],
): Promise<readonly string[]> {
  const digest = digester(await ensureSecret(deps, group.project), group);
  const { length } = group.keyColumns;
  const digests = sets.flatMap((set) => set.rows.map((row) => digest(row.slice(0, length), set.columns.length > length ? (row[length] ?? null) : undefined)));
  return [...new Set(digests)].toSorted();
}

/** One hash over all of them, which tells a repeat of the same erasure. */
export function hashDigests(digests: readonly string[]): string {
  return hashOf(utf8(digests.join('\n')));
}

/** From now on rows of these are refused; those registered before keep the later of both times. `erasedAt`: µs. */
export async function registerErased(
  control: Control,
  group: OpenGroup,
  erased: { readonly digests: readonly string[]; readonly erasedAt: bigint },
): Promise<void> {
  await mapConcurrent(erased.digests, { concurrencyMax: CONTROL_WRITE_CONCURRENCY }, async (digest) => {
    const known = await control.get(partitionOf(group), digest, { consistent: true });
    const before = known === undefined ? undefined : instantIn(known.bytes);
    if (before === undefined || before < erased.erasedAt)
      await control.put({ partition: partitionOf(group), sort: digest, bytes: utf8(erased.erasedAt.toString()) });
  });
}

interface Erased {
  /** Version of the newest erasure when they were read. */
  readonly version: number;
  readonly times: ReadonlyMap<string, bigint>;
  readonly secret: Uint8Array;
}

const known = new WeakMap<DeltaTable, Erased>();

/** The check of rows of a group that had an erasure; undefined where it had none. One query after each erasure, none else. */
export async function erasedKeyCheck(deps: { readonly control: Control }, group: OpenGroup): Promise<RowCheck | undefined> {
  const erasure = erasureOf(group.table.snapshot);
  if (erasure === undefined) return undefined;
  const cached = known.get(group.table);
  const erased = cached?.version === erasure.version ? cached : await readErased(deps.control, group, erasure.version);
  known.set(group.table, erased);
  return erased.times.size === 0 ? undefined : checkAgainst(group, erased);
}

async function readErased(control: Control, group: OpenGroup, version: number): Promise<Erased> {
  const secret = (await control.get(...secretAt(group.project), { consistent: true }))?.bytes;
  if (secret === undefined)
    throw new LakefoldError('CORRUPT_STORE', `expected the secret that erased keys of project ${group.project} are digested with, found none`);
  const times = new Map<string, bigint>();
  for await (const { sort, bytes } of control.query(partitionOf(group))) times.set(sort, instantIn(bytes));
  return { version, times, secret };
}

function checkAgainst(group: OpenGroup, { times, secret }: Erased): RowCheck {
  const digest = digester(secret, group);
  let bound: { readonly batch: Batch; readonly keys: readonly Vector[]; readonly eventTimes: Vector | undefined } | undefined;
  return (batch, row) => {
    if (bound?.batch !== batch) {
      const { eventTime } = group;
      bound = {
        batch,
        keys: group.keyColumns.map(({ name }) => vectorNamed(batch, name)),
        eventTimes: eventTime === undefined ? undefined : vectorNamed(batch, eventTime.name),
      };
    }
    if (bound.eventTimes === undefined) return undefined;
    const key = bound.keys.map((vector) => valueAt(vector, row));
    const at = valueAt(bound.eventTimes, row);
    if (at === null || key.some((part) => part === null)) return undefined;
    const erasedAt = times.get(digest(key, undefined)) ?? times.get(digest(key, at));
    if (erasedAt === undefined || microsOf(at) > erasedAt) return undefined;
    const feature = group.keyColumns[0]?.name;
    return {
      ...(feature === undefined ? {} : { feature }),
      code: 'ERASED_KEY',
      message: `expected a row of ${groupName(group.definition)} after ${formatInstant(erasedAt)}, when its key was erased, found one of before`,
    };
  };
}

/** `eventTime` undefined: of the whole entity. */
type Digest = (key: readonly Value[], eventTime: Value | undefined) => string;

function digester(secret: Uint8Array, group: OpenGroup): Digest {
  const types = group.keyColumns.map(({ type }) => type);
  return (key, eventTime) => digestOf(secret, group, { key: encodeKey(types, key), eventTime: eventTime === undefined ? undefined : microsOf(eventTime) });
}

// The table's version and its key come first and are length-prefixed, so that no digest is another's.
function digestOf(
  secret: Uint8Array,
  { definition }: OpenGroup,
  { key, eventTime }: { readonly key: EntityKey; readonly eventTime: bigint | undefined },
): string {
  const record = eventTime === undefined ? '' : `\0${eventTime}`;
  return toHex(hmacSha256(secret, concatBytes([utf8(`${definition.version}\0`), key, utf8(record)])));
}

/**
 * Whether an online item is of a row that was erased, by its key and order bytes; one without order bytes, a deleted mark, by its key.
 * `version`: of the newest erasure.
 */
export async function erasedRowTest(
  deps: { readonly control: Control },
  group: OpenGroup,
  version: number,
): Promise<(key: EntityKey, order: Uint8Array | undefined) => boolean> {
  const { times, secret } = await readErased(deps.control, group, version);
  return (key, order) => {
    const ofEntity = times.get(digestOf(secret, group, { key, eventTime: undefined }));
    if (order === undefined) return ofEntity !== undefined;
    const { eventTime, ingestedAt } = parseOrder(order);
    const erasedAt = ofEntity ?? times.get(digestOf(secret, group, { key, eventTime }));
    return erasedAt !== undefined && (group.eventTime === undefined ? ingestedAt : eventTime) <= erasedAt;
  };
}

function microsOf(eventTime: Value): bigint {
  return typeof eventTime === 'bigint' ? eventTime : microsOfDays(Number(eventTime));
}

function partitionOf({ project, definition }: OpenGroup): string {
  return `erased/${project}/${definition.name}`;
}

function secretAt(project: string): [partition: string, sort: string] {
  return [`secret/${project}`, 'erase'];
}

/** Made once a project. @throws LakefoldError STORE_UNAVAILABLE */
async function ensureSecret({ control, random }: { readonly control: Control; readonly random: Random }, project: string): Promise<Uint8Array> {
  const [partition, sort] = secretAt(project);
  const stored = await control.get(partition, sort, { consistent: true });
  if (stored !== undefined) return stored.bytes;
  await control.put({ partition, sort, bytes: random.bytes(SECRET_BYTES) }, { condition: { kind: 'absent' } });
  const made = await control.get(partition, sort, { consistent: true });
  if (made !== undefined) return made.bytes;
  throw new LakefoldError('STORE_UNAVAILABLE', `expected the secret of project ${project} after making it, found none`);
}

function instantIn(bytes: Uint8Array): bigint {
  const text = decodeUtf8(bytes) ?? '';
  if (/^-?\d{1,20}$/.test(text)) return BigInt(text);
  throw new LakefoldError('CORRUPT_STORE', 'expected an instant in the record of an erased key, found something else');
}
