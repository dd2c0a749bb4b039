import { describe, expect, it } from 'vitest';
import { parseType } from '../../../lib/core/types.ts';
import { formatSchema, parseSchema } from '../../../lib/delta/schema/schema.ts';

const field = (name: string, type: unknown, more: object = {}): string =>
  JSON.stringify({ type: 'struct', fields: [{ name, type, nullable: true, metadata: {}, ...more }] });

describe('table schemas', () => {
  it('of every type go to JSON and back', () => {
    const types = [
      'boolean',
      'int',
      'bigint',
      'float',
      'double',
      'decimal(10,2)',
      'string',
      'binary',
      'date',
      'timestamp',
      'timestampNtz',
      'array<string>',
      'vector(8)',
      'map<string,double>',
      'struct<a:int,b:array<struct<c:date>>>',
    ];
    const columns = types.map((type, i) => ({ name: `c${i}`, type: parseType(type), nullable: i % 2 === 0 }));
    expect(parseSchema(formatSchema(columns)).map(({ name, type, nullable }) => ({ name, type, nullable }))).toEqual(columns);
  });

  it('are written as Spark writes them', () => {
    const columns = [
      { name: 'k', type: parseType('bigint'), nullable: false, description: 'the key' },
      { name: 'e', type: parseType('vector(3)'), nullable: true, metadata: { other: 1 } },
      { name: 's', type: parseType('struct<a:int>'), nullable: true },
    ];
    expect(formatSchema(columns)).toBe(
      '{"type":"struct","fields":[' +
        '{"name":"k","type":"long","nullable":false,"metadata":{"comment":"the key"}},' +
        '{"name":"e","type":{"type":"array","elementType":"float","containsNull":true},"nullable":true,"metadata":{"other":1,"lakefold.vectorLength":3}},' +
        '{"name":"s","type":{"type":"struct","fields":[{"name":"a","type":"integer","nullable":true,"metadata":{}}]},"nullable":true,"metadata":{}}]}',
    );
  });

  it('read narrower integers as int with a rule, and descriptions from comments', () => {
    const byte = { kind: 'whole', name: 'TINYINT', min: -128, max: 127 };
    const short = { kind: 'whole', name: 'SMALLINT', min: -32_768, max: 32_767 };
    expect(
      parseSchema(
        '{"type":"struct","fields":[{"name":"b","type":"byte","nullable":true,"metadata":{"comment":"small"}},{"name":"s","type":"short","nullable":true,"metadata":{}}]}',
      ),
    ).toEqual([
      { name: 'b', type: { kind: 'int' }, nullable: true, physicalName: 'b', metadata: { comment: 'small' }, description: 'small', rule: byte },
      { name: 's', type: { kind: 'int' }, nullable: true, physicalName: 's', metadata: {}, rule: short },
    ]);
  });

  it('know names and ids in the files under column mapping, of nested fields too', () => {
    const mapped = (id: number, physicalName: string): object => ({
      nullable: true,
      metadata: { 'delta.columnMapping.id': id, 'delta.columnMapping.physicalName': physicalName },
    });
    const schema = JSON.stringify({
      type: 'struct',
      fields: [{ name: 's', type: { type: 'struct', fields: [{ name: 'a', type: 'long', ...mapped(2, 'col-2') }] }, ...mapped(1, 'col-1') }],
    });
    expect(parseSchema(schema)).toEqual([
      {
        name: 's',
        type: { kind: 'struct', fields: [{ name: 'a', type: { kind: 'bigint' } }] },
        physicalType: { kind: 'struct', fields: [{ name: 'col-2', type: { kind: 'bigint' }, fieldId: 2 }] },
        nullable: true,
        physicalName: 'col-1',
        fieldId: 1,
        metadata: { 'delta.columnMapping.id': 1, 'delta.columnMapping.physicalName': 'col-1' },
      },
    ]);
  });

  it('keep metadata they know nothing of', () => {
    const text = field('a', 'long', { metadata: { 'x.y': { deep: [1, 'b'] }, n: 9007199254740992 } });
    const [column] = parseSchema(text);
    expect(column === undefined ? '' : formatSchema([column])).toBe(text);
  });

  it.each(['variant', 'interval year to month', 'geometry(4326)', 'timestamp_nanos'])('refuse type %s by name', (type) => {
    expect(() => parseSchema(field('a', type))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: type } }));
  });

  it('refuse a user-defined type by name', () => {
    expect(() => parseSchema(field('a', { type: 'udt', class: 'x' }))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: 'udt' } }),
    );
  });

  it.each([
    'nonsense',
    '[]',
    '{"type":"struct"}',
    '{"type":"struct","fields":[{"type":"long"}]}',
    '{"type":"struct","fields":[7]}',
    field('a', 'decimal(39,2)'),
    field('a', { type: 'array' }),
  ])('refuse %s as corrupt', (text) => {
    expect(() => parseSchema(text)).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }));
  });
});
