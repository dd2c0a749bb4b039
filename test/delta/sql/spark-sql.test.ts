import { describe, expect, it } from 'vitest';
import { sparkSqlOf } from '../../../lib/delta/sql/spark-sql.ts';
import { KEY, NUMBER, RECEIVED, TIME } from '../../support/table-fixture.ts';

const TABLE = { location: "s3://b/it's `odd`", columns: [KEY, TIME, NUMBER, RECEIVED] };
const TARGET = "delta.`s3://b/it's ``odd```";

describe('a write as Spark SQL', () => {
  it('merges a view of updates, the row received last winning, columns it lacks becoming null', () => {
    expect(sparkSqlOf(TABLE, { kind: 'upsert', identity: ['k', 'e'], given: ['k', 'e', '_ingested_at'], receipt: '_ingested_at' })).toBe(
      `MERGE INTO ${TARGET} AS target USING updates AS source ON target.\`k\` = source.\`k\` AND target.\`e\` = source.\`e\`` +
        ' WHEN MATCHED AND (target.`_ingested_at` IS NULL OR source.`_ingested_at` >= target.`_ingested_at`) THEN UPDATE SET' +
        ' `k` = source.`k`, `e` = source.`e`, `v` = NULL, `_ingested_at` = source.`_ingested_at`' +
        ' WHEN NOT MATCHED THEN INSERT (`k`, `e`, `v`, `_ingested_at`) VALUES (source.`k`, source.`e`, NULL, source.`_ingested_at`)',
    );
  });

  it('lets the later write win where rows have no receipts', () => {
    expect(sparkSqlOf({ location: '/t', columns: [KEY, NUMBER] }, { kind: 'upsert', identity: ['k'], given: ['k', 'v'], receipt: undefined })).toBe(
      'MERGE INTO delta.`/t` AS target USING updates AS source ON target.`k` = source.`k` WHEN MATCHED THEN UPDATE SET `k` = source.`k`, `v` = source.`v`' +
        ' WHEN NOT MATCHED THEN INSERT (`k`, `v`) VALUES (source.`k`, source.`v`)',
    );
  });

  it('spells out few keys of a delete and reads many from a view', () => {
    expect(
      sparkSqlOf(TABLE, {
        kind: 'deleteKeys',
        identity: ['k', 'e'],
        keys: [
          ["o'x\\", 1_000_000n],
          ['b', -1n],
        ],
      }),
    ).toBe(
      `DELETE FROM ${TARGET} WHERE (\`k\` = 'o\\'x\\\\' AND \`e\` = TIMESTAMP'1970-01-01T00:00:01Z') OR (\`k\` = 'b' AND \`e\` = TIMESTAMP'1969-12-31T23:59:59.999999Z')`,
    );
    const many = Array.from({ length: 101 }, (_, i) => [`${i}`]);
    expect(sparkSqlOf(TABLE, { kind: 'deleteKeys', identity: ['k'], keys: many })).toBe(
      `MERGE INTO ${TARGET} AS target USING keys AS source ON target.\`k\` = source.\`k\` WHEN MATCHED THEN DELETE`,
    );
    expect(sparkSqlOf(TABLE, { kind: 'deleteKeys', identity: ['k'], keys: [] })).toBe(`DELETE FROM ${TARGET} WHERE FALSE`);
  });

  it('deletes and updates by filter', () => {
    const filter = { kind: 'compare', column: 'v', op: '>', value: 3 } as const;
    expect(sparkSqlOf(TABLE, { kind: 'deleteWhere', filter })).toBe(`DELETE FROM ${TARGET} WHERE \`v\` > 3`);
    expect(sparkSqlOf(TABLE, { kind: 'update', filter, set: new Map([['v', null]]) })).toBe(`UPDATE ${TARGET} SET \`v\` = NULL WHERE \`v\` > 3`);
  });
});
