/** `lakefold/delta`: Delta tables by path, without a feature store. */
export { createTable, openTable } from '../store/open-table.ts';
export type { CreateTableOptions, OpenTableOptions } from '../store/open-table.ts';
export type {
  EngineCompatibility,
  Finding,
  Table,
  TableColumnInput,
  TableColumnOutput,
  TableFile,
  TableMaintenanceReport,
  TableProtocol,
  TableRow,
  TableVacuumReport,
  TableVerification,
  TableWriteOptions,
} from '../store/table-handle.ts';
export type { TableChangesOptions, TableOverwriteOptions, TableReadOptions, TableVacuumOptions } from '../store/table-options.ts';
export type { TableGroupCommitter, TableGroupWriteOptions } from '../store/table-group.ts';
export type { TableOptimizeOptions, TableOptimizePlan } from '../store/table-optimize.ts';
export type { AsOfInput, Where } from '../store/native-input.ts';
export type { BatchColumn, RowBatch } from '../store/row-batch.ts';
export type { Commit } from '../store/shown-commit.ts';
export type { CommitReceipt } from '../features/ingest/receipt.ts';
export type { ObjectStore } from '../ports/object-store.ts';
export { LakefoldError, isLakefoldError } from '../core/errors.ts';
export type { ErrorCode, ErrorKind, Fault } from '../core/errors.ts';
