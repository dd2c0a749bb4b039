/**
 * What executes analytical SQL: embedded DuckDB. It sees local files and parameters, never credentials, Delta or S3.
 */
import type { Batch } from '../core/batch.ts';
import type { Column, Value } from '../core/types.ts';
import type { RequestOptions } from './object-store.ts';

export interface RelationFile {
  readonly localPath: string;
  /** Serialised partition values by logical column name. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** Physical positions of deleted rows, ascending. */
  readonly deleted?: readonly number[];
  /** What a null `_ingested_at` of this file reads as: the file's modification time, µs (semantics §0). */
  readonly ingestedAtDefault?: bigint;
}

/** A column of a relation and where its values come from in the files of one group. */
export interface PhysicalColumn {
  /** The logical name. */
  readonly name: string;
  readonly source:
    | { readonly kind: 'column'; readonly physicalName: string }
    | { readonly kind: 'partition' }
    /** Not in these files: null. */
    | { readonly kind: 'missing' };
}

/** Files that share one physical layout. */
export interface RelationGroup {
  readonly files: readonly RelationFile[];
  readonly physicalColumns: readonly PhysicalColumn[];
}

/** A named table for the SQL: the union of its groups, cast to `columns`. */
export interface Relation {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly groups: readonly RelationGroup[];
}

/** Rows in memory as a named table for the SQL. */
export interface InlineRelation {
  readonly name: string;
  readonly batch: Batch;
}

export interface EngineQuery extends RequestOptions {
  readonly relations: readonly (Relation | InlineRelation)[];
  readonly sql: string;
  readonly parameters?: readonly Value[];
  readonly scratchBytesMax?: number;
}

/** Rows of a query that the engine keeps, in memory or spilled, until they are given back. One statement at a time. */
export interface KeptRows {
  /** As `Engine.query`, over the kept rows and the relations they came from. */
  query(sql: string): AsyncIterable<Batch>;
  /** As `Engine.copy`. */
  copy(sql: string, target: CopyTarget): Promise<{ readonly rows: number }>;
  close(): Promise<void>;
}

/** One local file. */
export interface CopyTarget {
  readonly file: string;
  readonly format: 'parquet' | 'csv';
}

export interface Engine {
  /** Columns take their types from the result; batches of at most `BATCH_ROWS` rows, one empty batch where there are none. @throws LakefoldError PLAN_TOO_LARGE when scratch runs out */
  query(query: EngineQuery): AsyncIterable<Batch>;
  /** Writes the result to one local file. */
  copy(query: EngineQuery, target: CopyTarget): Promise<{ readonly rows: number }>;
  /** Runs the query and keeps its rows as the table `as`, in their order. @throws LakefoldError PLAN_TOO_LARGE when scratch runs out */
  keep(query: Omit<EngineQuery, 'parameters'> & { readonly as: string }): Promise<KeptRows>;
  close(): Promise<void>;
}
