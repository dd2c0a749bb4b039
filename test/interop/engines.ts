/** delta-rs, DuckDB's delta extension and Polars as a test asks them; one process for all questions of a test file. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const interopPython = process.env['LAKEFOLD_TEST_INTEROP_PYTHON'];
const DUCKDB_EXTENSIONS = {
  httpfs: process.env['LAKEFOLD_TEST_DUCKDB_HTTPFS_EXTENSION'],
  delta: process.env['LAKEFOLD_TEST_DUCKDB_DELTA_EXTENSION'],
};

/** `[name, type, nullable]`, types spelled as definitions spell them. */
export type EngineSchema = readonly (readonly [name: string, type: string, nullable?: boolean])[];

export interface EngineRows {
  readonly schema: EngineSchema;
  /** Values as row lines write them (test/support/row-lines.ts). */
  readonly rows: readonly (readonly unknown[])[];
}

export interface Engines {
  /** Any command of engines.py; DuckDB gets its extensions. @throws Error with the engine's own words */
  ask(op: string, args: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  /** Sorted lines of the table's rows. */
  readRows(engine: 'deltars' | 'duckdb' | 'polars', path: string, version?: number): Promise<readonly string[]>;
  /** Sorted lines of delta-rs's change feed, from version `start` on. */
  readChanges(path: string, start: number): Promise<readonly string[]>;
  write(path: string, table: EngineRows, options?: { readonly partitionBy?: readonly string[] }): Promise<number>;
  delete(path: string, predicate: string): Promise<number>;
  checkpoint(path: string): Promise<number>;
  close(): void;
}

export function startEngines(python: string): Engines {
  const child = spawn(python, [fileURLToPath(new URL('engines.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  const exchange = async (op: string, args: object): Promise<Record<string, unknown>> => {
    child.stdin.write(`${JSON.stringify({ op, arguments: args })}\n`);
    const next = await answers.next();
    if (next.done === true) throw new Error(`the engines process ended during ${op}`);
    const answer = JSON.parse(next.value) as { ok?: Record<string, unknown>; error?: string };
    if (answer.ok === undefined) throw new Error(`${op}: ${answer.error}`);
    return answer.ok;
  };
  const ask: Engines['ask'] = (op, args) => {
    const extensions = op.startsWith('duckdb_') ? { extensions: DUCKDB_EXTENSIONS } : {};
    const answer = turn.then(() => exchange(op, { ...args, ...extensions }));
    turn = answer.catch(() => undefined);
    return answer;
  };
  return {
    ask,
    readRows: async (engine, path, version) => linesOf(await ask(`${engine}_read`, { path, ...(version === undefined ? {} : { version }) })),
    readChanges: async (path, start) => linesOf(await ask('deltars_changes', { path, start })),
    write: async (path, { schema, rows }, { partitionBy } = {}) =>
      (await ask('deltars_write', { path, schema, rows, ...(partitionBy === undefined ? {} : { partition_by: partitionBy }) }))['version'] as number,
    delete: async (path, predicate) => (await ask('deltars_delete', { path, predicate }))['version'] as number,
    checkpoint: async (path) => (await ask('deltars_checkpoint', { path }))['version'] as number,
    close: () => {
      child.stdin.end();
    },
  };
}

function linesOf(answer: Record<string, unknown>): string[] {
  return (answer['rows'] as string[]).toSorted();
}
