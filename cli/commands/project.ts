/** `project create`, `project list`: namespaces. */
import type { Command } from '../command.ts';
import { itemsOf } from '../client.ts';
import { given } from '../option-values.ts';
import { listText, text } from '../render.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';

const create: Command = {
  name: 'project create',
  usage: 'NAME',
  positionals: [1, 1],
  summary: 'Creates a project; one that is there already is fine.',
  options: { description: { kind: 'text', value: 'TEXT', help: 'what it is for' } },
  example: 'lakefold project create demo --description "Flights of 2001"',
  run: async ({ args, session, output }) => {
    const answer = await (
      await session.client()
    ).json({ method: 'POST', path: '/v1/projects', json: { name: args.positionals[0], ...given({ description: args.text('description') }) } });
    await output.document(answer.text, (paint) => `${paint('✓', 'green')} project ${text(answer.body['name'])}`);
  },
};

const list: Command = {
  name: 'project list',
  usage: '',
  positionals: [0, 0],
  summary: 'Lists the projects.',
  options: PAGE_OPTIONS,
  example: 'lakefold project list',
  run: async ({ args, session, output }) => {
    const answer = await (await session.client()).list({ path: '/v1/projects' }, pageOf(args));
    await output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        { name: (item) => item['name'] ?? null, created: (item) => item['createdAt'] ?? null, description: (item) => item['description'] ?? '' },
        { paint, empty: 'no projects' },
      ),
    );
  },
};

export const projectCommands: readonly Command[] = [create, list];
