/** `NAME[/V]` on the command line, made whole: without a version the latest that is not deprecated. */
import { LakefoldError } from '../lib/core/errors.ts';
import { isJsonObject, type JsonObject } from '../lib/core/json.ts';
import { usageError } from './arguments.ts';
import { itemsOf, type Client } from './client.ts';
import { text } from './render.ts';
import type { CommandContext } from './command.ts';

export type DefinitionKind = 'feature-groups' | 'feature-views';

export interface VersionedName {
  readonly name: string;
  readonly version: number;
  /** Route of the definition. */
  readonly path: string;
}

/** Route of a project, from `/v1` on. */
export async function projectPath({ session }: Pick<CommandContext, 'session'>): Promise<string> {
  return `/v1/projects/${encodeURIComponent(await session.project())}`;
}

/** The definition that the first positional names. @throws LakefoldError UNKNOWN_FEATURE_GROUP, UNKNOWN_FEATURE_VIEW where none is of that name */
export async function versionedName(context: CommandContext, client: Client, kind: DefinitionKind): Promise<VersionedName> {
  const text = context.args.positionals[0] ?? '';
  const [, name = '', given] = /^([^/]+)(?:\/([1-9]\d{0,8}))?$/.exec(text) ?? [];
  if (name === '') throw usageError(`expected NAME or NAME/VERSION, found ${JSON.stringify(text)}`);
  const project = await projectPath(context);
  const version = given === undefined ? await latestVersion(context, client, { kind, name, project }) : Number(given);
  return { name, version, path: `${project}/${kind}/${encodeURIComponent(name)}/versions/${version}` };
}

/** As `versionedName`, for what can't be undone: the version must be said. @throws LakefoldError a usage error without one */
export async function exactName(context: CommandContext, kind: DefinitionKind): Promise<VersionedName> {
  const [, name, version] = /^([^/]+)\/([1-9]\d{0,8})$/.exec(context.args.positionals[0] ?? '') ?? [];
  if (name === undefined) throw usageError(`expected NAME/VERSION, found ${JSON.stringify(context.args.positionals[0] ?? '')}`);
  return { name, version: Number(version), path: `${await projectPath(context)}/${kind}/${encodeURIComponent(name)}/versions/${version}` };
}

async function latestVersion(
  context: CommandContext,
  client: Client,
  of: { readonly kind: DefinitionKind; readonly name: string; readonly project: string },
): Promise<number> {
  const { body } = await client.list({ path: `${of.project}/${of.kind}` }, { limit: undefined, cursor: undefined });
  const named = itemsOf(body)
    .filter(isJsonObject)
    .filter((item) => item['name'] === of.name);
  const active = named.filter((item) => item['status'] !== 'DEPRECATED');
  const versions = (active.length > 0 ? active : named).map(versionOf).toSorted((a, b) => b - a);
  const [latest] = versions;
  if (latest === undefined) {
    const [code, word] =
      of.kind === 'feature-groups' ? (['UNKNOWN_FEATURE_GROUP', 'feature group'] as const) : (['UNKNOWN_FEATURE_VIEW', 'feature view'] as const);
    const known = [
      ...new Set(
        itemsOf(body)
          .filter(isJsonObject)
          .map((item) => text(item['name'])),
      ),
    ];
    throw new LakefoldError(
      code,
      `expected a ${word} of this project, found ${JSON.stringify(of.name)}; ${known.length === 0 ? 'it has none yet' : `it has ${known.slice(0, 20).join(', ')}`}`,
      { context: { name: of.name } },
    );
  }
  await context.output.note(`using ${of.name}/${latest}${active.length === 0 ? ', which is deprecated' : ''}`);
  return latest;
}

function versionOf(item: JsonObject): number {
  return Number(item['version']);
}
