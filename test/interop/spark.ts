/** Spark with Delta Lake as a test asks it: the one process of the test run (test/interop/spark_server.py). */
import type { EngineRows } from './engines.ts';

export const sparkEndpoint = process.env['LAKEFOLD_TEST_SPARK'];

export interface Spark {
  /** Sorted lines of the table's rows. @throws Error with Spark's own words, as all of these */
  readRows(path: string, version?: number): Promise<readonly string[]>;
  /** Sorted lines of `table_changes`, from version `start` on. */
  readChanges(path: string, start: number): Promise<readonly string[]>;
  /** Runs commands in order. A table is delta.`/path`. */
  sql(...statements: readonly string[]): Promise<void>;
  /** Sorted lines of a query's rows, under settings that hold for it alone. */
  query(statement: string, settings?: Readonly<Record<string, string>>): Promise<readonly string[]>;
  /** Session settings; null takes one back. */
  settings(values: Readonly<Record<string, string | null>>): Promise<void>;
  append(path: string, table: EngineRows): Promise<void>;
  /** A temporary view that statements can name. */
  view(name: string, table: EngineRows): Promise<void>;
  checkpoint(path: string): Promise<void>;
}

export function connectSpark(endpoint: string): Spark {
  const ask = async (op: string, args: object): Promise<Record<string, unknown>> => {
    const response = await fetch(endpoint, { method: 'POST', body: JSON.stringify({ op, arguments: args }) });
    const answer = (await response.json()) as { ok?: Record<string, unknown>; error?: string };
    if (answer.ok === undefined) throw new Error(`Spark ${op}: ${answer.error}`);
    return answer.ok;
  };
  const lines = async (op: string, args: object): Promise<readonly string[]> => ((await ask(op, args))['rows'] as string[]).toSorted();
  const done = async (op: string, args: object): Promise<void> => void (await ask(op, args));
  return {
    readRows: (path, version) => lines('read', { path, ...(version === undefined ? {} : { version }) }),
    readChanges: (path, start) => lines('changes', { path, start }),
    sql: (...statements) => done('sql', { statements }),
    query: (statement, settings = {}) => lines('query', { statement, settings }),
    settings: (values) => done('settings', values),
    append: (path, { schema, rows }) => done('append', { path, schema, rows }),
    view: (name, { schema, rows }) => done('view', { name, schema, rows }),
    checkpoint: (path) => done('checkpoint', { path }),
  };
}
