/** `fv batch-data`: features of many rows to predict for. */
import { mediaTypeOf } from '../../functions/http/media.ts';
import type { Json } from '../../lib/core/json.ts';
import { bytesOf } from '../client.ts';
import type { Command } from '../command.ts';
import { given } from '../option-values.ts';
import { printRows, rowsTarget } from '../print-rows.ts';
import { pinsOption, spineOption, TRAINING_OPTIONS } from '../training-options.ts';
import { versionedName } from '../versioned-name.ts';

const batchData: Command = {
  name: 'fv batch-data',
  usage: 'NAME[/V] [--spine F | --start-time T --end-time T]',
  positionals: [1, 1],
  summary: 'Reads features for batch prediction: for every row of the spine what was known at its label time, or is now.',
  options: {
    spine: TRAINING_OPTIONS.spine,
    'start-time': TRAINING_OPTIONS['start-time'],
    'end-time': TRAINING_OPTIONS['end-time'],
    'as-of-time': { kind: 'text', value: 'TIME', help: 'the groups as they stood then, and the time of rows that bring none (default: now)' },
    pin: TRAINING_OPTIONS.pin,
    pins: TRAINING_OPTIONS.pins,
    'training-dataset': { kind: 'text', value: 'N', help: 'transform features as in this training dataset' },
    format: { kind: 'text', value: 'ndjson|csv|parquet|arrow', help: 'default: by the ending of --out, else NDJSON' },
    out: { kind: 'text', value: 'FILE', help: 'write the rows there and print what was written' },
  },
  example: 'lakefold fv batch-data delay_model --spine today.csv --training-dataset 3 --out today-features.parquet',
  run: async (context) => {
    const { args, session } = context;
    const target = rowsTarget(context);
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-views');
    const view = (await client.json({ method: 'GET', path })).body;
    const json = given<Json>({
      spine: await spineOption(context),
      startTime: args.text('start-time'),
      endTime: args.text('end-time'),
      trainingDataset: args.integer('training-dataset', { min: 1 }),
      asOfTime: args.text('as-of-time'),
      pins: await pinsOption(context, view),
    });
    const response = await client.request({ method: 'POST', path: `${path}/batch-data`, json, accept: mediaTypeOf(target.format) });
    await printRows(context, bytesOf(response), { ...target, version: null });
  },
};

export const fvBatchDataCommands: readonly Command[] = [batchData];
