/** Looks for bytes in everything that is kept, decoded: every page of every Parquet file, dictionaries included; whatever else as it lies. */
import { Buffer } from 'node:buffer';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { openParquet } from '../../lib/parquet/footer.ts';
import { readPageHeaders } from '../../lib/parquet/page-headers.ts';
import { numberAt, structAt } from '../../lib/parquet/thrift.ts';
import { unpackPage } from '../../lib/parquet/unpack-page.ts';
import { runWasm } from '../../lib/parquet/wasm-runtime.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { OnlineStore, OnlineTable } from '../../lib/ports/online-store.ts';
import { bytesSource } from '../../lib/ports/table-codec.ts';
import { joinPath } from '../../lib/core/path.ts';

/** Paths of the objects that hold one of the needles, and `online:` where an item does. */
export async function placesHolding(
  kept: { readonly store: ObjectStore; readonly online: OnlineStore; readonly tables: readonly OnlineTable[] },
  needles: readonly Uint8Array[],
): Promise<readonly string[]> {
  const wanted = needles.map((needle) => Buffer.from(needle));
  const found: string[] = [];
  for await (const { path } of kept.store.list('')) {
    const bytes = (await kept.store.get(joinPath(path)))?.bytes ?? new Uint8Array();
    for (const part of await decodedParts(path, bytes)) {
      if (!holds(part, wanted)) continue;
      found.push(path);
      break;
    }
  }
  for (const table of kept.tables) {
    for await (const { key, item } of kept.online.scan(table))
      if (holds(key, wanted) || holds(item.payload ?? new Uint8Array(), wanted)) found.push(`online:${Buffer.from(key).toString('hex')}`);
  }
  return found;
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
