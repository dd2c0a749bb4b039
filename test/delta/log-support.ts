/** Small logs in memory for the tests of replay, snapshots and checkpoints. */
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { epochMillis } from '../../lib/core/time.ts';
import { objectPath } from '../../lib/core/path.ts';
import { serializeActions } from '../../lib/delta/actions/action-codec.ts';
import type { Action, AddFile, CommitInfo, DeletionVectorDescriptor, Metadata, Protocol, RemoveFile } from '../../lib/delta/actions/actions.ts';
import { commitPath } from '../../lib/delta/snapshot/log-path.ts';
import type { TableColumn } from '../../lib/delta/snapshot/snapshot-state.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';

export const PROTOCOL: Protocol = { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 };

export const METADATA: Metadata = {
  kind: 'metaData',
  id: 'table-1',
  format: { provider: 'parquet', options: {} },
  schemaString:
    '{"type":"struct","fields":[{"name":"k","type":"long","nullable":false,"metadata":{}},{"name":"v","type":"string","nullable":true,"metadata":{}}]}',
  partitionColumns: [],
  configuration: {},
};

export const COLUMNS: readonly TableColumn[] = [
  { name: 'k', type: { kind: 'bigint' }, nullable: false, physicalName: 'k', metadata: {} },
  { name: 'v', type: { kind: 'string' }, nullable: true, physicalName: 'v', metadata: {} },
];

export function add(path: string, more: Partial<AddFile> = {}): AddFile {
  return { kind: 'add', path: objectPath(path), partitionValues: {}, size: 10, modificationTime: 1, dataChange: true, ...more };
}

export function remove(path: string, more: Partial<RemoveFile> = {}): RemoveFile {
  return { kind: 'remove', path: objectPath(path), deletionTimestamp: 5, dataChange: true, ...more };
}

export function vector(id: string, cardinality = 1): DeletionVectorDescriptor {
  return { storageType: 'u', pathOrInlineDv: `_dv${id.padStart(20, '0')}`, offset: 1, sizeInBytes: 34, cardinality };
}

/** A commit of our own writer at `timestamp`. */
export function ownCommit(timestamp: number): CommitInfo {
  return { kind: 'commitInfo', timestamp, operation: 'WRITE', engineInfo: 'lakefold/0.1.0', txnId: `txn-${timestamp}` };
}

export interface LogFixture {
  readonly store: CountingStore;
  readonly codec: ReturnType<typeof createNdjsonCodec>;
  readonly clock: { now: () => ReturnType<typeof epochMillis> };
  /** Sets the time the store stamps new objects with, epoch ms. */
  setNow(millis: number): void;
}

/** An empty location; the codec is NDJSON. */
export function emptyLog(): LogFixture {
  let now = 1000;
  const clock = { now: () => epochMillis(now) };
  const store = countingStore(new MemoryObjectStore({ clock }));
  return {
    store,
    codec: createNdjsonCodec(),
    clock,
    setNow: (millis) => {
      now = millis;
    },
  };
}

export async function writeCommit(store: ObjectStore, version: number, actions: readonly Action[], root = 't'): Promise<void> {
  await store.overwrite(commitPath(root, version), serializeActions(actions));
}

/** Version 0 with protocol and metadata, then one added file a version; commit times 10_000, 10_010, … */
export async function writeLog(store: ObjectStore, versions: number): Promise<void> {
  await writeCommit(store, 0, [ownCommit(10_000), PROTOCOL, METADATA]);
  for (let version = 1; version < versions; version += 1) await writeCommit(store, version, [ownCommit(10_000 + 10 * version), add(`f${version}`)]);
}

export interface CountingStore extends ObjectStore {
  readonly calls: string[];
}

function countingStore(store: ObjectStore): CountingStore {
  const calls: string[] = [];
  return {
    calls,
    location: store.location,
    get: (path, options) => {
      calls.push(`get ${path}`);
      return store.get(path, options);
    },
    head: (path, options) => {
      calls.push(`head ${path}`);
      return store.head(path, options);
    },
    createIfAbsent: (path, bytes, options) => {
      calls.push(`create ${path}`);
      return store.createIfAbsent(path, bytes, options);
    },
    replaceIfMatch: (path, bytes, options) => store.replaceIfMatch(path, bytes, options),
    overwrite: (path, bytes, options) => {
      calls.push(`overwrite ${path}`);
      return store.overwrite(path, bytes, options);
    },
    list: (prefix, options) => {
      calls.push(`list ${prefix}`);
      return store.list(prefix, options);
    },
    delete: (path, options) => store.delete(path, options),
  };
}
