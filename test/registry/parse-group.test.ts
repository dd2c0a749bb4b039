import { describe, expect, it } from 'vitest';
import { LakefoldError } from '../../lib/core/errors.ts';
import { groupWarnings, parseFeatureGroup } from '../../lib/registry/parse-group.ts';
import { delays, delaysJson, thrownBy } from './examples.ts';

/** `field code` of every fault. */
function faultsOf(json: unknown): readonly string[] {
  const error = thrownBy(() => parseFeatureGroup(json));
  return error instanceof LakefoldError ? (error.errors ?? []).map(({ field, code }) => `${field ?? ''} ${code}`) : ['none'];
}

const tiny = { name: 'g', primaryKey: ['k'], schema: [{ name: 'k', type: 'bigint' }] };
const timed = {
  ...tiny,
  eventTime: 'at',
  schema: [
    { name: 'k', type: 'bigint' },
    { name: 'at', type: 'timestamp' },
    { name: 'v', type: 'double', nullable: true },
  ],
};

describe('a feature group in JSON', () => {
  it('is completed with the defaults', () => {
    expect(parseFeatureGroup(delaysJson)).toEqual(delays);
  });

  it('needs no more than a name, a key and columns; its version may stay open', () => {
    expect(parseFeatureGroup(tiny)).toEqual({
      name: 'g',
      version: null,
      description: null,
      schema: [{ name: 'k', type: 'bigint', nullable: false }],
      primaryKey: ['k'],
      eventTime: null,
      onlineEnabled: false,
      ttl: null,
      availabilityDelay: null,
      partitionBy: [],
      clusterBy: ['k'],
      expectations: [],
      validationPolicy: 'STRICT',
      profile: 'merge-on-read',
      statistics: true,
      changeFeed: false,
      onlineShards: 16,
      eraseSchedule: null,
      maxFutureSkew: 'PT5M',
      retention: 'P30D',
      deletedRetention: 'P7D',
      idempotencyRetention: 'P7D',
      tags: {},
      owner: null,
    });
  });

  it('reads its own completed form as the same definition', () => {
    expect(parseFeatureGroup(parseFeatureGroup(timed))).toEqual(parseFeatureGroup(timed));
  });

  it('takes a global entity, an unchecked future and what describe added', () => {
    const { primaryKey, maxFutureSkew } = parseFeatureGroup({ ...timed, primaryKey: [], maxFutureSkew: null, etag: '"r3"', latestCommit: 4 });
    expect({ primaryKey, maxFutureSkew }).toEqual({ primaryKey: [], maxFutureSkew: null });
  });

  it('lists all faults at once', () => {
    const error = thrownBy(() =>
      parseFeatureGroup({
        name: 'Bad',
        primaryKey: ['k', 'missing'],
        eventTime: 'k',
        ttl: 'P0D',
        schema: [
          { name: 'k', type: 'double' },
          { name: '_x', type: 'int' },
        ],
      }),
    );
    expect(error).toMatchObject({
      code: 'INVALID_DEFINITION',
      errors: [
        { field: 'name', code: 'INVALID_NAME' },
        { field: 'schema[1].name', code: 'RESERVED_NAME' },
        { field: 'eventTime', code: 'INVALID_EVENT_TIME' },
        { field: 'primaryKey[0]', code: 'INVALID_KEY_TYPE' },
        { field: 'primaryKey[1]', code: 'UNKNOWN_COLUMN' },
        { field: 'ttl', code: 'ZERO_DURATION' },
      ],
    });
  });

  it.each([
    ['an unknown member', { ...tiny, colour: 'red' }, 'colour UNKNOWN_FIELD'],
    ['an unknown member of a column', { ...tiny, schema: [{ name: 'k', type: 'bigint', key: true }] }, 'schema[0].key UNKNOWN_FIELD'],
    [
      'a reserved column name',
      {
        ...tiny,
        schema: [
          { name: 'k', type: 'bigint' },
          { name: 'is_deleted', type: 'int' },
        ],
      },
      'schema[1].name RESERVED_NAME',
    ],
    [
      'a column twice',
      {
        ...tiny,
        schema: [
          { name: 'k', type: 'bigint' },
          { name: 'k', type: 'int' },
        ],
      },
      'schema[1].name INVALID_NAME',
    ],
    ['a nullable key', { ...tiny, schema: [{ name: 'k', type: 'bigint', nullable: true }] }, 'primaryKey[0] INVALID_KEY_TYPE'],
    ['a float key', { ...tiny, schema: [{ name: 'k', type: 'float' }] }, 'primaryKey[0] INVALID_KEY_TYPE'],
    ['an unknown event time', { ...tiny, eventTime: 'at' }, 'eventTime UNKNOWN_COLUMN'],
    ['an event time in the key', { ...timed, primaryKey: ['k', 'at'] }, 'eventTime INVALID_EVENT_TIME'],
    [
      'a nullable event time',
      {
        ...timed,
        schema: [
          { name: 'k', type: 'int' },
          { name: 'at', type: 'date', nullable: true },
        ],
      },
      'eventTime INVALID_EVENT_TIME',
    ],
    ['a ttl without event time (T6)', { ...tiny, ttl: 'P1D' }, 'ttl TTL_REQUIRES_EVENT_TIME'],
    ['a ttl of zero', { ...timed, ttl: 'PT0S' }, 'ttl ZERO_DURATION'],
    ['a duration of months', { ...timed, ttl: 'P1M' }, 'ttl INVALID_ARGUMENT'],
    ['an unknown type', { ...tiny, schema: [{ name: 'k', type: 'uuid' }] }, 'schema[0].type INVALID_ARGUMENT'],
    [
      'a local time',
      {
        ...tiny,
        schema: [
          { name: 'k', type: 'bigint' },
          { name: 'l', type: 'array<timestampNtz>' },
        ],
      },
      'schema[1].type INVALID_ARGUMENT',
    ],
    [
      'a default of another type',
      {
        ...tiny,
        schema: [
          { name: 'k', type: 'bigint' },
          { name: 'n', type: 'int', default: '12' },
        ],
      },
      'schema[1].default TYPE_MISMATCH',
    ],
    ['a unit on a number', { ...tiny, schema: [{ name: 'k', type: 'bigint', unit: 'ms' }] }, 'schema[0].unit INVALID_ARGUMENT'],
    ['an unknown partition', { ...tiny, partitionBy: ['day'] }, 'partitionBy[0] UNKNOWN_COLUMN'],
    ['nothing but partitions', { ...tiny, partitionBy: ['k'] }, 'partitionBy INVALID_ARGUMENT'],
    ['an unknown clustering column', { ...tiny, clusterBy: ['z'] }, 'clusterBy[0] UNKNOWN_COLUMN'],
    [
      'an unknown expectation',
      { ...tiny, expectations: [{ expectationType: 'expect_magic', kwargs: {} }] },
      'expectations[0].expectationType UNKNOWN_EXPECTATION',
    ],
    [
      'an expectation of an unknown column',
      { ...tiny, expectations: [{ expectationType: 'expect_column_values_to_be_unique', kwargs: { column: 'z' } }] },
      'expectations[0].kwargs.column UNKNOWN_COLUMN',
    ],
    [
      'an expectation without its column',
      { ...tiny, expectations: [{ expectationType: 'expect_column_values_to_be_unique', kwargs: {} }] },
      'expectations[0].kwargs.column INVALID_ARGUMENT',
    ],
    [
      'an expectation with a stray argument',
      { ...tiny, expectations: [{ expectationType: 'expect_table_row_count_to_equal', kwargs: { value: 1, column: 'k' } }] },
      'expectations[0].kwargs.column UNKNOWN_FIELD',
    ],
    ['shards that are no power of two', { ...tiny, onlineShards: 12 }, 'onlineShards INVALID_ARGUMENT'],
    ['too many shards', { ...tiny, onlineShards: 512 }, 'onlineShards INVALID_ARGUMENT'],
    ['a retention below a week (T7)', { ...tiny, retention: 'P6D' }, 'retention INVALID_ARGUMENT'],
    ['an erase schedule above thirty days', { ...tiny, eraseSchedule: 'P31D' }, 'eraseSchedule INVALID_ARGUMENT'],
    ['a policy nobody knows', { ...tiny, validationPolicy: 'LAX' }, 'validationPolicy INVALID_ARGUMENT'],
    ['a version of zero', { ...tiny, version: 0 }, 'version INVALID_ARGUMENT'],
    ['a long description', { ...tiny, description: 'x'.repeat(257) }, 'description INVALID_ARGUMENT'],
    ['a tag that is no text', { ...tiny, tags: { a: 1 } }, 'tags.a INVALID_ARGUMENT'],
    ['a key that is no list', { ...tiny, primaryKey: 'k' }, 'primaryKey INVALID_ARGUMENT'],
    ['no key at all', { name: 'g', schema: tiny.schema }, 'primaryKey INVALID_ARGUMENT'],
  ])('is refused for %s', (_what, json, fault) => {
    expect(faultsOf(json)).toEqual([fault]);
  });

  it('answers UNKNOWN_FIELD for unknown members and LIMIT_EXCEEDED for too many columns', () => {
    expect(thrownBy(() => parseFeatureGroup({ ...tiny, colour: 'red' }))).toMatchObject({ code: 'UNKNOWN_FIELD', status: 400 });
    const schema = Array.from({ length: 1001 }, (_, i) => ({ name: `c${i}`, type: 'int' }));
    expect(thrownBy(() => parseFeatureGroup({ ...tiny, schema }))).toMatchObject({ code: 'LIMIT_EXCEEDED', context: { limit: 'COLUMNS_MAX' } });
  });

  it.each([
    null,
    1n,
    'text',
    [],
    [1],
    { schema: 1n },
    { schema: [1n], onlineShards: 1n, expectations: [{ expectationType: 'expect_column_values_to_be_unique', kwargs: { column: 1n } }] },
  ])('answers faults, not surprises, for %s', (json) => {
    expect(thrownBy(() => parseFeatureGroup(json))).toMatchObject({ code: 'INVALID_DEFINITION' });
  });

  it('warns of a date as event time unless the availability delay covers the day', () => {
    const dated = {
      ...timed,
      schema: [
        { name: 'k', type: 'int' },
        { name: 'at', type: 'date' },
      ],
    };
    expect(groupWarnings(parseFeatureGroup(dated))).toMatchObject([{ code: 'DATE_EVENT_TIME_LEAK' }]);
    expect(groupWarnings(parseFeatureGroup({ ...dated, availabilityDelay: 'P1D' }))).toEqual([]);
    expect(groupWarnings(parseFeatureGroup(timed))).toEqual([]);
  });
});
