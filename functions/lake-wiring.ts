/** Adapters of the functions that read and write tables: the bucket and the Parquet codec. */
import { createS3ObjectStore } from '../lib/adapters/aws/s3-object-store.ts';
import { startNativeSha256 } from '../lib/adapters/system/sha256.ts';
import { systemZstd } from '../lib/adapters/system/zstd.ts';
import { ENGINE_INFO } from '../lib/core/engine-info.ts';
import type { DeltaDeps } from '../lib/delta/deps.ts';
import type { FeatureDeps } from '../lib/features/deps.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import { readBundledParquetWasm } from './parquet-wasm.ts';
import { type EveryEnvironment, systemParts, type TableEnvironment, tableParts } from './wiring.ts';

interface LakeEnvironment extends EveryEnvironment {
  readonly s3Endpoint?: string | undefined;
  readonly bucket: string;
  readonly prefix: string;
}

/** The table operations over the lake's bucket. */
export function deltaParts(environment: LakeEnvironment): DeltaDeps {
  const parts = systemParts(environment);
  const store = createS3ObjectStore({
    bucket: environment.bucket,
    prefix: environment.prefix,
    clock: parts.clock,
    random: parts.random,
    settings: { region: environment.region, ...(environment.s3Endpoint === undefined ? {} : { endpoint: environment.s3Endpoint, forcePathStyle: true }) },
  });
  return {
    ...parts,
    store,
    codec: createParquetCodec({ wasm: readBundledParquetWasm(), zstd: systemZstd() }),
    engineInfo: ENGINE_INFO,
    startSha256: startNativeSha256,
  };
}

/** Everything a function that writes groups needs. Nothing outlives the answer: Lambda freezes what is left running. */
export function featureParts(environment: LakeEnvironment & TableEnvironment): FeatureDeps {
  const parts = deltaParts(environment);
  return { ...parts, ...tableParts(environment, parts), background: leftToPublish };
}

// Checkpoints are `publish`'s: it sees every commit, whoever made it.
const leftToPublish: FeatureDeps['background'] = { run: () => undefined };
