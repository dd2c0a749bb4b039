/** `table checkpoint`, `table optimize`, `table vacuum`, `table verify`. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { duration } from '../../lib/core/time.ts';
import { deletedFileRetentionMillis } from '../../lib/delta/table-properties.ts';
import type { OptimizeOptions } from '../../lib/delta/optimize-plan.ts';
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
  usage: 'PATH [--z-order COLUMNS | --cluster-by COLUMNS] [--dry-run]',
  positionals: [1, 1],
  summary: 'Packs small files into few, or orders the rows of all files; changes no row.',
  options: {
    'z-order': { kind: 'text', value: 'a,b', help: 'lays rows along a Z curve over one to four columns' },
    'cluster-by': { kind: 'text', value: 'a,b', help: 'sorts rows by these columns' },
    'target-bytes': { kind: 'text', value: '134217728', help: 'bytes files are packed to' },
    'dry-run': { kind: 'flag', help: 'only tell how many files would become how many' },
  },
  example: 'lakefold table optimize ./flights --z-order origin,day',
  run: async (context) => {
    const { args, output } = context;
    const { deps, table } = await openLocalTable(context);
    const options = optimizeOptions({ zOrder: args.text('z-order'), clusterBy: args.text('cluster-by'), targetBytes: args.text('target-bytes') });
    if (args.flag('dry-run') === true) {
      const { bins, files, bytes } = await table.planOptimize(options);
      const body = { commit: null, filesRemoved: files, filesAdded: bins.length, bytesRead: bytes, bytesWritten: 0 };
      await output.value(body, (paint) => answerText(body, paint));
      return;
    }
    const before = await table.refresh();
    const outcome = await table.optimize(options);
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
    await output.value(body, (paint) => answerText(body, paint));
  },
};

function optimizeOptions(texts: Readonly<Record<'zOrder' | 'clusterBy' | 'targetBytes', string | undefined>>): OptimizeOptions {
  const names = (text: string): string[] => text.split(',').map((name) => name.trim());
  const { zOrder, clusterBy, targetBytes } = texts;
  if (targetBytes !== undefined && !/^[1-9]\d{0,11}$/.test(targetBytes))
    throw new LakefoldError('INVALID_ARGUMENT', `expected a number of bytes as --target-bytes, found ${JSON.stringify(targetBytes)}`);
  return {
    ...(zOrder === undefined ? {} : { zOrder: names(zOrder) }),
    ...(clusterBy === undefined ? {} : { clusterBy: names(clusterBy) }),
    ...(targetBytes === undefined ? {} : { targetBytes: Number(targetBytes) }),
  };
}

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
    const { table } = await openLocalTable(context);
    const retention = args.text('retention');
    const dryRun = args.flag('dry-run') ?? true;
    const retentionMillis = retention === undefined ? deletedFileRetentionMillis(table.snapshot.metadata) : Number(duration(retention) / 1000n);
    const plan = await table.vacuum({ retentionMillis, dryRun, force: args.flag('force') ?? false });
    const body = {
      dryRun,
      files: plan.files.length,
      bytes: plan.bytes,
      oldestReadable: plan.oldestReadable,
      paths: plan.files.slice(0, PATHS_MAX).map(({ path }) => path),
    };
    await output.value(body, (paint) => answerText(body, paint));
  },
};

export const tableMaintainCommands: readonly Command[] = [checkpoint, optimize, vacuum, tableVerify];
