/** What a schema of another engine demands of values beyond our types: rows that break it would be read otherwise there, or not at all. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { parseType, type Value } from '../../../lib/core/types.ts';
import { checkValues, ruleOfField } from '../../../lib/delta/schema/value-rules.ts';
import { KEY, NUMBER, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

type FieldJson = Parameters<typeof ruleOfField>[0];

const struct = (...fields: readonly FieldJson[]): FieldJson => ({ type: 'struct', fields: [...fields] });
const char = (type: string): FieldJson => ({ type: 'string', metadata: { __CHAR_VARCHAR_TYPE_STRING: type } });
const REQUIRED = { type: struct({ name: 'a', type: 'integer', nullable: false, metadata: {} }, { name: 'b', type: 'string', nullable: true, metadata: {} }) };
const OPTIONAL_BYTE = struct({ name: 'y', type: 'byte', nullable: true, metadata: {} });
const MAP: FieldJson = { type: { type: 'map', keyType: 'short', valueType: 'byte', valueContainsNull: false } };
const ASTRAL = '\u{1F600}';

/** The refusal of one value of a column `c`, undefined where it passes. */
function refusal(field: FieldJson, type: string, value: Value): string | undefined {
  const column = { name: 'c', type: parseType(type), nullable: true };
  const rule = ruleOfField(field);
  const ruled = { ...column, physicalName: 'c', metadata: {}, ...(rule === undefined ? {} : { rule }) };
  try {
    checkValues([ruled], batchOfRows([column], [[value]]));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('a value', () => {
  it.each<[string, FieldJson, string, Value, string | undefined]>([
    ['a byte', { type: 'byte' }, 'int', 127, undefined],
    ['a byte', { type: 'byte' }, 'int', -128, undefined],
    ['a byte', { type: 'byte' }, 'int', null, undefined],
    ['a byte', { type: 'byte' }, 'int', 128, 'expected a number from -128 to 127 in column c (TINYINT), found 128 in row 0'],
    ['a short', { type: 'short' }, 'int', 32_767, undefined],
    ['a short', { type: 'short' }, 'int', -32_769, 'expected a number from -32768 to 32767 in column c (SMALLINT), found -32769 in row 0'],
    ['an int', { type: 'integer' }, 'int', 2_147_483_647, undefined],
    ['VARCHAR(3)', char('varchar(3)'), 'string', ASTRAL.repeat(3), undefined],
    ['VARCHAR(3)', char('varchar(3)'), 'string', 'abcd', 'expected at most 3 characters in column c (VARCHAR(3)), found 4 in row 0'],
    ['CHAR(3)', char('char(3)'), 'string', 'a  ', undefined],
    ['CHAR(3)', char('char(3)'), 'string', 'a', 'expected 3 characters in column c (CHAR(3)), found 1 in row 0'],
    [
      'an array of VARCHAR',
      char('array<varchar(3)>'),
      'array<string>',
      ['a'],
      'expected column c of a type whose lengths Lakefold can check, found array<varchar(3)>',
    ],
    ['a struct with a required field', REQUIRED, 'struct<a:int,b:string>', [1, null], undefined],
    ['a struct with a required field', REQUIRED, 'struct<a:int,b:string>', [null, 'b'], 'expected a value in column c.a (NOT NULL), found null in row 0'],
    ['a struct with a required field', REQUIRED, 'struct<a:int,b:string>', null, 'expected a value in column c.a (NOT NULL), found null in row 0'],
    ['a list without nulls', { type: { type: 'array', elementType: 'integer', containsNull: false } }, 'array<int>', [], undefined],
    [
      'a list without nulls',
      { type: { type: 'array', elementType: 'integer', containsNull: false } },
      'array<int>',
      [1, null],
      'expected a value in column c.element (NOT NULL), found null in row 0',
    ],
    [
      'a list of structs of bytes',
      { type: { type: 'array', elementType: OPTIONAL_BYTE, containsNull: true } },
      'array<struct<y:int>>',
      [null, [1], [200]],
      'expected a number from -128 to 127 in column c.element.y (TINYINT), found 200 in row 0',
    ],
    ['a map', MAP, 'map<int,int>', [[1, 2]], undefined],
    ['a map', MAP, 'map<int,int>', [[40_000, 2]], 'expected a number from -32768 to 32767 in column c.key (SMALLINT), found 40000 in row 0'],
    ['a map', MAP, 'map<int,int>', [[1, null]], 'expected a value in column c.value (NOT NULL), found null in row 0'],
  ])('of %s (%j, %s): %j is answered with %j', (_, field, type, value, expected) => {
    expect(refusal(field, type, value)).toBe(expected);
  });
});

describe('a table of another engine', () => {
  const withBytes = async ({ table, foreign, open }: TableFixture) => {
    const { metadata } = table.snapshot;
    await foreign([{ metaData: { ...metadata, kind: undefined, schemaString: metadata.schemaString.replace('"integer"', '"byte"') } }]);
    return open();
  };
  const everyRow = { kind: 'and', filters: [] } as const;
  const tooLarge = expect.objectContaining({ code: 'CONSTRAINT_VIOLATED', context: { column: 'v', row: 0, constraint: 'TINYINT' } });
  const row = (v: number) => batchOfRows([KEY, NUMBER], [['a', v]]);

  it('takes no number that its column does not hold, whatever the operation', async () => {
    const fixture = await tableFixture({ columns: [KEY, NUMBER] });
    const table = await withBytes(fixture);
    await table.append(row(127));
    await expect(table.append(row(128))).rejects.toThrow(tooLarge);
    await expect(table.upsert(row(-129), { keys: ['k'] })).rejects.toThrow(tooLarge);
    await expect(table.overwrite(row(300))).rejects.toThrow(tooLarge);
    await expect(table.update({ filter: everyRow, set: new Map([['v', 300]]) })).rejects.toThrow(tooLarge);
    expect(await fixture.rows()).toEqual([['a', 127]]);
  });

  it('is packed as it is, even where rows of another writer break its rules', async () => {
    const fixture = await tableFixture({ columns: [KEY, NUMBER] });
    await fixture.table.append(row(300));
    await fixture.table.append(row(301));
    const table = await withBytes(fixture);
    expect(await table.optimize()).toMatchObject({ kind: 'committed' });
    expect(await fixture.rows()).toEqual([
      ['a', 300],
      ['a', 301],
    ]);
  });
});
