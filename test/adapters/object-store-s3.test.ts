/** The S3 adapter against a stub on loopback: the contract, and what only a scripted network shows. */
import { afterAll, beforeAll } from 'vitest';
import { describeObjectStore } from '../contract/object-store.contract.ts';
import { startS3Stub } from '../support/s3-stub.ts';
import type { S3Stub } from '../support/s3-stub.ts';
import { describeS3Faults } from '../support/s3-fault-cases.ts';
import { openS3ForTest } from '../support/s3-for-test.ts';

let stub: S3Stub;
beforeAll(async () => {
  stub = await startS3Stub();
});
afterAll(async () => {
  await stub.close();
});

describeObjectStore({ name: 'S3 adapter on a stub', make: () => openS3ForTest({ endpoint: stub.endpoint, bucket: 'bucket' }) });
describeS3Faults({ name: 'a stub', target: async () => ({ endpoint: stub.endpoint, bucket: 'bucket' }) });
