/** `fg ingest`, `fg delete-rows`, `fg restore`: changes of a feature group's rows. */
import { randomUUID } from 'node:crypto';
import { isLakefoldError, LakefoldError } from '../../lib/core/errors.ts';
import { FILE_BODY_BYTES_MAX, JSON_BODY_BYTES_MAX } from '../../lib/core/limits.ts';
import { usageError } from '../arguments.ts';
import type { Client, ClientRequest, JsonAnswer } from '../client.ts';
import type { Command } from '../command.ts';
import { ingestLargeFile } from '../ingest-large-file.ts';
import { keysOption } from '../keys-option.ts';
import { progress } from '../progress.ts';
import { jsonOption, rowsOption, type RowsFile } from '../option-values.ts';
import { queuedText, receiptText } from '../render.ts';
import { versionedName } from '../versioned-name.ts';

const WAIT = { kind: 'text', value: 'commit|online', help: 'answer when committed, or when online too (default: online where the group is)' } as const;
const KEY = { kind: 'text', value: 'K', help: 'a repeat with the same key is done once (default: a random one)' } as const;

const ingest: Command = {
  name: 'fg ingest',
  usage: 'NAME[/V] --file F|-',
  positionals: [1, 1],
  summary: 'Commits the rows of a file to a feature group, all or none, and prints the receipt.',
  options: {
    file: { kind: 'text', value: 'F|-', help: 'the rows; - is stdin' },
    format: { kind: 'text', value: 'json|ndjson|csv|parquet|arrow', help: 'default: by the ending of the file' },
    operation: { kind: 'text', value: 'upsert|append|overwrite', help: 'default upsert: one row per key and event time' },
    wait: WAIT,
    mode: { kind: 'text', value: 'sync|queued', help: 'default sync' },
    timezone: { kind: 'text', value: 'ZONE', help: 'of timestamps without offset, such as Europe/Stockholm; without it they are refused' },
    'ignore-unknown': { kind: 'flag', help: 'leave out columns that the group lacks' },
    'allow-empty': { kind: 'flag', help: 'let an overwrite without rows empty the group' },
    'idempotency-key': KEY,
  },
  example: 'lakefold fg ingest airport_delays --file delays.csv --timezone America/New_York',
  run: async (context) => {
    const { args, session, output } = context;
    const rows = await rowsOption(context);
    const client = await session.client();
    const name = await versionedName(context, client, 'feature-groups');
    const key = args.text('idempotency-key') ?? randomUUID();
    const query = {
      operation: args.word('operation', ['upsert', 'append', 'overwrite']),
      wait: args.word('wait', ['commit', 'online']),
      mode: args.word('mode', ['sync', 'queued']),
      timezone: args.text('timezone'),
      ignoreUnknown: args.flag('ignore-unknown'),
      allowEmpty: args.flag('allow-empty'),
    };
    const isLarge = rows.bytes.length > bytesMaxOf(rows);
    const bar = progress(context, `reading ${args.required('file')}`, 'rows');
    const answer =
      isLarge && session.endpoint === undefined && query.mode !== 'queued'
        ? await withKey(key, async () =>
            ingestLargeFile(
              { store: await session.store(), project: await session.project() },
              { ...name, rows, key, query, onProgress: (done, total) => bar.update(done, total) },
            ),
          ).finally(() => bar.end())
        : await write(client, key, { method: 'POST', path: `${name.path}/rows`, query, body: { type: rows.mediaType, bytes: rows.bytes } });
    await output.document(answer.text, (paint) => (query.mode === 'queued' ? queuedText : receiptText)(answer.body, paint));
  },
};

const deleteRows: Command = {
  name: 'fg delete-rows',
  usage: 'NAME[/V] --file keys.ndjson',
  positionals: [1, 1],
  summary: 'Deletes rows by key, by key and event time, or by filter.',
  options: {
    file: { kind: 'text', value: 'F|-', help: 'keys as NDJSON: {"origin":"SFO"} a line' },
    where: { kind: 'text', value: 'JSON|@FILE', help: 'a filter instead of keys' },
    wait: WAIT,
    'idempotency-key': KEY,
  },
  example: 'echo \'{"origin":"SFO"}\' | lakefold fg delete-rows airport_delays --file -',
  run: async (context) => {
    const { args, session, output } = context;
    const where = await jsonOption(context, 'where');
    if ((where === undefined) === (args.text('file') === undefined)) throw usageError('expected either --file with keys or --where');
    const body = where === undefined ? { keys: await keysOption(context) } : { where };
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const answer = await write(client, args.text('idempotency-key') ?? randomUUID(), {
      method: 'POST',
      path: `${path}/rows:delete`,
      query: { wait: args.word('wait', ['commit', 'online']) },
      json: body,
    });
    await output.document(answer.text, (paint) => receiptText(answer.body, paint));
  },
};

const restore: Command = {
  name: 'fg restore',
  usage: 'NAME[/V] --to V',
  positionals: [1, 1],
  summary: 'Commits the rows of an earlier version as the newest ones.',
  options: {
    to: { kind: 'text', value: 'V', help: 'the version to go back to (also --to-version)' },
    'to-version': { kind: 'text', value: 'V', help: 'as --to' },
    wait: WAIT,
  },
  example: 'lakefold fg restore airport_delays --to 3',
  run: async (context) => {
    const { args, session, output } = context;
    const toVersion = args.integer('to') ?? args.integer('to-version');
    if (toVersion === undefined) throw usageError('expected --to');
    const client = await session.client();
    const { path } = await versionedName(context, client, 'feature-groups');
    const answer = await client.json({
      method: 'POST',
      path: `${path}:restore`,
      query: { wait: args.word('wait', ['commit', 'online']) },
      json: { toVersion },
    });
    await output.document(answer.text, (paint) => receiptText(answer.body, paint));
  },
};

export const fgWriteCommands: readonly Command[] = [ingest, deleteRows, restore];

function bytesMaxOf(rows: RowsFile): number {
  return rows.format === 'json' ? JSON_BODY_BYTES_MAX : FILE_BODY_BYTES_MAX;
}

function write(client: Client, key: string, request: ClientRequest): Promise<JsonAnswer> {
  return withKey(key, () => client.json({ ...request, headers: { ...request.headers, 'idempotency-key': key } }));
}

/** Where the outcome is open the error tells the key: only a repeat with it is safe. */
async function withKey<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isLakefoldError(error) || (error.kind !== 'unknown' && error.kind !== 'unavailable' && error.kind !== 'internal')) throw error;
    throw new LakefoldError(error.code, error.message, {
      cause: error,
      context: { ...error.context, idempotencyKey: key },
      ...(error.errors === undefined ? {} : { errors: error.errors }),
      ...(error.errorCount === undefined ? {} : { errorCount: error.errorCount }),
    });
  }
}
