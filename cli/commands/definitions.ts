/** `plan`, `apply`: the definitions of the config file against the registry. */
import { createInterface } from 'node:readline/promises';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type JsonObject } from '../../lib/core/json.ts';
import { usageError } from '../arguments.ts';
import type { Client, JsonAnswer } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT } from '../problem-output.ts';
import { listOf, planText, plural, text } from '../render.ts';
import { projectPath } from '../versioned-name.ts';

const plan: Command = {
  name: 'plan',
  usage: '',
  positionals: [0, 0],
  summary: 'Shows what apply would change, and changes nothing.',
  options: {},
  example: 'lakefold plan',
  run: async (context) => {
    const answer = await requestPlan(context, await context.session.client());
    await context.output.document(answer.text, (paint) => planText(answer.body, paint));
  },
};

const apply: Command = {
  name: 'apply',
  usage: '[--yes] [--rewrite]',
  positionals: [0, 0],
  summary: 'Registers the definitions, all of them or none.',
  options: {
    yes: { kind: 'flag', help: 'do not ask; needed where nobody could answer' },
    rewrite: { kind: 'flag', help: 'write every file of a table again where a column gets a wider type' },
  },
  example: 'lakefold apply --yes',
  run: async (context) => {
    const { args, session, output } = context;
    const client = await session.client();
    const planned = await requestPlan(context, client);
    if (!output.isQuiet) await output.aside((paint) => planText(planned.body, paint));
    const rewrite = args.flag('rewrite');
    // A breaking plan is refused by the route, with its reasons: nothing to ask about.
    const isRefused = planned.body['breaking'] === true || (rewrite !== true && needsRewrite(planned.body));
    const asks = !isRefused && hasChanges(planned.body) && args.flag('yes') !== true;
    if (asks && !(await confirmed(context))) {
      await output.note('nothing was changed');
      return EXIT.error;
    }
    const answer = await client.json({
      method: 'POST',
      path: `${await projectPath(context)}/definitions:apply`,
      json: { planId: planned.body['planId'] ?? null, ...(rewrite === undefined ? {} : { rewrite }) },
    });
    await output.document(answer.text, (paint) => {
      const applied = listOf(answer.body['applied']).filter((change) => isJsonObject(change) && change['action'] !== 'none');
      return applied.length === 0
        ? 'nothing was changed'
        : `${paint('✓', 'green')} applied ${plural(applied.length, 'change')} as revision ${text(answer.body['revision'])}`;
    });
    return EXIT.ok;
  },
};

export const definitionCommands: readonly Command[] = [plan, apply];

async function requestPlan(context: CommandContext, client: Client): Promise<JsonAnswer> {
  const config = await context.session.config();
  if (config === undefined)
    throw new LakefoldError(
      'INVALID_ARGUMENT',
      `expected definitions in ${context.terminal.cwd}/lakefold.config.ts or the file of --config, found none; lakefold init makes one`,
    );
  return client.json({ method: 'POST', path: `${await projectPath(context)}/definitions:plan`, json: config.definitions });
}

function hasChanges(body: JsonObject): boolean {
  return listOf(body['changes']).some((change) => isJsonObject(change) && change['action'] !== 'none');
}

function needsRewrite(body: JsonObject): boolean {
  return listOf(body['changes']).some((change) => isJsonObject(change) && change['verdict'] === 'rewrite');
}

async function confirmed({ terminal, output }: CommandContext): Promise<boolean> {
  if (terminal.stdin.isTTY !== true || terminal.stderr.isTTY !== true || output.isMachine)
    throw usageError('expected --yes: there are changes, and nobody to ask about them');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question('apply these changes? [y/N] ')).trim());
  } finally {
    lines.close();
  }
}
