import { describe, expect, it } from 'vitest';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import { parseLogEntry, serializeActions } from '../../lib/delta/actions/action-codec.ts';
import type { Action } from '../../lib/delta/actions/actions.ts';

/** One of every action with every member. */
const ACTIONS: readonly Action[] = [
  {
    kind: 'commitInfo',
    timestamp: 1,
    inCommitTimestamp: 2,
    operation: 'MERGE',
    operationParameters: { keys: '["k"]' },
    readVersion: 3,
    isolationLevel: 'Serializable',
    isBlindAppend: false,
    operationMetrics: { numFiles: '1' },
    engineInfo: 'lakefold/0.1.0',
    txnId: 't',
    tags: { 'lakefold.fold': 'merge' },
  },
  {
    kind: 'protocol',
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: ['deletionVectors'],
    writerFeatures: ['deletionVectors', 'appendOnly', 'invariants'],
  },
  {
    kind: 'metaData',
    id: 'id',
    name: 'n',
    description: 'd',
    format: { provider: 'parquet', options: {} },
    schemaString: '{"type":"struct","fields":[]}',
    partitionColumns: ['p'],
    configuration: { 'delta.enableDeletionVectors': 'true' },
    createdTime: 4,
  },
  { kind: 'txn', appId: 'lakefold/r/x', version: 5, lastUpdated: 6 },
  { kind: 'domainMetadata', domain: 'other', configuration: '{}', removed: false },
  {
    kind: 'remove',
    path: objectPath('p=a b/x#1.parquet'),
    deletionTimestamp: 7,
    dataChange: true,
    extendedFileMetadata: true,
    partitionValues: { p: 'a b' },
    size: 8,
    deletionVector: { storageType: 'u', pathOrInlineDv: '_dv^-aqEH.-t@S}K{vb[*k^', offset: 1, sizeInBytes: 34, cardinality: 1 },
  },
  {
    kind: 'add',
    path: objectPath('y.parquet'),
    partitionValues: { p: null },
    size: 9,
    modificationTime: 10,
    dataChange: true,
    stats: '{"numRecords":1}',
    tags: { a: 'b' },
    deletionVector: { storageType: 'i', pathOrInlineDv: 'HelloWorld', sizeInBytes: 8, cardinality: 1 },
  },
  { kind: 'cdc', path: objectPath('_change_data/c.parquet'), partitionValues: {}, size: 11 },
];

const BYTES = `{"commitInfo":{"timestamp":1,"inCommitTimestamp":2,"operation":"MERGE","operationParameters":{"keys":"[\\"k\\"]"},"readVersion":3,"isolationLevel":"Serializable","isBlindAppend":false,"operationMetrics":{"numFiles":"1"},"engineInfo":"lakefold/0.1.0","txnId":"t","tags":{"lakefold.fold":"merge"}}}
{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors","appendOnly","invariants"]}}
{"metaData":{"id":"id","name":"n","description":"d","format":{"provider":"parquet","options":{}},"schemaString":"{\\"type\\":\\"struct\\",\\"fields\\":[]}","partitionColumns":["p"],"configuration":{"delta.enableDeletionVectors":"true"},"createdTime":4}}
{"txn":{"appId":"lakefold/r/x","version":5,"lastUpdated":6}}
{"domainMetadata":{"domain":"other","configuration":"{}","removed":false}}
{"remove":{"path":"p=a%20b/x%231.parquet","deletionTimestamp":7,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{"p":"a b"},"size":8,"deletionVector":{"storageType":"u","pathOrInlineDv":"_dv^-aqEH.-t@S}K{vb[*k^","offset":1,"sizeInBytes":34,"cardinality":1}}}
{"add":{"path":"y.parquet","partitionValues":{"p":null},"size":9,"modificationTime":10,"dataChange":true,"stats":"{\\"numRecords\\":1}","tags":{"a":"b"},"deletionVector":{"storageType":"i","pathOrInlineDv":"HelloWorld","sizeInBytes":8,"cardinality":1}}}
{"cdc":{"path":"_change_data/c.parquet","partitionValues":{},"size":11,"dataChange":false}}
`;

describe('a log entry', () => {
  it('has its layout byte for byte, both ways', () => {
    expect(decodeUtf8(serializeActions(ACTIONS))).toBe(BYTES);
    expect(parseLogEntry(utf8(BYTES), { path: 'p', version: 0 })).toEqual(ACTIONS);
  });
});
