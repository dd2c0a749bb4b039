/** A table at one version: what replaying its log up to there gives. Immutable. */
import type { TableVersion } from '../../core/version.ts';
import type { Column, ColumnType } from '../../core/types.ts';
import type { AddFile, DomainMetadata, Metadata, Protocol, RemoveFile, Txn } from '../actions/actions.ts';
import type { ValueRule } from '../schema/value-rules.ts';

/** A column with what Delta knows beside name and type. */
export interface TableColumn extends Column {
  /** Name in the Parquet files, statistics and partition values; `name` unless column mapping is on. */
  readonly physicalName: string;
  readonly fieldId?: number;
  /** `type` with nested fields by their names in the files; left out where they are the same. Values are positional, so only labels differ. */
  readonly physicalType?: ColumnType;
  /** Field metadata of the schema JSON, as it stands there. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What its values must be beyond `type`; left out where that says all. */
  readonly rule?: ValueRule;
}

export interface Snapshot {
  readonly version: TableVersion;
  /** Commit time of `version`, epoch ms (semantics §0, "Commit time"). */
  readonly committedAt: number;
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  /** Data columns and partition columns in schema order. */
  readonly columns: readonly TableColumn[];
  /** Live files by `path`. */
  readonly files: ReadonlyMap<string, AddFile>;
  /** Removed files whose tombstones are still kept, by `path` + NUL + deletion-vector id. */
  readonly tombstones: ReadonlyMap<string, RemoveFile>;
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, DomainMetadata>;
  /** Version of the checkpoint it was built from, if any. */
  readonly checkpointVersion: number | undefined;
}

export interface AsOf {
  readonly version?: number;
  /** Epoch ms, inclusive. */
  readonly instant?: number;
}
