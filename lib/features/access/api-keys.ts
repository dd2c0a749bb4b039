/**
 * API keys: records of the control store (storage.md §4, `key/<keyId>`), their secrets kept as SHA-256 only. Secrets are 256 random bits, so that no
 * slow hash is needed (NIST SP 800-63B, 5.1.1.2 is about what people choose). A key is of one project and may do what its scopes and resources say,
 * and what grants to `key:<id>` add.
 */
import { bytesEqual, fromHex, sha256, toBase64Url, toHex, utf8 } from '../../core/bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { isRecord, parseJson, stringifyJson } from '../../core/json.ts';
import { API_KEYS_MAX } from '../../core/limits.ts';
import { formatMillis } from '../../core/time.ts';
import { ulid } from '../../core/ulid.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Control, ControlRecord } from '../../ports/control.ts';
import type { Random } from '../../ports/random.ts';
import type { Action } from './grant.ts';

export interface KeyDeps {
  readonly control: Control;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'bytes'>;
}

/** As routes show it (shapes.md); the secret is shown once, by those that made it. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Action[];
  readonly resources: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly status: 'ACTIVE' | 'EXPIRED' | 'REVOKED';
}

export interface ApiKeyWithSecret extends ApiKey {
  readonly secret: string;
}

/** What `key/<keyId>` holds. Times are epoch ms. */
export interface StoredKey {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly scopes: readonly Action[];
  readonly resources: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly isRevoked: boolean;
  /** Newest first; one that was rotated out holds until its end. */
  readonly secrets: readonly { readonly sha256: string; readonly until: number | null }[];
}

export interface NewKey {
  readonly name: string;
  readonly scopes: readonly Action[];
  readonly resources: readonly string[];
  /** Epoch ms; null = never. */
  readonly expiresAt: number | null;
}

const FORMAT = 1;
const SORT = 'k';
const SECRET_BYTES = 32;
const TOKEN = /^lk_([0-9A-Z]{26})_([A-Za-z0-9_-]{43})$/;
const ID = /^ak_[0-9A-Z]{26}$/;
/** Replacements of one record by others before a change of it gives up. */
const ATTEMPTS_MAX = 8;

/** @throws LakefoldError LIMIT_EXCEEDED beyond `API_KEYS_MAX` of a project, INVALID_ARGUMENT for an end that has passed */
export async function createKey(deps: KeyDeps, project: string, key: NewKey): Promise<ApiKeyWithSecret> {
  const now = deps.clock.now();
  if (key.expiresAt !== null && key.expiresAt <= now)
    throw new LakefoldError('INVALID_ARGUMENT', `expected expiresAt in the future, found ${formatMillis(key.expiresAt)}`, { context: { field: 'expiresAt' } });
  let count = 0;
  for await (const _ of deps.control.query(listPartition(project))) count += 1;
  if (count >= API_KEYS_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${API_KEYS_MAX} keys in a project, found ${count}`, {
      context: { limit: 'API_KEYS_MAX', limitValue: API_KEYS_MAX },
    });
  const id = `ak_${ulid(now, deps.random.bytes(16))}`;
  const { secret, hash } = newSecret(deps, id);
  const stored: StoredKey = { id, project, ...key, createdAt: now, lastUsedAt: null, isRevoked: false, secrets: [{ sha256: hash, until: null }] };
  // Listed first: a key that works is never one that nobody sees.
  await deps.control.put({ partition: listPartition(project), sort: id, bytes: utf8('{}') });
  await deps.control.put({ partition: partitionOf(id), sort: SORT, bytes: encode(stored) }, { condition: { kind: 'absent' } });
  return { ...shown(stored, now), secret };
}

/** In the order they were made. */
export async function* listKeys(deps: KeyDeps, project: string, options: { readonly after?: string } = {}): AsyncIterable<ApiKey> {
  for await (const { sort } of deps.control.query(listPartition(project), options)) {
    const record = await deps.control.get(partitionOf(sort), SORT, { consistent: true });
    if (record !== undefined) yield shown(decode(record), deps.clock.now());
  }
}

/** @throws LakefoldError UNKNOWN_KEY_ID */
export async function describeKey(deps: KeyDeps, project: string, id: string): Promise<ApiKey> {
  return shown((await readOwn(deps, project, id)).key, deps.clock.now());
}

/** A new secret for the same key; the old one holds `overlapMillis` longer. @throws LakefoldError UNKNOWN_KEY_ID, also of one that was revoked */
export async function rotateKey(deps: KeyDeps, project: string, id: string, options: { readonly overlapMillis: number }): Promise<ApiKeyWithSecret> {
  const { secret, hash } = newSecret(deps, id);
  const key = await change(deps, { project, id }, (old) => {
    if (old.isRevoked) throw unknownKey(project, id);
    const until = deps.clock.now() + options.overlapMillis;
    // One that was rotated out before keeps its own, earlier end.
    const kept = old.secrets.map((each) => ({ ...each, until: Math.min(each.until ?? until, until) })).filter((each) => each.until > deps.clock.now());
    return { ...old, secrets: [{ sha256: hash, until: null }, ...kept].slice(0, 2) };
  });
  return { ...shown(key, deps.clock.now()), secret };
}

/** Takes a key's power away for good; it stays listed. Repeating it succeeds. @throws LakefoldError UNKNOWN_KEY_ID */
export async function revokeKey(deps: KeyDeps, project: string, id: string): Promise<void> {
  await change(deps, { project, id }, (old) => ({ ...old, isRevoked: true, secrets: [] }));
}

/** Remembers that a key was used, to the hour: lookups must not cost a write each. */
export async function recordUse(deps: KeyDeps, key: StoredKey): Promise<void> {
  const now = deps.clock.now();
  if (key.lastUsedAt !== null && now - key.lastUsedAt < USE_MILLIS) return;
  await change(deps, key, (old) => ({ ...old, lastUsedAt: Math.max(now, old.lastUsedAt ?? 0) }));
}

const USE_MILLIS = 60 * 60 * 1000;

/** The id and the secret's hash that a token carries; undefined for any other text. */
export function readToken(token: string): { readonly id: string; readonly sha256: Uint8Array } | undefined {
  const match = TOKEN.exec(token);
  return match === null ? undefined : { id: `ak_${match[1] ?? ''}`, sha256: sha256(utf8(match[2] ?? '')) };
}

/** The key of an id, whoever's it is. */
export async function loadKey(control: Pick<Control, 'get'>, id: string): Promise<StoredKey | undefined> {
  const record = await control.get(partitionOf(id), SORT);
  return record === undefined ? undefined : decode(record);
}

/** Whether a secret opens a key now. Every secret is compared, in constant time (`bytesEqual` ends early, `equalSecrets` does not). */
export function opens(key: StoredKey, hash: Uint8Array, now: number): boolean {
  if (key.isRevoked || (key.expiresAt !== null && now >= key.expiresAt)) return false;
  return key.secrets.filter((each) => equalSecrets(fromHex(each.sha256), hash) && (each.until === null || now < each.until)).length > 0;
}

function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

function newSecret(deps: Pick<KeyDeps, 'random'>, id: string): { readonly secret: string; readonly hash: string } {
  const text = toBase64Url(deps.random.bytes(SECRET_BYTES));
  return { secret: `lk_${id.slice('ak_'.length)}_${text}`, hash: toHex(sha256(utf8(text))) };
}

async function change(deps: KeyDeps, at: { readonly project: string; readonly id: string }, how: (old: StoredKey) => StoredKey): Promise<StoredKey> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const { key, record } = await readOwn(deps, at.project, at.id);
    const changed = how(key);
    const bytes = encode(changed);
    if (bytesEqual(bytes, record.bytes)) return changed;
    const put = await deps.control.put({ partition: partitionOf(at.id), sort: SORT, bytes }, { condition: { kind: 'revision', revision: record.revision } });
    if (put !== undefined) return changed;
  }
  throw new LakefoldError('COMMIT_CONFLICT', `expected to change the key ${at.id}, lost ${ATTEMPTS_MAX} races`);
}

async function readOwn(deps: Pick<KeyDeps, 'control'>, project: string, id: string): Promise<{ readonly key: StoredKey; readonly record: ControlRecord }> {
  const record = ID.test(id) ? await deps.control.get(partitionOf(id), SORT, { consistent: true }) : undefined;
  if (record === undefined) throw unknownKey(project, id);
  const key = decode(record);
  // Another project's key is none.
  if (key.project !== project) throw unknownKey(project, id);
  return { key, record };
}

function unknownKey(project: string, id: string): LakefoldError {
  const found = id.slice(0, 80);
  return new LakefoldError('UNKNOWN_KEY_ID', `expected an API key of project ${project}, found ${JSON.stringify(found)}`, { context: { key: found } });
}

function partitionOf(id: string): string {
  return `key/${id}`;
}

function listPartition(project: string): string {
  return `keys/${project}`;
}

function shown(key: StoredKey, now: number): ApiKey {
  const { id, name, scopes, resources } = key;
  const time = (millis: number | null): string | null => (millis === null ? null : formatMillis(millis));
  const isExpired = key.expiresAt !== null && now >= key.expiresAt;
  return {
    id,
    name,
    scopes,
    resources,
    createdAt: formatMillis(key.createdAt),
    expiresAt: time(key.expiresAt),
    lastUsedAt: time(key.lastUsedAt),
    status: key.isRevoked ? 'REVOKED' : isExpired ? 'EXPIRED' : 'ACTIVE',
  };
}

function encode(key: StoredKey): Uint8Array {
  return utf8(stringifyJson({ format: FORMAT, ...key }));
}

function decode(record: ControlRecord): StoredKey {
  const json: unknown = parseJson(record.bytes);
  if (!isRecord(json) || json['format'] !== FORMAT || typeof json['id'] !== 'string' || !Array.isArray(json['secrets']))
    throw new LakefoldError('CORRUPT_STORE', `expected an API key of format ${FORMAT} in ${record.partition}, found something else`);
  const { format: _, ...key } = json;
  // Written by `encode` alone.
  return key as unknown as StoredKey;
}
