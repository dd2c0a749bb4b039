/** `fv list`, `fv describe`, `fv get`, `fv batch`: feature views and online vectors. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, parseJson, stringifyJson, type Json, type JsonObject } from '../../lib/core/json.ts';
import { ENTRIES_MAX } from '../../lib/core/limits.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { usageError } from '../arguments.ts';
import { itemsOf, type Client } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';
import { bytesOfFile, given, jsonOption } from '../option-values.ts';
import { linesOf } from '../output.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';
import { progress } from '../progress.ts';
import { definitionText, listOf, listText, refText, text } from '../render.ts';
import { tableText } from '../table-text.ts';
import { typedPairs } from '../typed-pairs.ts';
import { projectPath, versionedName } from '../versioned-name.ts';

const LOOKUP_OPTIONS = {
  param: { kind: 'list', value: 'K=V', help: 'a request parameter' },
  options: { kind: 'text', value: 'JSON|@FILE', help: 'options of the lookup: {"allowMissing":false}' },
} as const;

const list: Command = {
  name: 'fv list',
  usage: '',
  positionals: [0, 0],
  summary: 'Lists the feature views of the project.',
  options: PAGE_OPTIONS,
  example: 'lakefold fv list',
  run: async (context) => {
    const { args, session, output } = context;
    const answer = await (await session.client()).list({ path: `${await projectPath(context)}/feature-views` }, pageOf(args));
    await output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          name: (item) => item['name'] ?? null,
          version: (item) => item['version'] ?? null,
          entries: (item) => names(item['entryKeys']),
          parameters: (item) => names(item['requestParameters']),
          features: (item) => listOf(item['features']).length,
          status: (item) => item['status'] ?? null,
        },
        { paint, empty: 'no feature views yet: lakefold apply registers those of lakefold.config.ts' },
      ),
    );
  },
};

const describe: Command = {
  name: 'fv describe',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Prints the definition of a feature view and what a lookup takes and gives.',
  options: {},
  example: 'lakefold fv describe delay_model/1',
  run: async (context) => {
    const client = await context.session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const answer = await client.json({ method: 'GET', path });
    await context.output.document(answer.text, (paint) => definitionText(answer.body, paint));
  },
};

const get: Command = {
  name: 'fv get',
  usage: 'NAME[/V] key=value… [--param k=v…]',
  positionals: [1, 1 + ENTRIES_MAX],
  summary: 'Looks one feature vector up.',
  options: {
    ...LOOKUP_OPTIONS,
    'passed-features': { kind: 'text', value: 'JSON|@FILE', help: 'features the caller knows better: {"dep_mean_delay_24h":3.5}' },
    'request-parameters': { kind: 'text', value: 'JSON|@FILE', help: 'request parameters as JSON instead of --param' },
    metadata: { kind: 'text', value: 'JSON|@FILE', help: 'parts of metadata wanted (default names, statuses and event times)' },
  },
  example: 'lakefold fv get delay_model origin=SFO dest=JFK --param distance=2586',
  run: async (context) => {
    const { args, session, output } = context;
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const view = (await client.json({ method: 'GET', path })).body;
    const parameters =
      args.list('param').length > 0 ? typedPairs(args.list('param'), view['requestParameters'], '--param') : await jsonOption(context, 'request-parameters');
    const body = given({
      entry: typedPairs(args.positionals.slice(1), view['entryKeys'], 'an entry key'),
      passedFeatures: await jsonOption(context, 'passed-features'),
      requestParameters: parameters,
      options: await jsonOption(context, 'options'),
      metadata: (await jsonOption(context, 'metadata')) ?? { names: true, statuses: true, eventTimes: true },
    });
    const answer = await client.json({ method: 'POST', path: `${path}/vector`, json: body });
    await output.document(
      answer.text,
      (paint) => `${paint(refText(answer.body['featureView']), 'bold')} ${text(answer.body['status'])}\n${tableText(vectorRows(answer.body), { paint }).text}`,
    );
  },
};

const batch: Command = {
  name: 'fv batch',
  usage: 'NAME[/V] --file entries.ndjson',
  positionals: [1, 1],
  summary: 'Looks many feature vectors up, one line of NDJSON an entry.',
  options: { file: { kind: 'text', value: 'F|-', help: 'entries as NDJSON; request parameters of an entry stand beside its keys' }, ...LOOKUP_OPTIONS },
  example: 'lakefold fv batch delay_model --file entries.ndjson > vectors.ndjson',
  run: async (context) => {
    const { args, session, output } = context;
    const file = args.required('file');
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const view = (await client.json({ method: 'GET', path })).body;
    const options = await jsonOption(context, 'options');
    if (options !== undefined && !isJsonObject(options)) throw usageError('expected an object as --options');
    const request = { path: `${path}/vectors`, view, shared: typedPairs(args.list('param'), view['requestParameters'], '--param'), options: options ?? {} };
    const lines = linesOf(file === '-' ? inputChunks(context) : oneChunk(await bytesOfFile(context.terminal.cwd, file)));
    await output.rows(lookUpLines(context, client, request, lines));
  },
};

export const fvCommands: readonly Command[] = [list, describe, get, batch];

interface BatchRequest {
  readonly path: string;
  readonly view: JsonObject;
  /** Request parameters of every entry. */
  readonly shared: JsonObject;
  readonly options: JsonObject;
}

async function* lookUpLines(context: CommandContext, client: Client, request: BatchRequest, lines: AsyncIterable<string>): AsyncIterable<Uint8Array> {
  const bar = progress(context, 'looking up', 'entries');
  let pending: JsonObject[] = [];
  let done = 0;
  const flush = async (): Promise<Uint8Array> => {
    const text = await lookUp(client, request, { entries: pending, first: done });
    done += pending.length;
    pending = [];
    bar.update(done);
    return utf8(text);
  };
  try {
    for await (const line of lines) {
      pending.push(parseEntry(line, done + pending.length));
      if (pending.length === ENTRIES_MAX) yield await flush();
    }
    if (pending.length > 0) yield await flush();
  } finally {
    bar.end();
  }
}

async function lookUp(client: Client, request: BatchRequest, page: { readonly entries: readonly JsonObject[]; readonly first: number }): Promise<string> {
  const isParameter = parameterNames(request.view);
  const split = page.entries.map((entry) => ({
    entry: pick(entry, (name) => !isParameter(name)),
    parameters: { ...request.shared, ...pick(entry, isParameter) },
  }));
  const hasParameters = split.some(({ parameters }) => Object.keys(parameters).length > 0);
  const { body } = await client.json({
    method: 'POST',
    path: request.path,
    json: {
      entries: split.map(({ entry }) => entry),
      ...(hasParameters ? { requestParameters: split.map(({ parameters }) => parameters) } : {}),
      options: { ...request.options, format: 'objects' },
      metadata: { names: true, statuses: true },
    },
  });
  const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
  const featureNames = listOf(metadata['features'])
    .filter(isJsonObject)
    .map((feature) => text(feature['name']));
  const [features, statuses, status] = [listOf(body['features']), listOf(metadata['statuses']), listOf(body['status'])];
  return page.entries
    .map((_, i) => {
      const ofEntry = listOf(statuses[i]);
      return `${stringifyJson({ index: page.first + i, status: status[i] ?? null, features: features[i] ?? {}, statuses: Object.fromEntries(featureNames.map((name, f) => [name, ofEntry[f] ?? null])) })}\n`;
    })
    .join('');
}

/** Tells the request parameters of a view from entry keys. */
function parameterNames(view: JsonObject): (name: string) => boolean {
  const nameSet = (json: Json | undefined): ReadonlySet<string> =>
    new Set(
      listOf(json)
        .filter(isJsonObject)
        .map((item) => text(item['name'])),
    );
  const [parameters, keys] = [nameSet(view['requestParameters']), nameSet(view['entryKeys'])];
  return (name) => parameters.has(name) && !keys.has(name);
}

function pick(object: JsonObject, isWanted: (name: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => isWanted(name)));
}

function parseEntry(line: string, index: number): JsonObject {
  const json = parseLine(line, index);
  if (!isJsonObject(json))
    throw new LakefoldError('MALFORMED_FILE', `expected an object in line ${index + 1}, found ${line.slice(0, 80)}`, { context: { entry: index } });
  return json;
}

function parseLine(line: string, index: number): Json {
  try {
    return parseJson(line);
  } catch (cause) {
    throw new LakefoldError('MALFORMED_FILE', `expected an entry as JSON in line ${index + 1}, found ${JSON.stringify(line.slice(0, 80))}`, {
      cause,
      context: { entry: index },
    });
  }
}

function vectorRows(body: JsonObject): readonly Json[] {
  const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
  const { features } = body;
  const values = isJsonObject(features) ? Object.values(features) : listOf(features);
  const given = isJsonObject(features)
    ? Object.keys(features)
    : listOf(metadata['features'])
        .filter(isJsonObject)
        .map((feature) => text(feature['name']));
  const [statuses, eventTimes] = [listOf(metadata['statuses']), listOf(metadata['eventTimes'])];
  return values.map((value, i) => ({
    feature: given[i] ?? String(i),
    value,
    ...(statuses.length === 0 ? {} : { status: statuses[i] ?? null }),
    ...(eventTimes.length === 0 ? {} : { 'event time': eventTimes[i] ?? null }),
  }));
}

function names(json: Json | undefined): string {
  return listOf(json)
    .filter(isJsonObject)
    .map((item) => text(item['name']))
    .join(', ');
}

async function* inputChunks({ terminal }: CommandContext): AsyncIterable<Uint8Array> {
  for await (const chunk of terminal.stdin) yield typeof chunk === 'string' ? utf8(chunk) : chunk;
}

async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
