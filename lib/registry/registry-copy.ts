/**
 * The copy of a registry in the control store, which is all that `serve` may read (storage.md §3, §4).
 *
 * `registry/<project>` | `head` {revision, parts, sha256} and | `<revision>/<part %03d>`: gzip of the state in pieces.
 * Parts are written first, the head last and only forward; parts of a head that was replaced stay for an hour, so that
 * a reader between the two reads finds them.
 */
import { bytesEqual, concatBytes, decodeUtf8, fromHex, sha256, toHex, utf8 } from '../core/bytes.ts';
import { LakefoldError } from '../core/errors.ts';
import { stringifyJson, isRecord } from '../core/json.ts';
import { REGISTRY_BYTES_MAX } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Control, ControlRecord } from '../ports/control.ts';
import type { RequestOptions } from '../ports/object-store.ts';

import { gunzip, gzip } from './gzip.ts';
import type { Registry } from './registry.ts';
import { REGISTRY_FORMAT, checkFormat, isRegistryState, parseStored } from './revision.ts';

export interface RegistryCopyDeps {
  readonly control: Control;
  readonly clock: Clock;
}

interface Retired {
  readonly revision: number;
  readonly parts: number;
  /** Epoch ms. */
  readonly at: number;
}

interface Head {
  readonly revision: number;
  readonly parts: number;
  readonly sha256: string;
  readonly retired: readonly Retired[];
}

const PART_BYTES_MAX = 350 * 1024;
const RETIRED_KEPT_MILLIS = 60 * 60 * 1000;
const HEAD_ATTEMPTS_MAX = 8;
/** Reads of head and parts, when a part is gone because the head moved on meanwhile. */
const READ_ATTEMPTS_MAX = 3;

/** The parts of a copy, each at most 350 KB, and the hash of what they unpack to. */
export async function encodeRegistryCopy(registry: Registry): Promise<{ readonly parts: readonly Uint8Array[]; readonly sha256: string }> {
  const bytes = utf8(stringifyJson({ format: REGISTRY_FORMAT, revision: registry.revision, state: registry.state }));
  const packed = await gzip(bytes);
  const parts = Array.from({ length: Math.max(1, Math.ceil(packed.length / PART_BYTES_MAX)) }, (_, i) =>
    packed.subarray(i * PART_BYTES_MAX, (i + 1) * PART_BYTES_MAX),
  );
  return { parts, sha256: toHex(sha256(bytes)) };
}

/** @throws LakefoldError UNSUPPORTED_FORMAT; CORRUPT_STORE when the parts are not what the head says */
export async function decodeRegistryCopy(project: string, copy: { readonly parts: readonly Uint8Array[]; readonly sha256: string }): Promise<Registry> {
  const place = partition(project);
  const bytes = await gunzip(concatBytes(copy.parts), { sizeMax: REGISTRY_BYTES_MAX });
  if (!bytesEqual(sha256(bytes), fromHex(copy.sha256)))
    throw new LakefoldError('CORRUPT_STORE', `expected the registry copy of ${project} with hash ${copy.sha256}, found other bytes`);
  const json = parseStored(bytes, place);
  checkFormat(json, place);
  if (!isRecord(json) || typeof json['revision'] !== 'number' || !isRegistryState(json['state']))
    throw new LakefoldError('CORRUPT_STORE', `expected a registry in ${place}, found other JSON`);
  return { project, revision: json['revision'], state: json['state'] };
}

/** Copies a revision; `current` when the copy already is this one or a newer one. @throws LakefoldError COMMIT_CONFLICT when the head never holds still */
export async function writeRegistryCopy(
  deps: RegistryCopyDeps,
  registry: Registry,
  options: RequestOptions = {},
): Promise<{ readonly kind: 'written' | 'current' }> {
  const { control } = deps;
  const place = partition(registry.project);
  const encoded = await encodeRegistryCopy(registry);
  for (let attempt = 1; attempt <= HEAD_ATTEMPTS_MAX; attempt += 1) {
    const record = await control.get(place, 'head', { ...options, consistent: true });
    const head = record === undefined ? undefined : parseHead(record);
    if (head !== undefined && head.revision >= registry.revision) return { kind: 'current' };
    if (attempt === 1)
      for (const [i, bytes] of encoded.parts.entries()) await control.put({ partition: place, sort: partSort(registry.revision, i), bytes }, options);
    const now = deps.clock.now();
    const due = (head?.retired ?? []).filter(({ at }) => now - at >= RETIRED_KEPT_MILLIS);
    const retired = [
      ...(head?.retired ?? []).filter((old) => !due.includes(old)),
      ...(head === undefined ? [] : [{ revision: head.revision, parts: head.parts, at: now }]),
    ];
    const bytes = utf8(stringifyJson({ revision: registry.revision, parts: encoded.parts.length, sha256: encoded.sha256, retired }));
    const condition = record === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'revision', revision: record.revision } as const);
    const stored = await control.put({ partition: place, sort: 'head', bytes }, { ...options, condition });
    if (stored === undefined) continue;
    for (const old of due) for (let i = 0; i < old.parts; i += 1) await control.delete(place, partSort(old.revision, i), options);
    return { kind: 'written' };
  }
  throw new LakefoldError(
    'COMMIT_CONFLICT',
    `expected to move the registry copy of ${registry.project} to revision ${registry.revision}, lost ${HEAD_ATTEMPTS_MAX} races`,
  );
}

/**
 * The copy, or `known` itself when the head still names its revision. Undefined when the project was never copied.
 * @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT
 */
export async function readRegistryCopy(
  control: Pick<Control, 'get'>,
  project: string,
  options: RequestOptions & { readonly known?: Registry } = {},
): Promise<Registry | undefined> {
  const { known, ...request } = options;
  for (let attempt = 1; attempt <= READ_ATTEMPTS_MAX; attempt += 1) {
    const record = await control.get(partition(project), 'head', { ...request, consistent: attempt > 1 });
    if (record === undefined) return undefined;
    const head = parseHead(record);
    if (known !== undefined && known.revision >= head.revision) return known;
    const parts: Uint8Array[] = [];
    for (let i = 0; i < head.parts; i += 1) {
      const part = await control.get(partition(project), partSort(head.revision, i), { ...request, consistent: attempt > 1 });
      if (part !== undefined) parts.push(part.bytes);
    }
    if (parts.length === head.parts) return decodeRegistryCopy(project, { parts, sha256: head.sha256 });
  }
  throw new LakefoldError('CORRUPT_STORE', `expected every part of the registry copy of ${project}, found some missing`);
}

/** When the copy came to be as it is, epoch ms; 0 where nothing tells, and now where there is none. */
export async function copiedSince(control: Pick<Control, 'get'>, project: string): Promise<number> {
  const record = await control.get(partition(project), 'head', { consistent: true });
  return record === undefined ? Number.POSITIVE_INFINITY : (parseHead(record).retired.at(-1)?.at ?? 0);
}

function partition(project: string): string {
  return `registry/${project}`;
}

function partSort(revision: number, part: number): string {
  return `${revision}/${String(part).padStart(3, '0')}`;
}

function parseHead(record: ControlRecord): Head {
  const place = `${record.partition}|${record.sort}`;
  const json = decodeUtf8(record.bytes) === undefined ? undefined : parseStored(record.bytes, place);
  const { revision, parts, sha256: hash, retired } = isRecord(json) ? json : {};
  if (typeof revision !== 'number' || typeof parts !== 'number' || typeof hash !== 'string')
    throw new LakefoldError('CORRUPT_STORE', `expected {revision, parts, sha256} in ${place}, found other bytes`);
  return { revision, parts, sha256: hash, retired: Array.isArray(retired) ? retired.filter(isRetired) : [] };
}

function isRetired(value: unknown): value is Retired {
  return isRecord(value) && typeof value['revision'] === 'number' && typeof value['parts'] === 'number' && typeof value['at'] === 'number';
}
