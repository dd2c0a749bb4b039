/** `key create|list|rotate|revoke`, `grants show|put`: who may do what over HTTP. On the embedded store itself nobody is asked. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../../lib/core/json.ts';
import { itemsOf } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';
import { given, rowsOption } from '../option-values.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';
import { listText, text } from '../render.ts';

const pathOf = async ({ session }: CommandContext, rest: string): Promise<string> => `/v1/projects/${encodeURIComponent(await session.project())}/${rest}`;

const create: Command = {
  name: 'key create',
  usage: 'NAME --scopes A,B [--resources R,S] [--expires-at T]',
  positionals: [1, 1],
  summary: 'Makes an API key; its secret is shown this once.',
  options: {
    scopes: { kind: 'text', value: 'A,B', help: 'actions: describe create update delete readOnline readOffline writeOffline publish maintain erase grant' },
    resources: { kind: 'text', value: 'R,S', help: 'feature-groups/NAME, feature-views/NAME, project; * stands for any text (default *)' },
    'expires-at': { kind: 'text', value: 'T', help: 'RFC 3339; without it the key holds until it is revoked' },
  },
  example: "lakefold key create shop --scopes readOnline --resources 'feature-views/*'",
  run: async (context) => {
    const { args, session, output } = context;
    const json = {
      name: args.positionals[0],
      scopes: args.names('scopes') ?? [],
      ...given({ resources: args.names('resources'), expiresAt: args.text('expires-at') }),
    };
    const answer = await (await session.client()).json({ method: 'POST', path: await pathOf(context, 'api-keys'), json });
    await output.document(answer.text, (paint) => keyText(answer.body, paint('✓', 'green')));
  },
};

const rotate: Command = {
  name: 'key rotate',
  usage: 'ID [--overlap PT1H]',
  positionals: [1, 1],
  summary: 'Gives a key a new secret, shown this once; the old one holds for the overlap.',
  options: { overlap: { kind: 'text', value: 'DURATION', help: 'how long the old secret still opens, at most P30D (default: not at all)' } },
  example: 'lakefold key rotate ak_01J8… --overlap PT1H',
  run: async (context) => {
    const { args, session, output } = context;
    const path = await pathOf(context, `api-keys/${encodeURIComponent(args.positionals[0] ?? '')}:rotate`);
    const answer = await (await session.client()).json({ method: 'POST', path, json: given({ overlap: args.text('overlap') }) });
    await output.document(answer.text, (paint) => keyText(answer.body, paint('✓', 'green')));
  },
};

const list: Command = {
  name: 'key list',
  usage: '',
  positionals: [0, 0],
  summary: 'Lists the API keys of the project, without their secrets.',
  options: PAGE_OPTIONS,
  example: 'lakefold key list',
  run: async (context) => {
    const { args, session, output } = context;
    const answer = await (await session.client()).list({ path: await pathOf(context, 'api-keys') }, pageOf(args));
    await output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          id: (item) => item['id'] ?? null,
          name: (item) => item['name'] ?? null,
          status: (item) => item['status'] ?? null,
          scopes: (item) => (Array.isArray(item['scopes']) ? item['scopes'].join(' ') : ''),
          expires: (item) => item['expiresAt'] ?? 'never',
        },
        { paint, empty: 'no keys' },
      ),
    );
  },
};

const revoke: Command = {
  name: 'key revoke',
  usage: 'ID',
  positionals: [1, 1],
  summary: 'Takes a key its power, for good; processes that know it stop within ten seconds.',
  options: {},
  example: 'lakefold key revoke ak_01J8…',
  run: async (context) => {
    const { args, session, output } = context;
    const id = args.positionals[0] ?? '';
    await (await session.client()).request({ method: 'DELETE', path: await pathOf(context, `api-keys/${encodeURIComponent(id)}`) });
    await output.value({ id, status: 'REVOKED' }, (paint) => `${paint('✓', 'green')} ${id} revoked`);
  },
};

const show: Command = {
  name: 'grants show',
  usage: '',
  positionals: [0, 0],
  summary: 'Prints the grants of the project as the document `grants put` takes.',
  options: {},
  example: 'lakefold grants show --json > grants.json',
  run: async (context) => {
    const answer = await (await context.session.client()).json({ method: 'GET', path: await pathOf(context, 'grants') });
    await context.output.document(answer.text, (paint) => grantsText(answer.body, paint));
  },
};

const put: Command = {
  name: 'grants put',
  usage: '--file F|-',
  positionals: [0, 0],
  summary: 'Replaces all grants of the project, if nobody else changed them since the document was read.',
  options: { file: { kind: 'text', value: 'F', help: 'the document; its etag names the grants it replaces, without one whatever stands there' } },
  example: 'lakefold grants put --file grants.json',
  run: async (context) => {
    const { args, session, output } = context;
    args.required('file');
    const { bytes } = await rowsOption({ terminal: context.terminal, args: { ...args, text: (name) => (name === 'format' ? 'json' : args.text(name)) } });
    const document = parseJson(bytes);
    if (!isJsonObject(document)) throw new LakefoldError('INVALID_ARGUMENT', 'expected { "grants": […] } in --file, found something else');
    const { etag = null, ...body } = document;
    const headers = { 'if-match': typeof etag === 'string' ? etag : '*' };
    const answer = await (await session.client()).json({ method: 'PUT', path: await pathOf(context, 'grants'), json: body, headers });
    await output.document(answer.text, (paint) => grantsText(answer.body, paint));
  },
};

function keyText(key: JsonObject, mark: string): string {
  return `${mark} ${text(key['id'])} ${text(key['name'])}\n${text(key['secret'])}\nThe secret is not shown again.`;
}

function grantsText(document: JsonObject, paint: Parameters<typeof listText>[2]['paint']): string {
  const column =
    (name: string) =>
    (item: JsonObject): Json =>
      Array.isArray(item[name]) ? item[name].join(' ') : '*';
  return listText(
    itemsOf({ items: document['grants'] ?? [] }),
    {
      id: (item) => item['id'] ?? null,
      principals: column('principals'),
      actions: column('actions'),
      resources: column('resources'),
      features: column('features'),
    },
    { paint, empty: 'no grants' },
  );
}

export const accessCommands: readonly Command[] = [create, list, rotate, revoke, show, put];
