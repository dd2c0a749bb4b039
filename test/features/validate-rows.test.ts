import { describe, expect, it } from 'vitest';
import { rowsOf } from '../../lib/core/batch.ts';
import { instant } from '../../lib/core/time.ts';
import { parseRows, type RowsBody } from '../../lib/features/ingest/parse-rows.ts';
import { inputColumns } from '../../lib/features/ingest/received-rows.ts';
import { refuseFaults, rowRules, validateRows, type RowCheck, type ValidatedRows } from '../../lib/features/ingest/validate-rows.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import { parseFeatureGroup, type FeatureGroupDraft } from '../../lib/registry/parse-group.ts';
import { thrownBy } from '../registry/examples.ts';

const definition = parseFeatureGroup({
  name: 'g',
  primaryKey: ['k'],
  eventTime: 'at',
  schema: [
    { name: 'k', type: 'string' },
    { name: 'at', type: 'timestamp' },
    { name: 'n', type: 'int' },
    { name: 'v', type: 'double', nullable: true },
  ],
});
const now = instant('2001-01-01T12:00:00Z');
const at = '2001-01-01T10:00:00Z';

async function validate(rows: readonly unknown[], group: FeatureGroupDraft = definition, checks: readonly RowCheck[] = []): Promise<ValidatedRows> {
  const body: RowsBody = { format: 'objects', rows };
  return validateRows(await parseRows({ codec: createNdjsonCodec() }, body, { columns: inputColumns(group) }), rowRules(group, now, checks));
}
const codes = ({ faults }: ValidatedRows): readonly string[] => faults.map(({ row, feature, code }) => `${row} ${feature ?? '-'} ${code}`);

describe('row checks', () => {
  it('let sound rows through as they are', async () => {
    const validated = await validate([
      { k: 'a', at, n: 1, v: 2 },
      { k: 'b', at, n: 2 },
    ]);
    expect({ ...validated, batch: rowsOf(validated.batch) }).toEqual({
      batch: [
        ['a', instant(at), 1, 2],
        ['b', instant(at), 2, null],
      ],
      rowIndex: undefined,
      received: 2,
      faults: [],
      faultCount: 0,
      rejected: 0,
    });
    expect(thrownBy(() => refuseFaults(validated))).toBeUndefined();
  });

  it('set faulty rows aside and tell where the others stood', async () => {
    const validated = await validate([
      { k: 'a', at, n: 1 },
      { at, n: 1 },
      { k: 'c', at, n: 'x' },
      { k: 'd', at, n: 4 },
      { k: 'e', n: 1 },
    ]);
    expect(rowsOf(validated.batch)).toEqual([
      ['a', instant(at), 1, null],
      ['d', instant(at), 4, null],
    ]);
    expect({ rowIndex: [...(validated.rowIndex ?? [])], received: validated.received, rejected: validated.rejected, faults: codes(validated) }).toEqual({
      rowIndex: [0, 3],
      received: 5,
      rejected: 3,
      faults: ['1 k NULL_KEY', '2 n TYPE_MISMATCH', '4 at EVENT_TIME_REQUIRED'],
    });
  });

  it('name nulls by the part their column plays, and no cell twice', async () => {
    expect(codes(await validate([{}, { k: 1, at: 'x', n: null }, 7]))).toEqual([
      '0 k NULL_KEY',
      '0 at EVENT_TIME_REQUIRED',
      '0 n NULL_NOT_ALLOWED',
      '1 k TYPE_MISMATCH',
      '1 at INVALID_TIMESTAMP',
      '1 n NULL_NOT_ALLOWED',
      '2 - TYPE_MISMATCH',
    ]);
  });

  it('refuse the future beyond the skew, inclusive, unless it is unchecked (U12)', async () => {
    const rows = [
      { k: 'a', at: '2001-01-01T12:05:00Z', n: 1 },
      { k: 'a', at: '2001-01-01T12:05:00.000001Z', n: 1 },
    ];
    const validated = await validate(rows);
    expect(validated.faults).toEqual([
      {
        row: 1,
        feature: 'at',
        code: 'FUTURE_EVENT_TIME',
        message: 'expected an event time up to 2001-01-01T12:05:00Z in at, found 2001-01-01T12:05:00.000001Z',
        expected: 'an event time up to 2001-01-01T12:05:00Z',
        found: '2001-01-01T12:05:00.000001Z',
      },
    ]);
    expect((await validate(rows, { ...definition, maxFutureSkew: null })).faults).toEqual([]);
    expect(
      (
        await validate(
          [
            { k: 'a', at: '2001-01-02', n: 1 },
            { k: 'a', at: '2001-01-01', n: 1 },
          ],
          { ...definition, schema: definition.schema.map((column) => (column.name === 'at' ? { ...column, type: 'date' } : column)) },
        )
      ).faults,
    ).toMatchObject([{ row: 0, code: 'FUTURE_EVENT_TIME', found: '2001-01-02' }]);
  });

  it('refuse keys beyond 1,000 bytes, counted as they are encoded (KEY_TOO_LONG)', async () => {
    expect(
      codes(
        await validate([
          { k: 'a'.repeat(997), at, n: 1 },
          { k: 'a'.repeat(998), at, n: 1 },
          { k: 'é'.repeat(499), at, n: 1 },
        ]),
      ),
    ).toEqual(['1 k KEY_TOO_LONG', '2 k KEY_TOO_LONG']);
  });

  it('ask further checks about sound rows only', async () => {
    const asked: number[] = [];
    const check: RowCheck = (_batch, row) => {
      asked.push(row);
      return row === 2 ? { code: 'ROW_TOO_LARGE', message: 'too large' } : undefined;
    };
    const validated = await validate([{ k: 'a', at, n: 1 }, {}, { k: 'c', at, n: 1 }], definition, [check]);
    expect(asked).toEqual([0, 2]);
    expect(validated.faults.at(-1)).toEqual({ row: 2, code: 'ROW_TOO_LARGE', message: 'too large' });
    expect([...(validated.rowIndex ?? [])]).toEqual([0]);
  });

  it('refuse the whole request with every fault by row', async () => {
    const validated = await validate([
      { k: 'a', at, n: 1 },
      { k: 'b', at, n: 'x' },
    ]);
    expect(thrownBy(() => refuseFaults(validated))).toMatchObject({
      code: 'VALIDATION_FAILED',
      errorCount: 1,
      errors: [{ row: 1, feature: 'n', code: 'TYPE_MISMATCH' }],
    });
  });

  it('take a global entity', async () => {
    const group = parseFeatureGroup({ name: 'g', primaryKey: [], schema: [{ name: 'n', type: 'int' }] });
    expect(rowsOf((await validate([{ n: 1 }], group)).batch)).toEqual([[1]]);
  });
});
