/** An intent in the inbox, a refused one and a doorbell, byte for byte (storage.md §4): goes red when a layout changes. */
import { expect, it } from 'vitest';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import { MemoryQueue } from '../../lib/adapters/memory/queue.ts';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { UlidSource } from '../../lib/core/ulid.ts';
import { buryIntent, deadBoxOf, enqueueWrite, findDead, inboxOf } from '../../lib/delta/group/group-inbox.ts';
import { decodeIntent, encodeIntent } from '../../lib/delta/group/group-intent.ts';
import { takeLease } from '../../lib/delta/group/group-lease.ts';
import { rowsBatch, T_ROOT, tableFixture } from '../support/table-fixture.ts';

const INTENT = String.raw`{"format":1,"id":"01JXT21Q00RM5YX17J9Z6SK03C","operation":"upsert","identity":["k"],"table":"7d1165c4-4930-4a6d-97cc-4b34a88bc231","partitionColumns":[],"columns":[["k","k","string",false],["v","v","int",true],["_ingested_at","_ingested_at","timestamp",true]],"constraints":{},"adds":[{"path":"part-01JXT21Q00RM5YX17J9Z6SK03C-00000.ndjson","partitionValues":{},"size":61,"modificationTime":1750000000000,"dataChange":true,"stats":"{\"numRecords\":1,\"minValues\":{\"k\":\"a\",\"v\":2,\"_ingested_at\":\"2025-06-15T15:06:40.000Z\"},\"maxValues\":{\"k\":\"a\",\"v\":2,\"_ingested_at\":\"2025-06-15T15:06:40.000Z\"},\"nullCount\":{\"k\":0,\"v\":0,\"_ingested_at\":0},\"tightBounds\":true}","tags":{"lakefold.fileCrc32":"cd3f95d7"}}],"rows":1,"deduped":1,"isReceived":true,"ingestedAt":"1750000000000001","txn":{"key":"once","body":"f00d","windowMillis":1000},"received":3,"rejected":1,"committedBy":"key:abc","validation":{"success":true},"report":"r1"}`;

it('an intent, a refused one, a doorbell and a lease have their layouts', async () => {
  const { deps, clock, table } = await tableFixture();
  const inbox = { ...deps, control: new MemoryControl(), queue: new MemoryQueue({ clock }) };
  const intent = await enqueueWrite(
    inbox,
    { name: 'demo/g/1', root: T_ROOT, snapshot: table.snapshot, ids: new UlidSource(deps) },
    {
      batch: rowsBatch(['a', 1, 1_750_000_000_000_000n], ['a', 2, 1_750_000_000_000_001n]),
      what: { kind: 'upsert', keys: ['k'] },
      idempotency: { kind: 'request', key: 'once', bodyHash: 'f00d', windowMillis: 1000 },
      received: 3,
      rejected: 1,
      committedBy: 'key:abc',
      validation: { success: true },
      report: 'r1',
    },
  );
  const stored = await inbox.control.get(inboxOf('demo/g/1'), intent.id);
  expect(decodeUtf8(stored?.bytes ?? new Uint8Array())).toBe(INTENT);
  expect(decodeIntent(utf8(INTENT))).toEqual(intent);
  expect(encodeIntent(decodeIntent(utf8(INTENT)))).toEqual(utf8(INTENT));

  await buryIntent(inbox, 'demo/g/1', { id: intent.id, code: 'SCHEMA_DRIFT', reason: 'why', intent: utf8('{}') });
  expect(decodeUtf8((await inbox.control.get(deadBoxOf('demo/g/1'), intent.id))?.bytes ?? new Uint8Array())).toBe(
    '{"format":1,"code":"SCHEMA_DRIFT","reason":"why","refusedAt":1750000000000}\n{}',
  );
  expect((await findDead(inbox.control, 'demo/g/1', intent.id))?.intent).toEqual(utf8('{}'));

  await takeLease(inbox, 'demo/g/1', 'me');
  expect(decodeUtf8((await inbox.control.get('lease/demo/g/1', 'l'))?.bytes ?? new Uint8Array())).toBe('{"format":1,"owner":"me","until":1750000030000}');
  const [doorbell] = await inbox.queue.receive({ countMax: 1, visibilitySeconds: 1 });
  expect(doorbell?.body).toBe('{"format":1,"table":"demo/g/1"}');
});
