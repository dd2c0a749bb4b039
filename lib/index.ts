/** `lakefold`: definitions as code, and the feature store behind them. */
export { t } from './registry/column-builder.ts';
export type { ColumnBuilder, Schema, ValueOf, ValuesOf } from './registry/column-builder.ts';
export { expectation } from './registry/define-expectation.ts';
export type { Expectation } from './registry/define-expectation.ts';
export { featureGroup } from './registry/define-group.ts';
export type { FeatureGroup, FeatureGroupInput } from './registry/define-group.ts';
export {
  imputer,
  labelEncoder,
  logTransform,
  minMaxScaler,
  modelTransform,
  oneHotEncoder,
  quantileBinner,
  robustScaler,
  standardScaler,
} from './registry/define-transform.ts';
export type { FitStatistics, Transform } from './registry/define-transform.ts';
export { featureView, join, onDemand } from './registry/define-view.ts';
export type { FeatureView, FeatureViewInput, Join, JoinOptions, OnDemand, OnDemandInput } from './registry/define-view.ts';
export { LakefoldError, isLakefoldError } from './core/errors.ts';
export type { ErrorCode, ErrorKind, Fault } from './core/errors.ts';
export type { CommitReceipt, DeleteReceipt, GroupRef, Receipt, ValidationReceipt, Warning } from './features/ingest/receipt.ts';
export type { AppliedChange, ApplyReport } from './features/definitions/projects.ts';
export type { PublishReport, VacuumReport } from './features/history/manage-rows.ts';
export type { ErasedDataset } from './features/erase/erase-datasets.ts';
export type { ErasureCertificate } from './features/erase/erase-rows.ts';
export type { OptimizeReport } from './features/history/optimize-report.ts';
export type { ExpectationResult, ValidationReport } from './features/quality/validation-report.ts';
export type { FeatureStatistics } from './features/statistics/feature-statistics.ts';
export type { GroupStatistics } from './features/statistics/group-statistics.ts';
export type { DriftReport, FeatureDrift } from './features/statistics/drift.ts';
export type { TrainingDataset } from './features/training/create-dataset.ts';
export type { DatasetVerification } from './features/training/verify-dataset.ts';
export type { PlanBody, PlannedChange } from './registry/plan.ts';
export type { Log, LogFields } from './ports/log.ts';
export { openFeatureStore } from './store/open-feature-store.ts';
export type { AwsStoreOptions, EmbeddedStoreOptions, FeatureStoreOptions } from './store/open-feature-store.ts';
export type { DefinitionPatch, Definitions, FeatureStore } from './store/feature-store.ts';
export type { DeleteOptions, EditOptions } from './features/definitions/edit-definitions.ts';
export type { Lineage, LineageDirection, LineageEdge, LineageNode } from './features/definitions/lineage.ts';
export type { MatchedField, SearchItem, SearchQuery, SearchType } from './features/definitions/search.ts';
export type {
  DeleteRowsInput,
  FeatureGroupHandle,
  GroupReader,
  KeysInput,
  ReadChangesOptions,
  ReadRowsOptions,
  RestoreReceipt,
  Rows,
  RowsOptions,
  WriteRowsOptions,
  DriftInput,
  RowsOfGroup,
  StatisticsInput,
} from './store/feature-group-handle.ts';
export type {
  BatchDataInput,
  CreatedTrainingDataset,
  FeatureStatus,
  FeatureVector,
  FeatureViewHandle,
  SpineInput,
  SplitInput,
  TrainingDatasetInput,
  VectorOptions,
} from './store/feature-view-handle.ts';
export type { Commit } from './store/shown-commit.ts';
export type { AsOfInput, Where } from './store/native-input.ts';
export type { BatchColumn, RowBatch } from './store/row-batch.ts';
export type { ChangedRow, CompleteFeatures, Entry, Features, InputOf, RequestParameters, Row, RowInput, SpineRow } from './registry/row-types.ts';
