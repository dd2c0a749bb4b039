/** What our commits write, byte for byte (storage.md §2): goes red when `commitInfo`, its tags or the order of actions change. */
import { expect, it } from 'vitest';
import { decodeUtf8 } from '../../lib/core/bytes.ts';
import { commitPath } from '../../lib/delta/snapshot/log-path.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../support/table-fixture.ts';

it('every entry of a short history has its layout', async () => {
  const { table, store, clock } = await tableFixture({
    configuration: { 'lakefold.format': '1' },
    name: 'g',
    description: 'words',
    engineInfo: 'lakefold/0.1.0',
  });
  await clock.advance(1000);
  await table.append(rowsBatch(['a', 1, 1_750_000_001_000_000n], ['b', null, 1_750_000_001_000_001n]), {
    idempotency: { kind: 'stream', name: 'feed', sequence: 7 },
    received: 2,
    committedBy: 'key:abc',
  });
  await table.upsert(rowsBatch(['a', 3, 1_750_000_002_000_000n], ['c', 4, 1_750_000_002_000_000n]), {
    keys: ['k'],
    idempotency: { kind: 'request', key: 'once', bodyHash: 'f00d', windowMillis: 1 },
    received: 3,
    rejected: 1,
  });
  await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['b']] }] });
  const entries = await Promise.all([0, 1, 2, 3].map(async (version) => decodeUtf8((await store.get(commitPath(T_ROOT, version)))?.bytes ?? new Uint8Array())));
  expect(entries).toEqual(ENTRIES);
});

const ENTRIES: readonly string[] = [
  `{"commitInfo":{"timestamp":1750000000000,"operation":"CREATE TABLE","operationParameters":{"partitionBy":"[]","properties":"{\\"delta.enableDeletionVectors\\":\\"true\\",\\"lakefold.format\\":\\"1\\"}","isManaged":"false"},"isolationLevel":"Serializable","isBlindAppend":true,"operationMetrics":{},"engineInfo":"lakefold/0.1.0","txnId":"a00087fb-f747-4cb8-adfe-747d23673f27","tags":{"lakefold.format":"1","lakefold.fold":"none","lakefold.crc32":"1545a4c3"}}}
{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors","appendOnly","invariants"]}}
{"metaData":{"id":"7d1165c4-4930-4a6d-97cc-4b34a88bc231","name":"g","description":"words","format":{"provider":"parquet","options":{}},"schemaString":"{\\"type\\":\\"struct\\",\\"fields\\":[{\\"name\\":\\"k\\",\\"type\\":\\"string\\",\\"nullable\\":false,\\"metadata\\":{}},{\\"name\\":\\"v\\",\\"type\\":\\"integer\\",\\"nullable\\":true,\\"metadata\\":{}},{\\"name\\":\\"_ingested_at\\",\\"type\\":\\"timestamp\\",\\"nullable\\":true,\\"metadata\\":{}}]}","partitionColumns":[],"configuration":{"delta.enableDeletionVectors":"true","lakefold.format":"1"},"createdTime":1750000000000}}
`,
  `{"commitInfo":{"timestamp":1750000001000,"operation":"WRITE","operationParameters":{"mode":"Append","partitionBy":"[]"},"readVersion":0,"isolationLevel":"Serializable","isBlindAppend":true,"operationMetrics":{"numFiles":"1","numOutputBytes":"118","numOutputRows":"2","numRemovedFiles":"0","rowsInserted":"2","rowsUpdated":"0","rowsDeleted":"0","dedupedInBatch":"0","stale":"0","rejected":"0"},"engineInfo":"lakefold/0.1.0","txnId":"b874c5fe-3dc1-4752-a93f-26b99320430c","tags":{"lakefold.format":"1","lakefold.fold":"merge","lakefold.ingestedAt":"1750000001000001","lakefold.committedBy":"key:abc","lakefold.crc32":"cd00b379"}}}
{"txn":{"appId":"lakefold/s/feed","version":7,"lastUpdated":1750000001000}}
{"add":{"path":"part-b874c5fe-3dc1-4752-a93f-26b99320430c-00000.ndjson","partitionValues":{},"size":118,"modificationTime":1750000001000,"dataChange":true,"stats":"{\\"numRecords\\":2,\\"minValues\\":{\\"k\\":\\"a\\",\\"v\\":1,\\"_ingested_at\\":\\"2025-06-15T15:06:41.000Z\\"},\\"maxValues\\":{\\"k\\":\\"b\\",\\"v\\":1,\\"_ingested_at\\":\\"2025-06-15T15:06:41.000Z\\"},\\"nullCount\\":{\\"k\\":0,\\"v\\":1,\\"_ingested_at\\":0},\\"tightBounds\\":true}","tags":{"lakefold.fileCrc32":"d5252432"}}}
`,
  `{"commitInfo":{"timestamp":1750000001001,"operation":"MERGE","operationParameters":{"predicate":"[\\"target.k = source.k\\"]","matchedPredicates":"[{\\"actionType\\":\\"update\\"}]","notMatchedPredicates":"[{\\"actionType\\":\\"insert\\"}]"},"readVersion":1,"isolationLevel":"Serializable","isBlindAppend":false,"operationMetrics":{"numFiles":"2","numOutputBytes":"226","numOutputRows":"2","numRemovedFiles":"1","rowsInserted":"1","rowsUpdated":"1","rowsDeleted":"0","dedupedInBatch":"0","stale":"0","rejected":"1"},"engineInfo":"lakefold/0.1.0","txnId":"9fdd3dfd-b766-4dad-b3ec-b1ebd5ef1d0a","tags":{"lakefold.format":"1","lakefold.fold":"merge","lakefold.ingestedAt":"1750000002000000","lakefold.requests":"[{\\"key\\":\\"eadfdkfs2wis62jnxckgrj6upu\\",\\"body\\":\\"f00d\\",\\"counts\\":[3,1,1,0,0,0,1]}]","lakefold.crc32":"ba03daf6"}}}
{"txn":{"appId":"lakefold/r/eadfdkfs2wis62jnxckgrj6upu","version":2,"lastUpdated":1750000001001}}
{"remove":{"path":"part-b874c5fe-3dc1-4752-a93f-26b99320430c-00000.ndjson","deletionTimestamp":1750000001000,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{},"size":118}}
{"add":{"path":"part-b874c5fe-3dc1-4752-a93f-26b99320430c-00000.ndjson","partitionValues":{},"size":118,"modificationTime":1750000001000,"dataChange":true,"stats":"{\\"numRecords\\":2,\\"minValues\\":{\\"k\\":\\"a\\",\\"v\\":1,\\"_ingested_at\\":\\"2025-06-15T15:06:41.000Z\\"},\\"maxValues\\":{\\"k\\":\\"b\\",\\"v\\":1,\\"_ingested_at\\":\\"2025-06-15T15:06:41.000Z\\"},\\"nullCount\\":{\\"k\\":0,\\"v\\":1,\\"_ingested_at\\":0},\\"tightBounds\\":false}","tags":{"lakefold.fileCrc32":"d5252432"},"deletionVector":{"storageType":"u","pathOrInlineDv":"_dv?B(*V[3CY?Vlx5[v&/kX","offset":1,"sizeInBytes":34,"cardinality":1}}}
{"add":{"path":"part-9fdd3dfd-b766-4dad-b3ec-b1ebd5ef1d0a-00000.ndjson","partitionValues":{},"size":108,"modificationTime":1750000001000,"dataChange":true,"stats":"{\\"numRecords\\":2,\\"minValues\\":{\\"k\\":\\"a\\",\\"v\\":3,\\"_ingested_at\\":\\"2025-06-15T15:06:42.000Z\\"},\\"maxValues\\":{\\"k\\":\\"c\\",\\"v\\":4,\\"_ingested_at\\":\\"2025-06-15T15:06:42.000Z\\"},\\"nullCount\\":{\\"k\\":0,\\"v\\":0,\\"_ingested_at\\":0},\\"tightBounds\\":true}","tags":{"lakefold.fileCrc32":"fea96395"}}}
`,
  `{"commitInfo":{"timestamp":1750000001002,"operation":"DELETE","operationParameters":{"predicate":"[]"},"readVersion":2,"isolationLevel":"Serializable","isBlindAppend":false,"operationMetrics":{"numFiles":"0","numOutputBytes":"0","numOutputRows":"0","numRemovedFiles":"1","rowsInserted":"0","rowsUpdated":"0","rowsDeleted":"1","dedupedInBatch":"0","stale":"0","rejected":"0"},"engineInfo":"lakefold/0.1.0","txnId":"a8828813-ceda-452a-8de4-4a24a78c531e","tags":{"lakefold.format":"1","lakefold.fold":"edit","lakefold.crc32":"77a4e75f"}}}
{"remove":{"path":"part-b874c5fe-3dc1-4752-a93f-26b99320430c-00000.ndjson","deletionTimestamp":1750000001000,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{},"size":118,"deletionVector":{"storageType":"u","pathOrInlineDv":"_dv?B(*V[3CY?Vlx5[v&/kX","offset":1,"sizeInBytes":34,"cardinality":1}}}
`,
];
