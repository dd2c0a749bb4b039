/** The `commitInfo` of an entry, and whose it is. */
import type { Action, CommitInfo } from './actions.ts';

const OWN_ENGINE = 'lakefold/';

export function commitInfoOf(actions: readonly Action[]): CommitInfo | undefined {
  return actions.find((action) => action.kind === 'commitInfo');
}

/** Whether one of our own writers made the commit: only then its tags and timestamp are taken at their word. */
export function isOurs(info: CommitInfo | undefined): boolean {
  return info?.engineInfo?.startsWith(OWN_ENGINE) === true;
}
