/** `fg update`, `fg delete`, `fv update`, `fv delete`: one definition changed in place, or taken out of the registry. */
import type { Json } from '../../lib/core/json.ts';
import { usageError, type OptionSpecs } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { jsonOption } from '../option-values.ts';
import { definitionText } from '../render.ts';
import { exactName, versionedName, type DefinitionKind } from '../versioned-name.ts';

const IF_MATCH = { 'if-match': { kind: 'text', value: 'ETAG', help: 'only if the definition still has this etag' } } as const satisfies OptionSpecs;

/** Members of a patch that are plain text; `none` takes the ones away that may be absent. */
const TEXTS = ['description', 'owner', 'ttl', 'availability-delay', 'retention', 'validation-policy', 'status'] as const;
const JSONS = ['tags', 'expectations', 'add-features', 'widen', 'statistics', 'schema'] as const;

const COMMON_OPTIONS = {
  description: { kind: 'text', value: 'TEXT', help: 'what it is; none takes it away' },
  tags: { kind: 'text', value: 'JSON|@FILE', help: 'all its tags: {"team":"ops"}' },
  status: { kind: 'text', value: 'ACTIVE|DEPRECATED', help: 'names without a version pass over what is deprecated' },
  ...IF_MATCH,
} as const satisfies OptionSpecs;

const fgUpdate: Command = {
  name: 'fg update',
  usage: 'NAME[/V] [--add-features JSON] [--widen JSON] [--ttl P7D] …',
  positionals: [1, 1],
  summary: 'Changes a feature group in place; what cannot be in place is refused with the version to create.',
  options: {
    ...COMMON_OPTIONS,
    owner: { kind: 'text', value: 'TEXT', help: 'who answers for it; none takes it away' },
    ttl: { kind: 'text', value: 'DURATION', help: 'how long a row counts; none: for ever' },
    'availability-delay': { kind: 'text', value: 'DURATION', help: 'how long after its event time a row is there; none: at once' },
    retention: { kind: 'text', value: 'DURATION', help: 'how long versions stay readable' },
    'validation-policy': { kind: 'text', value: 'POLICY', help: 'STRICT, ALWAYS or QUARANTINE' },
    expectations: { kind: 'text', value: 'JSON|@FILE', help: 'all its expectations' },
    statistics: { kind: 'text', value: 'true|false', help: 'whether commits are described' },
    'add-features': { kind: 'text', value: 'JSON|@FILE', help: 'nullable columns: [{"name":"n","type":"int","nullable":true}]' },
    widen: { kind: 'text', value: 'JSON|@FILE', help: 'columns in wider types, all files written again: [{"name":"n","type":"bigint"}]' },
    schema: { kind: 'text', value: 'JSON|@FILE', help: 'all columns, in place of --add-features and --widen' },
  },
  example: 'lakefold fg update airport_delays/1 --ttl P14D --add-features \'[{"name":"n","type":"int","nullable":true}]\'',
  run: (context) => update(context, 'feature-groups'),
};

const fvUpdate: Command = {
  name: 'fv update',
  usage: 'NAME[/V] [--description TEXT] [--tags JSON] [--status ACTIVE|DEPRECATED]',
  positionals: [1, 1],
  summary: 'Changes the description, tags or status of a feature view; the rest of it never changes.',
  options: COMMON_OPTIONS,
  example: 'lakefold fv update delay_model/1 --status DEPRECATED',
  run: (context) => update(context, 'feature-views'),
};

const DELETE_OPTIONS = { force: { kind: 'flag', help: 'also what others need' }, ...IF_MATCH } as const satisfies OptionSpecs;

const fgDelete: Command = {
  name: 'fg delete',
  usage: 'NAME/V [--force]',
  positionals: [1, 1],
  summary: 'Takes a version of a feature group out of the registry; its number is never used again.',
  options: DELETE_OPTIONS,
  example: 'lakefold fg delete airport_delays/1',
  run: (context) => remove(context, 'feature-groups'),
};

const fvDelete: Command = {
  name: 'fv delete',
  usage: 'NAME/V [--force]',
  positionals: [1, 1],
  summary: 'Takes a version of a feature view out of the registry; its number is never used again.',
  options: DELETE_OPTIONS,
  example: 'lakefold fv delete delay_model/1',
  run: (context) => remove(context, 'feature-views'),
};

export const fgEditCommands: readonly Command[] = [fgUpdate, fgDelete];
export const fvEditCommands: readonly Command[] = [fvUpdate, fvDelete];

async function update(context: CommandContext, kind: DefinitionKind): Promise<void> {
  const patch = await patchOf(context);
  if (Object.keys(patch).length === 0) throw usageError('expected something to change, such as --description');
  const client = await context.session.client();
  const { path } = await versionedName(context, client, kind);
  const answer = await client.json({ method: 'PATCH', path, json: patch, headers: matchOf(context) });
  await context.output.document(answer.text, (paint) => definitionText(answer.body, paint));
}

async function remove(context: CommandContext, kind: DefinitionKind): Promise<void> {
  const { name, version, path } = await exactName(context, kind);
  const force = context.args.flag('force');
  await (await context.session.client()).request({ method: 'DELETE', path, query: { force }, headers: matchOf(context) });
  await context.output.value({ name, version, status: 'DELETED' }, (paint) => `${paint('✓', 'green')} deleted ${name}/${version}`);
}

async function patchOf(context: CommandContext): Promise<Readonly<Record<string, Json>>> {
  const members: [string, Json][] = [];
  for (const option of TEXTS) {
    const text = context.args.text(option);
    if (text !== undefined) members.push([camelCase(option), text === 'none' ? null : text]);
  }
  for (const option of JSONS) {
    const json = await jsonOption(context, option);
    if (json !== undefined) members.push([camelCase(option), json]);
  }
  return Object.fromEntries(members);
}

function camelCase(option: string): string {
  return option.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function matchOf({ args }: CommandContext): Readonly<Record<string, string>> {
  const ifMatch = args.text('if-match');
  return ifMatch === undefined ? {} : { 'if-match': ifMatch };
}
