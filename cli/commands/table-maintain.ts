/** `table checkpoint`, `table optimize`, `table vacuum`, `table verify`. */
import { duration } from '../../lib/core/time.ts';
import { deletedFileRetentionMillis } from '../../lib/delta/table-properties.ts';
import { oldestEntry } from '../../lib/delta/history.ts';
import { commitReceipt } from '../../lib/features/receipt.ts';
import { settle } from '../../lib/features/settle.ts';
import type { Command } from '../command.ts';
import { openLocalTable } from '../local-table.ts';
import { answerText } from '../render.ts';
import { tableVerify } from './table-verify.ts';

/** Paths of one vacuum that are listed. */
const PATHS_MAX = 1000;

const checkpoint: Command = {
  name: 'table checkpoint',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Writes a checkpoint of the newest version.',
  options: {},
  example: 'lakefold table checkpoint ./flights',
  run: async (context) => {
    const { table } = await openLocalTable(context);
    const { version, kind, parts, bytes } = await table.checkpoint();
    const body = { version, kind, parts, bytes };
    await context.output.value(body, (paint) => answerText(body, paint));
  },
};

const optimize: Command = {
  name: 'table optimize',
  usage: 'PATH',
  positionals: [1, 1],
  summary: 'Packs small files into few; changes no row.',
  options: {},
  example: 'lakefold table optimize ./flights',
  run: async (context) => {
    const { deps, table } = await openLocalTable(context);
    const before = table.snapshot;
    const outcome = await table.optimize();
    const facts = await settle(deps, table.root, { outcome, rejected: 0 });
    const after = outcome.kind === 'committed' ? outcome.snapshot : before;
    const bytes = (from: typeof before, without: typeof before): number =>
      [...from.files.values()].filter((file) => !without.files.has(file.path)).reduce((sum, file) => sum + file.size, 0);
    const body = {
      commit: facts === undefined ? null : { ...commitReceipt('optimize', facts) },
      filesRemoved: outcome.kind === 'committed' ? outcome.filesRemoved : 0,
      filesAdded: outcome.kind === 'committed' ? outcome.filesAdded : 0,
      bytesRead: bytes(before, after),
      bytesWritten: bytes(after, before),
    };
    await context.output.value(body, (paint) => answerText(body, paint));
  },
};

const vacuum: Command = {
  name: 'table vacuum',
  usage: 'PATH [--no-dry-run]',
  positionals: [1, 1],
  summary: 'Tells which files no kept version needs; with --no-dry-run deletes them.',
  options: {
    retention: { kind: 'text', value: 'P7D', help: "versions younger than this stay readable (default: the table's property, else a week)" },
    'dry-run': { kind: 'flag', help: 'only tell: the default; --no-dry-run deletes' },
    force: { kind: 'flag', help: 'allow a retention under a week, which can break running readers' },
  },
  example: 'lakefold table vacuum ./flights --no-dry-run',
  run: async (context) => {
    const { args, output } = context;
    const { deps, table } = await openLocalTable(context);
    const retention = args.text('retention');
    const dryRun = args.flag('dry-run') ?? true;
    const retentionMillis = retention === undefined ? deletedFileRetentionMillis(table.snapshot.metadata) : Number(duration(retention) / 1000n);
    const plan = await table.vacuum({ retentionMillis, dryRun, force: args.flag('force') ?? false });
    const body = {
      dryRun,
      files: plan.files.length,
      bytes: plan.bytes,
      oldestReadable: await oldestEntry(deps, table.root),
      paths: plan.files.slice(0, PATHS_MAX).map(({ path }) => path),
    };
    await output.value(body, (paint) => answerText(body, paint));
  },
};

export const tableMaintainCommands: readonly Command[] = [checkpoint, optimize, vacuum, tableVerify];
