/** Names (semantics §8). Rejected, never silently changed. */

const NAME = /^[a-z][a-z0-9_]{0,62}$/;
const RESERVED = new Set(['is_deleted', 'write_time', 'api_invocation_time', '_change_type', '_commit_version', '_commit_timestamp']);

/** The receipt column every table ends with. */
export const INGESTED_AT = '_ingested_at';

/** Undefined when the name may be used, else why not. */
export function nameFault(name: string): 'INVALID_NAME' | 'RESERVED_NAME' | undefined {
  if (name.startsWith('_') || RESERVED.has(name)) return 'RESERVED_NAME';
  return NAME.test(name) ? undefined : 'INVALID_NAME';
}
