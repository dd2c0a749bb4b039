/** The bytes of one object of a table against what the log says of them. */
import { crc32, hex32 } from '../../core/crc32.ts';
import { joinPath, type ObjectPath } from '../../core/path.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { FileSource } from '../../ports/table-codec.ts';
import type { Findings } from './verify-findings.ts';

export interface ExpectedFile {
  /** Under the table. */
  readonly path: ObjectPath;
  /** Undefined where nobody says. */
  readonly size: number | undefined;
  /** As eight hex digits; undefined where nobody says. */
  readonly crc: string | undefined;
  /** What it is, for messages: `the live file a/b.parquet`. */
  readonly what: string;
  readonly version: number;
}

/** Objects above this are read in ranges, bytes. */
const WHOLE_FILE_BYTES_MAX = 32 * 1024 * 1024;
const RANGE_BYTES = 8 * 1024 * 1024;

/** The file, if it is there and has the bytes it was written with; what is wrong else is found. */
export async function openExpected(store: ObjectStore, root: string, expected: ExpectedFile, findings: Findings): Promise<FileSource | undefined> {
  const { path, size, crc, what, version } = expected;
  const at = { path, version };
  const info = await store.head(joinPath(root, path));
  if (info === undefined) {
    findings.add('MISSING_FILE', `expected ${what}, found nothing there`, at);
    return undefined;
  }
  if (size !== undefined && info.sizeBytes !== size) findings.add('SIZE_DIFFERS', `expected ${size} bytes in ${path}, found ${info.sizeBytes}`, at);
  const source = sourceOf(store, joinPath(root, path), info.sizeBytes);
  const found = crc === undefined ? undefined : await crcOf(source);
  if (found === crc) return source;
  findings.add('FILE_CORRUPT', `expected bytes of CRC-32 ${crc} in ${path}, found ${found}`, at);
  return undefined;
}

/** Read once and whole where it is small, else range by range. */
export function sourceOf(store: ObjectStore, path: ObjectPath, sizeBytes: number): FileSource {
  const get = async (range?: { readonly start: number; readonly end: number }): Promise<Uint8Array> =>
    (await store.get(path, range === undefined ? {} : { range }))?.bytes ?? new Uint8Array();
  if (sizeBytes > WHOLE_FILE_BYTES_MAX) return { sizeBytes, read: (start, end) => get({ start, end }), readAll: () => get() };
  let whole: Promise<Uint8Array> | undefined;
  const readAll = (): Promise<Uint8Array> => (whole ??= get());
  return { sizeBytes, read: async (start, end) => (await readAll()).subarray(start, end), readAll };
}

async function crcOf(source: FileSource): Promise<string> {
  let crc = 0;
  for (let at = 0; at < source.sizeBytes; at += RANGE_BYTES) crc = crc32(await source.read(at, Math.min(source.sizeBytes, at + RANGE_BYTES)), crc);
  return hex32(crc);
}
