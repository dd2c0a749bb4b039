/** Delta tables at local paths, whoever made them. */
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LakefoldError } from '../lib/core/errors.ts';
import type { JsonObject } from '../lib/core/json.ts';
import { formatMillis, parseInstant } from '../lib/core/time.ts';
import { formatType } from '../lib/core/types.ts';
import type { DeltaDeps } from '../lib/delta/deps.ts';
import { liveRowCount } from '../lib/delta/live-rows.ts';
import type { AsOf, Snapshot } from '../lib/delta/snapshot-state.ts';
import { DeltaTable } from '../lib/delta/table.ts';
import { hasDeltaLog } from '../lib/store/local-table.ts';
import type { CommandContext } from './command.ts';
import { openTableDeps } from './local-store.ts';
import { asOfOption } from './option-values.ts';

export interface LocalTable {
  readonly deps: DeltaDeps;
  readonly table: DeltaTable;
  /** `file:` URL of its folder. */
  readonly location: string;
}

/** The folder the first positional names. @throws LakefoldError UNSUPPORTED_OPERATION for what is not on this machine */
export function tableDirectory({ args, terminal }: CommandContext): string {
  const path = args.positionals[0] ?? '';
  if (path.startsWith('file:')) return fileURLToPath(path);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path))
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a table on this machine, found ${path}`, { context: { path } });
  return resolve(terminal.cwd, path);
}

/** @throws LakefoldError TABLE_NOT_FOUND, UNSUPPORTED_TABLE_FEATURE, LOG_* */
export async function openLocalTable(context: CommandContext): Promise<LocalTable> {
  const directory = tableDirectory(context);
  // Opening a store makes its folder, which a mistyped path must not.
  if (!(await hasDeltaLog(directory)))
    throw new LakefoldError('TABLE_NOT_FOUND', `expected a Delta table at ${directory}, found no _delta_log there`, { context: { path: directory } });
  const deps = await openTableDeps(directory, context.terminal.stderr);
  return { deps, table: await DeltaTable.open(deps, ''), location: pathToFileURL(directory).href };
}

/** `--as-of`. @throws LakefoldError a usage error */
export function tableAsOf({ args }: CommandContext): AsOf | undefined {
  const asOf = asOfOption(args.text('as-of'));
  if (asOf === undefined || 'version' in asOf) return asOf;
  const parsed = parseInstant(asOf.instant);
  // A commit at the same microsecond's millisecond counts as committed: commit times have no finer parts.
  return parsed.kind === 'instant' ? { instant: Number(parsed.micros / 1000n) } : undefined;
}

/** `table describe`. */
export async function describeTable({ deps, table, location }: LocalTable, snapshot: Snapshot): Promise<JsonObject> {
  const { protocol, metadata } = snapshot;
  return {
    location,
    version: snapshot.version,
    protocol: {
      minReaderVersion: protocol.minReaderVersion,
      minWriterVersion: protocol.minWriterVersion,
      readerFeatures: protocol.readerFeatures ?? [],
      writerFeatures: protocol.writerFeatures ?? [],
    },
    schema: snapshot.columns.map(({ name, type, nullable, description }) => ({
      name,
      type: formatType(type),
      nullable,
      ...(description === undefined ? {} : { description }),
    })),
    partitionColumns: metadata.partitionColumns,
    properties: { ...metadata.configuration },
    files: snapshot.files.size,
    rows: await liveRowCount(deps, table.root, snapshot),
    bytes: [...snapshot.files.values()].reduce((sum, file) => sum + file.size, 0),
    createdAt: metadata.createdTime === undefined ? null : formatMillis(metadata.createdTime),
    latestCommit: table.snapshot.version,
  };
}
