/** The one place that chooses the adapters of a Lambda function, from its environment. */
import { createDynamoDbClient } from '../lib/adapters/aws/dynamodb-calls.ts';
import { DynamoDbControl } from '../lib/adapters/aws/dynamodb-control.ts';
import { DynamoDbOnlineStore } from '../lib/adapters/aws/dynamodb-online-store.ts';
import { createS3ObjectStore } from '../lib/adapters/aws/s3-object-store.ts';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { JsonLog, type LogLevel } from '../lib/adapters/system/log.ts';
import { SystemRandom } from '../lib/adapters/system/random.ts';
import type { DeltaDeps } from '../lib/delta/deps.ts';
import type { FeatureDeps } from '../lib/features/deps.ts';
import { createParquetCodec } from '../lib/parquet/parquet-codec.ts';
import type { Control } from '../lib/ports/control.ts';
import type { OnlineStore } from '../lib/ports/online-store.ts';
import type { HttpDeps } from './http/request-context.ts';
import { readBundledParquetWasm } from './parquet-wasm.ts';
import { ENGINE_INFO } from './version.ts';

interface Everywhere {
  readonly region: string;
  readonly logLevel: LogLevel;
}

interface Tables extends Everywhere {
  readonly dynamodbEndpoint?: string | undefined;
  readonly controlTable: string;
  readonly onlineTable: string;
}

interface Lake extends Everywhere {
  readonly s3Endpoint?: string | undefined;
  readonly bucket: string;
  readonly prefix: string;
}

/** Clock, randomness and log of a function. */
export function systemParts(environment: Everywhere): HttpDeps {
  const clock = new SystemClock();
  return { clock, random: new SystemRandom(), log: new JsonLog({ sink: process.stdout, clock, level: environment.logLevel }) };
}

/** The control table alone. */
export function controlPart(environment: Omit<Tables, 'onlineTable'>, parts: HttpDeps): Control {
  return new DynamoDbControl({ client: createDynamoDbClient(clientSettings(environment)), clock: parts.clock, random: parts.random }, { table: environment.controlTable });
}

/** The table operations over the lake's bucket. */
export function deltaParts(environment: Lake): DeltaDeps {
  const parts = systemParts(environment);
  return { ...parts, store: lakeStore(environment, parts), codec: createParquetCodec({ wasm: readBundledParquetWasm() }), engineInfo: ENGINE_INFO };
}

/** Both DynamoDB tables over one client. */
export function tableParts(environment: Tables, parts: HttpDeps): { readonly online: OnlineStore; readonly control: Control } {
  const deps = { client: createDynamoDbClient(clientSettings(environment)), clock: parts.clock, random: parts.random };
  return { online: new DynamoDbOnlineStore(deps, { table: environment.onlineTable }), control: new DynamoDbControl(deps, { table: environment.controlTable }) };
}

/** The lake's bucket. */
export function lakeStore(environment: Lake, parts: HttpDeps): FeatureDeps['store'] {
  return createS3ObjectStore({
    bucket: environment.bucket, prefix: environment.prefix, clock: parts.clock, random: parts.random,
    settings: { region: environment.region, ...(environment.s3Endpoint === undefined ? {} : { endpoint: environment.s3Endpoint, forcePathStyle: true }) },
  });
}

/** Everything a function that writes tables needs. Nothing outlives the answer: Lambda freezes what is left running. */
export function featureParts(environment: Lake & Tables, options: { readonly background: FeatureDeps['background'] }): FeatureDeps {
  const parts = deltaParts(environment);
  return { ...parts, ...tableParts(environment, parts), background: options.background };
}

/** Leaves checkpoints to `publish`: it sees every commit, whoever made it. */
export const leftToPublish: FeatureDeps['background'] = { run: () => undefined };

function clientSettings(environment: Pick<Tables, 'region' | 'dynamodbEndpoint'>): { readonly region: string; readonly endpoint?: string } {
  return { region: environment.region, ...(environment.dynamodbEndpoint === undefined ? {} : { endpoint: environment.dynamodbEndpoint }) };
}
