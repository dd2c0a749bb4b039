/** `fg changes`: what commits did to a feature group's rows. */
import { mediaTypeOf } from '../../functions/http/media.ts';
import { bytesOf } from '../client.ts';
import type { Command } from '../command.ts';
import { given } from '../option-values.ts';
import { printRows, rowsTarget } from '../print-rows.ts';
import { versionedName } from '../versioned-name.ts';

const changes: Command = {
  name: 'fg changes',
  usage: 'NAME[/V]',
  positionals: [1, 1],
  summary: 'Reads what commits did to rows: inserts, deletes and both images of updates.',
  options: {
    after: { kind: 'text', value: 'V', help: 'changes of the versions after this one (default: of all; also --from-version)' },
    'from-version': { kind: 'text', value: 'V', help: 'as --after' },
    to: { kind: 'text', value: 'V', help: 'up to and with this version (default: the newest; also --to-version)' },
    'to-version': { kind: 'text', value: 'V', help: 'as --to' },
    format: { kind: 'text', value: 'ndjson|csv|parquet|arrow', help: 'default: by the ending of --out, else NDJSON' },
    out: { kind: 'text', value: 'FILE', help: 'write the rows there and print what was written' },
  },
  example: 'lakefold fg changes airport_delays --after 3 --to 5',
  run: async (context) => {
    const { args, session } = context;
    const target = rowsTarget(context);
    const accept = mediaTypeOf(target.format);
    const json = given({
      fromVersion: args.integer('after') ?? args.integer('from-version'),
      toVersion: args.integer('to') ?? args.integer('to-version'),
    });
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const response = await client.request({ method: 'POST', path: `${path}/changes`, json, accept });
    await printRows(context, bytesOf(response), { ...target, version: Number(response.headers.get('x-lakefold-version')) });
  },
};

export const fgHistoryCommands: readonly Command[] = [changes];
