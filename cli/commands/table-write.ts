/** `table create|append|upsert|overwrite|delete|restore`: writes to any Delta table on this machine or in S3. */
import type { Batch } from '../../lib/core/batch.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { INGESTED_AT } from '../../lib/core/names.ts';
import type { CommitOperation } from '../../lib/delta/snapshot/history.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { parseFilter } from '../../lib/delta/filter/parse-filter.ts';
import { parseRows, type RowsBody } from '../../lib/features/ingest/parse-rows.ts';
import { commitReceipt } from '../../lib/features/ingest/receipt.ts';
import { settle } from '../../lib/features/ingest/settle.ts';
import { refuseFaults, validateRows } from '../../lib/features/ingest/validate-rows.ts';
import { usageError } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { describeTable, openLocalTable, tablePlace, type LocalTable } from '../local-table.ts';
import { bytesOfFile, jsonOption, rowsOption, type RowsFile } from '../option-values.ts';
import { definitionText, receiptText } from '../render.ts';
import { parseTableSchema } from '../table-schema.ts';

const ROWS_OPTIONS = {
  file: { kind: 'text', value: 'F|-', help: 'the rows; - is stdin' },
  format: { kind: 'text', value: 'json|ndjson|csv|parquet', help: 'default: by the ending of the file' },
  timezone: { kind: 'text', value: 'ZONE', help: 'of timestamps without offset' },
  'ignore-unknown': { kind: 'flag', help: 'leave out columns that the table lacks' },
} as const;

const create: Command = {
  name: 'table create',
  usage: 'PATH --schema F.json',
  positionals: [1, 1],
  summary: 'Creates an empty Delta table.',
  options: {
    schema: { kind: 'text', value: 'F.json', help: 'a list of columns: [{"name":"n","type":"int","nullable":true}]' },
    profile: { kind: 'text', value: 'merge-on-read|compatible', help: 'default merge-on-read; compatible avoids deletion vectors' },
    'partition-by': { kind: 'text', value: 'A,B', help: 'partition columns' },
  },
  example: 'lakefold table create ./flights --schema columns.json --partition-by day',
  run: async (context) => {
    const { args, output, terminal } = context;
    const columns = parseTableSchema(await bytesOfFile(terminal.cwd, args.required('schema')));
    const partitionBy = args.names('partition-by') ?? [];
    const unknown = partitionBy.find((name) => !columns.some((column) => column.name === name));
    if (unknown !== undefined) throw usageError(`expected columns of the schema as --partition-by, found ${JSON.stringify(unknown)}`);
    const profile = args.word('profile', ['merge-on-read', 'compatible']) ?? 'merge-on-read';
    const { deps, location } = await tablePlace(context, 'create');
    const { kind, table } = await DeltaTable.create(deps, '', { columns, partitionBy, profile, configuration: {} });
    if (kind === 'exists')
      throw new LakefoldError('ALREADY_EXISTS', `expected no table at ${location}, found one at version ${table.snapshot.version}`, {
        context: { path: location },
      });
    const body = await describeTable({ deps, table, location }, table.snapshot);
    await output.value(body, (paint) => definitionText(body, paint));
  },
};

const append: Command = {
  name: 'table append',
  usage: 'PATH --file F|-',
  positionals: [1, 1],
  summary: 'Appends rows.',
  options: ROWS_OPTIONS,
  example: 'lakefold table append ./flights --file june.parquet',
  run: async (context) => addRows(context, { operation: 'append', keys: [] }),
};

const upsert: Command = {
  name: 'table upsert',
  usage: 'PATH --file F|- --keys A,B',
  positionals: [1, 1],
  summary: 'Inserts rows, and replaces those of the same keys.',
  options: { ...ROWS_OPTIONS, keys: { kind: 'text', value: 'A,B', help: 'the columns that identify a row' } },
  example: 'lakefold table upsert ./flights --file corrections.csv --keys flight,day',
  run: async (context) => {
    context.args.required('keys');
    await addRows(context, { operation: 'upsert', keys: context.args.names('keys') ?? [] });
  },
};

const overwrite: Command = {
  name: 'table overwrite',
  usage: 'PATH --file F|-',
  positionals: [1, 1],
  summary: 'Replaces all rows.',
  options: { ...ROWS_OPTIONS, 'allow-empty': { kind: 'flag', help: 'let a file without rows empty the table' } },
  example: 'lakefold table overwrite ./flights --file flights.csv',
  run: async (context) => addRows(context, { operation: 'overwrite', keys: [] }),
};

const remove: Command = {
  name: 'table delete',
  usage: 'PATH --where JSON',
  positionals: [1, 1],
  summary: 'Deletes the rows that pass a filter.',
  options: { where: { kind: 'text', value: 'JSON|@FILE', help: '{"column":"n","op":"=","value":3}' } },
  example: 'lakefold table delete ./flights --where \'{"column":"day","op":"<","value":"2001-01-01"}\'',
  run: async (context) => {
    const where = await jsonOption(context, 'where');
    if (where === undefined) throw usageError('expected --where');
    const local = await openLocalTable(context);
    const { outcome } = await local.table.delete({ kind: 'where', filter: parseFilter(where, local.table.snapshot.columns) });
    await printCommit(context, local, { outcome, operation: 'delete' });
  },
};

const restore: Command = {
  name: 'table restore',
  usage: 'PATH --to V',
  positionals: [1, 1],
  summary: 'Commits the rows of an earlier version as the newest ones.',
  options: { to: { kind: 'text', value: 'V', help: 'the version to go back to' } },
  example: 'lakefold table restore ./flights --to 3',
  run: async (context) => {
    const version = context.args.integer('to');
    if (version === undefined) throw usageError('expected --to');
    const local = await openLocalTable(context);
    await printCommit(context, local, { outcome: await local.table.restore({ version }), operation: 'restore' });
  },
};

export const tableWriteCommands: readonly Command[] = [create, append, upsert, overwrite, remove, restore];

interface Adding {
  readonly operation: 'append' | 'upsert' | 'overwrite';
  readonly keys: readonly string[];
}

async function addRows(context: CommandContext, { operation, keys }: Adding): Promise<void> {
  const rows = await rowsOption(context);
  const local = await openLocalTable(context);
  const { batch, received } = await checkedRows(context, local, { rows, keys });
  if (operation === 'overwrite' && batch.rowCount === 0 && context.args.flag('allow-empty') !== true)
    throw new LakefoldError('EMPTY_OVERWRITE', 'expected at least one row, found none; --allow-empty empties the table');
  const options = { received };
  const { outcome } =
    operation === 'append'
      ? await local.table.append(batch, options)
      : operation === 'upsert'
        ? await local.table.upsert(batch, { ...options, keys })
        : await local.table.overwrite(batch, options);
  await printCommit(context, local, { outcome, operation, received });
}

/** @throws LakefoldError VALIDATION_FAILED with row and column of each fault, UNKNOWN_FEATURE for a key the table lacks */
async function checkedRows(
  { args }: CommandContext,
  { deps, table }: LocalTable,
  { rows, keys }: { readonly rows: RowsFile; readonly keys: readonly string[] },
): Promise<{ readonly batch: Batch; readonly received: number }> {
  // Receipts belong to feature groups; rows from here have none.
  const columns = table.snapshot.columns
    .filter((column) => column.name !== INGESTED_AT)
    .map(({ name, type, nullable }) => ({ name, type, nullable: nullable && !keys.includes(name) }));
  const missing = keys.find((key) => !columns.some((column) => column.name === key));
  if (missing !== undefined)
    throw new LakefoldError(
      'UNKNOWN_FEATURE',
      `expected columns of the table as keys (${columns.map(({ name }) => name).join(', ')}), found ${JSON.stringify(missing)}`,
      { context: { column: missing } },
    );
  const [timezone, ignoreUnknown] = [args.text('timezone'), args.flag('ignore-unknown')];
  const parsed = await parseRows(deps, bodyOf(rows), {
    columns,
    ...(timezone === undefined ? {} : { timezone }),
    ...(ignoreUnknown === undefined ? {} : { ignoreUnknown }),
  });
  const validated = validateRows(parsed, { primaryKey: keys, eventTime: null });
  refuseFaults(validated);
  return { batch: validated.batch, received: validated.received };
}

function bodyOf({ format, bytes }: RowsFile): RowsBody {
  return format === 'parquet' ? { format, body: bytesSource(bytes) } : { format, body: bytes };
}

async function printCommit(
  context: CommandContext,
  { deps, table, location }: LocalTable,
  write: { readonly outcome: WriteOutcome; readonly operation: CommitOperation; readonly received?: number },
): Promise<void> {
  const facts = await settle(deps, table.root, { outcome: write.outcome, rejected: 0 });
  const commit = facts === undefined ? null : { ...commitReceipt(write.operation, facts) };
  const body = { location, ...(write.received === undefined ? {} : { received: write.received }), commit };
  await context.output.value(body, (paint) => receiptText(body, paint));
}
