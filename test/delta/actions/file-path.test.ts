import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasLoneSurrogate } from '../../../lib/core/bytes.ts';
import { isObjectPath } from '../../../lib/core/path.ts';
import { decodeLogPath, encodeLogPath, tableLocationOf } from '../../../lib/delta/actions/file-path.ts';

describe('paths of the log', () => {
  it('are URIs: escaped once more than the folders Hive escaped', () => {
    expect(['special p@#h', '_2=bar+%2521/part-0.parquet', 'a=b:c/d:e', 'ä?.parquet'].map(encodeLogPath)).toEqual([
      'special%20p@%23h',
      '_2=bar+%252521/part-0.parquet',
      'a=b%3Ac/d:e',
      '%C3%A4%3F.parquet',
    ]);
  });

  it('decode to the key that was encoded', () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => isObjectPath(text) && !hasLoneSurrogate(text) && !text.startsWith('/'));
    fc.assert(
      fc.property(key, (path) => {
        expect(decodeLogPath(encodeLogPath(path))).toBe(path);
      }),
    );
  });

  it('decode once only', () => {
    expect(decodeLogPath('_2=bar+%252521/part-0.parquet')).toBe('_2=bar+%2521/part-0.parquet');
  });

  it.each([
    ['s3://bucket/lake/t/part%20a', 's3://bucket/lake/t', 'part a'],
    ['s3a://bucket/lake/t/x/y', 's3://bucket/lake/t', 'x/y'],
    ['file:/data/t/x', 'file:///data/t', 'x'],
    ['file:///data/t/x', 'file:///data/t', 'x'],
    ['/data/t/x', 'file:///data/t', 'x'],
    ['/data/my%20t/x', 'file:///data/my%20t', 'x'],
  ])('take absolute %s under the table', (uri, location, path) => {
    expect(decodeLogPath(uri, location)).toBe(path);
  });

  it.each([
    ['/data/other/x', 'file:///data/t'],
    ['/data/tx/x', 'file:///data/t'],
    ['s3://other/t/x', 's3://bucket/t'],
    ['file:///data/t/../o/x', 'file:///data/t'],
    ['../x', 's3://b/t'],
    ['a/../../x', 's3://b/t'],
    ['%2e%2e/x', 's3://b/t'],
    ['', 's3://b/t'],
    ['s3://b/t', 's3://b/t'],
    ['https://h/x', 's3://b/t'],
  ])('refuse %s for a table at %s', (uri, location) => {
    expect(() => decodeLogPath(uri, location)).toThrow(expect.objectContaining({ code: 'PATH_OUTSIDE_TABLE', context: { path: uri } }));
  });

  it('refuse every absolute path of a table whose place is not known', () => {
    expect(() => decodeLogPath('/data/t/x')).toThrow(expect.objectContaining({ code: 'PATH_OUTSIDE_TABLE' }));
  });

  it('refuse broken escapes', () => {
    expect(() => decodeLogPath('a%zz')).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }));
  });

  it('stand below the location of the store', () => {
    expect([tableLocationOf('s3://b/p', 'x/t'), tableLocationOf('file:///t', '')]).toEqual(['s3://b/p/x/t', 'file:///t']);
  });
});
