/** What one principal may do in one project. Pure. */
import { LakefoldError } from '../../core/errors.ts';
import type { Action, Grant } from './grant.ts';

/** A grant seen from its principal, or what an API key carries itself. */
export interface Rule {
  readonly actions: readonly Action[];
  readonly resources: readonly string[];
  /** Null = every feature. */
  readonly features: readonly string[] | null;
}

/** A feature as a request names it, and its column, which grants are about. */
export interface NamedFeature {
  readonly name: string;
  readonly feature: string;
}

export interface Rights {
  /** `key:ak_…`, an ARN; null where nobody was asked to sign in. */
  readonly principal: string | null;
  allows(action: Action, resource: string): boolean;
  /** Whether any of these actions is allowed on anything at all. */
  allowsSome(actions: readonly Action[]): boolean;
  /** @throws LakefoldError FORBIDDEN */
  require(action: Action, resource: string): void;
  /** The features of a resource among `features` that may not be seen; not called where all may be. @throws LakefoldError FORBIDDEN, naming them */
  requireFeatures(action: Action, resource: string, features: () => readonly NamedFeature[]): void;
}

/** Whoever reaches the app may do everything: a server on loopback, or one behind IAM. */
export const UNRESTRICTED: Rights = {
  principal: null,
  allows: () => true,
  allowsSome: () => true,
  require: () => undefined,
  requireFeatures: () => undefined,
};

/** Rules of a principal add up: what one of them allows is allowed. */
export function rightsOf(principal: string, rules: readonly Rule[]): Rights {
  const on = (action: Action, resource: string): readonly Rule[] =>
    rules.filter(({ actions, resources }) => actions.includes(action) && resources.some((pattern) => matches(pattern, resource)));
  const allows = (action: Action, resource: string): boolean => on(action, resource).length > 0;
  return {
    principal,
    allows,
    allowsSome: (actions) => rules.some((rule) => rule.actions.some((action) => actions.includes(action))),
    require: (action, resource) => {
      if (!allows(action, resource))
        throw new LakefoldError('FORBIDDEN', `expected a grant of ${action} on ${resource} to ${principal}, found none`, { context: { action, resource } });
    },
    requireFeatures: (action, resource, features) => {
      const found = on(action, resource);
      if (found.some((rule) => rule.features === null)) return;
      const patterns = found.flatMap((rule) => rule.features ?? []);
      const denied = features().filter(({ feature }) => !patterns.some((pattern) => matches(pattern, feature)));
      if (denied.length === 0) return;
      const names = denied.map(({ name }) => name);
      throw new LakefoldError('FORBIDDEN', `expected a grant of ${action} on ${names.join(', ')} of ${resource} to ${principal}, found none`, {
        context: { action, resource, features: names },
      });
    },
  };
}

/** The rules that grants make for a principal. */
export function rulesFor(principal: string, grants: readonly Grant[]): readonly Rule[] {
  return grants.filter(({ principals }) => principals.some((pattern) => matches(pattern, principal)));
}

/** `*` in a pattern stands for any text, nothing included. Linear in both lengths: no expression is built of what a caller wrote. */
export function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  if (!text.startsWith(first)) return false;
  const last = rest[rest.length - 1] ?? '';
  let at = first.length;
  for (const part of rest.slice(0, -1)) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
