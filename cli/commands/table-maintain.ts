/** `table checkpoint`, `table optimize`, `table vacuum`, `table verify`. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { duration } from '../../lib/core/time.ts';
import { deletedFileRetentionMillis } from '../../lib/delta/schema/table-properties.ts';
import type { OptimizeOptions, OptimizePlan } from '../../lib/delta/maintain/optimize-plan.ts';
import type { OptimizeOutcome } from '../../lib/delta/maintain/optimize-run.ts';
import type { VacuumScope } from '../../lib/delta/maintain/vacuum.ts';
import { optimizeReport, plannedOptimize } from '../../lib/features/history/optimize-report.ts';
import { settle } from '../../lib/features/ingest/settle.ts';
import type { Command } from '../command.ts';
import { openLocalTable } from '../local-table.ts';
import { answerText, plural } from '../render.ts';
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
      const plan = await table.planOptimize(options);
      await output.value({ ...plannedOptimize(plan) }, () => planText(plan));
      return;
    }
    const outcome = await table.optimize(options);
    const body = { ...optimizeReport(outcome, await settle(deps, table.root, { outcome, rejected: 0 })) };
    await output.value({ ...body, commit: body.commit === null ? null : { ...body.commit } }, (paint) =>
      [answerText({ ...body, commit: body.commit === null ? null : { ...body.commit } }, paint), ...stoppedText(outcome)].join('\n'),
    );
  },
};

/** Bins of one plan that are listed. */
const BINS_MAX = 100;

function planText({ bins, files, bytes, memoryBytes }: OptimizePlan): string {
  if (bins.length === 0) return 'nothing to do';
  const lines = bins.slice(0, BINS_MAX).map((bin) => `${bin.how}: ${plural(bin.files.length, 'file')}, ${bin.bytes} bytes, ${bin.rows ?? 'unknown'} rows`);
  const more = bins.length > BINS_MAX ? [`and ${bins.length - BINS_MAX} more`] : [];
  const head = `${plural(files, 'file')} would become ${bins.length} or more: ${bytes} bytes to read, about ${memoryBytes} bytes of memory`;
  return [head, ...lines, ...more].join('\n');
}

function stoppedText({ stopped }: OptimizeOutcome): readonly string[] {
  return stopped === undefined ? [] : [`stopped (${stopped.because}): ${plural(stopped.filesLeft, 'file')} left as they were; run it again`];
}

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
  usage: 'PATH [--scope log|full] [--no-dry-run]',
  positionals: [1, 1],
  summary: 'Tells which files no kept version needs; with --no-dry-run deletes them.',
  options: {
    retention: { kind: 'text', value: 'P7D', help: "versions younger than this stay readable (default: the table's property, else a week)" },
    'dry-run': { kind: 'flag', help: 'only tell: the default; --no-dry-run deletes' },
    scope: { kind: 'text', value: 'full', help: 'log: what entries took out; full: lists the folder, what crashes left too (default: log where it tells all)' },
    force: { kind: 'flag', help: 'allow a retention under a week, which can break running readers' },
  },
  example: 'lakefold table vacuum ./flights --no-dry-run',
  run: async (context) => {
    const { args, output } = context;
    const { table } = await openLocalTable(context);
    const retention = args.text('retention');
    const dryRun = args.flag('dry-run') ?? true;
    const retentionMillis = retention === undefined ? deletedFileRetentionMillis(table.snapshot.metadata) : Number(duration(retention) / 1000n);
    const scope = scopeOf(args.text('scope'));
    const plan = await table.vacuum({ retentionMillis, dryRun, force: args.flag('force') ?? false, ...(scope === undefined ? {} : { scope }) });
    const body = {
      dryRun,
      files: plan.files.length,
      bytes: plan.bytes,
      oldestReadable: plan.oldestReadable,
      paths: plan.files.slice(0, PATHS_MAX).map(({ path }) => path),
      complete: plan.complete,
    };
    await output.value(body, (paint) => [answerText(body, paint), ...(plan.complete ? [] : ['there are more: run it again'])].join('\n'));
  },
};

function scopeOf(text: string | undefined): VacuumScope | undefined {
  if (text === undefined || text === 'log' || text === 'full') return text;
  throw new LakefoldError('INVALID_ARGUMENT', `expected log or full as --scope, found ${JSON.stringify(text)}`);
}

export const tableMaintainCommands: readonly Command[] = [checkpoint, optimize, vacuum, tableVerify];
