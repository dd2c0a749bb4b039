/** S3 stores for tests, each below a prefix of its own. */
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import type { S3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import { seededRandom, tickingClock } from './object-store-ports.ts';
import type { TickingClock } from './object-store-ports.ts';

export interface S3Target {
  readonly endpoint: string;
  readonly bucket: string;
}

export interface OpenedS3 {
  readonly store: S3ObjectStore;
  readonly clock: TickingClock;
  /** Keys of the store begin with it and a `/`. */
  readonly prefix: string;
  close(): Promise<void>;
}

/** Settings for an emulator: path style, since names of buckets do not resolve on loopback. */
export function emulatorSettings(endpoint: string): S3ClientConfig {
  return { endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
}

export async function openS3ForTest(target: S3Target, options: { readonly settings?: S3ClientConfig; readonly prefix?: string } = {}): Promise<OpenedS3> {
  const prefix = options.prefix ?? `test/${randomUUID()}`;
  const clock = tickingClock();
  const store = createS3ObjectStore({
    settings: { ...emulatorSettings(target.endpoint), ...options.settings },
    bucket: target.bucket,
    prefix,
    clock,
    random: seededRandom(7),
  });
  return { store, clock, prefix, close: async () => store.close() };
}

/** A new, unversioned bucket. */
export async function createBucket(endpoint: string): Promise<S3Target> {
  const client = new S3Client(emulatorSettings(endpoint));
  const bucket = `lakefold-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { endpoint, bucket };
}
