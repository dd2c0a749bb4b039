/** A snapshot as a relation the engine can read: pruned by statistics, remote files brought to scratch. */
import { mapConcurrent } from '../core/concurrency.ts';
import { LakefoldError } from '../core/errors.ts';
import { SCRATCH_BYTES_MAX, STORE_READ_CONCURRENCY } from '../core/limits.ts';
import { INGESTED_AT } from '../core/names.ts';
import { joinPath } from '../core/path.ts';
import type { AddFile } from '../delta/actions/actions.ts';
import { readDeletionVector } from '../delta/rows/deletion-vector.ts';
import type { Filter } from '../delta/filter/filter.ts';
import { filesThatMayPass, selectColumns } from '../delta/rows/read.ts';
import type { Snapshot, TableColumn } from '../delta/snapshot/snapshot-state.ts';
import { parseStats } from '../delta/statistics/stats.ts';
import type { PhysicalColumn, Relation, RelationFile } from '../ports/engine.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Scratch } from '../ports/scratch.ts';

export interface RelationDeps {
  readonly store: ObjectStore;
  readonly scratch: Scratch;
}

export interface RelationRequest {
  readonly root: string;
  readonly snapshot: Snapshot;
  readonly name: string;
  readonly columns: readonly string[];
  /** Prunes files; rows are not filtered. */
  readonly where?: Filter;
  readonly scratchBytesMax?: number;
}

/** @throws LakefoldError PLAN_TOO_LARGE when the files are more than scratch may hold, FILE_MISSING */
export async function planRelation(deps: RelationDeps, request: RelationRequest): Promise<Relation> {
  const { snapshot } = request;
  const columns = selectColumns(snapshot, request.columns);
  const files = filesThatMayPass(snapshot, request.where);
  if (deps.store.localPath === undefined) assertFits(request, files);
  const relationFiles = await mapConcurrent(files, { concurrencyMax: STORE_READ_CONCURRENCY }, (file) => relationFile(deps, request, { file, columns }));
  const partitionColumns = new Set(snapshot.metadata.partitionColumns);
  const physicalColumns = columns.map((column): PhysicalColumn => ({
    name: column.name,
    source: partitionColumns.has(column.name) ? { kind: 'partition' } : { kind: 'column', physicalName: column.physicalName },
  }));
  return { name: request.name, columns, groups: relationFiles.length === 0 ? [] : [{ files: relationFiles, physicalColumns }] };
}

async function relationFile(
  deps: RelationDeps,
  request: RelationRequest,
  { file, columns }: { readonly file: AddFile; readonly columns: readonly TableColumn[] },
): Promise<RelationFile> {
  const path = joinPath(request.root, file.path);
  const localPath = deps.store.localPath?.(path) ?? (await deps.scratch.hold(path, () => fetchFile(deps.store, path)));
  const deleted = file.deletionVector === undefined ? undefined : [...(await readDeletionVector(deps, request.root, file.deletionVector))];
  const partitionValues = Object.fromEntries(columns.map((column) => [column.name, file.partitionValues[column.physicalName] ?? null]));
  const hasReceipts = parseStats(file, request.snapshot.columns).nullCount(INGESTED_AT) === 0;
  return {
    localPath,
    partitionValues,
    ...(deleted === undefined ? {} : { deleted }),
    ...(hasReceipts ? {} : { ingestedAtDefault: BigInt(file.modificationTime) * 1000n }),
  };
}

async function fetchFile(store: ObjectStore, path: ReturnType<typeof joinPath>): Promise<Uint8Array> {
  const object = await store.get(path);
  if (object === undefined) throw new LakefoldError('FILE_MISSING', `expected the live file ${path}, found nothing there`, { context: { path } });
  return object.bytes;
}

function assertFits(request: RelationRequest, files: readonly AddFile[]): void {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const budget = request.scratchBytesMax ?? SCRATCH_BYTES_MAX;
  if (bytes <= budget) return;
  throw new LakefoldError('PLAN_TOO_LARGE', `expected at most ${budget} bytes of data files, found ${bytes} in ${files.length} files of ${request.root}`, {
    context: {
      estimate: { bytes, files: files.length },
      budget: { bytes: budget },
      alternative: `SELECT ${request.columns.join(', ')} FROM delta.\`${request.root}\` VERSION AS OF ${request.snapshot.version}`,
    },
  });
}
