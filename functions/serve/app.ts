/** Online lookups over HTTP. Web-standard only: the same app runs at the edge. */
import type { OnDemandFunction } from '../../lib/online/on-demand.ts';
import { getVectors } from '../../lib/online/vectors.ts';
import { vectorBody, vectorsBody, watermarkHeader } from '../../lib/online/vectors-body.ts';
import { parseVectorBody, parseVectorsBody } from '../../lib/online/vector-request.ts';
import { TransformedViews, type TransformedViewDeps } from '../../lib/online/transformed-views.ts';
import { compileView, type ViewPlan } from '../../lib/online/view-plan.ts';
import { WatermarkCache } from '../../lib/online/watermark-cache.ts';
import type { OnlineReader } from '../../lib/ports/online-store.ts';
import { functionOf, type FunctionTable, transformOf } from '../../lib/registry/collect-definitions.ts';
import type { RegistryState } from '../../lib/registry/definition.ts';
import { featureViewOf } from '../../lib/registry/state.ts';
import { rightsIn } from '../http/access-guard.ts';
import { requireReadOfView } from '../http/feature-rights.ts';
import { answerJson } from '../http/answer.ts';
import { readJson } from '../http/body.ts';
import { createHttpApp, type HttpApp, type HttpContext } from '../http/create-app.ts';
import { queryParameters } from '../http/query-parameters.ts';
import type { HttpDeps } from '../http/request-context.ts';
import { versionedName } from '../http/resources.ts';

/** A project's definitions with the number that changes when they do. */
export interface ServedDefinitions {
  readonly revision: number;
  readonly state: RegistryState;
}

export interface ServeDeps extends HttpDeps {
  readonly online: OnlineReader;
  /** At most ten seconds old; `fresh` asks again. @throws LakefoldError UNKNOWN_PROJECT */
  readonly definitions: (project: string, options: { readonly fresh: boolean }) => Promise<ServedDefinitions>;
  /** What published training sets were fitted with. @throws LakefoldError UNKNOWN_TRAINING_DATASET */
  readonly fittedTransforms: TransformedViewDeps['fittedTransforms'];
  /** On-demand functions and own transforms this deployment is bundled with. */
  readonly functions: FunctionTable;
}

const VIEW = '/v1/projects/:p/feature-views/:fv/versions/:v';

export function createServeApp(deps: ServeDeps): HttpApp {
  const app = createHttpApp(deps);
  const views = new CompiledViews(deps);
  const transformed = new TransformedViews({ fittedTransforms: deps.fittedTransforms, ownApply: (spec) => transformOf(deps.functions, spec)?.apply });
  const watermarks = new WatermarkCache();
  const planOf = async (view: ViewName, trainingDataset: number | null, options: { readonly fresh: boolean }): Promise<ViewPlan> => {
    const plan = await views.plan(view, options);
    return trainingDataset === null ? plan : transformed.plan(plan, { ...view, trainingDataset });
  };
  const lookUp = async (c: HttpContext, kind: 'vector' | 'vectors'): Promise<Response> => {
    queryParameters(c.req.raw, []);
    const { project, name, version } = versionedName(c, 'featureView');
    const json = await readJson(c.req.raw);
    const request = kind === 'vector' ? parseVectorBody(json) : parseVectorsBody(json);
    const { trainingDataset } = request.options;
    let plan = await planOf({ project, name, version }, trainingDataset, { fresh: false });
    if (rightsIn(c).principal !== null)
      requireReadOfView(c, 'readOnline', featureViewOf((await deps.definitions(project, { fresh: false })).state, name, version).definition);
    let vectors = await getVectors({ ...deps, watermarks }, { plan, request }, { signal: c.get('signal') });
    if (vectors.hasUnknownSchema) {
      // A payload of a schema we have not heard of: the definitions moved on, so they are asked for once.
      plan = await planOf({ project, name, version }, trainingDataset, { fresh: true });
      vectors = await getVectors({ ...deps, watermarks }, { plan, request }, { signal: c.get('signal') });
    }
    for (const { name: failed, reason } of vectors.functionFailures) deps.log.warn('function.failed', { view: `${name}/${version}`, function: failed, reason });
    const answer = { plan, request, vectors };
    return answerJson(c, kind === 'vector' ? vectorBody(answer) : vectorsBody(answer), { headers: { 'x-lakefold-watermark': watermarkHeader(vectors) } });
  };
  app.post(`${VIEW}/vector`, (c) => lookUp(c, 'vector'));
  app.post(`${VIEW}/vectors`, (c) => lookUp(c, 'vectors'));
  return app;
}

interface ViewName {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

/** Views compiled once per registry revision. */
class CompiledViews {
  readonly #deps: ServeDeps;
  readonly #plans = new Map<string, { readonly revision: number; readonly plan: ViewPlan }>();

  constructor(deps: ServeDeps) {
    this.#deps = deps;
  }

  async plan({ project, name, version }: ViewName, options: { readonly fresh: boolean }): Promise<ViewPlan> {
    let { state, revision } = await this.#deps.definitions(project, options);
    const key = `${project}/${name}/${version}`;
    const known = this.#plans.get(key);
    if (known?.revision === revision) return known.plan;
    const isNew = !state.featureViews.some((view) => view.definition.name === name && view.definition.version === version);
    if (isNew && !options.fresh) ({ state, revision } = await this.#deps.definitions(project, { fresh: true }));
    const view = featureViewOf(state, name, version).definition;
    const functions = new Map<string, OnDemandFunction>(view.onDemand.map((definition) => [definition.name, functionOf(this.#deps.functions, definition)]));
    const plan = compileView({ project, view, groups: state.featureGroups.filter(({ status }) => status !== 'DELETED'), functions });
    this.#plans.set(key, { revision, plan });
    return plan;
  }
}
