/**
 * Tables that Spark makes, one Delta feature each: statements in which {t} is the table, or settings of the session.
 *
 * `weWrite`: what becomes of our own append afterwards, done or refused by the name of a feature.
 */
export type Statement = string | Readonly<Record<string, string | null>>;

export interface SparkTable {
  readonly name: string;
  readonly statements: readonly Statement[];
  /** The code with which we refuse to read it. */
  readonly refused?: { readonly code: string; readonly feature?: string };
  /** Changes of ours that Spark then reads equal: rows appended, upserted and deleted by `key`. */
  readonly weChange?: OurChanges;
  /** Features that stop our writes, or that we write although the table has them. */
  readonly weWrite?:
    | { readonly kind: 'refused'; readonly feature: string }
    | { readonly kind: 'rows'; readonly rows: readonly Readonly<Record<string, unknown>>[] };
  readonly changeFeed?: 'compared';
}

/** Rows of a table as our API takes them. */
type Rows = readonly Readonly<Record<string, unknown>>[];

export interface OurChanges {
  readonly key: string;
  readonly append: Rows;
  readonly upsert: Rows;
  readonly remove: Rows;
  /** Rows that Spark's constraints forbid, and the one that each breaks. */
  readonly forbidden?: readonly (readonly [row: Rows[number], constraint: string])[];
  /** Whose own `TIMESTAMP AS OF` our commits must answer to. */
  readonly times?: 'compared';
}

const DV = "'delta.enableDeletionVectors'='true'";
const NO_DV = "'delta.enableDeletionVectors'='false'";
const CDF = "'delta.enableChangeDataFeed'='true'";
const WIDE = `${DV}, 'delta.enableTypeWidening'='true'`;
const TYPED = 'id BIGINT, g STRING, k STRING, v DOUBLE, ts TIMESTAMP';

const rows = (from: number, to: number): string =>
  `SELECT id, CONCAT('g ', id % 3) AS g, CONCAT('k', id % 13) AS k, CAST(id / 8 AS DOUBLE) AS v, TIMESTAMP_MICROS(1700000000000000 + id * 1000001) AS ts FROM RANGE(${from}, ${to})`;
const insert = (from: number, to: number): string => `INSERT INTO {t} ${rows(from, to)}`;
const merge = (from: number, to: number): string =>
  `MERGE INTO {t} t USING (SELECT id, g, k, v + 1000 AS v, ts FROM (${rows(from, to)})) s ON t.id = s.id ` +
  'WHEN MATCHED AND s.id % 5 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *';
const create = (properties: string, columns = TYPED, more = ''): string => `CREATE TABLE {t} (${columns}) USING delta ${more} TBLPROPERTIES (${properties})`;
const property = (text: string): string => `ALTER TABLE {t} SET TBLPROPERTIES (${text})`;
const setting = (key: string, value: string, statements: readonly Statement[]): readonly Statement[] => [{ [key]: value }, ...statements, { [key]: null }];
const HISTORY = [insert(0, 40), merge(30, 50), 'DELETE FROM {t} WHERE id % 11 = 3', "UPDATE {t} SET v = -v WHERE g = 'g 2'"];
const FIVE_MORE = [0, 1, 2, 3, 4].map((i) => insert(300 + i, 301 + i));
const OURS = { kind: 'rows', rows: [{ id: 7001n, g: 'ü 1', k: 'ours', v: 0.5, ts: '2024-05-01T00:00:00.000001Z' }, { id: 7002n }] } as const;

const CHANGES: OurChanges = {
  key: 'id',
  append: [...OURS.rows, { id: 7003n, g: 'g 1', k: 'ours', v: NaN, ts: '1969-12-31T23:59:59.999999Z' }],
  upsert: [
    { id: 7001n, g: 'ü 1', k: 'again', v: -0 },
    { id: 1n, g: 'g 1', k: 'over theirs', v: 7, ts: null },
    { id: 7004n, g: 'g 2', k: 'new', v: 1, ts: null },
  ],
  remove: [{ id: 7002n }, { id: 2n }],
};
/** Of a table with these columns alone, some under other names. */
const changesOf = (names: Readonly<Record<string, string | null>>): OurChanges => {
  const renamed = (row: Rows[number]): Rows[number] =>
    Object.fromEntries(Object.entries(row).flatMap(([name, value]) => (names[name] === null ? [] : [[names[name] ?? name, value]])));
  return { ...CHANGES, append: CHANGES.append.map(renamed), upsert: CHANGES.upsert.map(renamed) };
};

const VALUES = `SELECT * FROM VALUES
 (true, 1Y, 2S, 3, 4L, CAST(1.1 AS FLOAT), 1.1D, 1.10BD, CAST(123456789012345678.90 AS DECIMAL(20,2)), CAST(-0.000000000000000001 AS DECIMAL(38,18)),
  'a"\\\\é', X'00FF', DATE'2024-02-29', TIMESTAMP'2024-02-29T01:02:03.000004Z', ARRAY(1, NULL, 3), MAP('z', 1L, 'a', NULL), NAMED_STRUCT('x', 1, 'y', ARRAY(NAMED_STRUCT('p', 'q')))),
 (false, -128Y, -32768S, -2147483648, 9223372036854775807L, CAST('NaN' AS FLOAT), CAST('-Infinity' AS DOUBLE), -9.99BD, CAST(0 AS DECIMAL(20,2)), CAST(99999999999999999999 AS DECIMAL(38,18)),
  '', X'', DATE'0001-01-01', TIMESTAMP'0001-01-01T00:00:00Z', ARRAY(), MAP(), NAMED_STRUCT('x', NULL, 'y', NULL)),
 (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (true, 0Y, 0S, 0, -9223372036854775808L, CAST(-0.0 AS FLOAT), CAST('NaN' AS DOUBLE), 0.00BD, CAST(-999999999999999999.99 AS DECIMAL(20,2)), CAST(0 AS DECIMAL(38,18)),
  'NULL', X'80', DATE'9999-12-31', TIMESTAMP'9999-12-31T23:59:59.999999Z', ARRAY(NULL), MAP('', 0L), NAMED_STRUCT('x', 2, 'y', ARRAY(NULL)))
 AS t(bool, i8, i16, i32, i64, f32, f64, d9, d20, d38, str, bin, day, ts, arr, map, st)`;

const PARTS = `SELECT * FROM VALUES
 (1L, 'plain', 7, 1.50BD, DATE'2024-02-29', TIMESTAMP'2024-02-29T01:02:03.000004Z', true, 1.5D),
 (2L, 'sp ace/%=:é?#', -7, -0.01BD, DATE'0001-01-01', TIMESTAMP'1969-12-31T23:59:59.5Z', false, CAST('NaN' AS DOUBLE)),
 (3L, '', NULL, NULL, NULL, NULL, NULL, NULL), (4L, NULL, 0, 0.00BD, DATE'9999-12-31', TIMESTAMP'2024-07-01T00:00:00Z', true, -0.0D)
 AS t(id, p_str, p_int, p_dec, p_day, p_ts, p_bool, p_dbl)`;

const EVERY_TYPE = {
  kind: 'rows',
  rows: [
    {
      bool: true,
      i8: -128,
      i16: 32_767,
      i32: -1,
      i64: 9_223_372_036_854_775_807n,
      f32: NaN,
      f64: -0,
      d9: '-9.99',
      d20: '999999999999999999.99',
      d38: '-0.000000000000000001',
      str: '\u{1F600}',
      bin: Uint8Array.of(255),
      day: '1582-10-10',
      ts: '0001-01-01T00:00:00.000001Z',
      arr: [null, 7],
      map: new Map([['k', null]]),
      st: { x: 1, y: [{ p: 'q' }, null] },
    },
  ],
} as const;

const allTypes = (name: string, statements: readonly Statement[]): SparkTable => ({ name: `all types, ${name}`, statements, weWrite: EVERY_TYPE });
const asSelect = `CREATE TABLE {t} USING delta TBLPROPERTIES (${NO_DV}) AS ${VALUES}`;

const HISTORIES: readonly SparkTable[] = [
  { name: 'merge-on-read', statements: [create(DV), ...HISTORY, 'OPTIMIZE {t}', 'RESTORE {t} TO VERSION AS OF 2'], weWrite: OURS },
  {
    name: 'copy-on-write with cdc files',
    statements: [
      create(
        `${NO_DV}, ${CDF}, 'delta.minReaderVersion'='1', 'delta.minWriterVersion'='7', 'delta.feature.appendOnly'='supported', 'delta.feature.invariants'='supported'`,
      ),
      ...HISTORY,
      'OPTIMIZE {t} ZORDER BY (id)',
    ],
    changeFeed: 'compared',
    weChange: CHANGES,
  },
  {
    name: 'merge-on-read change feed',
    statements: [create(`${DV}, ${CDF}`), ...HISTORY, 'OPTIMIZE {t}', 'DELETE FROM {t} WHERE id < 5'],
    changeFeed: 'compared',
    weChange: CHANGES,
  },
  {
    name: 'partitions with deletion vectors',
    statements: [create(DV, TYPED, 'PARTITIONED BY (g)'), ...HISTORY, "DELETE FROM {t} WHERE g = 'g 1'"],
    weWrite: OURS,
  },
  {
    name: 'deletion vectors purged and dropped',
    statements: [create(DV), ...HISTORY, property(NO_DV), 'REORG TABLE {t} APPLY (PURGE)', merge(0, 10), 'INSERT OVERWRITE {t} ' + rows(7, 9)],
    weWrite: OURS,
  },
  { name: 'append-only', statements: [create(`${NO_DV}, 'delta.appendOnly'='true'`), insert(0, 5)], weWrite: OURS },
  {
    name: 'app transactions and a replaced range',
    statements: [
      create(NO_DV),
      { 'spark.databricks.delta.write.txnAppId': 'loader', 'spark.databricks.delta.write.txnVersion': '1' },
      insert(0, 3),
      { 'spark.databricks.delta.write.txnAppId': null, 'spark.databricks.delta.write.txnVersion': null },
      `INSERT INTO {t} REPLACE WHERE id = 1 ${rows(1, 2)}`,
    ],
    weWrite: OURS,
  },
];

const CHECKPOINTS: readonly SparkTable[] = [
  {
    name: 'checkpoint with struct statistics alone',
    statements: [
      create(`${DV}, 'delta.checkpointInterval'='5', 'delta.checkpoint.writeStatsAsJson'='false', 'delta.checkpoint.writeStatsAsStruct'='true'`),
      ...HISTORY,
      ...FIVE_MORE,
    ],
    weWrite: OURS,
  },
  {
    name: 'multi-part checkpoint',
    statements: setting('spark.databricks.delta.checkpoint.partSize', '3', [create(`${NO_DV}, 'delta.checkpointInterval'='5'`), ...HISTORY, ...FIVE_MORE]),
    weWrite: OURS,
  },
  ...['json', 'parquet'].map((format): SparkTable => ({
    name: `V2 checkpoint in ${format}`,
    statements: setting('spark.databricks.delta.checkpointV2.topLevelFileFormat', format, [
      ...setting('spark.databricks.delta.checkpoint.partSize', '4', [
        create(`${DV}, 'delta.checkpointInterval'='5', 'delta.checkpointPolicy'='v2'`),
        ...HISTORY,
        ...FIVE_MORE,
      ]),
    ]),
    weChange: CHANGES,
  })),
];

const MAPPED: readonly SparkTable[] = [
  {
    name: 'column mapping by name',
    statements: [
      create(`${DV}, 'delta.columnMapping.mode'='name'`),
      ...HISTORY.slice(0, 2),
      'ALTER TABLE {t} RENAME COLUMN v TO `v 2,;`',
      'ALTER TABLE {t} DROP COLUMN k',
      "INSERT INTO {t} VALUES (400, 'g 1', 1.5, NULL)",
      'ALTER TABLE {t} ADD COLUMN (k STRING)',
      "UPDATE {t} SET k = 'new' WHERE id < 3",
    ],
    weChange: changesOf({ v: 'v 2,;' }),
  },
  {
    name: 'column mapping by id, partitioned',
    statements: [create(`${DV}, 'delta.columnMapping.mode'='id'`, TYPED, 'PARTITIONED BY (g)'), ...HISTORY.slice(0, 3), 'ALTER TABLE {t} RENAME COLUMN g TO h'],
    weChange: changesOf({ g: 'h' }),
  },
  {
    name: 'column mapping switched on later',
    statements: [
      create(NO_DV),
      insert(0, 9),
      property("'delta.columnMapping.mode'='name','delta.minReaderVersion'='2','delta.minWriterVersion'='5'"),
      'ALTER TABLE {t} RENAME COLUMN k TO key',
      insert(40, 44),
    ],
    weChange: changesOf({ k: 'key' }),
  },
  { name: 'Iceberg compatibility', statements: [create(`${NO_DV}, 'delta.columnMapping.mode'='name', 'delta.enableIcebergCompatV2'='true'`), insert(0, 9)] },
  {
    name: 'nested fields added, renamed and dropped',
    statements: [
      create(`${DV}, 'delta.columnMapping.mode'='name'`, 'id BIGINT, s STRUCT<a: INT, l: ARRAY<STRUCT<x: INT>>>, m MAP<STRING, STRUCT<y: INT>>'),
      "INSERT INTO {t} VALUES (1, NAMED_STRUCT('a', 1, 'l', ARRAY(NAMED_STRUCT('x', 1), NULL)), MAP('k', NAMED_STRUCT('y', 1)))",
      'ALTER TABLE {t} ADD COLUMNS (s.b STRING, s.l.element.z DOUBLE, m.value.w INT, first DOUBLE FIRST)',
      'ALTER TABLE {t} RENAME COLUMN s.a TO aa',
      "INSERT INTO {t} VALUES (2.5D, 2, NAMED_STRUCT('aa', 2, 'l', ARRAY(NAMED_STRUCT('x', 2, 'z', 2.5D)), 'b', 'x'), MAP('k', NAMED_STRUCT('y', 2, 'w', 3)))",
      'ALTER TABLE {t} DROP COLUMN s.aa',
    ],
    weChange: {
      key: 'id',
      append: [{ first: 0.5, id: 7001n, s: { l: [{ x: 1, z: NaN }, null], b: 'ü' }, m: new Map([['k', { y: 1, w: 2 }]]) }, { id: 7002n }],
      upsert: [{ id: 1n, s: { l: [], b: null }, m: new Map([['', null]]) }],
      remove: [{ id: 7002n }],
    },
  },
];

const TYPES: readonly SparkTable[] = [
  allTypes('INT96', setting('spark.sql.parquet.outputTimestampType', 'INT96', [asSelect])),
  allTypes('microseconds', setting('spark.sql.parquet.outputTimestampType', 'TIMESTAMP_MICROS', [asSelect])),
  allTypes('milliseconds', setting('spark.sql.parquet.outputTimestampType', 'TIMESTAMP_MILLIS', [asSelect])),
  allTypes('legacy lists and decimals', setting('spark.sql.parquet.writeLegacyFormat', 'true', [asSelect])),
  allTypes('gzip', setting('spark.sql.parquet.compression.codec', 'gzip', [asSelect])),
  allTypes('dictionaries off, pages of version 2', setting('spark.hadoop.parquet.writer.version', 'v2', [asSelect])),
  {
    name: 'type widening',
    statements: [
      create(WIDE, 'id BIGINT, a TINYINT, b INT, c FLOAT, d DECIMAL(4,2), f SMALLINT, l ARRAY<INT>, s STRUCT<x: SMALLINT>, m MAP<INT, INT>'),
      "INSERT INTO {t} VALUES (1, 1Y, 2, CAST(1.1 AS FLOAT), 1.25, 5S, ARRAY(1, 2), NAMED_STRUCT('x', 3S), MAP(1, 2))",
      'ALTER TABLE {t} ALTER COLUMN a TYPE INT',
      'ALTER TABLE {t} ALTER COLUMN b TYPE BIGINT',
      'ALTER TABLE {t} ALTER COLUMN c TYPE DOUBLE',
      'ALTER TABLE {t} ALTER COLUMN d TYPE DECIMAL(10,4)',
      'ALTER TABLE {t} ALTER COLUMN f TYPE DOUBLE',
      'ALTER TABLE {t} ALTER COLUMN l.element TYPE BIGINT',
      'ALTER TABLE {t} ALTER COLUMN s.x TYPE INT',
      'ALTER TABLE {t} ALTER COLUMN m.value TYPE BIGINT',
      "INSERT INTO {t} VALUES (2, 70000, 5000000000, 2.2D, 123456.7891, 0.5D, ARRAY(5000000000), NAMED_STRUCT('x', 70000), MAP(1, 5000000000))",
    ],
    weWrite: { kind: 'refused', feature: 'typeWidening' },
  },
  {
    name: 'type widening, date to local time',
    statements: [
      create(`${WIDE}, 'delta.feature.timestampNtz'='supported'`, 'id BIGINT, e DATE'),
      "INSERT INTO {t} VALUES (1, DATE'2024-01-02')",
      'ALTER TABLE {t} ALTER COLUMN e TYPE TIMESTAMP_NTZ',
      "INSERT INTO {t} VALUES (2, TIMESTAMP_NTZ'2024-01-03T01:02:03')",
    ],
  },
  {
    name: 'local times as partitions',
    statements: [
      create(DV, 'id BIGINT, n TIMESTAMP_NTZ, p TIMESTAMP_NTZ', 'PARTITIONED BY (p)'),
      "INSERT INTO {t} VALUES (1, TIMESTAMP_NTZ'2024-02-29T01:02:03.000004', TIMESTAMP_NTZ'2024-02-29T01:02:03.000004'), (2, NULL, NULL)",
    ],
    weWrite: { kind: 'rows', rows: [{ id: 3n, n: '2024-02-29T01:02:03.5', p: '2024-02-29T01:02:03.000004' }] },
  },
  {
    name: 'partitions of every type',
    statements: [
      `CREATE TABLE {t} USING delta PARTITIONED BY (p_str, p_int, p_dec, p_day, p_ts, p_bool, p_dbl) TBLPROPERTIES (${NO_DV}) AS ${PARTS}`,
      'DELETE FROM {t} WHERE id = 1',
    ],
    weWrite: { kind: 'rows', rows: [{ id: 9n, p_str: 'sp ace/%=:é?#', p_int: -7, p_dec: '-0.01', p_day: '0001-01-01', p_bool: false, p_dbl: NaN }] },
  },
  {
    name: 'partition times as text of the writer',
    statements: setting('spark.databricks.delta.write.utcTimestampPartitionValues', 'false', [
      create(NO_DV, 'id BIGINT, p TIMESTAMP', 'PARTITIONED BY (p)'),
      "INSERT INTO {t} VALUES (1, TIMESTAMP'2024-02-29T01:02:03.5Z'), (2, TIMESTAMP'0001-01-01T00:00:00Z'), (3, NULL)",
    ]),
  },
  {
    name: 'names with dots, words of SQL and other alphabets',
    statements: [
      create(DV, '`a.b` BIGINT, `ü` STRING, `select` INT, s STRUCT<x: INT>', 'PARTITIONED BY (`ü`)'),
      "INSERT INTO {t} VALUES (1, 'ß', 2, NAMED_STRUCT('x', 3)), (2, NULL, 3, NULL)",
      'DELETE FROM {t} WHERE `a.b` = 1',
    ],
  },
  { name: 'a table without rows', statements: [create(DV)] },
  { name: 'void column', statements: ['CREATE TABLE {t} (id BIGINT, n VOID) USING delta', 'INSERT INTO {t} (id) VALUES (1)'] },
  { name: 'variant', statements: [create(DV, 'id BIGINT, v VARIANT')], refused: { code: 'UNSUPPORTED_TABLE_FEATURE', feature: 'variantType' } },
];

const FEATURES: readonly SparkTable[] = [
  {
    name: 'constraints',
    statements: [
      create(NO_DV, 'id BIGINT NOT NULL, v DOUBLE'),
      'ALTER TABLE {t} ADD CONSTRAINT positive CHECK (v > 0 OR v IS NULL)',
      'INSERT INTO {t} VALUES (1, 1.0), (2, NULL)',
    ],
    weChange: {
      ...changesOf({ g: null, k: null, ts: null }),
      upsert: [
        { id: 7001n, v: 8 },
        { id: 1n, v: null },
      ],
      forbidden: [
        [{ id: 7005n, v: -0 }, 'positive'],
        [{ v: 1 }, 'NOT NULL'],
      ],
    },
  },
  {
    name: 'generated, identity and default columns',
    statements: [
      create(
        `${NO_DV}, 'delta.feature.allowColumnDefaults'='supported'`,
        'id BIGINT GENERATED BY DEFAULT AS IDENTITY, ts TIMESTAMP, d DATE GENERATED ALWAYS AS (CAST(ts AS DATE)), x INT DEFAULT 5',
      ),
      "INSERT INTO {t} (ts) VALUES (TIMESTAMP'2024-02-29T01:02:03Z'), (NULL)",
    ],
  },
  {
    name: 'in-commit timestamps',
    statements: [create(`${DV}, 'delta.enableInCommitTimestamps'='true'`), ...HISTORY.slice(0, 3)],
    weChange: { ...CHANGES, times: 'compared' },
  },
  { name: 'row tracking', statements: [create(`${DV}, 'delta.enableRowTracking'='true'`), ...HISTORY.slice(0, 3)] },
  { name: 'liquid clustering', statements: [create(DV, TYPED, 'CLUSTER BY (id)'), ...HISTORY.slice(0, 2), 'OPTIMIZE {t}'] },
  { name: 'vacuum protocol check', statements: [create(`${DV}, 'delta.feature.vacuumProtocolCheck'='supported'`), ...HISTORY.slice(0, 2)] },
  { name: 'shallow clone', statements: ['CREATE TABLE {t} SHALLOW CLONE delta.`{folder}/source`'], refused: { code: 'PATH_OUTSIDE_TABLE' } },
];

export const SPARK_TABLES: readonly SparkTable[] = [...HISTORIES, ...CHECKPOINTS, ...MAPPED, ...TYPES, ...FEATURES];

/**
 * Statements of a table in one file a partition, for its statistics; numbers are finite, since of NaN and infinities we state
 * no bounds where Spark states some that hold only by its own order.
 */
export function statsStatements(profile: 'merge-on-read' | 'compatible', partitionBy: readonly string[]): readonly string[] {
  const by = partitionBy.length === 0 ? '' : `PARTITIONED BY (${partitionBy.join(', ')})`;
  const finite = 'SELECT /*+ COALESCE(1) */ * EXCEPT (f32, f64), CAST(i16 / 7 AS FLOAT) AS f32, CAST(i32 / 7 AS DOUBLE) AS f64';
  return [`CREATE TABLE {t} USING delta ${by} TBLPROPERTIES (${profile === 'compatible' ? NO_DV : DV}) AS ${finite} FROM (${VALUES})`];
}
