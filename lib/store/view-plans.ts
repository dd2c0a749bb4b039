/** Views compiled for lookups, once per registry revision. */
import type { OnDemandFunction } from '../online/on-demand.ts';
import { compileView, type ViewPlan } from '../online/view-plan.ts';
import { functionOf } from '../registry/collect-definitions.ts';
import type { StoreDeps } from './open-store.ts';

export interface ViewName {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

export class ViewPlans {
  readonly #deps: StoreDeps;
  readonly #plans = new Map<string, { readonly revision: number; readonly plan: ViewPlan }>();

  constructor(deps: StoreDeps) {
    this.#deps = deps;
  }

  /** By definitions at most ten seconds old; `fresh` asks again. @throws LakefoldError UNKNOWN_FEATURE_VIEW, and what `compileView` throws */
  async plan({ project, name, version }: ViewName, options: { readonly fresh: boolean }): Promise<ViewPlan> {
    const { projects, functions } = this.#deps;
    const view = (await projects.view(project, name, version)).definition;
    const { state, revision } = await projects.registry(project, options.fresh ? { fresh: 'yes' } : {});
    const key = `${project}/${name}/${version}`;
    const known = this.#plans.get(key);
    if (known?.revision === revision) return known.plan;
    const bound = new Map<string, OnDemandFunction>(view.onDemand.map((definition) => [definition.name, functionOf(functions, definition)]));
    const plan = compileView({ project, view, groups: state.featureGroups.filter(({ status }) => status !== 'DELETED'), functions: bound });
    this.#plans.set(key, { revision, plan });
    return plan;
  }
}
