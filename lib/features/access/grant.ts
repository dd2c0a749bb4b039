/** Grants (api.md, "Access"): who may do what to which resources of a project. Deny by default; grants add up, none takes away. */
import { LakefoldError, type Fault } from '../../core/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { GRANTS_MAX, GRANT_ITEMS_MAX } from '../../core/limits.ts';

export const ACTIONS = [
  'describe',
  'create',
  'update',
  'delete',
  'readOnline',
  'readOffline',
  'writeOffline',
  'publish',
  'maintain',
  'erase',
  'grant',
] as const;
export type Action = (typeof ACTIONS)[number];

export interface Grant {
  readonly id: string;
  /** `key:ak_…`, an ARN, `oidc:<issuer>#<sub>`, `oidc:<issuer>#group:<g>`; `*` within one stands for any text. */
  readonly principals: readonly string[];
  readonly actions: readonly Action[];
  /** `feature-groups/<name>`, `feature-views/<name>`, `project`; `*` stands for any text. */
  readonly resources: readonly string[];
  /** Names of features, `*` allowed; null = all of them. */
  readonly features: readonly string[] | null;
}

const MEMBERS = ['id', 'principals', 'actions', 'resources', 'features'];
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const PRINCIPAL = /^(key:ak_[0-9A-Z*]+|arn:[^\s]{1,2000}|oidc:[^\s#]{1,1000}#[^\s]{1,1000})$/;
const RESOURCE = /^(\*|project|feature-(groups|views)\/[a-z0-9_*]{1,63})$/;
const FEATURE = /^[a-z0-9_*]{1,128}$/;

/** The grants of a body, each checked; every fault is listed. @throws LakefoldError INVALID_ARGUMENT, LIMIT_EXCEEDED */
export function parseGrants(json: Json | undefined): readonly Grant[] {
  if (!Array.isArray(json)) throw new LakefoldError('INVALID_ARGUMENT', 'expected a list of grants in grants', { context: { field: 'grants' } });
  const list: readonly Json[] = json;
  if (list.length > GRANTS_MAX)
    throw new LakefoldError('LIMIT_EXCEEDED', `expected at most ${GRANTS_MAX} grants, found ${list.length}`, {
      context: { limit: 'GRANTS_MAX', limitValue: GRANTS_MAX },
    });
  const errors: Fault[] = [];
  const grants = list.map((item, i) => parseGrant(item, { place: `grants[${i}]`, errors }));
  const ids = new Set<string>();
  grants.forEach(({ id }, i) => {
    if (ids.has(id)) errors.push(fault(`grants[${i}].id`, 'an id of its own', id));
    ids.add(id);
  });
  if (errors[0] !== undefined) throw new LakefoldError('INVALID_ARGUMENT', errors[0].message, { errors, context: { field: errors[0].field } });
  return grants;
}

interface Place {
  readonly place: string;
  readonly errors: Fault[];
}

function parseGrant(json: Json, { place, errors }: Place): Grant {
  const grant: JsonObject = isJsonObject(json) ? json : {};
  if (!isJsonObject(json)) errors.push(fault(place, 'an object', json));
  for (const name of Object.keys(grant)) if (!MEMBERS.includes(name)) errors.push(fault(`${place}.${name}`, `only ${MEMBERS.join(', ')}`, name));
  const { id } = grant;
  if (typeof id !== 'string' || !ID.test(id)) errors.push(fault(`${place}.id`, 'an id of 1 to 63 letters, digits, dots, dashes and underscores', id));
  const texts = (name: string, expected: string, passes: (text: string) => boolean): readonly string[] =>
    textsOf(grant[name], { expected, passes, place: `${place}.${name}`, errors });
  return {
    id: typeof id === 'string' ? id : '',
    principals: texts('principals', 'key:ak_…, an ARN or oidc:<issuer>#<sub>', (text) => PRINCIPAL.test(text)),
    actions: texts('actions', ACTIONS.join(', '), isAction).filter(isAction),
    resources: texts('resources', RESOURCE_FORMS, isResource),
    features: (grant['features'] ?? null) === null ? null : texts('features', 'the name of a feature, * allowed', (text) => FEATURE.test(text)),
  };
}

export const RESOURCE_FORMS = '*, project, feature-groups/<name> or feature-views/<name>, * allowed';

export function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

/** Whether a text can name resources. */
export function isResource(text: string): boolean {
  return RESOURCE.test(text);
}

function textsOf(json: Json | undefined, of: Place & { readonly expected: string; readonly passes: (text: string) => boolean }): readonly string[] {
  const { place, errors, expected, passes } = of;
  if (!Array.isArray(json) || json.length === 0 || json.length > GRANT_ITEMS_MAX) {
    errors.push(fault(place, `a list of 1 to ${GRANT_ITEMS_MAX}`, json));
    return [];
  }
  const items: readonly Json[] = json;
  return items.flatMap((item, i) => {
    if (typeof item === 'string' && passes(item)) return [item];
    errors.push(fault(`${place}[${i}]`, expected, item));
    return [];
  });
}

function fault(field: string, expected: string, found: Json | undefined): Fault {
  return { field, code: 'INVALID_ARGUMENT', message: `expected ${expected} as ${field}, found ${(JSON.stringify(found) ?? 'none').slice(0, 80)}` };
}
