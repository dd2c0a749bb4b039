/** The acceptance vectors of the semantics through the library on S3 and DynamoDB: what they pin holds on the stores of a deployment. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VectorMap } from '../../cli/conformance/map-vector.ts';
import { runVector } from '../../cli/conformance/run-vector.ts';
import { VECTORS } from '../../cli/conformance/vectors.ts';
import { DynamoDbControl } from '../../lib/adapters/aws/dynamodb-control.ts';
import { DynamoDbOnlineStore } from '../../lib/adapters/aws/dynamodb-online-store.ts';
import { openDuckDbEngine } from '../../lib/adapters/duckdb/engine.ts';
import { instant } from '../../lib/core/time.ts';
import type { Engine } from '../../lib/ports/engine.ts';
import { libraryDriver } from '../conformance/library-driver.ts';
import { TOUCHES_STORES } from '../rules/proofs/tests.ts';
import { createTables, type DynamoDbTarget } from '../support/dynamodb-for-test.ts';
import { createBucket, type OpenedS3, openS3ForTest, type S3Target } from '../support/s3-for-test.ts';

const S3 = process.env['LAKEFOLD_TEST_LOCALSTACK'] ?? '';
const DYNAMODB = process.env['LAKEFOLD_TEST_LOCALSTACK_DYNAMODB'] ?? '';
const NOW_MICROS = instant('2025-06-15T12:00:00Z');
const STORED = [...VECTORS.entries()].filter(([, { rules }]) => rules.some((rule) => TOUCHES_STORES.test(rule)));

describe.skipIf(S3 === '' || DYNAMODB === '')('through the library, on S3 and DynamoDB of LocalStack', () => {
  let directory: string;
  let engine: Engine;
  let bucket: S3Target;
  let tables: DynamoDbTarget;
  const opened: OpenedS3[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lakefold-emulated-vectors-'));
    engine = await openDuckDbEngine({ scratchDirectory: directory, threads: 1 });
    bucket = await createBucket(S3);
    tables = await createTables(DYNAMODB);
  });
  afterAll(async () => {
    for (const { close } of opened) await close();
    tables.deps.client.destroy();
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  });

  it.each(STORED.map(([i, vector]) => [`${vector.name} (${vector.rules.join(', ')})`, vector, `v${i}`] as const))('%s', async (_, vector, prefix) => {
    const s3 = await openS3ForTest(bucket);
    opened.push(s3);
    const driver = await libraryDriver(
      {
        engine,
        directory,
        backends: () => ({
          store: s3.store,
          online: new DynamoDbOnlineStore(tables.deps, { table: tables.onlineTable }),
          control: new DynamoDbControl(tables.deps, { table: tables.controlTable }),
        }),
      },
      { nowMicros: NOW_MICROS, name: prefix },
    );
    expect(await runVector(driver, new VectorMap(vector, { nowMicros: NOW_MICROS, prefix }))).toBeUndefined();
    await driver.close();
  });
});
