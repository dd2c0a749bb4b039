/** `td create`, `td list`, `td describe`, `td verify`: training datasets. */
import { join, resolve } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { LakefoldError } from '../../lib/core/errors.ts';
import { isJsonObject, type JsonObject } from '../../lib/core/json.ts';
import { objectPath } from '../../lib/core/path.ts';
import { usageError } from '../arguments.ts';
import { bytesOf, itemsOf, type Client } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';
import { PAGE_OPTIONS, pageOf } from '../page-options.ts';
import { EXIT } from '../problem-output.ts';
import { progress } from '../progress.ts';
import { answerText, listOf, listText, plural, refText, text } from '../render.ts';
import { writeFileFrom } from '../rows-to-file.ts';
import { TRAINING_OPTIONS, trainingBody } from '../training-options.ts';
import { versionedName } from '../versioned-name.ts';

const create: Command = {
  name: 'td create',
  usage: 'FV[/V] --spine F --out DIR',
  positionals: [1, 1],
  summary: 'Builds a point-in-time training dataset: for every row of the spine what was known at its label time.',
  options: {
    ...TRAINING_OPTIONS,
    out: { kind: 'text', value: 'DIR', help: 'copy the files and training-dataset.json there' },
    wait: { kind: 'text', value: 'SECONDS', help: 'how long to wait for a deployment, up to 600' },
  },
  example: 'lakefold td create delay_model --spine june.parquet --pin airport_delays=42 --out june',
  run: async (context) => {
    const { args, session, output, terminal } = context;
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const view = (await client.json({ method: 'GET', path })).body;
    const body = await trainingBody(context, view);
    const answer = await client.json({ method: 'POST', path: `${path}/training-datasets`, query: { wait: args.integer('wait') }, json: body });
    const out = args.text('out');
    if (out !== undefined) await copyDataset(context, client, { path, dataset: answer.body, text: answer.text, directory: resolve(terminal.cwd, out) });
    await output.document(
      answer.text,
      (paint) => `${paint('✓', 'green')} ${datasetText(answer.body)}${out === undefined ? '' : ` in ${out}`}\n${joinsText(answer.body)}`,
    );
  },
};

const list: Command = {
  name: 'td list',
  usage: 'FV[/V]',
  positionals: [1, 1],
  summary: 'Lists the training datasets of a feature view.',
  options: PAGE_OPTIONS,
  example: 'lakefold td list delay_model',
  run: async (context) => {
    const client = await context.session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const answer = await client.list({ path: `${path}/training-datasets` }, pageOf(context.args));
    await context.output.document(answer.text, (paint) =>
      listText(
        itemsOf(answer.body),
        {
          number: (item) => item['trainingDataset'] ?? null,
          status: (item) => item['status'] ?? null,
          created: (item) => item['createdAt'] ?? null,
          rows: (item) => (isJsonObject(item['counts']) ? (item['counts']['rows'] ?? null) : null),
          'content hash': (item) => text(item['contentHash']).slice(0, 19),
          description: (item) => (isJsonObject(item['request']) ? (item['request']['description'] ?? '') : ''),
        },
        { paint, empty: 'no training datasets yet' },
      ),
    );
  },
};

const describe: Command = {
  name: 'td describe',
  usage: 'FV[/V] N',
  positionals: [2, 2],
  summary: 'Prints what a training dataset was made of, and its files.',
  options: {},
  example: 'lakefold td describe delay_model 3',
  run: async (context) => {
    const { session, output } = context;
    const number = numberOf(context);
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const answer = await client.json({ method: 'GET', path: `${path}/training-datasets/${number}` });
    await output.document(answer.text, (paint) => answerText(answer.body, paint));
  },
};

const verify: Command = {
  name: 'td verify',
  usage: 'FV[/V] N',
  positionals: [2, 2],
  summary: 'Builds a training dataset again from its pins and compares the content; exit code 4 when it differs.',
  options: {},
  example: 'lakefold td verify delay_model 3',
  run: async (context) => {
    const { session, output } = context;
    const number = numberOf(context);
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const answer = await client.json({ method: 'POST', path: `${path}/training-datasets/${number}:verify` });
    await output.document(answer.text, (paint) => answerText(answer.body, paint));
    return answer.body['equal'] === true ? EXIT.ok : EXIT.differs;
  },
};

export const tdCommands: readonly Command[] = [create, list, describe, verify];

function numberOf({ args }: CommandContext): string {
  const number = args.positionals[1] ?? '';
  if (!/^[1-9]\d{0,8}$/.test(number)) throw usageError(`expected the number of a training dataset, found ${JSON.stringify(number)}`);
  return number;
}

interface CopyRequest {
  /** Route of the view. */
  readonly path: string;
  readonly dataset: JsonObject;
  /** The dataset as it was answered. */
  readonly text: string;
  readonly directory: string;
}

/** @throws LakefoldError FILE_CORRUPT when a file that arrives isn't the one the dataset names */
async function copyDataset(context: CommandContext, client: Client, { path, dataset, text: body, directory }: CopyRequest): Promise<void> {
  const number = dataset['trainingDataset'];
  if (typeof number !== 'number')
    throw new LakefoldError(
      'UNSUPPORTED_OPERATION',
      'expected the training dataset at once, found a job: run td create again with --wait, or copy it when the job is done',
    );
  for (const split of listOf(dataset['splits']).filter(isJsonObject)) {
    for (const file of listOf(split['files']).filter(isJsonObject)) {
      // A server must not choose a place outside the folder.
      const name = objectPath(text(file['path']));
      const bar = progress(context, name, 'bytes');
      const response = await client.request({
        method: 'GET',
        path: `${path}/training-datasets/${number}/data`,
        query: { split: text(split['name']) },
        accept: '*/*',
      });
      const written = await writeFileFrom(join(directory, name), bytesOf(response), (bytes) => bar.update(bytes, Number(file['bytes']))).finally(() =>
        bar.end(),
      );
      if (written.sha256 !== file['sha256']) {
        throw new LakefoldError('FILE_CORRUPT', `expected ${name} with ${text(file['sha256'])}, found ${written.sha256}`, { context: { path: name } });
      }
    }
  }
  await writeFile(join(directory, 'training-dataset.json'), `${body}\n`);
}

function datasetText(dataset: JsonObject): string {
  const counts = isJsonObject(dataset['counts']) ? dataset['counts'] : {};
  return `training dataset ${text(dataset['trainingDataset'])} of ${refText(dataset['featureView'])}: ${plural(counts['rows'], 'row')}`;
}

function joinsText(dataset: JsonObject): string {
  const counts = isJsonObject(dataset['counts']) ? dataset['counts'] : {};
  return listOf(counts['joins'])
    .filter(isJsonObject)
    .map((join) => `  ${text(join['join'])}: ${text(join['matched'])} matched, ${text(join['missing'])} missing, ${text(join['expired'])} expired\n`)
    .join('');
}
