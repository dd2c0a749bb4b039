/** The grants of a project as a document: read and replaced whole (shapes.md, `/grants`). */
import { LakefoldError } from '../../core/errors.ts';
import { stringifyJson, type Json } from '../../core/json.ts';
import type { RegistryState } from '../../registry/definition.ts';
import type { Projects } from '../definitions/projects.ts';
import { grantsOf } from './authenticate.ts';
import type { Grant } from './grant.ts';

export interface GrantsDocument {
  readonly grants: readonly Grant[];
  /** `"r<revision>"` of the registry that last changed them; `"r0"` of a project that never had any. */
  readonly etag: string;
}

export function grantsDocument(state: RegistryState): GrantsDocument {
  return { grants: grantsOf(state), etag: `"r${state.grantsRevision ?? 0}"` };
}

/**
 * Replaces a project's grants, in one revision. Equal ones change nothing.
 * @throws LakefoldError PRECONDITION_FAILED when they are not those `ifMatch` names, UNKNOWN_PROJECT
 */
export async function putGrants(
  deps: { readonly projects: Pick<Projects, 'registry' | 'revise'> },
  project: string,
  request: { readonly grants: readonly Grant[]; readonly ifMatch: string },
): Promise<GrantsDocument> {
  const { grants, ifMatch } = request;
  const registry = await deps.projects.registry(project, { fresh: 'yes' });
  const changed = await deps.projects.revise(registry, {
    message: 'grants',
    revise: ({ state }, { revision }) => {
      const now = grantsDocument(state);
      if (ifMatch !== '*' && ifMatch !== now.etag)
        throw new LakefoldError('PRECONDITION_FAILED', `expected the grants of ${ifMatch}, found those of ${now.etag}: read them again`, {
          context: { etag: now.etag },
        });
      if (stringifyJson(now.grants) === stringifyJson(grants)) return undefined;
      const json = grants.map(({ id, principals, actions, resources, features }): Json => ({
        id,
        principals: [...principals],
        actions: [...actions],
        resources: [...resources],
        features: features === null ? null : [...features],
      }));
      return { state: { ...state, grants: json, grantsRevision: revision }, changes: [{ op: 'update', kind: 'grant', name: 'grants', version: revision }] };
    },
  });
  return grantsDocument(changed.state);
}
