/** Delta tables by path, on this machine or in S3, whoever made them. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LakefoldError } from '../lib/core/errors.ts';
import type { JsonObject } from '../lib/core/json.ts';
import { formatMillis, parseInstant } from '../lib/core/time.ts';
import { formatType } from '../lib/core/types.ts';
import type { DeltaDeps } from '../lib/delta/deps.ts';
import { liveRowCount } from '../lib/delta/statistics/live-rows.ts';
import type { AsOf, Snapshot } from '../lib/delta/snapshot/snapshot-state.ts';
import { DeltaTable } from '../lib/delta/table.ts';
import { awsEnvironment } from '../lib/adapters/aws/aws-environment.ts';
import { hasDeltaLog, localFolder, localTableDeps } from '../lib/store/local-table.ts';
import type { CommandContext } from './command.ts';
import { warnings } from './local-store.ts';
import { asOfOption } from './option-values.ts';

export interface LocalTable {
  readonly deps: DeltaDeps;
  readonly table: DeltaTable;
  /** `file:` URL of its folder, or `s3://bucket/prefix`. */
  readonly location: string;
}

interface TablePlace {
  readonly deps: DeltaDeps;
  readonly location: string;
}

/** Where the first positional points: a folder, a `file:` URL or `s3://bucket/prefix`. @throws LakefoldError UNSUPPORTED_OPERATION for what is neither */
export async function tablePlace({ args, terminal }: CommandContext, purpose: 'open' | 'create'): Promise<TablePlace> {
  const path = args.positionals[0] ?? '';
  const s3 = /^s3:\/\/([^/]+)(?:\/(.+?))?\/?$/.exec(path);
  if (s3 !== null) {
    const { s3TableDeps } = await import('../lib/store/s3-table.ts');
    const deps = s3TableDeps({ bucket: s3[1] ?? '', prefix: s3[2] ?? '', ...awsEnvironment(terminal.env) }, warnings(terminal.stderr));
    return { deps, location: deps.store.location };
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(path) && !path.startsWith('file:'))
    throw new LakefoldError('UNSUPPORTED_OPERATION', `expected a folder or s3://bucket/prefix, found ${path}`, { context: { path } });
  const directory = resolve(terminal.cwd, localFolder(path));
  // Opening a store to write makes its folder, which a mistyped path must not.
  if (purpose === 'open' && !(await hasDeltaLog(directory)))
    throw new LakefoldError('TABLE_NOT_FOUND', `expected a Delta table at ${directory}, found no _delta_log there`, { context: { path: directory } });
  return { deps: await localTableDeps(directory, warnings(terminal.stderr), purpose), location: pathToFileURL(directory).href };
}

/** @throws LakefoldError TABLE_NOT_FOUND, UNSUPPORTED_TABLE_FEATURE, LOG_* */
export async function openLocalTable(context: CommandContext): Promise<LocalTable> {
  const { deps, location } = await tablePlace(context, 'open');
  return { deps, table: await DeltaTable.open(deps, ''), location };
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
