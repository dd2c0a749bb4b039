/** The members of an action as the log spells them, in Spark's order; absent ones are undefined and left out. */
import { assertNever } from '../../core/errors.ts';
import type { Action, DeletionVectorDescriptor, Metadata } from './actions.ts';
import { encodeLogPath } from './file-path.ts';

export function actionFields(action: Action): Readonly<Record<string, unknown>> {
  switch (action.kind) {
    case 'add':
      return {
        path: encodeLogPath(action.path),
        partitionValues: action.partitionValues,
        size: action.size,
        modificationTime: action.modificationTime,
        dataChange: action.dataChange,
        stats: action.stats,
        tags: action.tags,
        deletionVector: vectorFields(action.deletionVector),
        ...action.more,
      };
    case 'remove':
      return {
        path: encodeLogPath(action.path),
        deletionTimestamp: action.deletionTimestamp,
        dataChange: action.dataChange,
        extendedFileMetadata: action.extendedFileMetadata,
        partitionValues: action.partitionValues,
        size: action.size,
        deletionVector: vectorFields(action.deletionVector),
        ...action.more,
      };
    case 'cdc':
      return { path: encodeLogPath(action.path), partitionValues: action.partitionValues, size: action.size, dataChange: false, tags: action.tags };
    case 'metaData':
      return {
        id: action.id,
        name: action.name,
        description: action.description,
        format: formatFields(action.format),
        schemaString: action.schemaString,
        partitionColumns: action.partitionColumns,
        configuration: action.configuration,
        createdTime: action.createdTime,
        ...action.more,
      };
    case 'protocol':
      return {
        minReaderVersion: action.minReaderVersion,
        minWriterVersion: action.minWriterVersion,
        readerFeatures: action.readerFeatures,
        writerFeatures: action.writerFeatures,
        ...action.more,
      };
    case 'txn':
      return { appId: action.appId, version: action.version, lastUpdated: action.lastUpdated, ...action.more };
    case 'domainMetadata':
      return { domain: action.domain, configuration: action.configuration, removed: action.removed, ...action.more };
    case 'commitInfo':
      return {
        timestamp: action.timestamp,
        inCommitTimestamp: action.inCommitTimestamp,
        operation: action.operation,
        operationParameters: action.operationParameters,
        readVersion: action.readVersion,
        isolationLevel: action.isolationLevel,
        isBlindAppend: action.isBlindAppend,
        operationMetrics: action.operationMetrics,
        engineInfo: action.engineInfo,
        txnId: action.txnId,
        tags: action.tags,
      };
    default:
      return assertNever(action);
  }
}

/** The members that every form of the log has room for. */
export function knownActionFields(action: Action): Readonly<Record<string, unknown>> {
  if (action.kind === 'metaData') return actionFields({ ...action, more: undefined, format: { ...action.format, more: undefined } });
  return actionFields('more' in action ? { ...action, more: undefined } : action);
}

function formatFields({ provider, options, more }: Metadata['format']): Readonly<Record<string, unknown>> {
  return { provider, options, ...more };
}

function vectorFields(vector: DeletionVectorDescriptor | undefined): Readonly<Record<string, unknown>> | undefined {
  if (vector === undefined) return undefined;
  return {
    storageType: vector.storageType,
    pathOrInlineDv: vector.pathOrInlineDv,
    offset: vector.offset,
    sizeInBytes: vector.sizeInBytes,
    cardinality: vector.cardinality,
  };
}
