/**
 * The actions of a Delta log entry (PROTOCOL.md, "Actions"), as Lakefold holds them.
 *
 * Paths here are decoded once: `path` is the object's key relative to the table root, not the URI of the log.
 * Unknown members are kept and written again, but those of change files and of `commitInfo`; unknown actions are dropped.
 */
import type { Json, JsonObject } from '../../core/json.ts';
import type { ObjectPath } from '../../core/path.ts';

export interface DeletionVectorDescriptor {
  readonly storageType: 'u' | 'i' | 'p';
  readonly pathOrInlineDv: string;
  readonly offset?: number;
  readonly sizeInBytes: number;
  readonly cardinality: number;
}

export interface AddFile {
  readonly kind: 'add';
  readonly path: ObjectPath;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** Statistics as the JSON text of the log; parsed lazily by stats.ts. */
  readonly stats?: string | undefined;
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  /** Members we don't know. Parquet checkpoints have no place for them. */
  readonly more?: JsonObject | undefined;
}

export interface RemoveFile {
  readonly kind: 'remove';
  readonly path: ObjectPath;
  readonly deletionTimestamp?: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean;
  readonly partitionValues?: Readonly<Record<string, string | null>>;
  readonly size?: number;
  readonly deletionVector?: DeletionVectorDescriptor;
  /** As of an add. */
  readonly more?: JsonObject | undefined;
}

export interface CdcFile {
  readonly kind: 'cdc';
  readonly path: ObjectPath;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly tags?: Readonly<Record<string, string | null>>;
}

export interface Metadata {
  readonly kind: 'metaData';
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>>; readonly more?: JsonObject | undefined };
  /** Spark's schema JSON. */
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number;
  /** As of an add. */
  readonly more?: JsonObject | undefined;
}

export interface Protocol {
  readonly kind: 'protocol';
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
  /** As of an add. */
  readonly more?: JsonObject | undefined;
}

export interface Txn {
  readonly kind: 'txn';
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number;
  /** As of an add. */
  readonly more?: JsonObject | undefined;
}

export interface DomainMetadata {
  readonly kind: 'domainMetadata';
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
  /** As of an add. */
  readonly more?: JsonObject | undefined;
}

export interface CommitInfo {
  readonly kind: 'commitInfo';
  readonly timestamp?: number;
  readonly inCommitTimestamp?: number;
  readonly operation?: string;
  readonly operationParameters?: Readonly<Record<string, Json>>;
  readonly operationMetrics?: Readonly<Record<string, Json>>;
  readonly engineInfo?: string;
  readonly txnId?: string;
  readonly isBlindAppend?: boolean;
  readonly readVersion?: number;
  readonly isolationLevel?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export type Action = AddFile | RemoveFile | CdcFile | Metadata | Protocol | Txn | DomainMetadata | CommitInfo;

/** One entry of the log: `_delta_log/<version>.json`, or several of them as one. */
export interface LogEntry {
  readonly version: number;
  readonly actions: readonly Action[];
  /** Where the entry stands for several commits; `version` is the last of them. */
  readonly compacted?: CompactedRange;
}

export interface CompactedRange {
  readonly from: number;
  /** What each commit says of its own time, epoch ms; null where only its file's time tells. */
  readonly times: readonly (number | null)[];
}
