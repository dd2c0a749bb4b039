/**
 * Looks for bytes in everything that is kept, decoded: every page of every Parquet file, dictionaries included; every entry of LMDB
 * and every page of its files, freed ones too; items of DynamoDB; whatever else as it lies.
 */
import { Buffer } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { joinPath } from '../../lib/core/path.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import { readPageHeaders } from '../../lib/parquet/page-headers.ts';
import { numberAt, structAt } from '../../lib/parquet/thrift.ts';
import { unpackPage } from '../../lib/parquet/repack/unpack-page.ts';
import { runWasm } from '../../lib/parquet/wasm-runtime.ts';
import type { Control } from '../../lib/ports/control.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { OnlineStore, OnlineTable } from '../../lib/ports/online-store.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';

/** One thing that is kept: its name begins with the kind of place it is in. */
export interface Kept {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Names of what holds one of the needles, in any of the places. */
export async function placesHolding(places: readonly AsyncIterable<Kept>[], needles: readonly Uint8Array[]): Promise<readonly string[]> {
  const wanted = needles.map((needle) => Buffer.from(needle));
  const found = new Set<string>();
  for (const place of places) {
    for await (const { name, bytes } of place) {
      if (!found.has(name) && (await decodedParts(name, bytes)).some((part) => holds(part, wanted))) found.add(name);
    }
  }
  return [...found];
}

/** What the store lists, by path. */
export async function* objectsOf(store: ObjectStore): AsyncIterable<Kept> {
  for await (const { path } of store.list('')) yield { name: path, bytes: (await store.get(joinPath(path)))?.bytes ?? new Uint8Array() };
}

/** `online:` and the key: items as their bytes. */
export async function* onlineItemsOf(online: OnlineStore, table: OnlineTable): AsyncIterable<Kept> {
  for await (const { key, item } of online.scan(table))
    yield { name: `online:${Buffer.from(key).toString('hex')}`, bytes: Buffer.concat([key, item.payload ?? new Uint8Array()]) };
}

/** `control:` partition and sort key. */
export async function* controlRecordsOf(control: Control, partitions: readonly string[]): AsyncIterable<Kept> {
  for (const partition of partitions) {
    for await (const { sort, bytes } of control.query(partition))
      yield { name: `control:${partition}|${sort}`, bytes: Buffer.concat([Buffer.from(sort), bytes]) };
  }
}

/** Every file of a folder by its path, whether anything names it or not: those of LMDB, and temporary ones. */
export async function* filesOf(folder: string): AsyncIterable<Kept> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    yield { name: relative(folder, path), bytes: await readFile(path) };
  }
}

function holds(bytes: Uint8Array, needles: readonly Buffer[]): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return needles.some((needle) => buffer.includes(needle));
}

async function decodedParts(path: string, bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  if (!path.endsWith('.parquet')) return [bytes];
  const parts = [bytes];
  const { footer } = await openParquet(bytesSource(bytes));
  const unpackAll = (): void => {
    for (const { start, end, element } of footer.rowGroups.flatMap(({ chunks }) => chunks)) {
      const chunk = bytes.subarray(start, end);
      const codec = numberAt(structAt(element, 3) ?? new Map(), 4) ?? 0;
      for (const page of readPageHeaders(chunk)) parts.push(unpackPage(chunk, page, codec).slice());
    }
  };
  await runWasm(readParquetWasm(), unpackAll, (cause) => new LakefoldError('FILE_CORRUPT', `could not unpack ${path}`, { cause }));
  return parts;
}
