/** `fg read`, `fg preview`: rows of a feature group, now or as they were. */
import { mediaTypeOf } from '../../functions/http/media.ts';
import { bytesOf } from '../client.ts';
import type { Command, CommandContext } from '../command.ts';
import { asOfOption, given, jsonOption } from '../option-values.ts';
import { printRows, rowsTarget } from '../print-rows.ts';
import { versionedName } from '../versioned-name.ts';

const READ_OPTIONS = {
  'as-of': { kind: 'text', value: 'VERSION|TIME', help: 'the rows as they stood at a version or an RFC 3339 instant' },
  'min-version': { kind: 'text', value: 'V', help: 'answer only from this version on' },
  start: { kind: 'text', value: 'TIME', help: 'event times from this instant on (also --start-time)' },
  'start-time': { kind: 'text', value: 'TIME', help: 'as --start' },
  end: { kind: 'text', value: 'TIME', help: 'event times before this instant (also --end-time)' },
  'end-time': { kind: 'text', value: 'TIME', help: 'as --end' },
  features: { kind: 'text', value: 'A,B', help: 'these columns, in this order' },
  where: { kind: 'text', value: 'JSON|@FILE', help: 'rows that pass a filter: {"column":"origin","op":"=","value":"SFO"}' },
  limit: { kind: 'text', value: 'N', help: 'at most so many rows' },
  'bigint-as': { kind: 'text', value: 'number|string', help: 'how bigints are printed in NDJSON (default number)' },
  format: { kind: 'text', value: 'ndjson|csv|parquet|arrow', help: 'default: by the ending of --out, else NDJSON' },
  out: { kind: 'text', value: 'FILE', help: 'write the rows there and print what was written' },
} as const;

const read: Command = {
  name: 'fg read',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Reads rows of a feature group.',
  options: READ_OPTIONS,
  example: 'lakefold fg read airport_delays --as-of 3 --where \'{"column":"origin","op":"=","value":"SFO"}\' --out sfo.parquet',
  run: async (context) => readRows(context, context.args.integer('limit')),
};

const preview: Command = {
  name: 'fg preview',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Shows a few rows of a feature group.',
  options: { limit: READ_OPTIONS.limit },
  example: 'lakefold fg preview airport_delays',
  run: async (context) => readRows(context, context.args.integer('limit') ?? 10),
};

export const fgReadCommands: readonly Command[] = [read, preview];

async function readRows(context: CommandContext, limit: number | undefined): Promise<void> {
  const { args, session } = context;
  const target = rowsTarget(context);
  const accept = mediaTypeOf(target.format);
  const asOf = asOfOption(args.text('as-of'));
  const body = given({
    asOf,
    minVersion: args.integer('min-version'),
    startTime: args.text('start') ?? args.text('start-time'),
    endTime: args.text('end') ?? args.text('end-time'),
    features: args.names('features'),
    where: await jsonOption(context, 'where'),
    limit,
    bigintAs: args.text('bigint-as'),
  });
  const client = await session.client();
  const { path } = await versionedName(context, client, 'feature-groups');
  const response = await client.request({ method: 'POST', path: `${path}/read`, json: body, accept });
  const version = Number(response.headers.get('x-lakefold-version'));
  await printRows(context, bytesOf(response), { ...target, version });
}
