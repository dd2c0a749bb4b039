import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseType } from '../../lib/core/types.ts';
import { toValue } from '../../lib/core/input-values.ts';
import { csvInput, parseCsv } from '../../lib/features/ingest/csv.ts';
import { thrownBy } from '../registry/examples.ts';

describe('CSV', () => {
  it('tells the empty string from null', () => {
    expect(parseCsv('a,b,c\n,"",x\n')).toEqual({ header: ['a', 'b', 'c'], rows: [[null, '', 'x']] });
  });

  it('reads quotes, commas and line breaks inside quotes, LF and CRLF, with or without a last line break', () => {
    expect(parseCsv('a,b\r\n"x,""y""\nz", w \r\n1,2')).toEqual({
      header: ['a', 'b'],
      rows: [
        ['x,"y"\nz', ' w '],
        ['1', '2'],
      ],
    });
    expect(parseCsv('\uFEFFa\n1\n')).toEqual({ header: ['a'], rows: [['1']] });
    expect(parseCsv('a,b\n1,\n')).toEqual({ header: ['a', 'b'], rows: [['1', null]] });
    expect(parseCsv('a,b\n1,')).toEqual({ header: ['a', 'b'], rows: [['1', null]] });
  });

  it('reads an empty line as a null where there is one column, and as nothing where there are more', () => {
    expect(parseCsv('a\n\nx\n').rows).toEqual([[null], ['x']]);
    expect(parseCsv('a,b\n\n1,2\n\n').rows).toEqual([['1', '2']]);
  });

  it.each([
    ['', 'expected a header line, found an empty file'],
    ['a,a\n', 'expected a header of different names, found "a" twice'],
    ['a,\n', 'expected a header of different names, found ""'],
    ['a,b\n1\n', 'expected 2 fields in row 0, found 1'],
    ['a,b\n1,2\n1,2,3\n', 'expected 2 fields in row 1, found 3'],
    ['a\n"x\n', 'expected a closing quote in row 0, found the end of the file'],
    ['a\n"x"y\n', 'expected a comma or a line break after the closing quote in row 0, found "y\\n"'],
    ['a\nx"y\n', 'expected a field in quotes throughout or not at all in row 0, found a quote inside a field'],
    ['"a\n', 'expected a closing quote in the header, found the end of the file'],
  ])('refuses %j', (text, message) => {
    expect(thrownBy(() => parseCsv(text))).toMatchObject({ code: 'MALFORMED_FILE', message });
  });

  it('refuses more columns than there may be, before a row is read', () => {
    const header = Array.from({ length: 10_001 }, (_, i) => `c${i}`).join(',');
    expect(thrownBy(() => parseCsv(`${header}\n"`))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(thrownBy(() => parseCsv(`${header}\n`))).toMatchObject({ code: 'LIMIT_EXCEEDED', context: { limit: 'CSV_COLUMNS_MAX', limitValue: 10_000 } });
  });

  it('stops at the first row of another length, whatever comes behind it', () => {
    expect(thrownBy(() => parseCsv(`a,b\n1\n"${'x'.repeat(10)}`))).toMatchObject({ message: 'expected 2 fields in row 0, found 1' });
  });

  it('reads a field of quotes alone, millions of them', () => {
    const quotes = '"'.repeat(2_000_000);
    expect(parseCsv(`a\n"${quotes}"\n`).rows).toEqual([['"'.repeat(1_000_000)]]);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(thrownBy(() => parseCsv(Uint8Array.of(0x61, 0x0a, 0xff)))).toMatchObject({ code: 'MALFORMED_FILE' });
  });

  it('gives back what a writer wrote', () => {
    const field = fc.option(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', '😀') }));
    const table = fc
      .integer({ min: 2, max: 4 })
      .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 6 }).map((rows) => ({ width, rows })));
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), ({ width, rows }, newline) => {
        const header = Array.from({ length: width }, (_, i) => `c${i}`);
        const lines = [header.join(','), ...rows.map((row) => row.map((value) => (value === null ? '' : `"${value.replaceAll('"', '""')}"`)).join(','))];
        expect(parseCsv(lines.join(newline) + newline)).toEqual({ header, rows });
      }),
    );
  });

  it.each([
    ['boolean', 'true', true],
    ['boolean', 'False', false],
    ['int', '12', 12],
    ['int', '12.0', 12],
    ['int', '-0', 0],
    ['bigint', '9007199254740993', 9_007_199_254_740_993n],
    ['double', '1.5e3', 1500],
    ['double', 'NaN', NaN],
    ['double', '-inf', -Infinity],
    ['double', '-0', -0],
    ['double', '9007199254740992', 9_007_199_254_740_992],
    ['decimal(5,2)', '1.50', 150n],
    ['string', '12', '12'],
    ['string', 'true', 'true'],
    ['date', '1970-01-02', 1],
    ['timestamp', '1970-01-01 00:00:01+00:00', 1_000_000n],
    ['binary', 'AQI=', Uint8Array.of(1, 2)],
    ['vector(2)', '[1,0.5]', [1, 0.5]],
    ['map<string,int>', '{"a":1}', [['a', 1]]],
  ])('reads %s from %s', (type, text, value) => {
    expect(toValue(parseType(type), csvInput(parseType(type), text))).toEqual({ kind: 'value', value });
  });

  it.each([
    ['boolean', '1', 'TYPE_MISMATCH'],
    ['int', '', 'TYPE_MISMATCH'],
    ['int', '1.5', 'TYPE_MISMATCH'],
    ['int', 'x', 'TYPE_MISMATCH'],
    ['int', '0x10', 'TYPE_MISMATCH'],
    ['int', '2147483648', 'OUT_OF_RANGE'],
    ['int', '99999999999999999999', 'OUT_OF_RANGE'],
    ['bigint', '1e3', 'TYPE_MISMATCH'],
    ['bigint', '9223372036854775808', 'OUT_OF_RANGE'],
    ['double', '1e999', 'TYPE_MISMATCH'],
    ['double', '9007199254740993', 'UNSAFE_INTEGER'],
    ['decimal(5,2)', '1.555', 'DECIMAL_SCALE'],
    ['decimal(3,2)', '12.5', 'OUT_OF_RANGE'],
    ['timestamp', '2001-01-01 10:00:00', 'NAIVE_TIMESTAMP'],
    ['timestamp', '2001', 'TYPE_MISMATCH'],
    ['date', '2001-02-30', 'INVALID_TIMESTAMP'],
    ['vector(2)', '[1]', 'VECTOR_LENGTH'],
    ['array<int>', '[1', 'TYPE_MISMATCH'],
    ['binary', 'AQI', 'INVALID_BASE64'],
  ])('refuses to read %s from %j', (type, text, code) => {
    expect(toValue(parseType(type), csvInput(parseType(type), text))).toMatchObject({ kind: 'fault', code });
  });
});
