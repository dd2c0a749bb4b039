/** DuckDB in process as the engine (architecture.md, "Engine port"). */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DuckDBInstance, type DuckDBConnection, type DuckDBResult } from '@duckdb/node-api';
import type { Batch } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { BATCH_ROWS } from '../../core/limits.ts';
import type { Column } from '../../core/types.ts';
import type { CopyTarget, Engine, EngineQuery, InlineRelation, KeptRows, Relation } from '../../ports/engine.ts';
import { isFatal, translateError } from './duckdb-errors.ts';
import { columnTypeOf, parameterOf } from './duckdb-types.ts';
import { loadBatch, loadDeletions } from './inline-relation.ts';
import { copySql, fileReads, readSql, scanSql, viewSql } from './relation-sql.ts';
import { quoteName, quoteText } from './sql-text.ts';
import { type ResultColumn, resultColumn } from './typed-columns.ts';
import { keepWholeTexts } from './whole-texts.ts';

keepWholeTexts();

export interface DuckDbEngineOptions {
  /** An existing folder; what spills from memory goes to a folder of its own in it, removed by `close`. */
  readonly scratchDirectory: string;
  /** DuckDB's own default is 80 % of the machine. */
  readonly memoryLimitBytes?: number;
  /** Spilled bytes of all queries together; a query's own `scratchBytesMax` bounds it alone. */
  readonly scratchBytesMax?: number;
  readonly threads?: number;
  /** Folders DuckDB may touch beside the scratch folder: data files and targets of `copy`. Left out, any. */
  readonly allowedDirectories?: readonly string[];
}

/** How often an aborted query is told again to stop: DuckDB forgets an interrupt that comes before the statement began. */
const INTERRUPT_EVERY_MILLIS = 20;

/** An engine ready to query; its instance is made at the first query and made anew after DuckDB declared it broken. */
export async function openDuckDbEngine(options: DuckDbEngineOptions): Promise<Engine> {
  await mkdir(options.scratchDirectory, { recursive: true });
  const spillDirectory = await mkdtemp(join(resolve(options.scratchDirectory), 'duckdb-'));
  return new DuckDbEngine(options, spillDirectory);
}

interface Lease {
  readonly connection: DuckDBConnection;
  /** The instance all queries share, unless the query has one of its own. */
  readonly shared: Promise<DuckDBInstance> | undefined;
  readonly release: () => void;
}

class DuckDbEngine implements Engine {
  readonly #options: DuckDbEngineOptions;
  readonly #spillDirectory: string;
  readonly #leases = new Set<Lease>();
  #shared: Promise<DuckDBInstance> | undefined;
  #closed = false;
  #ownInstances = 0;

  constructor(options: DuckDbEngineOptions, spillDirectory: string) {
    this.#options = options;
    this.#spillDirectory = spillDirectory;
  }

  async *query(query: EngineQuery): AsyncIterable<Batch> {
    const lease = await this.#lease(query);
    try {
      await prepare(lease.connection, query);
      const result = await lease.connection.stream(query.sql, (query.parameters ?? []).map(parameterOf));
      yield* readResult(result, query.signal);
    } catch (cause) {
      throw this.#translated(cause, query, lease);
    } finally {
      lease.release();
    }
  }

  async copy(query: EngineQuery, target: CopyTarget): Promise<{ rows: number }> {
    const lease = await this.#lease(query);
    try {
      await prepare(lease.connection, query);
      return await copyRows(lease.connection, query, target);
    } catch (cause) {
      throw this.#translated(cause, query, lease);
    } finally {
      lease.release();
    }
  }

  async keep(query: Omit<EngineQuery, 'parameters'> & { readonly as: string }): Promise<KeptRows> {
    const lease = await this.#lease(query);
    try {
      await prepare(lease.connection, query);
      await lease.connection.run(`CREATE TEMP TABLE ${quoteName(query.as)} AS ${query.sql}`);
    } catch (cause) {
      lease.release();
      throw this.#translated(cause, query, lease);
    }
    return new KeptTable(lease, { signal: query.signal, translate: (cause) => this.#translated(cause, query, lease) });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const lease of this.#leases) lease.connection.interrupt();
    const instance = await this.#shared;
    this.#shared = undefined;
    instance?.closeSync();
    await rm(this.#spillDirectory, { recursive: true, force: true });
  }

  /** A connection of its own for each query: names of temporary views and tables are the connection's. */
  async #lease(query: EngineQuery): Promise<Lease> {
    query.signal?.throwIfAborted();
    if (this.#closed) throw new LakefoldError('INTERNAL', 'expected an open engine, found a closed one');
    const shared = query.scratchBytesMax === undefined ? (this.#shared ??= this.#openInstance(this.#options.scratchBytesMax)) : undefined;
    try {
      const instance = await (shared ?? this.#openInstance(query.scratchBytesMax));
      const connection = await instance.connect();
      const stopInterrupting = interruptOnAbort(connection, query.signal);
      const lease = {
        connection,
        shared,
        release: () => {
          stopInterrupting();
          connection.closeSync();
          if (shared === undefined) instance.closeSync();
          this.#leases.delete(lease);
        },
      };
      this.#leases.add(lease);
      return lease;
    } catch (cause) {
      this.#forget(shared);
      throw translateError(cause, query.signal);
    }
  }

  /** An instance that can't be opened or broke: it lives until its last connection is closed, and the next query opens another. */
  #forget(instance: Promise<DuckDBInstance> | undefined): void {
    if (this.#shared === instance) this.#shared = undefined;
  }

  async #openInstance(scratchBytesMax: number | undefined): Promise<DuckDBInstance> {
    const { memoryLimitBytes, threads, allowedDirectories } = this.#options;
    this.#ownInstances += 1;
    const instance = await DuckDBInstance.create(':memory:', {
      // Two instances must not share a folder: their spill files have the same names.
      temp_directory: join(this.#spillDirectory, String(this.#ownInstances)),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      ...(memoryLimitBytes === undefined ? {} : { memory_limit: `${memoryLimitBytes}B` }),
      ...(threads === undefined ? {} : { threads: String(threads) }),
    });
    const connection = await instance.connect();
    try {
      await connection.run("SET GLOBAL TimeZone = 'UTC'");
      await connection.run('SET GLOBAL parquet_metadata_cache = true');
      // Given when the instance is opened, this one is shown as set but not obeyed.
      if (scratchBytesMax !== undefined) await connection.run(`SET GLOBAL max_temp_directory_size = '${scratchBytesMax}B'`);
      if (allowedDirectories !== undefined) {
        await connection.run(`SET GLOBAL allowed_directories = [${allowedDirectories.map((directory) => quoteText(resolve(directory))).join(', ')}]`);
        await connection.run('SET GLOBAL enable_external_access = false');
      }
      await connection.run('SET GLOBAL lock_configuration = true');
    } finally {
      connection.closeSync();
    }
    return instance;
  }

  #translated(cause: unknown, query: EngineQuery, lease: Lease): unknown {
    if (isFatal(cause)) this.#forget(lease.shared);
    return translateError(cause, query.signal);
  }
}

/** A temporary table: its connection stays leased, and it goes with it. */
class KeptTable implements KeptRows {
  readonly #lease: Lease;
  readonly #signal: AbortSignal | undefined;
  readonly #translate: (cause: unknown) => unknown;

  constructor(lease: Lease, { signal, translate }: { readonly signal: AbortSignal | undefined; readonly translate: (cause: unknown) => unknown }) {
    this.#lease = lease;
    this.#signal = signal;
    this.#translate = translate;
  }

  async *query(sql: string): AsyncIterable<Batch> {
    try {
      yield* readResult(await this.#lease.connection.stream(sql), this.#signal);
    } catch (cause) {
      throw this.#translate(cause);
    }
  }

  async copy(sql: string, target: CopyTarget): Promise<{ rows: number }> {
    try {
      return await copyRows(this.#lease.connection, { sql }, target);
    } catch (cause) {
      throw this.#translate(cause);
    }
  }

  async close(): Promise<void> {
    this.#lease.release();
  }
}

async function copyRows(connection: DuckDBConnection, query: Pick<EngineQuery, 'sql' | 'parameters'>, target: CopyTarget): Promise<{ rows: number }> {
  const result = await connection.run(copySql(query.sql, { ...target, file: resolve(target.file) }), (query.parameters ?? []).map(parameterOf));
  const [[rows] = []] = await result.getRows();
  return { rows: Number(rows) };
}

function interruptOnAbort(connection: DuckDBConnection, signal: AbortSignal | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    timer ??= setInterval(interrupt, INTERRUPT_EVERY_MILLIS);
  };
  signal?.addEventListener('abort', interrupt, { once: true });
  return () => {
    signal?.removeEventListener('abort', interrupt);
    clearInterval(timer);
  };
}

async function prepare(connection: DuckDBConnection, query: EngineQuery): Promise<void> {
  let tables = 0;
  for (const relation of query.relations) {
    query.signal?.throwIfAborted();
    if (isInline(relation)) await loadBatch(connection, relation.name, relation.batch);
    else await createView(connection, relation, () => `lakefold deleted ${(tables += 1)}`);
  }
  query.signal?.throwIfAborted();
}

function isInline(relation: Relation | InlineRelation): relation is InlineRelation {
  return 'batch' in relation;
}

async function createView(connection: DuckDBConnection, relation: Relation, nextTable: () => string): Promise<void> {
  const selects: string[] = [];
  for (const read of fileReads(relation)) {
    const stored = await storedColumns(connection, scanSql(read));
    const deletedTable = read.hasDeletions ? nextTable() : undefined;
    if (deletedTable !== undefined)
      await loadDeletions(
        connection,
        deletedTable,
        read.files.map((file) => file.deleted ?? []),
      );
    selects.push(readSql(read, relation.columns, { stored, deletedTable }));
  }
  await connection.run(viewSql(relation, selects));
}

async function storedColumns(connection: DuckDBConnection, scan: string): Promise<Map<string, string>> {
  const result = await connection.run(`DESCRIBE SELECT * FROM ${scan}`);
  return new Map((await result.getRows()).map(([name, type]) => [String(name), String(type)]));
}

async function* readResult(result: DuckDBResult, signal: AbortSignal | undefined): AsyncIterable<Batch> {
  const columns: Column[] = result.columnNames().map((name, i) => ({ name, type: columnTypeOf(result.columnType(i), name), nullable: true }));
  const newBuilders = (): readonly ResultColumn[] => columns.map(({ name, type }, i) => resultColumn(type, { name, duckType: result.columnType(i) }));
  let builders = newBuilders();
  let rowCount = 0;
  let isFirst = true;
  for (;;) {
    signal?.throwIfAborted();
    const chunk = await result.fetchChunk();
    const rows = chunk?.rowCount ?? 0;
    // No rows are one empty batch: it tells the columns.
    if ((rows === 0 && (isFirst || rowCount > 0)) || rowCount + rows > BATCH_ROWS) {
      isFirst = false;
      yield { columns, vectors: builders.map((builder) => builder.finish()), rowCount };
      builders = newBuilders();
      rowCount = 0;
    }
    if (chunk === null || rows === 0) return;
    builders.forEach((builder, position) => {
      builder.append(chunk.getColumnVector(position), rows);
    });
    rowCount += rows;
  }
}
