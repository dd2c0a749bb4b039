/**
 * The one instance of parquet-wasm in this process, replaced when it traps.
 *
 * The package keeps its instance in a module variable, so there can be only one, whoever asks. After a trap (a panic
 * over a broken file, memory at its end) its memory is in an unknown state. Nothing of the package makes a second
 * instance, but a call of its asynchronous initialiser that began before the first one was made goes on to install its
 * own as soon as its module arrives: such calls wait here as spares.
 */
import initAsync, { initSync } from 'parquet-wasm/esm';
import { LakefoldError } from '../core/errors.ts';

/** `parquet_wasm_bg.wasm`: its bytes, or the module compiled from them. */
export type ParquetWasm = Uint8Array<ArrayBuffer> | WebAssembly.Module;

/** Traps that can be recovered from; past them the last instance is used on, which leaks what each trap held. */
const SPARES = 16;

interface Runtime {
  readonly spares: (() => Promise<unknown>)[];
  repair: Promise<unknown> | undefined;
}

let runtime: Runtime | undefined;

function start(wasm: ParquetWasm): Runtime {
  const spares = Array.from({ length: SPARES }, () => {
    let release: (wasm: ParquetWasm) => void = () => {};
    const installed = initAsync({
      module_or_path: new Promise<ParquetWasm>((resolve) => {
        release = resolve;
      }),
    });
    return () => {
      release(wasm);
      return installed;
    };
  });
  initSync({ module: wasm });
  return { spares, repair: undefined };
}

/**
 * Runs `work`, which must be synchronous and leave no wasm object behind. The first call starts the instance from
 * `wasm`; later ones share it.
 * @throws LakefoldError of `onTrap` when the wasm trapped; whatever `work` throws otherwise
 */
export async function runWasm<T>(wasm: ParquetWasm, work: () => T, onTrap: (cause: unknown) => LakefoldError): Promise<T> {
  runtime ??= start(wasm);
  while (runtime.repair !== undefined) await runtime.repair;
  return guarded(runtime, work, onTrap);
}

/** As `runWasm`, at once; while the instance is being replaced that is as good as a trap. */
export function runWasmNow<T>(wasm: ParquetWasm, work: () => T, onTrap: (cause: unknown) => LakefoldError): T {
  runtime ??= start(wasm);
  if (runtime.repair !== undefined) throw onTrap(new Error('the instance is being replaced'));
  return guarded(runtime, work, onTrap);
}

function guarded<T>(current: Runtime, work: () => T, onTrap: (cause: unknown) => LakefoldError): T {
  try {
    return work();
  } catch (cause) {
    if (!isTrap(cause)) throw cause;
    replaceInstance(current);
    throw onTrap(cause);
  }
}

/** A trap, or a stack or memory at its end, after which the instance can't be trusted. */
export function isTrap(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError');
}

function replaceInstance(broken: Runtime): void {
  const install = broken.spares.pop();
  if (install === undefined) return;
  const done = (): void => {
    broken.repair = undefined;
  };
  // An instance that can't be made leaves the broken one in place: better than none.
  broken.repair = install().then(done, done);
}

/** What a trap or an error of the reader means: it has no other cause than the bytes. */
export function corruptFile(found: string, cause: unknown): LakefoldError {
  return new LakefoldError('FILE_CORRUPT', `expected a readable Parquet file, found one that is not: ${found}`, { cause });
}
