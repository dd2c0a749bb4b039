/** A whole deployment: the storage stack and the three that work on it. */
import type { StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ServiceProps } from './constructs/lakefold-function.ts';
import type { DefinitionsProps } from './constructs/services.ts';
import type { FeatureStorageProps } from './constructs/storage.ts';
import { IngestStack } from './stacks/ingest-stack.ts';
import { QueryStack } from './stacks/query-stack.ts';
import { ServingStack } from './stacks/serving-stack.ts';
import { StorageStack } from './stacks/storage-stack.ts';

export interface FeatureStoreProps extends FeatureStorageProps, ServiceProps, DefinitionsProps {
  readonly env?: NonNullable<StackProps['env']>;
}

export interface FeatureStoreStacks {
  readonly storage: StorageStack;
  readonly ingest: IngestStack;
  readonly serving: ServingStack;
  readonly query: QueryStack;
}

/** Adds the four stacks to `scope`, their names beginning with `id`. */
export function addFeatureStore(scope: Construct, id: string, props: FeatureStoreProps = {}): FeatureStoreStacks {
  const storage = new StorageStack(scope, `${id}-Storage`, { ...props, description: 'Lakefold: the lake, the online store, the control table' });
  const service = { ...props, lake: storage.lake };
  return {
    storage,
    ingest: new IngestStack(scope, `${id}-Ingest`, { ...service, description: 'Lakefold: definitions, rows in, publishing' }),
    serving: new ServingStack(scope, `${id}-Serving`, { ...service, description: 'Lakefold: online feature vectors' }),
    query: new QueryStack(scope, `${id}-Query`, { ...service, description: 'Lakefold: time travel and training datasets' }),
  };
}
