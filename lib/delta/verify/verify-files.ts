/** Live files against what the log says of them: there, whole, of that size, with those rows, bounds and deletion vectors. */
import { isRecord } from '../../core/json.ts';
import { concatBatches, type Batch } from '../../core/batch.ts';
import { eachConcurrent } from '../../core/concurrency.ts';
import { VERIFY_CONCURRENCY } from '../../core/limits.ts';
import type { Value } from '../../core/types.ts';
import type { FileSource } from '../../ports/table-codec.ts';
import type { AddFile } from '../actions/actions.ts';
import { readPositions } from '../rows/deletion-vector.ts';
import { extremes } from '../statistics/extremes.ts';
import { toDecodeColumn, type ReadDeps } from '../rows/read.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import { FILE_CRC_TAG } from '../write/stage.ts';
import { collectStats, countOf, parseMembers, parseStats } from '../statistics/stats.ts';
import { isAbove } from '../statistics/stats-bounds.ts';
import { openExpected } from './verify-bytes.ts';
import { findingOf, type Findings } from './verify-findings.ts';
import type { VectorFiles } from './verify-vectors.ts';

interface Subject {
  readonly root: string;
  readonly snapshot: Snapshot;
  readonly file: AddFile;
}

/** Reads every live file, `VERIFY_CONCURRENCY` at a time, one column of each in memory. */
export async function verifyFiles(deps: ReadDeps & { readonly vectors: VectorFiles }, root: string, snapshot: Snapshot, findings: Findings): Promise<void> {
  await eachConcurrent(snapshot.files.values(), { concurrencyMax: VERIFY_CONCURRENCY }, (file) => verifyFile(deps, { root, snapshot, file }, findings));
}

async function verifyFile(deps: ReadDeps & { readonly vectors: VectorFiles }, subject: Subject, findings: Findings): Promise<void> {
  const { root, snapshot, file } = subject;
  const at = { path: file.path, version: snapshot.version };
  const crc = file.tags?.[FILE_CRC_TAG] ?? undefined;
  const source = await openExpected(deps.store, root, { ...at, size: file.size, crc, what: `the live file ${file.path}` }, findings);
  let rowCount: number | undefined;
  try {
    if (source !== undefined) rowCount = await verifyColumns(deps, { ...subject, source, isOurs: crc !== undefined }, findings);
  } catch (error) {
    const { code, message } = findingOf(error);
    findings.add(code, message, at);
  }
  await verifyVector(deps, subject, { rowCount, findings });
}

/** The number of physical rows, which every column must agree on. @throws LakefoldError FILE_CORRUPT */
async function verifyColumns(
  deps: ReadDeps,
  subject: Subject & { readonly source: FileSource; readonly isOurs: boolean },
  findings: Findings,
): Promise<number | undefined> {
  const { snapshot, file, isOurs } = subject;
  const at = { path: file.path, version: snapshot.version };
  const members = parseMembers(file.stats);
  if (file.stats !== undefined && Object.keys(members).length === 0)
    findings.add('STATS_DIFFER', `expected statistics of ${file.path} as JSON, found none`, at);
  const recorded = parseStats(file, snapshot.columns);
  for (const name of senselessCounts(members)) findings.add('STATS_DIFFER', `expected a count of rows as ${name} of ${file.path}, found another value`, at);
  const stored = snapshot.columns.filter((column) => !snapshot.metadata.partitionColumns.includes(column.name));
  let rowCount: number | undefined;
  for (const [i, column] of stored.entries()) {
    const names = ['minValues', 'maxValues', 'nullCount'].some((kind) => memberOf(members[kind], column.physicalName) !== undefined);
    // The bytes of our own files are known to be those we wrote; only what the log says of them is in question.
    if (isOurs && !names && i > 0) continue;
    const batch = await decodeColumn(deps, subject.source, column);
    if (rowCount === undefined && recorded.numRecords !== undefined && recorded.numRecords !== batch.rowCount)
      findings.add('STATS_DIFFER', `expected ${recorded.numRecords} rows (numRecords) in ${file.path}, found ${batch.rowCount}`, at);
    rowCount = batch.rowCount;
    const difference = isOurs ? exactDifference(members, column, batch) : looseDifference(file, { column, snapshot }, batch);
    if (difference !== undefined) findings.add('STATS_DIFFER', `${difference} of ${file.path}`, at);
  }
  return rowCount;
}

/** Counts that are none: readers do without, and others may not. */
function senselessCounts(members: Readonly<Record<string, unknown>>): readonly string[] {
  const walk = (value: unknown, name: string): string[] => {
    if (value === undefined || value === null) return [];
    if (isRecord(value)) return Object.entries(value).flatMap(([member, inner]) => walk(inner, `${name}.${member}`));
    return countOf(value) === undefined ? [name] : [];
  };
  return [...(isRecord(members['numRecords']) ? ['numRecords'] : walk(members['numRecords'], 'numRecords')), ...walk(members['nullCount'], 'nullCount')];
}

async function decodeColumn(deps: ReadDeps, source: FileSource, column: TableColumn): Promise<Batch> {
  const batches: Batch[] = [];
  for await (const { batch } of deps.codec.decode(source, { columns: [toDecodeColumn(column)] })) batches.push(batch);
  return concatBatches([column], batches);
}

/** Files of ours: every recorded leaf is what collecting again gives, digit by digit. */
function exactDifference(members: Readonly<Record<string, unknown>>, column: TableColumn, batch: Batch): string | undefined {
  const again = parseMembers(collectStats(batch, [column], { indexedColumnsMax: -1 }));
  for (const kind of ['minValues', 'maxValues', 'nullCount']) {
    const difference = leafDifference(memberOf(members[kind], column.physicalName), memberOf(again[kind], column.physicalName));
    if (difference !== undefined) return `expected ${kind}.${column.physicalName}${difference}`;
  }
  return undefined;
}

function leafDifference(recorded: unknown, found: unknown): string | undefined {
  if (recorded === undefined || recorded === null) return undefined;
  if (isRecord(recorded)) {
    for (const [name, member] of Object.entries(recorded)) {
      const difference = leafDifference(member, memberOf(found, name));
      if (difference !== undefined) return `.${name}${difference}`;
    }
    return undefined;
  }
  return recorded === found ? undefined : ` ${JSON.stringify(recorded)}, found ${JSON.stringify(found ?? null)}`;
}

/** Files of other engines: bounds may be loose, never too tight. */
function looseDifference(file: AddFile, { column, snapshot }: { readonly column: TableColumn; readonly snapshot: Snapshot }, batch: Batch): string | undefined {
  const [vector] = batch.vectors;
  if (vector === undefined) return undefined;
  const recorded = parseStats(file, snapshot.columns);
  const { min, max, nullCount } = extremes(column.type, vector);
  const [low, high] = [recorded.min(column.name), recorded.max(column.name)];
  const beyond = (a: Value | undefined, b: Value | undefined): boolean => a !== undefined && b !== undefined && isAbove(a, b);
  if (beyond(low, min)) return `expected minValues.${column.physicalName} at most ${String(min)}, found ${String(low)}`;
  if (beyond(max, high)) return `expected maxValues.${column.physicalName} at least ${String(max)}, found ${String(high)}`;
  const nulls = recorded.nullCount(column.name);
  const isExact = recorded.tightBounds && file.deletionVector === undefined && column.type.kind !== 'struct';
  return isExact && nulls !== undefined && nulls !== nullCount ? `expected nullCount.${column.physicalName} ${nullCount}, found ${nulls}` : undefined;
}

async function verifyVector(
  deps: ReadDeps & { readonly vectors: VectorFiles },
  { root, snapshot, file }: Subject,
  { rowCount, findings }: { readonly rowCount: number | undefined; readonly findings: Findings },
): Promise<void> {
  const descriptor = file.deletionVector;
  if (descriptor === undefined) return;
  const at = { path: file.path, version: snapshot.version };
  try {
    if (!(await deps.vectors.isWhole(descriptor, snapshot.version))) return;
    const positions = await readPositions(deps, root, descriptor);
    if (positions.length !== descriptor.cardinality)
      findings.add('DELETION_VECTOR_DIFFERS', `expected ${descriptor.cardinality} deleted rows in ${file.path}, found ${positions.length}`, at);
    const last = positions.at(-1);
    if (last !== undefined && rowCount !== undefined && last >= rowCount)
      findings.add('DELETION_VECTOR_DIFFERS', `expected deleted rows below ${rowCount} in ${file.path}, found ${last}`, at);
  } catch (error) {
    const { code, message } = findingOf(error);
    findings.add(code, message, at);
  }
}

function memberOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
