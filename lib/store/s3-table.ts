/** What a single table below a prefix of a bucket needs. */
import { awsEnvironment } from '../adapters/aws/aws-environment.ts';
import { createS3ObjectStore, type S3ObjectStore } from '../adapters/aws/s3-object-store.ts';
import type { DeltaDeps } from '../delta/deps.ts';
import type { Log } from '../ports/log.ts';
import { serviceSettings, type LakeBucket } from './aws-service.ts';
import { localTableParts } from './local-table.ts';

export function s3TableDeps(lake: LakeBucket, log?: Log): DeltaDeps & { readonly store: S3ObjectStore } {
  const parts = localTableParts(log);
  const service = { ...awsEnvironment(), ...serviceSettings(lake) };
  const settings = { ...service, ...(service.endpoint === undefined ? {} : { forcePathStyle: true }) };
  return { ...parts, store: createS3ObjectStore({ bucket: lake.bucket, prefix: lake.prefix ?? '', clock: parts.clock, random: parts.random, settings }) };
}
