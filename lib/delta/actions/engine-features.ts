/** What other engines can do with Delta tables: measured where they run beside our tests, else from their documentation. */

export interface EngineFeatures {
  readonly name: string;
  /** The release, or the state of its documentation, that the rest was found with. */
  readonly since: string;
  /** Reader features it honours; reader version 1 needs none. `all` where it honours whatever Delta has. */
  readonly reads: 'all' | ReadonlySet<string>;
  /** Writer features it honours; undefined where it writes no Delta tables. */
  readonly writes: 'all' | ReadonlySet<string> | undefined;
  /** All it writes is new rows. */
  readonly insertsOnly?: true;
  /** It reads these features all the same, and gives other rows. */
  readonly wrong?: readonly { readonly features: readonly string[]; readonly partitioned: boolean; readonly reason: string }[];
  /** What to know of tables with deletion vectors. */
  readonly vacuumWarning?: string;
  /** What to know of partitioned tables that have all these reader features. */
  readonly partitionWarning?: { readonly features: readonly string[]; readonly reason: string };
}

const DELTA_RS_WRITES = new Set([
  'appendOnly',
  'invariants',
  'checkConstraints',
  'changeDataFeed',
  'generatedColumns',
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'v2Checkpoint',
  'variantType',
]);

const FULL_VACUUM =
  'its full vacuum knows no deletion vectors: of those that other engines wrote beside the data files it deletes every one; those that Lakefold writes stand in _dv, which it skips';

export const ENGINES: readonly EngineFeatures[] = [
  { name: 'Spark', since: 'Delta Lake 4.4.0', reads: 'all', writes: 'all' },
  {
    name: 'delta-rs',
    since: '1.6.6',
    reads: new Set(['timestampNtz', 'deletionVectors', 'columnMapping', 'v2Checkpoint', 'variantType', 'variantType-preview']),
    writes: DELTA_RS_WRITES,
    vacuumWarning: FULL_VACUUM,
  },
  {
    name: 'Polars',
    since: '2.1.0',
    reads: new Set(['timestampNtz', 'deletionVectors']),
    writes: DELTA_RS_WRITES,
    vacuumWarning: FULL_VACUUM,
    partitionWarning: {
      features: ['deletionVectors'],
      reason: 'in partitions whose values are escaped in paths (a space is enough) it loses deletion vectors and shows deleted rows',
    },
  },
  {
    name: 'DuckDB',
    since: '1.5.5',
    reads: new Set(['deletionVectors', 'columnMapping', 'timestampNtz', 'typeWidening', 'typeWidening-preview', 'v2Checkpoint', 'vacuumProtocolCheck']),
    writes: new Set([
      'appendOnly',
      'invariants',
      'changeDataFeed',
      'inCommitTimestamp',
      'domainMetadata',
      'rowTracking',
      'clustering',
      'deletionVectors',
      'columnMapping',
      'timestampNtz',
      'v2Checkpoint',
      'vacuumProtocolCheck',
      'icebergCompatV3',
    ]),
    insertsOnly: true,
    wrong: [{ features: ['columnMapping'], partitioned: true, reason: 'it reads partition columns of tables with column mapping as null' }],
    partitionWarning: {
      features: [],
      reason: 'what it inserts into partitions whose values are escaped in paths (a space is enough) no reader finds again',
    },
  },
  {
    name: 'Trino',
    since: '2026-11',
    reads: new Set(['columnMapping', 'timestampNtz', 'typeWidening', 'deletionVectors', 'vacuumProtocolCheck', 'variantType', 'v2Checkpoint']),
    writes: new Set([
      'appendOnly',
      'deletionVectors',
      'invariants',
      'checkConstraints',
      'changeDataFeed',
      'columnMapping',
      'timestampNtz',
      'vacuumProtocolCheck',
    ]),
  },
  { name: 'Athena', since: 'engine version 3', reads: new Set(['columnMapping', 'timestampNtz', 'deletionVectors']), writes: undefined },
  { name: 'Snowflake', since: '2026-03-02', reads: new Set(['columnMapping', 'timestampNtz', 'deletionVectors']), writes: undefined },
];
