import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, hasLoneSurrogate, utf8 } from '../../../lib/core/bytes.ts';
import { isObjectPath, objectPath } from '../../../lib/core/path.ts';
import { parseActions, parseJsonCheckpoint, parseLogEntry, serializeActions } from '../../../lib/delta/actions/action-codec.ts';
import type { Action } from '../../../lib/delta/actions/actions.ts';
import { add, METADATA, ownCommit, PROTOCOL, remove } from '../log-support.ts';

const PLACE = { path: '_delta_log/00000000000000000003.json', version: 3 };
const parse = (text: string): Action[] => parseLogEntry(utf8(text), PLACE);

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !hasLoneSurrogate(value));
const path = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })
  .filter((value) => isObjectPath(value))
  .map(objectPath);
const integer = fc.oneof(fc.integer(), fc.maxSafeInteger());
const texts = fc.dictionary(text, text, { maxKeys: 3 });
const values = fc.dictionary(text, fc.option(text), { maxKeys: 3 });
const opt = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const vector = fc.record({
  storageType: fc.constantFrom('u' as const, 'i' as const, 'p' as const),
  pathOrInlineDv: text,
  offset: fc.nat(),
  sizeInBytes: fc.nat(),
  cardinality: fc.nat(),
});

/** Without the members that are undefined: absent and undefined are different things to the compiler. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

/** Members of a later protocol. */
const more = opt(
  fc.dictionary(fc.stringMatching(/^x[a-z_]{0,6}$/), fc.oneof(text, integer, fc.boolean(), texts), { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
);
const action: fc.Arbitrary<Action> = fc
  .oneof(
    fc.record({
      kind: fc.constant('add' as const),
      path,
      partitionValues: values,
      size: fc.nat(),
      modificationTime: integer,
      dataChange: fc.boolean(),
      stats: opt(text),
      tags: opt(values),
      deletionVector: opt(vector),
      more,
    }),
    fc.record({
      kind: fc.constant('remove' as const),
      path,
      deletionTimestamp: opt(integer),
      dataChange: fc.boolean(),
      extendedFileMetadata: opt(fc.constant(true)),
      partitionValues: opt(values),
      size: opt(fc.nat()),
      deletionVector: opt(vector),
    }),
    fc.record({ kind: fc.constant('cdc' as const), path, partitionValues: values, size: fc.nat() }),
    fc.record({ kind: fc.constant('txn' as const), appId: text, version: integer, lastUpdated: opt(integer) }),
    fc.record({ kind: fc.constant('domainMetadata' as const), domain: text, configuration: text, removed: fc.boolean() }),
    fc.record({
      kind: fc.constant('protocol' as const),
      minReaderVersion: fc.nat(9),
      minWriterVersion: fc.nat(9),
      readerFeatures: opt(fc.array(text)),
      writerFeatures: opt(fc.array(text)),
    }),
    fc.record({
      kind: fc.constant('metaData' as const),
      id: text,
      name: opt(text),
      format: fc.record({ provider: text, options: texts, more }).map(defined),
      schemaString: text,
      partitionColumns: fc.array(text),
      configuration: texts,
      createdTime: opt(integer),
      more,
    }),
  )
  .map((value) => defined(value) as Action);

describe('log entries', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 6 }), (actions) => {
        expect(parseActions(serializeActions(actions), PLACE)).toEqual(actions);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['one protocol action', [PROTOCOL, PROTOCOL]],
    ['one metaData action', [METADATA, METADATA]],
    ['one add of a', [add('a'), add('b'), add('a')]],
  ])('hold at most %s', (expected, actions: readonly Action[]) => {
    expect(() => parseLogEntry(serializeActions(actions), PLACE)).toThrow(
      expect.objectContaining({ code: 'LOG_CORRUPT', message: `expected ${expected} in version ${PLACE.version} (${PLACE.path}), found two` }),
    );
  });

  it('have commitInfo on the first line', () => {
    expect(parseLogEntry(serializeActions([add('a'), ownCommit(5), PROTOCOL]), PLACE)).toEqual([ownCommit(5), add('a'), PROTOCOL]);
  });

  it('keep every digit of long integers, also inside statistics', () => {
    const stats = '{"numRecords":1,"minValues":{"k":9007199254740993}}';
    const line = `{"commitInfo":{"timestamp":1,"operationMetrics":{"n":9007199254740993},"engineInfo":"x"}}\n{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true,"stats":${JSON.stringify(stats)}}}\n`;
    const actions = parse(line);
    expect(actions).toEqual([{ kind: 'commitInfo', timestamp: 1, operationMetrics: { n: 9007199254740993n }, engineInfo: 'x' }, add('a', { size: 1, stats })]);
    expect(decodeUtf8(serializeActions(actions))).toBe(line);
  });

  it('ignore unknown actions, keep unknown members, and take null for absent', () => {
    expect(
      parse(
        '{"sparkle":{"a":1}}\n{"add":{"path":"a","partitionValues":{"p":null},"size":1,"modificationTime":2,"dataChange":false,"stats":null,"tags":null,"deletionVector":null,"baseRowId":7,"clusteringProvider":null}}\n{"txn":null}\n',
      ),
    ).toEqual([{ kind: 'add', path: 'a', partitionValues: { p: null }, size: 1, modificationTime: 2, dataChange: false, more: { baseRowId: 7 } }]);
  });

  it('keep unknown members of metadata and its format, of any kind and digit for digit', () => {
    const line =
      '{"metaData":{"id":"x","format":{"provider":"parquet","options":{},"of":[1]},"schemaString":"{}","partitionColumns":[],"configuration":{},"sparkle":{"n":9007199254740993,"__proto__":{"a":null}},"owner":"é"}}\n';
    expect(decodeUtf8(serializeActions(parse(line)))).toBe(line);
  });

  it('need no schema: what nobody wrote is a table without columns', () => {
    expect(parse('{"metaData":{"id":"x","format":{"provider":"parquet","options":{}},"partitionColumns":[],"configuration":{}}}')).toEqual([
      {
        kind: 'metaData',
        id: 'x',
        format: { provider: 'parquet', options: {} },
        schemaString: '{"type":"struct","fields":[]}',
        partitionColumns: [],
        configuration: {},
      },
    ]);
  });

  it('take free-form members of commitInfo for what they are', () => {
    expect(
      parse(
        '{"commitInfo":{"timestamp":"yesterday","operation":7,"operationParameters":{"mode":"Append","n":1},"isBlindAppend":true,"userMetadata":"u","tags":{"a":"b","c":1}}}',
      ),
    ).toEqual([{ kind: 'commitInfo', operationParameters: { mode: 'Append', n: 1 }, isBlindAppend: true, tags: { a: 'b' } }]);
  });

  it('decode paths once and refuse those outside the table', () => {
    const located = { ...PLACE, tableLocation: 's3://b/t' };
    const line = (uri: string): Uint8Array => utf8(`{"remove":{"path":"${uri}","dataChange":true}}`);
    expect(parseLogEntry(line('s3://b/t/a%20b'), located)).toEqual([{ kind: 'remove', path: 'a b', dataChange: true }]);
    for (const uri of ['s3://b/u/a', '/etc/passwd', '../a'])
      expect(() => parseLogEntry(line(uri), located)).toThrow(expect.objectContaining({ code: 'PATH_OUTSIDE_TABLE', context: { path: uri } }));
  });
});

describe('broken log entries name version and line', () => {
  it.each([
    ['{"add":{"path":"a","partit', 1, 'truncated last line'],
    ['{"txn":{"appId":"a","version":1}}\nnonsense\n{"txn":{"appId":"a","version":1}}\n', 2, 'text that is not JSON'],
    ['{"txn":{"appId":"a","version":1}}\n[1]\n', 2, 'an array'],
    ['{"txn":{"appId":"a"}}', 1, 'txn.version to be a whole number'],
    ['{"txn":{"appId":"a","version":9223372036854775807}}', 1, 'txn.version to be a whole number within'],
    ['{"add":7}', 1, 'add to be an object'],
    ['{"add":{"path":"a","partitionValues":{"p":1},"size":1,"modificationTime":1,"dataChange":true}}', 1, 'add.partitionValues.p to be a string'],
    ['{"add":{"path":"a","size":1,"modificationTime":1,"dataChange":"yes"}}', 1, 'add.dataChange to be true or false'],
    ['{"add":{"path":"a%zz","size":1,"modificationTime":1,"dataChange":true}}', 1, 'a percent-encoded path'],
    [
      '{"add":{"path":"a","size":1,"modificationTime":1,"deletionVector":{"storageType":"x","pathOrInlineDv":"","sizeInBytes":1,"cardinality":1}}}',
      1,
      'storageType u, i or p',
    ],
    ['{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":"all"}}', 1, 'protocol.readerFeatures to be an array of strings'],
  ])('%s', (entry, line, message) => {
    expect(() => parse(entry)).toThrow(
      expect.objectContaining({ code: 'LOG_CORRUPT', message: expect.stringContaining(message), context: { version: 3, line, path: PLACE.path } }),
    );
  });

  it('and are never empty or anything but UTF-8', () => {
    for (const bytes of [new Uint8Array(), utf8('\n \n'), Uint8Array.from([0x7b, 0xff, 0x7d])]) {
      expect(() => parseLogEntry(bytes, PLACE)).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT', context: { version: 3, path: PLACE.path } }));
    }
  });
});

describe('JSON checkpoints', () => {
  it('name their sidecars beside the actions', () => {
    const lines = '{"checkpointMetadata":{"version":2}}\n{"sidecar":{"path":"a.parquet","sizeInBytes":9,"modificationTime":1}}\n';
    const bytes = utf8(lines + (decodeUtf8(serializeActions([PROTOCOL, METADATA, remove('x')])) ?? ''));
    expect(parseJsonCheckpoint(bytes, PLACE)).toEqual({ actions: [PROTOCOL, METADATA, remove('x')], sidecars: [{ path: 'a.parquet', sizeInBytes: 9 }] });
  });
});
