/** Writes to the registry: one revision a change, by the same conditional append as the Delta log. */
import { appendEntry, type AppendOutcome, type AttemptPlan, type CommitLogDeps, type Winner } from '../commitlog/append-entry.ts';
import { LakefoldError } from '../core/errors.ts';
import { nameFault } from '../core/names.ts';
import { formatMillis } from '../core/time.ts';
import type { RequestOptions } from '../ports/object-store.ts';
import { applyPlan } from './apply-plan.ts';
import type { RegistryState } from './definition.ts';
import { planDefinitions, refuseBreaking, type DefinitionsPlan } from './plan.ts';
import { loadRegistry, registryOfBytes, type Registry } from './registry.ts';
import { decodeRevision, encodeRevision, registryPath, type RegistryChange } from './revision.ts';
import { emptyState } from './state.ts';

export interface RegistryDeps extends CommitLogDeps {
  /** `lakefold/<version>` */
  readonly engineInfo: string;
}

/** What a revision is to be; undefined = nothing is left to change. Throwing gives the append up. */
export type ReviseState = (
  registry: Registry,
  context: { readonly revision: number; readonly now: string },
) => { readonly state: RegistryState; readonly changes: readonly RegistryChange[] } | undefined;

export interface RevisionRequest extends RequestOptions {
  /** The same for every repeat of one request. */
  readonly txnId: string;
  readonly message: string;
  readonly committedBy?: string | null;
  /** Asked again, on the winner's state, after every lost race. Pure. */
  readonly revise: ReviseState;
}

/** `unchanged`: there was nothing to change, or this very request had been carried out before. */
export type RevisionOutcome = { readonly kind: 'committed'; readonly registry: Registry } | { readonly kind: 'unchanged'; readonly registry: Registry };

/**
 * Appends the next revision after `base`.
 * @throws LakefoldError COMMIT_CONFLICT, COMMIT_OUTCOME_UNKNOWN, LIMIT_EXCEEDED, and what `revise` throws
 */
export async function appendRevision(deps: RegistryDeps, base: Registry, request: RevisionRequest): Promise<RevisionOutcome> {
  let current = base;
  const plan = async (revision: number, winners: readonly Winner[]): Promise<AttemptPlan<RevisionOutcome>> => {
    for (const winner of winners) {
      current = registryOfBytes({ project: base.project, revision: winner.version }, winner.bytes);
      if (decodeRevision(winner.bytes, registryPath(base.project, winner.version)).txnId === request.txnId)
        return { kind: 'stop', value: { kind: 'unchanged', registry: current } };
    }
    const now = formatMillis(deps.clock.now());
    const revised = request.revise(current, { revision, now });
    if (revised === undefined) return { kind: 'stop', value: { kind: 'unchanged', registry: current } };
    const bytes = encodeRevision({
      revision,
      txnId: request.txnId,
      timestamp: now,
      committedBy: request.committedBy ?? null,
      engineInfo: deps.engineInfo,
      message: request.message,
      changes: revised.changes,
      state: revised.state,
    });
    return { kind: 'write', bytes, value: { kind: 'committed', registry: { project: base.project, revision, state: revised.state } } };
  };
  const outcome = await appendEntry(deps, {
    txnId: request.txnId,
    base: base.revision,
    plan,
    pathOf: (revision) => registryPath(base.project, revision),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  return settle(deps, base.project, outcome);
}

/** A plan to register. */
export interface PlanRequest extends Omit<RevisionRequest, 'revise'> {
  readonly plan: DefinitionsPlan;
  readonly tableIds: ReadonlyMap<string, string>;
  /** Tables may have been written again in wider types. */
  readonly rewrite?: boolean;
  /** Throws where the state must not be changed; asked again after every lost race. */
  readonly guard?: (state: RegistryState) => void;
  /** What else the same revision changes, after the plan. Pure. */
  readonly also?: (
    state: RegistryState,
    context: { readonly revision: number; readonly now: string },
  ) => { readonly state: RegistryState; readonly changes: readonly RegistryChange[] };
}

/**
 * Registers a plan whose tables exist.
 * @throws LakefoldError PLAN_STALE when another revision changed what the plan would do; what `refuseBreaking` throws
 */
export async function appendPlan(deps: RegistryDeps, base: Registry, request: PlanRequest): Promise<RevisionOutcome> {
  const { plan, tableIds, guard, also, rewrite, ...rest } = request;
  refuseBreaking(plan, rewrite === undefined ? {} : { rewrite });
  return appendRevision(deps, base, {
    ...rest,
    revise: ({ state }, { revision, now }) => {
      guard?.(state);
      const again = planDefinitions(state, plan.wanted);
      // Everything is as the plan wants it: a repeat of a request that was carried out, or another's equal one.
      const isDone = again.body.changes.every(({ action }) => action === 'none');
      if (!isDone && again.body.planId !== plan.body.planId) {
        throw new LakefoldError('PLAN_STALE', `expected the definitions that plan ${plan.body.planId} was made on, found others: plan again`, {
          context: { planId: plan.body.planId },
        });
      }
      const planned = isDone ? { state, changes: [] } : applyPlan(state, again, { now, revision, tableIds });
      const whole = also === undefined ? planned : also(planned.state, { revision, now });
      const changes = also === undefined ? planned.changes : [...planned.changes, ...whole.changes];
      return changes.length === 0 ? undefined : { state: whole.state, changes };
    },
  });
}

export interface CreateProjectRequest extends RequestOptions {
  readonly txnId: string;
  readonly description?: string | null;
  readonly committedBy?: string | null;
}

/** Revision 0 of a project's registry. `unchanged` when the project exists. @throws LakefoldError INVALID_DEFINITION for a name that may not be used */
export async function createProject(deps: RegistryDeps, project: string, request: CreateProjectRequest): Promise<RevisionOutcome> {
  const fault = nameFault(project);
  if (fault !== undefined) {
    const message = `expected a project name ^[a-z][a-z0-9_]{0,62}$, found ${JSON.stringify(project)}`;
    throw new LakefoldError('INVALID_DEFINITION', message, { errors: [{ field: 'name', code: fault, message }] });
  }
  const createdAt = formatMillis(deps.clock.now());
  const state = emptyState({ description: request.description ?? null, createdAt });
  const bytes = encodeRevision({
    revision: 0,
    txnId: request.txnId,
    timestamp: createdAt,
    committedBy: request.committedBy ?? null,
    engineInfo: deps.engineInfo,
    message: `create project ${project}`,
    changes: [],
    state,
  });
  const outcome = await appendEntry<RevisionOutcome>(deps, {
    txnId: request.txnId,
    base: -1,
    pathOf: (revision) => registryPath(project, revision),
    plan: async (_revision, winners) =>
      winners.length === 0
        ? { kind: 'write', bytes, value: { kind: 'committed', registry: { project, revision: 0, state } } }
        : { kind: 'stop', value: { kind: 'unchanged', registry: await loadRegistry(deps, project) } },
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  return settle(deps, project, outcome);
}

function settle(deps: RegistryDeps, project: string, outcome: AppendOutcome<RevisionOutcome>): RevisionOutcome {
  switch (outcome.kind) {
    case 'committed':
      deps.log.info('registry.revised', { project, revision: outcome.version });
      return outcome.value;
    case 'stopped':
      return outcome.value;
    case 'conflict':
      throw new LakefoldError('COMMIT_CONFLICT', `expected to append to the registry of ${project}, lost every race up to revision ${outcome.winner}`, {
        context: { project, reason: outcome.reason },
      });
    case 'unknown':
      throw new LakefoldError(
        'COMMIT_OUTCOME_UNKNOWN',
        `revision ${outcome.version} of ${project} may or may not have been written: repeat the request with the same key`,
        { context: { project, version: outcome.version, txnId: outcome.txnId } },
      );
  }
}
