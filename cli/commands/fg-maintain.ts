/** `fg publish`, `fg optimize`, `fg vacuum`. */
import type { Command, CommandContext } from '../command.ts';
import { given, jsonOption } from '../option-values.ts';
import { answerText } from '../render.ts';
import { versionedName } from '../versioned-name.ts';

const publish: Command = {
  name: 'fg publish',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Brings the online store up to the newest commit, commits of other engines included.',
  options: { rebuild: { kind: 'flag', help: 'build all online values anew' }, repair: { kind: 'flag', help: 'correct what differs' } },
  example: 'lakefold fg publish airport_delays',
  run: async (context) => act(context, 'publish', given({ rebuild: context.args.flag('rebuild'), repair: context.args.flag('repair') })),
};

const optimize: Command = {
  name: 'fg optimize',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Packs small files of the table into few; changes no row.',
  options: { 'cluster-by': { kind: 'text', value: 'JSON', help: 'columns to lay rows out by' }, 'dry-run': { kind: 'flag', help: 'only tell' } },
  example: 'lakefold fg optimize airport_delays',
  run: async (context) => act(context, 'optimize', given({ clusterBy: await jsonOption(context, 'cluster-by'), dryRun: context.args.flag('dry-run') })),
};

const vacuum: Command = {
  name: 'fg vacuum',
  usage: 'NAME[/V] [--no-dry-run]',
  positionals: [1, 1],
  summary: 'Tells which files no kept version needs; with --no-dry-run deletes them.',
  options: {
    retention: { kind: 'text', value: 'P7D', help: "versions younger than this stay readable (default: the group's)" },
    'dry-run': { kind: 'flag', help: 'only tell: the default; --no-dry-run deletes' },
    force: { kind: 'flag', help: 'allow a retention under a week, which can break running readers' },
  },
  example: 'lakefold fg vacuum airport_delays --no-dry-run',
  run: async (context) =>
    act(context, 'vacuum', given({ retention: context.args.text('retention'), dryRun: context.args.flag('dry-run'), force: context.args.flag('force') })),
};

export const fgMaintainCommands: readonly Command[] = [publish, optimize, vacuum];

async function act(context: CommandContext, action: string, body: object): Promise<void> {
  const client = await context.session.client();
  const { path } = await versionedName(context, client, 'feature-groups');
  const answer = await client.json({ method: 'POST', path: `${path}:${action}`, json: body });
  await context.output.document(answer.text, (paint) => answerText(answer.body, paint));
}
