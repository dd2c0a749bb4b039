/** Which right a request needs, told by its method and path alone. Pure; a route that is not listed here is none. */
import type { Action } from '../../lib/features/access/grant.ts';

export type RequiredRight =
  /** An action on a resource of the project. */
  | { readonly kind: 'right'; readonly project: string; readonly action: Action; readonly resource: string }
  /** Any of these actions on anything of the project: what is done is checked where it is known. */
  | { readonly kind: 'some'; readonly project: string; readonly actions: readonly Action[] }
  /** Projects themselves: a key is of one, and sees that one. */
  | { readonly kind: 'projects'; readonly mayList: boolean }
  /** Its address is the key: nobody guesses 80 random bits, and it is good for one upload of a day. */
  | { readonly kind: 'address' }
  | { readonly kind: 'none' };

/** Verbs behind a colon: `3:publish`. */
const GROUP_VERBS: Readonly<Record<string, Action>> = {
  restore: 'writeOffline',
  validate: 'writeOffline',
  publish: 'publish',
  optimize: 'maintain',
  vacuum: 'maintain',
  verify: 'maintain',
};
const GROUP_POSTS: Readonly<Record<string, Action>> = {
  rows: 'writeOffline',
  'rows:delete': 'writeOffline',
  'rows:erase': 'erase',
  read: 'readOffline',
  changes: 'readOffline',
  drift: 'readOffline',
  'quarantine:read': 'readOffline',
};
/** What shows values of rows needs the right to read them: statistics and reports do. */
const GROUP_GETS: Readonly<Record<string, Action>> = {
  commits: 'describe',
  online: 'describe',
  statistics: 'readOffline',
  'validation-reports': 'readOffline',
};
const DEFINITION_METHODS: Readonly<Record<string, Action>> = { GET: 'describe', PATCH: 'update', DELETE: 'delete' };
const MOVING_ROWS: readonly Action[] = ['writeOffline', 'readOffline'];

/** `path` from `/v1` on, decoded segment by segment by the caller's router in the same way. */
export function requiredRight(method: string, path: string): RequiredRight {
  const [version, projects, project, kind, ...rest] = path.split('/').slice(1).map(decoded);
  if (version !== 'v1' || projects !== 'projects') return { kind: 'none' };
  // HEAD answers what GET does, without its body.
  const verb = method === 'HEAD' ? 'GET' : method;
  if (project === undefined || project === '') return { kind: 'projects', mayList: verb === 'GET' };
  if (kind === undefined) return { kind: 'right', project, action: 'describe', resource: 'project' };
  const right = (action: Action | undefined, resource: string): RequiredRight =>
    action === undefined ? { kind: 'none' } : { kind: 'right', project, action, resource };
  const some = (actions: readonly Action[]): RequiredRight => ({ kind: 'some', project, actions });
  switch (kind) {
    case 'feature-groups':
      if (rest.length === 0) return some(verb === 'GET' ? ['describe'] : ['create']);
      return right(groupAction(verb, rest.slice(1)), `feature-groups/${rest[0] ?? ''}`);
    case 'feature-views':
      if (rest.length === 0) return some(verb === 'GET' ? ['describe'] : ['create']);
      return right(viewAction(verb, rest.slice(1)), `feature-views/${rest[0] ?? ''}`);
    case 'search':
    case 'lineage':
    case 'definitions':
      return some(['describe']);
    case 'definitions:plan':
    case 'definitions:apply':
      return some(['create', 'update']);
    case 'uploads':
      return verb === 'PUT' ? { kind: 'address' } : some(MOVING_ROWS);
    case 'jobs':
      // The id of a job is known to whom it was told, and is no name to guess; the list is everybody's.
      return rest.length === 0 ? right('describe', 'project') : some([...MOVING_ROWS, 'maintain', 'publish', 'erase']);
    case 'grants':
    case 'api-keys':
      return right('grant', 'project');
    default:
      return { kind: 'none' };
  }
}

/** After the name: `versions`, the version with its verb, what is of it. */
function groupAction(verb: string, [, version = '', part]: readonly string[]): Action | undefined {
  const colon = version.indexOf(':');
  if (colon !== -1) return verb === 'POST' ? ownOf(GROUP_VERBS, version.slice(colon + 1)) : undefined;
  if (part === undefined) return ownOf(DEFINITION_METHODS, verb);
  return ownOf(verb === 'GET' ? GROUP_GETS : GROUP_POSTS, part);
}

function viewAction(verb: string, [, , part]: readonly string[]): Action | undefined {
  if (part === undefined) return ownOf(DEFINITION_METHODS, verb);
  if (part === 'vector' || part === 'vectors') return 'readOnline';
  if (part === 'batch-data' || part === 'training-datasets') return 'readOffline';
  return undefined;
}

function ownOf(table: Readonly<Record<string, Action>>, name: string): Action | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
