/** `search`, `lineage`: what is there, and what it is made of. */
import { isJsonObject, type Json, type JsonObject } from '../../lib/core/json.ts';
import { itemsOf } from '../client.ts';
import type { Command } from '../command.ts';
import type { Paint } from '../output.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';
import { listOf, listText, text } from '../render.ts';
import { projectPath } from '../versioned-name.ts';

const search: Command = {
  name: 'search',
  usage: '[WORDS]',
  positionals: [0, 1],
  summary: 'Finds groups, features, views and training datasets by name, description, tag, feature and owner.',
  options: {
    type: { kind: 'text', value: 'TYPE', help: 'featureGroup, feature, featureView or trainingDataset' },
    tag: { kind: 'text', value: 'KEY[:VALUE]', help: 'only what has this tag' },
    owner: { kind: 'text', value: 'TEXT', help: 'only what has this owner' },
    ...PAGE_OPTIONS,
  },
  example: 'lakefold search "delay airport" --type feature',
  run: async (context) => {
    const { args, session, output } = context;
    const query = { q: args.positionals[0] ?? '', type: args.text('type'), tag: args.text('tag'), owner: args.text('owner') };
    const answer = await (await session.client()).list({ path: `${await projectPath(context)}/search`, query }, pageOf(args));
    await output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          type: (item) => item['type'] ?? null,
          name: (item) => item['name'] ?? null,
          version: (item) => item['version'] ?? null,
          of: (item) => item['parent'] ?? '',
          matched: (item) => listOf(item['matched']).map(text).join(', '),
          score: (item) => item['score'] ?? null,
          description: (item) => item['description'] ?? '',
        },
        { paint, empty: 'nothing found' },
      ),
    );
  },
};

const lineage: Command = {
  name: 'lineage',
  usage: 'NODE [--direction up|down|both] [--depth N] [--format json|mermaid]',
  positionals: [1, 1],
  summary: 'Shows what a definition is made of and what is made of it.',
  options: {
    direction: { kind: 'text', value: 'WAY', help: 'up to what it is made of, down to what is made of it, or both' },
    depth: { kind: 'text', value: 'N', help: 'steps from the node, 1 to 10 (default 10)' },
    format: { kind: 'text', value: 'json|mermaid', help: 'mermaid: a diagram for Markdown' },
  },
  example: 'lakefold lineage feature-group:airport_delays/1 --direction down',
  run: async (context) => {
    const { args, session, output } = context;
    const query = { node: args.positionals[0] ?? '', direction: args.text('direction'), depth: args.text('depth') };
    const request = { method: 'GET', path: `${await projectPath(context)}/lineage`, query } as const;
    const client = await session.client();
    if (args.word('format', ['json', 'mermaid'] as const) === 'mermaid')
      return output.text(await (await client.request({ ...request, accept: 'text/vnd.mermaid' })).text());
    const answer = await client.json(request);
    await output.document(answer.text, (paint) => lineageText(answer.body, paint));
    return undefined;
  },
};

export const discoveryCommands: readonly Command[] = [search, lineage];

function lineageText(body: JsonObject, paint: Paint): string {
  const root = text(body['root']);
  const edges = listOf(body['edges']).filter(isJsonObject);
  const side = (title: string, near: 'from' | 'to', far: 'from' | 'to'): readonly string[] => {
    const lines = branches(edges, { near, far, node: root, depth: 1, seen: new Set([root]) });
    return lines.length === 0 ? [] : [paint(title, 'dim'), ...lines];
  };
  const lines = [paint(root, 'bold'), ...side('made of', 'to', 'from'), ...side('goes into', 'from', 'to')];
  return `${lines.length === 1 ? `${root}: nothing before or after it` : lines.join('\n')}\n`;
}

interface Branch {
  readonly near: 'from' | 'to';
  readonly far: 'from' | 'to';
  readonly node: string;
  readonly depth: number;
  readonly seen: ReadonlySet<string>;
}

function branches(edges: readonly JsonObject[], { near, far, node, depth, seen }: Branch): readonly string[] {
  return edges
    .filter((edge) => edge[near] === node && !seen.has(text(edge[far])))
    .flatMap((edge) => {
      const next = text(edge[far]);
      const features: readonly Json[] = listOf(edge['features']);
      const named = features.length === 0 ? '' : `: ${features.slice(0, 6).map(text).join(', ')}${features.length > 6 ? ', …' : ''}`;
      return [
        `${'  '.repeat(depth)}${next} (${text(edge['type'])}${named})`,
        ...branches(edges, { near, far, node: next, depth: depth + 1, seen: new Set([...seen, next]) }),
      ];
    });
}
