/** Opens a feature store on whatever it is kept in; nothing of that is loaded before. */
import type { Log } from '../ports/log.ts';
import type { LakeBucket, LakeTables } from './aws-service.ts';
import type { Definitions, FeatureStore } from './feature-store.ts';

interface CommonOptions {
  /** `default` unless given. */
  readonly project?: string;
  /** Definitions registered before: views of theirs are served with the functions among them. `apply` registers them. */
  readonly definitions?: Definitions;
  /** Silent unless given. */
  readonly log?: Log;
}

/** A folder of this machine: made, with its project, where there is none. */
export interface EmbeddedStoreOptions extends CommonOptions {
  readonly location: string;
}

/** The bucket and the tables of a deployment, with the caller's own rights. */
export interface AwsStoreOptions extends CommonOptions {
  readonly s3: LakeBucket;
  readonly dynamodb: LakeTables;
}

export type FeatureStoreOptions = EmbeddedStoreOptions | AwsStoreOptions;

/** @throws LakefoldError UNSUPPORTED_FILESYSTEM, UNSUPPORTED_FORMAT, STORE_UNAVAILABLE, INVALID_DEFINITION */
export async function openFeatureStore(options: FeatureStoreOptions): Promise<FeatureStore> {
  const [{ FeatureStore: Store }, { collectDefinitions }, { ensureProject }] = await Promise.all([
    import('./feature-store.ts'),
    import('../registry/collect-definitions.ts'),
    import('./open-store.ts'),
  ]);
  const { project = 'default', definitions = {}, log } = options;
  const functions = new Map(collectDefinitions(definitions).functions);
  const common = { functions, ...(log === undefined ? {} : { log }) };
  if ('s3' in options) {
    const { openAws } = await import('./aws.ts');
    return new Store(await openAws({ s3: options.s3, dynamodb: options.dynamodb, ...common }), project, functions);
  }
  const { openEmbedded } = await import('./embedded.ts');
  const store = await openEmbedded({ location: options.location, ...common });
  try {
    await ensureProject(store.projects, project);
  } catch (error) {
    await store.close();
    throw error;
  }
  return new Store(store, project, functions);
}
