/** From a token to what its bearer may do, with what a warm process remembers: at most ten seconds old, as definitions are (semantics §2). */
import { BoundedCache } from '../../core/bounded-cache.ts';
import type { Json } from '../../core/json.ts';
import { API_KEYS_CACHED_MAX } from '../../core/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Control } from '../../ports/control.ts';
import { loadKey, opens, readToken, type StoredKey } from './api-keys.ts';
import { parseGrants, type Grant } from './grant.ts';
import { rightsOf, rulesFor, type Rights } from './rights.ts';
import type { RegistryState } from '../../registry/definition.ts';

/** How long a process may go on with a key that was revoked elsewhere, ms. */
const KNOWN_MILLIS = 10_000;

export interface AuthenticateDeps {
  readonly control: Pick<Control, 'get'>;
  readonly clock: Pick<Clock, 'now'>;
}

export class KeyAuthenticator {
  readonly #deps: AuthenticateDeps;
  readonly #known = new BoundedCache<string, { readonly key: StoredKey; readonly at: number }>(API_KEYS_CACHED_MAX);

  constructor(deps: AuthenticateDeps) {
    this.#deps = deps;
  }

  /** The key a token opens; undefined for one that is unknown, expired, revoked or no token at all. */
  async keyOf(token: string): Promise<StoredKey | undefined> {
    const read = readToken(token);
    if (read === undefined) return undefined;
    const now = this.#deps.clock.now();
    const known = this.#known.get(read.id);
    if (known !== undefined && now - known.at < KNOWN_MILLIS && opens(known.key, read.sha256, now)) return known.key;
    // What does not open with what is remembered may have been rotated since.
    const key = await loadKey(this.#deps.control, read.id);
    if (key === undefined) return undefined;
    this.#known.set(read.id, { key, at: now });
    return opens(key, read.sha256, now) ? key : undefined;
  }
}

/** What a key may do in its project: its own scopes, and what the project grants it. */
export function rightsOfKey(key: Pick<StoredKey, 'id' | 'scopes' | 'resources'>, grants: readonly Grant[]): Rights {
  const principal = `key:${key.id}`;
  return rightsOf(principal, [{ actions: key.scopes, resources: key.resources, features: null }, ...rulesFor(principal, grants)]);
}

/** The grants a project's registry holds. */
export function grantsOf({ grants }: RegistryState): readonly Grant[] {
  let known = READ.get(grants);
  if (known === undefined) {
    known = parseGrants([...grants]);
    READ.set(grants, known);
  }
  return known;
}

/** By the registry's list, which is never changed in place: every request asks for them. */
const READ = new WeakMap<readonly Json[], readonly Grant[]>();
