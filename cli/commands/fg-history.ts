/** `fg changes`, `fg erase`: what commits did to a feature group's rows, and the end of that. */
import { mediaTypeOf } from '../../functions/http/media.ts';
import { usageError } from '../arguments.ts';
import { bytesOf } from '../client.ts';
import type { Command } from '../command.ts';
import { keysOption } from '../keys-option.ts';
import { given } from '../option-values.ts';
import { printRows, rowsTarget } from '../print-rows.ts';
import { erasureText } from '../render.ts';
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

const erase: Command = {
  name: 'fg erase',
  usage: 'NAME[/V] --file keys.ndjson --reason R',
  positionals: [1, 1],
  summary: 'Erases rows by key from everything that is kept of them, and with them the history of the group; prints the certificate.',
  options: {
    file: { kind: 'text', value: 'F|-', help: 'keys as NDJSON: {"origin":"SFO"} a line; with the event time a single record' },
    reason: { kind: 'text', value: 'R', help: 'why, for the certificate' },
  },
  example: 'echo \'{"customer":"ada"}\' | lakefold fg erase customer_stats --file - --reason "request 17"',
  run: async (context) => {
    const { args, session, output } = context;
    const reason = args.text('reason');
    if (args.text('file') === undefined || reason === undefined) throw usageError('expected --file with keys and --reason');
    const json = { keys: await keysOption(context), reason };
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const answer = await client.json({ method: 'POST', path: `${path}/rows:erase`, json });
    await output.document(answer.text, (paint) => erasureText(answer.body, paint));
  },
};

export const fgHistoryCommands: readonly Command[] = [changes, erase];
