import { describe, expect, it } from 'vitest';
import { decodeUtf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import { formatType } from '../../lib/core/types.ts';
import { epochMillis } from '../../lib/core/time.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import type { Action } from '../../lib/delta/actions/actions.ts';
import { writeCheckpoint } from '../../lib/delta/checkpoint/checkpoint.ts';
import { replay } from '../../lib/delta/snapshot/replay.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';
import { openParquetCodec } from '../support/embedded.ts';

const ACTIONS: readonly Action[] = [
  {
    kind: 'protocol',
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: ['deletionVectors'],
    writerFeatures: ['deletionVectors', 'appendOnly', 'invariants'],
  },
  {
    kind: 'metaData',
    id: 'i',
    format: { provider: 'parquet', options: {} },
    schemaString: '{"type":"struct","fields":[]}',
    partitionColumns: [],
    configuration: { a: 'b' },
    createdTime: 4,
  },
  { kind: 'txn', appId: 'lakefold/s/x', version: 5, lastUpdated: 6 },
  { kind: 'domainMetadata', domain: 'd', configuration: '{}', removed: false },
  { kind: 'remove', path: objectPath('x y'), deletionTimestamp: 7, dataChange: true, extendedFileMetadata: true, partitionValues: {}, size: 8 },
  {
    kind: 'add',
    path: objectPath('z'),
    partitionValues: { p: null },
    size: 9,
    modificationTime: 10,
    dataChange: true,
    stats: '{"numRecords":1}',
    deletionVector: { storageType: 'u', pathOrInlineDv: '_dv^-aqEH.-t@S}K{vb[*k^', offset: 1, sizeInBytes: 34, cardinality: 1 },
  },
];

async function filesOf(codec: TableCodec): Promise<ReadonlyMap<string, Uint8Array>> {
  const clock = { now: () => epochMillis(8) };
  const store = new MemoryObjectStore({ clock });
  await writeCheckpoint({ store, codec, clock }, 't', replay(undefined, [{ version: 0, actions: ACTIONS }], new Map()));
  const files = new Map<string, Uint8Array>();
  for await (const { path } of store.list('t/')) files.set(path, (await store.get(path))?.bytes ?? new Uint8Array());
  return files;
}

const NAME = 't/_delta_log/00000000000000000000.checkpoint.parquet';

const ROWS = `{"lakefold.crc32":"1e5ab9b9","txn":null,"add":null,"remove":null,"metaData":null,"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors","appendOnly","invariants"]},"domainMetadata":null}
{"txn":null,"add":null,"remove":null,"metaData":{"id":"i","name":null,"description":null,"format":{"provider":"parquet","options":{}},"schemaString":"{\\"type\\":\\"struct\\",\\"fields\\":[]}","partitionColumns":[],"configuration":{"a":"b"},"createdTime":4},"protocol":null,"domainMetadata":null}
{"txn":{"appId":"lakefold/s/x","version":5,"lastUpdated":6},"add":null,"remove":null,"metaData":null,"protocol":null,"domainMetadata":null}
{"txn":null,"add":null,"remove":null,"metaData":null,"protocol":null,"domainMetadata":{"domain":"d","configuration":"{}","removed":false}}
{"txn":null,"add":{"path":"z","partitionValues":{"p":null},"size":9,"modificationTime":10,"dataChange":false,"stats":"{\\"numRecords\\":1}","tags":null,"deletionVector":{"storageType":"u","pathOrInlineDv":"_dv^-aqEH.-t@S}K{vb[*k^","offset":1,"sizeInBytes":34,"cardinality":1}},"remove":null,"metaData":null,"protocol":null,"domainMetadata":null}
{"txn":null,"add":null,"remove":{"path":"x%20y","deletionTimestamp":7,"dataChange":false,"extendedFileMetadata":true,"partitionValues":{},"size":8,"deletionVector":null},"metaData":null,"protocol":null,"domainMetadata":null}
`;

const VECTOR = 'struct<storageType:string,pathOrInlineDv:string,offset:int,sizeInBytes:int,cardinality:bigint>';

describe('a checkpoint', () => {
  it('has its rows and its pointer byte for byte', async () => {
    const files = await filesOf(createNdjsonCodec());
    expect([...files].map(([path, bytes]) => [path, decodeUtf8(bytes)])).toEqual([
      [NAME, ROWS],
      [
        't/_delta_log/_last_checkpoint',
        `{"lakefold.crc32":"1c1d857a","version":0,"size":6,"sizeInBytes":${ROWS.length},"numOfAddFiles":1,"tags":{"lakefold.checkpoint":"00000000000000000000.checkpoint.parquet"}}`,
      ],
    ]);
  });

  it('has the Parquet columns of the protocol', async () => {
    const bytes = (await filesOf(openParquetCodec())).get(NAME) ?? new Uint8Array();
    const { columns, rowCount } = await openParquetCodec().describe({
      sizeBytes: bytes.length,
      read: async (start, end) => bytes.subarray(start, end),
      readAll: async () => bytes,
    });
    expect([rowCount, columns.map(({ name, type }) => `${name} ${formatType(type)}`)]).toEqual([
      6,
      [
        'txn struct<appId:string,version:bigint,lastUpdated:bigint>',
        `add struct<path:string,partitionValues:map<string,string>,size:bigint,modificationTime:bigint,dataChange:boolean,stats:string,tags:map<string,string>,deletionVector:${VECTOR}>`,
        `remove struct<path:string,deletionTimestamp:bigint,dataChange:boolean,extendedFileMetadata:boolean,partitionValues:map<string,string>,size:bigint,deletionVector:${VECTOR}>`,
        'metaData struct<id:string,name:string,description:string,format:struct<provider:string,options:map<string,string>>,schemaString:string,partitionColumns:array<string>,configuration:map<string,string>,createdTime:bigint>',
        'protocol struct<minReaderVersion:int,minWriterVersion:int,readerFeatures:array<string>,writerFeatures:array<string>>',
        'domainMetadata struct<domain:string,configuration:string,removed:boolean>',
      ],
    ]);
  });
});
