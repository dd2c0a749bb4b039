/** Where a training dataset lies and how its files are written: create-once, named by a claimed number (storage.md §1). */
import { type Batch, rowAt } from '../../core/batch.ts';
import { concatBytes, utf8 } from '../../core/bytes.ts';
import { canonicalValue } from '../../core/canonical.ts';
import { canonicalPieces } from '../../core/canonical-bytes.ts';
import { LakefoldError } from '../../core/errors.ts';
import { hashOf, hashOfPieces, type StartSha256 } from '../../core/hash.ts';
import { stringifyJson } from '../../core/json.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import { formatMillis } from '../../core/time.ts';
import type { Column, Value } from '../../core/types.ts';
import type { DeltaDeps } from '../../delta/deps.ts';
import type { TrainingFormat } from './request.ts';
import { tfRecordBytes } from './tf-record.ts';

export interface DatasetFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Rows of a spine that no table keeps, beside the splits. */
export const SPINE_FILE = 'spine.parquet';
/** Attempts to claim the next free number. */
const CLAIMS_MAX = 10_000;

export function datasetDirectory(project: string, view: { readonly name: string; readonly version: number }): string {
  return `${project}/training-datasets/${view.name}/${view.version}`;
}

/** Reserves the next number of a view version: 1, 2, … @throws LakefoldError STORE_UNAVAILABLE */
export async function claimNumber(
  deps: DeltaDeps,
  directory: string,
): Promise<{ readonly number: number; readonly directory: string; readonly identity: string }> {
  const identity = deps.random.uuid();
  const bytes = utf8(stringifyJson({ format: 1, txnId: identity, claimedAt: formatMillis(deps.clock.now()) }));
  for (let number = 1 + (await highestNumber(deps, directory)); number <= CLAIMS_MAX; number += 1) {
    const outcome = await deps.store.createIfAbsent(joinPath(directory, String(number), 'claim.json'), bytes, { identity });
    if (outcome.kind === 'created') return { number, directory: `${directory}/${number}`, identity };
    if (outcome.kind === 'unknown') break;
  }
  throw new LakefoldError('STORE_UNAVAILABLE', `could not claim a number for a training dataset in ${directory}`);
}

/** Numbers of the published sets, ascending. */
export async function publishedNumbers(deps: Pick<DeltaDeps, 'store'>, directory: string): Promise<readonly number[]> {
  const numbers: number[] = [];
  for await (const object of deps.store.list(`${directory}/`)) {
    const match = /^(\d+)\/manifest\.json$/.exec(object.path.slice(directory.length + 1));
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.toSorted((a, b) => a - b);
}

async function highestNumber(deps: Pick<DeltaDeps, 'store'>, directory: string): Promise<number> {
  let highest = 0;
  for await (const object of deps.store.list(`${directory}/`)) highest = Math.max(highest, Number(object.path.slice(directory.length + 1).split('/')[0]));
  return highest;
}

/** Writes one object of a claimed dataset. @throws LakefoldError STORE_UNAVAILABLE when it can't be told to be written */
export async function writeOnce(deps: DeltaDeps, path: ObjectPath, object: { readonly bytes: Uint8Array; readonly identity: string }): Promise<void> {
  const outcome = await deps.store.createIfAbsent(path, object.bytes, { identity: object.identity });
  if (outcome.kind !== 'created')
    throw new LakefoldError('STORE_UNAVAILABLE', `expected to write ${path}, found it ${outcome.kind === 'exists' ? 'taken' : 'in doubt'}`, {
      context: { path },
    });
}

/** Hash of the content, the same whatever format and engine (P19): `#<split>` and each row's canonical line. */
export function contentHash(splits: readonly { readonly name: string; readonly batch: Batch }[], start?: StartSha256): string {
  return hashOfPieces(contentPieces(splits), start);
}

function* contentPieces(splits: readonly { readonly name: string; readonly batch: Batch }[]): Iterable<Uint8Array> {
  for (const { name, batch } of splits) {
    yield utf8(splitLine(name));
    yield* canonicalPieces(batch);
  }
}

/** What the hash of the content has before the rows of a split. */
export function splitLine(name: string): string {
  return `#${name}\n`;
}

/** Hash of the rows alone. */
export function rowsHash(batch: Batch, start?: StartSha256): string {
  return hashOfPieces(canonicalPieces(batch), start);
}

/** The rows in the format, as one file. @throws LakefoldError LIMIT_EXCEEDED for a column of Arrow beyond 2 GiB */
export async function encodeRows(deps: Pick<DeltaDeps, 'codec'>, batch: Batch, format: TrainingFormat): Promise<Uint8Array> {
  switch (format) {
    case 'parquet':
      return deps.codec.encode(batch);
    case 'ndjson':
      return concatBytes(Array.from(canonicalPieces(batch), (piece) => piece.slice()));
    case 'csv':
      return utf8(csvText(batch));
    case 'arrow':
      // What only some answers need is loaded with the first of them.
      return (await import('../../parquet/arrow/arrow-encode.ts')).arrowStreamOf(batch);
    case 'tfrecord':
      return tfRecordBytes(batch);
  }
}

export function describeFile(file: { readonly path: string; readonly rows: number; readonly bytes: Uint8Array }, start?: StartSha256): DatasetFile {
  return { path: file.path, rows: file.rows, bytes: file.bytes.length, sha256: hashOf(file.bytes, start) };
}

/** RFC 4180: header, CRLF; absent values empty, empty text quoted. */
export function csvText(batch: Batch): string {
  const lines = [batch.columns.map((column) => csvField(column.name)).join(',')];
  for (let i = 0; i < batch.rowCount; i += 1)
    lines.push(
      rowAt(batch, i)
        .map((value, c) => csvValue(batch.columns[c], value))
        .join(','),
    );
  return `${lines.join('\r\n')}\r\n`;
}

function csvValue(column: Column | undefined, value: Value): string {
  if (value === null || column === undefined) return '';
  if (typeof value === 'string') return csvField(value);
  const text = canonicalValue(column.type, value, {});
  return csvField(text.startsWith('"') ? String(JSON.parse(text)) : text);
}

function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
