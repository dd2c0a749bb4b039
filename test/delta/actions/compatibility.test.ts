/** Which engines a table leaves out. */
import { describe, expect, it } from 'vitest';
import type { Metadata, Protocol } from '../../../lib/delta/actions/actions.ts';
import { compatibilityOf } from '../../../lib/delta/actions/compatibility.ts';
import { protocolFor } from '../../../lib/delta/actions/protocol.ts';

const METADATA: Metadata = {
  kind: 'metaData',
  id: 'x',
  format: { provider: 'parquet', options: {} },
  schemaString: '{"type":"struct","fields":[]}',
  partitionColumns: [],
  configuration: {},
};

/** `+` and `-` for reading and writing, by engine. */
function marks(protocol: Protocol, metadata: Partial<Metadata> = {}): Readonly<Record<string, string>> {
  const engines = compatibilityOf({ protocol, metadata: { ...METADATA, ...metadata } });
  return Object.fromEntries(engines.map(({ name, read, write }) => [name, `${read ? '+' : '-'}${write ? '+' : '-'}`]));
}

const asked = (configuration: Readonly<Record<string, string>>): Protocol => protocolFor('merge-on-read', { configuration });

describe('compatibility', () => {
  it.each<[string, Protocol, Partial<Metadata>, string]>([
    ['compatible', protocolFor('compatible'), {}, '++ ++ ++ ++ ++ +- +-'],
    ['merge-on-read', protocolFor('merge-on-read'), {}, '++ ++ ++ ++ ++ +- +-'],
    ['the change feed', asked({ 'delta.enableChangeDataFeed': 'true' }), {}, '++ ++ ++ ++ ++ +- +-'],
    ['a constraint', asked({ 'delta.constraints.c': 'v > 0' }), {}, '++ ++ ++ +- ++ +- +-'],
    ['in-commit timestamps', asked({ 'delta.enableInCommitTimestamps': 'true' }), {}, '++ +- +- ++ +- +- +-'],
    ['column mapping', asked({ 'delta.columnMapping.mode': 'name' }), {}, '++ ++ -- ++ ++ +- +-'],
    ['column mapping and partitions', asked({ 'delta.columnMapping.mode': 'name' }), { partitionColumns: ['p'] }, '++ ++ -- -- ++ +- +-'],
    ['a legacy version', { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 4 }, {}, '++ ++ ++ +- +- +- +-'],
    [
      'what nobody else knows',
      { kind: 'protocol', minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['new'], writerFeatures: ['new'] },
      {},
      '++ -- -- -- -- -- --',
    ],
  ])('of a table with %s', (_, protocol, metadata, expected) => {
    expect(Object.values(marks(protocol, metadata)).join(' ')).toBe(expected);
  });

  it('names engines, reasons, and the danger of a full vacuum', () => {
    const engines = compatibilityOf({ protocol: asked({ 'delta.enableInCommitTimestamps': 'true' }), metadata: METADATA });
    expect(engines.map(({ name }) => name)).toEqual(['Spark', 'delta-rs', 'Polars', 'DuckDB', 'Trino', 'Athena', 'Snowflake']);
    expect(engines[1]).toEqual({
      name: 'delta-rs',
      since: '1.6.6',
      read: true,
      write: false,
      reasons: ["it can't write inCommitTimestamp", expect.stringMatching(/^its full vacuum knows no deletion vectors/)],
    });
    expect(engines[3]?.reasons).toEqual(['all it writes is new rows']);
    expect(engines[5]?.reasons).toEqual(['it writes no Delta tables']);
  });

  it('warns of no vacuum where there are no deletion vectors', () => {
    expect(compatibilityOf({ protocol: protocolFor('compatible'), metadata: METADATA }).flatMap(({ reasons }) => reasons)).toEqual([
      'all it writes is new rows',
      'it writes no Delta tables',
      'it writes no Delta tables',
    ]);
  });
});
