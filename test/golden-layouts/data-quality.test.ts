/** Statistics of a commit and validation reports, as they lie beside a table: go red when a layout changes. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { decodeUtf8, fromBase64, toHex } from '../../lib/core/bytes.ts';
import { StatisticsBuilder } from '../../lib/features/statistics/feature-statistics.ts';
import { decodeStatistics, encodeStatistics } from '../../lib/features/statistics/statistics-codec.ts';
import { gunzip } from '../../lib/registry/gzip.ts';
import { openMemoryApi } from '../support/api.ts';

describe('statistics of a commit, layout 1', () => {
  const STORED =
    'H4sIAAAAAAAAA+3OvU7DMBRA4fIz8Rh3vo0SV2HwwoNEHlIwqJLjQJMAVZV347EYkQNqoQMTUhjOFyn2cH119hLqXTv0YguVbfvSiV2p3LZhaGInttpLrBsvVqKo9LvHdL1rh3XwksaG2Is1KnEIoZt2xDq9y1WaTRS7NCpN/Sq2yEqVpm187NNao8s8M6VeZ4Up0710Kvdb/zT4tLGq0nzhtFoaLZxTCf7Zh+mlG/UQ1R2jun67iQ/HqNUhKj+Nklq+qmQt36tynb6TlDRunFZp+GdL7kY3Xi0m7zef5+JtAQAAAADAPM7S73LuCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD/2fncAQDwu4u5AwAAAAAAAAAAwB/7ALtE8RVTgQAA';
  const columns = [
    { name: 'n', type: { kind: 'double' }, nullable: true },
    { name: 's', type: { kind: 'string' }, nullable: true },
  ] as const;
  const builder = new StatisticsBuilder(columns);
  builder.add(
    batchOfRows(columns, [
      [1.5, 'a'],
      [null, 'b'],
      [-2, 'a'],
    ]),
  );

  it('are written so', async () => {
    const unpack = async (bytes: Uint8Array): Promise<string> => toHex(await gunzip(bytes, { sizeMax: 1_000_000 }));
    expect(await unpack(await encodeStatistics(builder))).toBe(await unpack(fromBase64(STORED) ?? new Uint8Array()));
  });

  it('are read again', async () => {
    expect((await decodeStatistics(fromBase64(STORED) ?? new Uint8Array())).features()).toEqual(builder.features());
  });
});

it('a validation report of format 1 names the commit to come beside what is answered', async () => {
  const api = await openMemoryApi();
  const group = '/v1/projects/demo/feature-groups/g/versions/1';
  await api.post('/v1/projects/demo/feature-groups', {
    name: 'g',
    version: 1,
    primaryKey: ['k'],
    onlineEnabled: false,
    schema: [{ name: 'k', type: 'int' }],
    expectations: [{ expectationType: 'expect_table_row_count_to_equal', kwargs: { value: 1 } }],
  });
  await api.post(`${group}/rows`, { rows: [{ k: 1 }] });
  await Promise.all(api.parts.later);
  const texts: (string | undefined)[] = [];
  for await (const { path } of api.parts.store.list('demo/feature-groups/g/1/_lakefold/reports/'))
    texts.push(decodeUtf8((await api.parts.store.get(path))?.bytes ?? new Uint8Array()));
  await api.close();
  expect(texts.map((text) => text?.replace(/[0-9a-f-]{36}/, '<txn>').replace(/vr_[0-9A-Z]{26}/, '<report>'))).toEqual([
    '{"format":1,"txnId":"<txn>","base":0,"reportId":"<report>","featureGroup":{"name":"g","version":1},"commitVersion":1,"createdAt":"2001-03-01T10:30:00Z","policy":"STRICT","success":true,"rows":1,"rowFaults":0,"statistics":{"evaluated":1,"successful":1,"unsuccessful":0,"successPercent":100},"results":[{"expectationType":"expect_table_row_count_to_equal","success":true,"elementCount":1,"exception":null,"kwargs":{"value":1},"observedValue":1,"missingCount":null,"unexpectedCount":null,"unexpectedPercent":null,"partialUnexpectedList":[],"partialUnexpectedRows":[]}],"ingestionResult":"INGESTED"}',
  ]);
});
