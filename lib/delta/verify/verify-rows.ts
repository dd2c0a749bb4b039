/** Rows of a feature group's table that only another engine can have written: without a key or event time, or there twice. */
import { isNullAt, rowAt, type Batch } from '../../core/batch.ts';
import { canonicalRow } from '../../core/canonical.ts';
import { VERIFY_KEYS_MAX } from '../../core/limits.ts';
import { isJsonObject, parseJson, type Json, type JsonObject } from '../../core/json.ts';
import { liveRowCount } from '../statistics/live-rows.ts';
import { readFile, type ReadDeps } from '../rows/read.ts';
import { identityOver } from '../rows/row-identity.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import { parseStats } from '../statistics/stats.ts';
import type { Findings } from './verify-findings.ts';

/** Identities looked at again, whose hashes were equal. */
const SUSPECTS_MAX = 10_000;

/** Rows that share their key and event time. Hashes are compared first, `VERIFY_KEYS_MAX` a pass; equal ones by value. */
export async function verifyRows(deps: ReadDeps, root: string, snapshot: Snapshot, findings: Findings): Promise<void> {
  const columns = identityColumns(snapshot);
  if (columns === undefined) return;
  const passes = Math.ceil((await liveRowCount(deps, root, snapshot)) / VERIFY_KEYS_MAX);
  for (let pass = 0; pass < passes; pass += 1) {
    const suspects = await equalHashes(deps, { root, snapshot, columns }, { pass, passes });
    if (suspects.size > 0) await nameDuplicates(deps, { root, snapshot, columns }, { suspects, findings });
  }
}

function identityColumns(snapshot: Snapshot): readonly TableColumn[] | undefined {
  const { configuration } = snapshot.metadata;
  const keys = configuration['lakefold.primaryKey'];
  if (keys === undefined) return undefined;
  const names: Json = parseJson(keys);
  const eventTime = configuration['lakefold.eventTime'];
  const wanted = [...(Array.isArray(names) ? names : []), ...(eventTime === undefined || eventTime === '' ? [] : [eventTime])];
  const columns = wanted.flatMap((name) => snapshot.columns.filter((column) => column.name === name));
  return columns.length === wanted.length && columns.length > 0 ? columns : undefined;
}

interface Keyed {
  readonly root: string;
  readonly snapshot: Snapshot;
  readonly columns: readonly TableColumn[];
}

/** Rows without a part of their key or event time, which no join and no lookup sees. Of files whose statistics rule them out nothing is read. */
export async function verifyKeys(deps: ReadDeps, root: string, snapshot: Snapshot, findings: Findings): Promise<void> {
  const columns = identityColumns(snapshot);
  if (columns === undefined) return;
  for (const file of snapshot.files.values()) {
    const stats = parseStats(file, snapshot.columns);
    if (columns.every(({ name }) => stats.nullCount(name) === 0)) continue;
    for await (const { batch } of readFile(deps, { root, snapshot, file }, { columns })) {
      for (let row = 0; row < batch.rowCount; row += 1) {
        const missing = batch.columns.filter((_, i) => isNull(batch, i, row)).map(({ name }) => name);
        if (missing.length === 0) continue;
        const message = `expected a value in ${missing.join(' and ')} of every row, found null`;
        findings.add('INVALID_ROW', message, { key: keyOf(batch, row), path: file.path, version: snapshot.version });
      }
    }
  }
}

function isNull(batch: Batch, column: number, row: number): boolean {
  const vector = batch.vectors[column];
  return vector !== undefined && isNullAt(vector, row);
}

async function eachIdentity(deps: ReadDeps, { root, snapshot, columns }: Keyed, visit: (identity: string, batch: Batch, row: number) => void): Promise<void> {
  const names = columns.map((column) => column.name);
  for (const file of snapshot.files.values()) {
    for await (const { batch } of readFile(deps, { root, snapshot, file }, { columns })) {
      const identityOf = identityOver(batch, names);
      for (let row = 0; row < batch.rowCount; row += 1) {
        const identity = identityOf(row);
        if (identity !== undefined) visit(identity, batch, row);
      }
    }
  }
}

async function equalHashes(deps: ReadDeps, keyed: Keyed, { pass, passes }: { readonly pass: number; readonly passes: number }): Promise<ReadonlySet<number>> {
  const hashes: number[] = [];
  await eachIdentity(deps, keyed, (identity) => {
    const hash = hashOf(identity);
    if (hash % passes === pass) hashes.push(hash);
  });
  const sorted = Float64Array.from(hashes).sort();
  const equal = new Set<number>();
  for (let i = 1; i < sorted.length && equal.size < SUSPECTS_MAX; i += 1) {
    const hash = sorted[i];
    if (hash !== undefined && hash === sorted[i - 1]) equal.add(hash);
  }
  return equal;
}

async function nameDuplicates(
  deps: ReadDeps,
  keyed: Keyed,
  { suspects, findings }: { readonly suspects: ReadonlySet<number>; readonly findings: Findings },
): Promise<void> {
  const counts = new Map<string, { count: number; readonly key: JsonObject }>();
  await eachIdentity(deps, keyed, (identity, batch, row) => {
    if (!suspects.has(hashOf(identity))) return;
    const known = counts.get(identity);
    if (known === undefined) counts.set(identity, { count: 1, key: keyOf(batch, row) });
    else known.count += 1;
  });
  for (const { count, key } of counts.values())
    if (count > 1) findings.add('DUPLICATE_ROW', `expected one row of ${JSON.stringify(key)}, found ${count}`, { key, version: keyed.snapshot.version });
}

function keyOf(batch: Batch, row: number): JsonObject {
  const key = parseJson(canonicalRow(batch.columns, rowAt(batch, row)));
  return isJsonObject(key) ? key : {};
}

/** 53 bits: FNV-1a twice, with different seeds. */
function hashOf(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return (a >>> 0) * 0x200000 + ((b >>> 0) & 0x1fffff);
}
