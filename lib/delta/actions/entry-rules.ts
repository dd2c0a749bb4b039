/** What one entry may not say twice (PROTOCOL.md, "Actions"). */
import type { Action } from './actions.ts';

export interface EntryFault {
  readonly kind: 'protocol' | 'metaData' | 'add';
  /** The path added twice. */
  readonly path?: string;
}

/** The first such contradiction. */
export function entryFault(actions: readonly Action[]): EntryFault | undefined {
  const added = new Set<string>();
  const seen = new Set<Action['kind']>();
  for (const action of actions) {
    if (action.kind === 'add') {
      if (added.has(action.path)) return { kind: 'add', path: action.path };
      added.add(action.path);
    } else if (action.kind === 'protocol' || action.kind === 'metaData') {
      if (seen.has(action.kind)) return { kind: action.kind };
      seen.add(action.kind);
    }
  }
  return undefined;
}
