/** delta-rs and DuckDB's delta extension as a test asks them; one process for all questions. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const interopPython = process.env['LAKEFOLD_TEST_INTEROP_PYTHON'];
const duckDbDeltaExtension = process.env['LAKEFOLD_TEST_DUCKDB_DELTA_EXTENSION'];

export interface Engines {
  /** Rows of the table as sorted canonical JSON texts. */
  readRows(engine: 'deltars' | 'duckdb', path: string, version?: number): Promise<readonly string[]>;
  write(
    path: string,
    table: { readonly schema: readonly (readonly [string, string])[]; readonly rows: readonly (readonly unknown[])[] },
    options?: { readonly partitionBy?: readonly string[] },
  ): Promise<number>;
  delete(path: string, predicate: string): Promise<number>;
  checkpoint(path: string): Promise<number>;
  close(): void;
}

export function startEngines(python: string): Engines {
  const child = spawn(python, [fileURLToPath(new URL('engines.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (op: string, args: object): Promise<Record<string, unknown>> => {
    child.stdin.write(`${JSON.stringify({ op, arguments: args })}\n`);
    const next = await answers.next();
    if (next.done === true) throw new Error(`the engines process ended during ${op}`);
    const answer = JSON.parse(next.value) as { ok?: Record<string, unknown>; error?: string };
    if (answer.ok === undefined) throw new Error(`${op}: ${answer.error}`);
    return answer.ok;
  };
  return {
    readRows: async (engine, path, version) => {
      const extension = engine === 'duckdb' ? { extension: duckDbDeltaExtension } : {};
      return (await ask(`${engine}_read`, { path, ...(version === undefined ? {} : { version }), ...extension }))['rows'] as string[];
    },
    write: async (path, { schema, rows }, options = {}) =>
      (await ask('deltars_write', { path, schema, rows, ...(options.partitionBy === undefined ? {} : { partition_by: options.partitionBy }) }))[
        'version'
      ] as number,
    delete: async (path, predicate) => (await ask('deltars_delete', { path, predicate }))['version'] as number,
    checkpoint: async (path) => (await ask('deltars_checkpoint', { path }))['version'] as number,
    close: () => {
      child.stdin.end();
    },
  };
}
