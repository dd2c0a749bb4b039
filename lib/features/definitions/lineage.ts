/**
 * What a definition is made of and what is made of it (shapes.md, `/lineage`). Edges run the way data does:
 * source → group → view → training dataset. Features appear as nodes only where one is asked for.
 */
import { LakefoldError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { FeatureGroupDefinition, FeatureViewDefinition, RegistryState } from '../../registry/definition.ts';
import { featureGroupOf, featureViewOf, findFeatureGroup } from '../../registry/state.ts';
import { listDatasetNames, readSummaries, type DatasetSummary } from '../training/list-datasets.ts';

export const LINEAGE_DIRECTIONS = ['up', 'down', 'both'] as const;
export type LineageDirection = (typeof LINEAGE_DIRECTIONS)[number];
/** Most steps from the node asked for. */
export const LINEAGE_DEPTH_MAX = 10;

export interface LineageNode {
  readonly id: string;
  readonly type: 'source' | 'featureGroup' | 'feature' | 'featureView' | 'trainingDataset';
  readonly name: string;
  /** Of a training dataset its number; null for a source. */
  readonly version: number | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  /** `selects`: a view takes features · `derives`: a column of a group · `materializes`: rows of a view · `ingests`: rows come from there. */
  readonly type: 'selects' | 'derives' | 'materializes' | 'ingests';
  readonly features: readonly string[];
}

export interface Lineage {
  readonly root: string;
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
}

export interface LineageRequest {
  readonly node: string;
  readonly direction: LineageDirection;
  /** 1 to `LINEAGE_DEPTH_MAX`. */
  readonly depth: number;
}

interface Graph {
  readonly nodes: Map<string, LineageNode>;
  readonly edges: LineageEdge[];
}

type NodeName =
  | { readonly kind: 'source'; readonly uri: string }
  | { readonly kind: 'featureGroup' | 'featureView'; readonly name: string; readonly version: number }
  | { readonly kind: 'feature'; readonly name: string; readonly version: number; readonly feature: string }
  | { readonly kind: 'trainingDataset'; readonly name: string; readonly version: number; readonly number: number };

/** @throws LakefoldError INVALID_ARGUMENT for what is no node id; UNKNOWN_FEATURE_GROUP, UNKNOWN_FEATURE, UNKNOWN_FEATURE_VIEW, UNKNOWN_TRAINING_DATASET */
export async function lineage(
  deps: { readonly store: ObjectStore },
  { project, state }: { readonly project: string; readonly state: RegistryState },
  request: LineageRequest,
): Promise<Lineage> {
  const asked = parseNode(request.node);
  const datasets = await readSummaries(deps, project, await listDatasetNames(deps, project));
  assertKnown(state, datasets, asked);
  const graph = wholeGraph(state, datasets, asked);
  const kept = reach(graph, request);
  return {
    root: request.node,
    nodes: [...graph.nodes.values()].filter(({ id }) => kept.nodes.has(id)).toSorted(byId),
    edges: graph.edges.filter((edge) => kept.edges.has(edge)),
  };
}

/** The graph as Mermaid draws it; arrows follow the data. */
export function mermaidOf({ root, nodes, edges }: Lineage): string {
  const numbers = new Map(nodes.map(({ id }, i) => [id, `n${i}`]));
  const lines = [
    'flowchart LR',
    ...nodes.map((node) => `  ${numbers.get(node.id) ?? ''}${shapeOf(node)}${node.id === root ? ':::root' : ''}`),
    ...edges.map((edge) => `  ${numbers.get(edge.from) ?? ''} -->|${edge.type}| ${numbers.get(edge.to) ?? ''}`),
    '  classDef root stroke-width:3px',
  ];
  return `${lines.join('\n')}\n`;
}

function shapeOf({ id, type }: LineageNode): string {
  const label = `"${escaped(id.slice(id.indexOf(':') + 1))}"`;
  switch (type) {
    case 'source':
      return `[(${label})]`;
    case 'featureGroup':
      return `[${label}]`;
    case 'feature':
      return `(${label})`;
    case 'featureView':
      return `{{${label}}}`;
    case 'trainingDataset':
      return `[/${label}/]`;
  }
}

// A label ends at a quote, and Mermaid reads the rest of HTML.
function escaped(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9 _./:@=?&%+,~-]|&/gu, (character) => `#${character.codePointAt(0) ?? 0};`);
}

function parseNode(id: string): NodeName {
  const [, kind, rest] = /^(source|feature-group|feature-view|feature|training-dataset):(.+)$/su.exec(id) ?? [];
  const parts = rest?.split('/') ?? [];
  const [name = '', version = '', last = ''] = parts;
  const isVersioned = /^[1-9]\d{0,8}$/.test(version);
  if (kind === 'source' && rest !== undefined) return { kind, uri: rest };
  if (kind === 'feature-group' && isVersioned && parts.length === 2) return { kind: 'featureGroup', name, version: Number(version) };
  if (kind === 'feature-view' && isVersioned && parts.length === 2) return { kind: 'featureView', name, version: Number(version) };
  if (kind === 'feature' && isVersioned && parts.length === 3) return { kind, name, version: Number(version), feature: last };
  if (kind === 'training-dataset' && isVersioned && parts.length === 3 && /^[1-9]\d{0,8}$/.test(last))
    return { kind: 'trainingDataset', name, version: Number(version), number: Number(last) };
  throw new LakefoldError(
    'INVALID_ARGUMENT',
    `expected source:<uri>, feature-group:<name>/<version>, feature:<group>/<version>/<feature>, feature-view:<name>/<version> or training-dataset:<view>/<version>/<number>, found ${JSON.stringify(id.slice(0, 200))}`,
    { context: { field: 'node' } },
  );
}

function assertKnown(state: RegistryState, datasets: readonly DatasetSummary[], asked: NodeName): void {
  switch (asked.kind) {
    case 'source':
      return;
    case 'featureGroup':
      featureGroupOf(state, asked.name, asked.version);
      return;
    case 'feature': {
      const { definition } = featureGroupOf(state, asked.name, asked.version);
      if (!definition.schema.some(({ name }) => name === asked.feature))
        throw new LakefoldError('UNKNOWN_FEATURE', `expected a column of ${asked.name}/${asked.version}, found ${JSON.stringify(asked.feature)}`, {
          context: { feature: asked.feature },
        });
      return;
    }
    case 'featureView':
      featureViewOf(state, asked.name, asked.version);
      return;
    case 'trainingDataset':
      featureViewOf(state, asked.name, asked.version);
      if (!datasets.some(({ name, version, number }) => name === asked.name && version === asked.version && number === asked.number))
        throw new LakefoldError('UNKNOWN_TRAINING_DATASET', `expected a training dataset of ${asked.name}/${asked.version}, found ${asked.number}`, {
          context: { trainingDataset: asked.number },
        });
  }
}

function wholeGraph(state: RegistryState, datasets: readonly DatasetSummary[], asked: NodeName): Graph {
  const graph: Graph = { nodes: new Map(), edges: [] };
  if (asked.kind === 'source') addNode(graph, { id: sourceId(asked.uri), type: 'source', name: asked.uri, version: null, detail: {} });
  for (const { definition, status } of state.featureGroups) if (status !== 'DELETED') addNode(graph, groupNode(definition, status));
  for (const { definition, status } of state.featureViews) {
    if (status === 'DELETED') continue;
    addNode(graph, viewNode(definition, status));
    addSelections(graph, state, definition);
  }
  for (const dataset of datasets) addDataset(graph, dataset);
  if (asked.kind === 'feature') addFeature(graph, asked);
  return graph;
}

function addNode({ nodes }: Graph, node: LineageNode): void {
  if (!nodes.has(node.id)) nodes.set(node.id, node);
}

function groupNode({ name, version, description, owner }: FeatureGroupDefinition, status: string): LineageNode {
  return { id: groupId({ name, version }), type: 'featureGroup', name, version, detail: { description, owner, status } };
}

function viewNode({ name, version, description, owner }: FeatureViewDefinition, status: string): LineageNode {
  return { id: viewId({ name, version }), type: 'featureView', name, version, detail: { description, owner, status } };
}

function addSelections(graph: Graph, state: RegistryState, view: FeatureViewDefinition): void {
  const taken = new Map<string, Set<string>>();
  const take = (group: Named, features: readonly string[]): void => {
    const id = groupId(group);
    // One that was deleted by force is still what the view was made of.
    addNode(graph, { id, type: 'featureGroup', name: group.name, version: group.version, detail: { status: 'DELETED' } });
    taken.set(id, new Set([...(taken.get(id) ?? []), ...features]));
  };
  if (view.root !== null) {
    const columns = new Set(findFeatureGroup(state, view.root.name, view.root.version)?.definition.schema.map(({ name }) => name));
    take(
      view.root,
      view.spine.map(({ name }) => name).filter((name) => columns.has(name)),
    );
  }
  for (const join of view.joins) take({ name: join.featureGroup, version: join.version }, join.features);
  for (const [from, features] of taken) graph.edges.push({ from, to: viewId(view), type: 'selects', features: [...features] });
}

function addDataset(graph: Graph, { name, version, number, description, createdAt, features, spine }: DatasetSummary): void {
  const id = `training-dataset:${name}/${version}/${number}`;
  // A view that was deleted by force: nobody knows any more what its datasets were made of.
  if (!graph.nodes.has(viewId({ name, version }))) return;
  addNode(graph, { id, type: 'trainingDataset', name, version: number, detail: { description, createdAt } });
  graph.edges.push({ from: viewId({ name, version }), to: id, type: 'materializes', features });
  const source = spine?.['source'];
  if (typeof source === 'string') {
    addNode(graph, { id: sourceId(source), type: 'source', name: source, version: null, detail: {} });
    graph.edges.push({ from: sourceId(source), to: id, type: 'ingests', features: [] });
  }
  const group = spine?.['featureGroup'];
  if (isJsonObject(group) && typeof group['name'] === 'string' && typeof group['version'] === 'number') {
    const ref = { name: group['name'], version: group['version'] };
    if (graph.nodes.has(groupId(ref))) graph.edges.push({ from: groupId(ref), to: id, type: 'ingests', features: [] });
  }
}

/** The feature between its group and the views that select it. */
function addFeature(graph: Graph, { name, version, feature }: NodeName & { readonly kind: 'feature' }): void {
  const id = `feature:${name}/${version}/${feature}`;
  const group = groupId({ name, version });
  addNode(graph, { id, type: 'feature', name: feature, version, detail: { featureGroup: `${name}/${version}` } });
  const selecting = graph.edges.filter((edge) => edge.from === group && edge.type === 'selects' && edge.features.includes(feature));
  graph.edges.push({ from: group, to: id, type: 'derives', features: [feature] });
  for (const { to } of selecting) graph.edges.push({ from: id, to, type: 'selects', features: [feature] });
}

/** What `depth` steps from the node reach, up and down each for itself. */
function reach(graph: Graph, { node, direction, depth }: LineageRequest): { readonly nodes: ReadonlySet<string>; readonly edges: ReadonlySet<LineageEdge> } {
  const nodes = new Set([node]);
  const edges = new Set<LineageEdge>();
  const ways = direction === 'both' ? (['up', 'down'] as const) : [direction];
  for (const way of ways) {
    let front = new Set([node]);
    for (let step = 0; step < depth && front.size > 0; step += 1) {
      const next = new Set<string>();
      for (const edge of graph.edges) {
        const [near, far] = way === 'up' ? [edge.to, edge.from] : [edge.from, edge.to];
        if (!front.has(near)) continue;
        edges.add(edge);
        if (!nodes.has(far)) next.add(far);
        nodes.add(far);
      }
      front = next;
    }
  }
  return { nodes, edges };
}

interface Named {
  readonly name: string;
  readonly version: number;
}

function groupId({ name, version }: Named): string {
  return `feature-group:${name}/${version}`;
}

function viewId({ name, version }: Named): string {
  return `feature-view:${name}/${version}`;
}

function sourceId(uri: string): string {
  return `source:${uri}`;
}

function byId(a: LineageNode, b: LineageNode): number {
  return a.id < b.id ? -1 : 1;
}
