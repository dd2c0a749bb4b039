/** `fg publish`, `fg verify`, `fg optimize`, `fg vacuum`. */
import type { JsonObject } from '../../lib/core/json.ts';
import type { Command, CommandContext } from '../command.ts';
import { given, jsonOption } from '../option-values.ts';
import { EXIT } from '../problem-output.ts';
import { answerText } from '../render.ts';
import { versionedName } from '../versioned-name.ts';

const publish: Command = {
  name: 'fg publish',
  usage: 'NAME[/V] [--rebuild] [--repair]',
  positionals: [1, 1],
  summary: 'Brings the online store up to the newest commit, commits of other engines included.',
  options: { rebuild: { kind: 'flag', help: 'build all online values anew' }, repair: { kind: 'flag', help: 'correct what differs' } },
  example: 'lakefold fg publish airport_delays',
  run: async (context) => void (await act(context, 'publish', given({ rebuild: context.args.flag('rebuild'), repair: context.args.flag('repair') }))),
};

const verify: Command = {
  name: 'fg verify',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Reads the whole table and every online value, and says what is wrong or differs; exit code 4 when something does.',
  options: {
    table: { kind: 'flag', help: 'the table: the default; --no-table leaves it out' },
    online: { kind: 'flag', help: 'online values against the table: the default; --no-online leaves them out' },
  },
  example: 'lakefold fg verify airport_delays',
  run: async (context) => {
    const body = await act(context, 'verify', given({ table: context.args.flag('table'), online: context.args.flag('online') }));
    return body['ok'] === true ? EXIT.ok : EXIT.differs;
  },
};

const optimize: Command = {
  name: 'fg optimize',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Packs small files of the table into few; changes no row.',
  options: { 'cluster-by': { kind: 'text', value: 'JSON', help: 'columns to lay rows out by' }, 'dry-run': { kind: 'flag', help: 'only tell' } },
  example: 'lakefold fg optimize airport_delays',
  run: async (context) =>
    void (await act(context, 'optimize', given({ clusterBy: await jsonOption(context, 'cluster-by'), dryRun: context.args.flag('dry-run') }))),
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
    void (await act(
      context,
      'vacuum',
      given({ retention: context.args.text('retention'), dryRun: context.args.flag('dry-run'), force: context.args.flag('force') }),
    )),
};

export const fgMaintainCommands: readonly Command[] = [publish, verify, optimize, vacuum];

async function act(context: CommandContext, action: string, body: object): Promise<JsonObject> {
  const client = await context.session.client();
  const { path } = await versionedName(context, client, 'feature-groups');
  const answer = await client.json({ method: 'POST', path: `${path}:${action}`, json: body });
  await context.output.document(answer.text, (paint) => answerText(answer.body, paint));
  return answer.body;
}
