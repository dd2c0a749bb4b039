/** The S3 adapter on two independent imitations of S3. */
import { beforeAll, describe } from 'vitest';
import { describeObjectStore } from '../contract/object-store.contract.ts';
import { LOCALSTACK_DEVIATIONS, MINISTACK_DEVIATIONS } from '../support/s3-deviations.ts';
import { describeS3Faults } from '../support/s3-fault-cases.ts';
import { createBucket, openS3ForTest } from '../support/s3-for-test.ts';
import type { S3Target } from '../support/s3-for-test.ts';

const EMULATORS = [
  { name: 'LocalStack', endpoint: process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '', deviations: LOCALSTACK_DEVIATIONS },
  { name: 'MiniStack', endpoint: process.env['LAKEFOLD_TEST_MINISTACK'] ?? '', deviations: MINISTACK_DEVIATIONS },
];

for (const { name, endpoint, deviations } of EMULATORS) {
  describe.skipIf(endpoint === '')(`S3 on ${name}`, () => {
    let target: S3Target;
    beforeAll(async () => {
      // Unversioned: on versioned buckets LocalStack lets several racing conditional writes win.
      target = await createBucket(endpoint);
    });
    describeObjectStore({ name, deviations, make: () => openS3ForTest(target) });
    describeS3Faults({ name, target: async () => target });
  });
}
