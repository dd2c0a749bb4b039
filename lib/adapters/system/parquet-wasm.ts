/** The Parquet codec's WebAssembly, as Node finds it in the installed package. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Bytes of `parquet_wasm_bg.wasm`. A bundle has no packages around it: it brings the file along and passes its bytes itself. */
export function readParquetWasm(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(createRequire(import.meta.url).resolve('parquet-wasm/esm/parquet_wasm_bg.wasm')));
}
