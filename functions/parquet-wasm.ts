/** Where a function finds the Parquet codec's WebAssembly: beside its bundle, else in the installed package. */
import { existsSync, readFileSync } from 'node:fs';
import { readParquetWasm } from '../lib/adapters/system/parquet-wasm.ts';

/** The bytes to start the codec with. Read once, at cold start. */
export function readBundledParquetWasm(): Uint8Array<ArrayBuffer> {
  const bundled = new URL('./parquet_wasm_bg.wasm', import.meta.url);
  return existsSync(bundled) ? new Uint8Array(readFileSync(bundled)) : readParquetWasm();
}
