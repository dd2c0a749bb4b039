/** Definitions from the registry's copy in the control table, at most ten seconds old (storage.md §3). */
import { LakefoldError } from '../../lib/core/errors.ts';
import { DEFINITIONS_STALE_MAX_MILLIS } from '../../lib/core/limits.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Control } from '../../lib/ports/control.ts';
import type { Registry } from '../../lib/registry/registry.ts';
import { readRegistryCopy } from '../../lib/registry/registry-copy.ts';
import type { ServeDeps } from './app.ts';

export function copiedDefinitions(deps: { readonly control: Pick<Control, 'get'>; readonly clock: Clock }): ServeDeps['definitions'] {
  const known = new Map<string, { readonly registry: Registry; readonly readAt: number }>();
  return async (project, { fresh }) => {
    const now = deps.clock.monotonicMillis();
    const cached = known.get(project);
    if (cached !== undefined && !fresh && now - cached.readAt < DEFINITIONS_STALE_MAX_MILLIS) return cached.registry;
    const registry = await readRegistryCopy(deps.control, project, cached === undefined ? {} : { known: cached.registry });
    if (registry === undefined)
      throw new LakefoldError('UNKNOWN_PROJECT', `expected a project of this deployment, found ${JSON.stringify(project)}`, { context: { project } });
    known.set(project, { registry, readAt: now });
    return registry;
  };
}
