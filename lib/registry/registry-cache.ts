/** The registries of the projects in use, so that a warm request costs no store request. */
import { DEFINITIONS_STALE_MAX_MILLIS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore, RequestOptions } from '../ports/object-store.ts';
import { loadRegistry, refreshRegistry, type Registry } from './registry.ts';

export interface RegistryCacheDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
}

export interface LoadOptions extends RequestOptions {
  /** How old an answer may be, ms; 0 asks the store. Default `DEFINITIONS_STALE_MAX_MILLIS`. */
  readonly staleMaxMillis?: number;
}

interface Entry {
  readonly registry: Registry;
  readonly checkedAt: number;
}

/** Projects kept in memory; the one asked for longest ago goes first. */
const PROJECTS_CACHED_MAX = 256;

export class RegistryCache {
  readonly #deps: RegistryCacheDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: RegistryCacheDeps) {
    this.#deps = deps;
  }

  /** @throws LakefoldError UNKNOWN_PROJECT, UNSUPPORTED_FORMAT, CORRUPT_STORE */
  async load(project: string, options: LoadOptions = {}): Promise<Registry> {
    const { staleMaxMillis = DEFINITIONS_STALE_MAX_MILLIS, ...request } = options;
    const entry = this.#entries.get(project);
    const checkedAt = this.#deps.clock.monotonicMillis();
    if (entry !== undefined && checkedAt - entry.checkedAt < staleMaxMillis) return entry.registry;
    const registry = entry === undefined ? await loadRegistry(this.#deps, project, request) : await refreshRegistry(this.#deps, entry.registry, request);
    this.#put(registry, checkedAt);
    return this.#entries.get(project)?.registry ?? registry;
  }

  /** Takes in what a commit just made, unless something newer is known. */
  remember(registry: Registry): void {
    this.#put(registry, this.#deps.clock.monotonicMillis());
  }

  #put(registry: Registry, checkedAt: number): void {
    const known = this.#entries.get(registry.project);
    this.#entries.delete(registry.project);
    this.#entries.set(registry.project, {
      registry: known !== undefined && known.registry.revision > registry.revision ? known.registry : registry,
      checkedAt,
    });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > PROJECTS_CACHED_MAX && oldest !== undefined) this.#entries.delete(oldest);
  }
}
