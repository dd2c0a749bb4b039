/** `fg list`, `fg describe`, `fg commits`. */
import { itemsOf } from '../client.ts';
import type { Command } from '../command.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';
import { definitionText, listOf, listText, text } from '../render.ts';
import { projectPath, versionedName } from '../versioned-name.ts';

const list: Command = {
  name: 'fg list',
  usage: '',
  positionals: [0, 0],
  summary: 'Lists the feature groups of the project.',
  options: PAGE_OPTIONS,
  example: 'lakefold fg list',
  run: async (context) => {
    const { args, session, output } = context;
    const answer = await (await session.client()).list({ path: `${await projectPath(context)}/feature-groups` }, pageOf(args));
    await output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          name: (item) => item['name'] ?? null,
          version: (item) => item['version'] ?? null,
          key: (item) => listOf(item['primaryKey']).map(text).join(', '),
          'event time': (item) => item['eventTime'] ?? null,
          online: (item) => (item['onlineEnabled'] === true ? 'yes' : 'no'),
          commit: (item) => item['latestCommit'] ?? null,
          status: (item) => item['status'] ?? null,
        },
        { paint, empty: 'no feature groups yet: lakefold apply registers those of lakefold.config.ts' },
      ),
    );
  },
};

const describe: Command = {
  name: 'fg describe',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Prints the definition of a feature group, its newest commit and where its table lies.',
  options: {},
  example: 'lakefold fg describe airport_delays/1',
  run: async (context) => {
    const client = await context.session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const answer = await client.json({ method: 'GET', path });
    await context.output.document(answer.text, (paint) => definitionText(answer.body, paint));
  },
};

const commits: Command = {
  name: 'fg commits',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Lists the commits of a feature group, newest first.',
  options: PAGE_OPTIONS,
  example: 'lakefold fg commits airport_delays --limit 10',
  run: async (context) => {
    const client = await context.session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const answer = await client.list({ path: `${path}/commits` }, pageOf(context.args));
    await context.output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          version: (item) => item['version'] ?? null,
          committed: (item) => item['committedAt'] ?? null,
          operation: (item) => item['operation'] ?? null,
          inserted: (item) => item['rowsInserted'] ?? null,
          updated: (item) => item['rowsUpdated'] ?? null,
          deleted: (item) => item['rowsDeleted'] ?? null,
          files: (item) => `+${text(item['filesAdded'])} -${text(item['filesRemoved'])}`,
          engine: (item) => item['engine'] ?? null,
        },
        { paint, empty: 'no commits' },
      ),
    );
  },
};

export const fgInspectCommands: readonly Command[] = [list, describe, commits];
