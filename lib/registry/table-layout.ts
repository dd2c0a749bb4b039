/** The Delta table of a feature group (storage.md §2): columns in order, properties, partitions. */
import { sha256, toHex, utf8 } from '../core/bytes.ts';
import { canonicalJson } from '../core/json.ts';
import { CHECKPOINT_INTERVAL } from '../core/limits.ts';
import { INGESTED_AT } from '../core/names.ts';
import { joinPath, type ObjectPath } from '../core/path.ts';
import { duration } from '../core/time.ts';
import type { Column } from '../core/types.ts';
import type { FeatureGroupDefinition } from './definition.ts';
import { columnOf } from './parse-columns.ts';

const TABLE_FORMAT = 1;

export interface TableLayout {
  /** Keys in primary-key order, event time, features in definition order, `_ingested_at`. */
  readonly columns: readonly Column[];
  readonly partitionColumns: readonly string[];
  /** `metaData.configuration`. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly description: string | null;
}

export function tableLayout(project: string, definition: FeatureGroupDefinition): TableLayout {
  return {
    columns: tableColumns(definition),
    partitionColumns: definition.partitionBy,
    configuration: tableConfiguration(project, definition),
    description: definition.description,
  };
}

/** Where the table of a group lies, from the location's root; `path` is its state's. */
export function tablePath(project: string, path: string): ObjectPath {
  return joinPath(project, path);
}

/** Relative to the project: numbers are never reused, so neither are paths. */
export function groupPath(name: string, version: number): string {
  return `feature-groups/${name}/${version}`;
}

/** The columns of the table without system columns, in table order. */
function dataColumns(definition: FeatureGroupDefinition): readonly Column[] {
  const leading = definition.eventTime === null ? definition.primaryKey : [...definition.primaryKey, definition.eventTime];
  const isLeading = new Set(leading);
  const first = leading.flatMap((name) => definition.schema.filter((column) => column.name === name));
  return [...first, ...definition.schema.filter((column) => !isLeading.has(column.name))].map(columnOf);
}

function tableColumns(definition: FeatureGroupDefinition): readonly Column[] {
  return [...dataColumns(definition), { name: INGESTED_AT, type: { kind: 'timestamp' }, nullable: true }];
}

/** 64 hex digits of the canonical definition: by them a table left behind by a crash is recognised and adopted. */
export function definitionHash(definition: FeatureGroupDefinition): string {
  return toHex(sha256(utf8(canonicalJson(definition))));
}

function tableConfiguration(project: string, definition: FeatureGroupDefinition): Readonly<Record<string, string>> {
  const statisticsColumns = [
    ...new Set([...definition.primaryKey, ...(definition.eventTime === null ? [] : [definition.eventTime]), INGESTED_AT, ...definition.clusterBy]),
  ];
  const retention = deltaInterval(definition.retention);
  return {
    'lakefold.format': String(TABLE_FORMAT),
    'lakefold.project': project,
    'lakefold.featureGroup': definition.name,
    'lakefold.version': String(definition.version),
    'lakefold.primaryKey': JSON.stringify(definition.primaryKey),
    ...(definition.eventTime === null ? {} : { 'lakefold.eventTime': definition.eventTime }),
    'lakefold.clusterBy': JSON.stringify(definition.clusterBy),
    'lakefold.definition': definitionHash(definition),
    ...(definition.profile === 'merge-on-read' ? { 'delta.enableDeletionVectors': 'true' } : {}),
    ...(definition.changeFeed ? { 'delta.enableChangeDataFeed': 'true' } : {}),
    'delta.dataSkippingStatsColumns': statisticsColumns.join(','),
    'delta.logRetentionDuration': retention,
    'delta.deletedFileRetentionDuration': retention,
    'delta.checkpointInterval': String(CHECKPOINT_INTERVAL),
  };
}

const UNITS = [
  ['days', 86_400_000_000n],
  ['hours', 3_600_000_000n],
  ['minutes', 60_000_000n],
  ['seconds', 1_000_000n],
  ['microseconds', 1n],
] as const;

/** Delta spells durations as Spark intervals: `interval 30 days`. */
function deltaInterval(text: string): string {
  const micros: bigint = duration(text);
  const unit = UNITS.find(([, size]) => micros % size === 0n);
  return unit === undefined ? `interval ${micros} microseconds` : `interval ${micros / unit[1]} ${unit[0]}`;
}
