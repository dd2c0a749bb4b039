/** `GET /search` and `GET /lineage`. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { lineage, LINEAGE_DEPTH_MAX, LINEAGE_DIRECTIONS, mermaidOf } from '../../lib/features/definitions/lineage.ts';
import { search, SEARCH_TYPES, type SearchItem, searchPosition } from '../../lib/features/definitions/search.ts';
import { rightsIn } from '../http/access-guard.ts';
import { answerJson } from '../http/answer.ts';
import type { HttpApp } from '../http/create-app.ts';
import { PAGE_PARAMETERS, pageRequest, takePage } from '../http/pagination.ts';
import { queryParameters } from '../http/query-parameters.ts';
import type { CatalogDeps } from './app.ts';

const PROJECT = '/v1/projects/:p';
const JSON_TYPE = 'application/json';
const MERMAID_TYPE = 'text/vnd.mermaid';

export function addDiscoveryRoutes(app: HttpApp, deps: CatalogDeps): void {
  app.get(`${PROJECT}/search`, async (c) => {
    const query = queryParameters(c.req.raw, [...PAGE_PARAMETERS, 'q', 'type', 'tag', 'owner']);
    const page = pageRequest(query);
    const [type, tag, owner] = [query.word('type', SEARCH_TYPES), query.text('tag'), query.text('owner')];
    const found = await search(deps, await deps.projects.registry(c.req.param('p'), { fresh: 'yes' }), {
      q: query.text('q') ?? '',
      ...(type === undefined ? {} : { type }),
      ...(tag === undefined ? {} : { tag }),
      ...(owner === undefined ? {} : { owner }),
    });
    const rest = found.filter((item) => searchPosition(item) > (page.after ?? '') && rightsIn(c).allows('describe', resourceOfItem(item)));
    return answerJson(c, await takePage(rest, page, searchPosition));
  });
  app.get(`${PROJECT}/lineage`, async (c) => {
    const query = queryParameters(c.req.raw, ['node', 'direction', 'depth']);
    const node = query.text('node');
    if (node === undefined) throw new LakefoldError('INVALID_ARGUMENT', 'expected the query parameter node, found none', { context: { field: 'node' } });
    const type = acceptedType(c.req.raw);
    rightsIn(c).require('describe', resourceOfNode(node));
    const whole = await lineage(deps, await deps.projects.registry(c.req.param('p'), { fresh: 'yes' }), {
      node,
      direction: query.word('direction', LINEAGE_DIRECTIONS) ?? 'both',
      depth: query.integer('depth', { min: 1, max: LINEAGE_DEPTH_MAX }) ?? LINEAGE_DEPTH_MAX,
    });
    const nodes = whole.nodes.filter(({ id }) => rightsIn(c).allows('describe', resourceOfNode(id)));
    const seen = new Set(nodes.map(({ id }) => id));
    const graph = { ...whole, nodes, edges: whole.edges.filter(({ from, to }) => seen.has(from) && seen.has(to)) };
    return type === MERMAID_TYPE ? new Response(mermaidOf(graph), { headers: { 'content-type': MERMAID_TYPE } }) : answerJson(c, graph);
  });
}

/** What a search found, by the definition it belongs to. */
function resourceOfItem({ type, name, parent }: SearchItem): string {
  const owner = (parent ?? name).split('/')[0] ?? '';
  return type === 'featureView' || type === 'trainingDataset' ? `feature-views/${owner}` : `feature-groups/${owner}`;
}

/** A node of the graph, by the definition it belongs to; where rows come from is the project's. */
function resourceOfNode(id: string): string {
  const [kind = '', name = ''] = id.split(/[:/]/, 2);
  if (kind === 'feature-group' || kind === 'feature') return `feature-groups/${name}`;
  return kind === 'feature-view' || kind === 'training-dataset' ? `feature-views/${name}` : 'project';
}

/** JSON unless another type is asked for. @throws LakefoldError NOT_ACCEPTABLE */
function acceptedType(request: Request): typeof JSON_TYPE | typeof MERMAID_TYPE {
  const accept = request.headers.get('accept')?.trim() ?? '';
  if (accept === '') return JSON_TYPE;
  for (const part of accept.split(',')) {
    const type = part.split(';')[0]?.trim().toLowerCase() ?? '';
    if (type === MERMAID_TYPE) return MERMAID_TYPE;
    if ([JSON_TYPE, '*/*', 'application/*'].includes(type)) return JSON_TYPE;
  }
  throw new LakefoldError('NOT_ACCEPTABLE', `expected ${JSON_TYPE} or ${MERMAID_TYPE}, found ${JSON.stringify(accept)}`);
}
