/** The HTTP functions, each with the rights it needs and no more. */
import { Annotations, Duration, Size } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { installedDuckdbCpus } from '../function-code.ts';
import type { Lake } from './lake.ts';
import { allowItems, allowObjects, OBJECTS, READ_ITEMS, WRITE_ITEMS } from './lake.ts';
import type { ServiceProps } from './lakefold-function.ts';
import { LakefoldFunction } from './lakefold-function.ts';

export interface LakeServiceProps extends ServiceProps {
  readonly lake: Lake;
}

export interface DefinitionsProps {
  /** Module of the definitions whose functions are bundled; none by default. */
  readonly definitions?: string;
}

/** Memory that buys one whole processor, MiB. */
const ONE_CPU_MEBIBYTES = 1769;

/** Definitions: writes the registry, its copy in the control table, and the first and the schema-changing commits of a table. */
export function catalogFunction(scope: Construct, props: LakeServiceProps): LakefoldFunction<'catalog'> {
  const { lake } = props;
  const made = new LakefoldFunction(scope, 'Catalog', {
    ...props,
    name: 'catalog',
    description: 'Lakefold: definitions',
    variables: { LAKEFOLD_BUCKET: lake.bucket.bucketName, LAKEFOLD_PREFIX: lake.prefix, LAKEFOLD_CONTROL_TABLE: lake.controlTable.tableName },
    memoryMebibytes: 1024,
    timeout: Duration.seconds(60),
  });
  const { marker, registry, logs, sidecars, manifests, trainingDatasets } = OBJECTS;
  // Search, lineage and deletes ask what was made of a view: its datasets' names and manifests, never their rows.
  const read = [marker, registry, logs, sidecars, manifests];
  allowObjects(made.role, lake, { read, list: [trainingDatasets], projects: 'listed', write: [marker, registry, logs] });
  allowItems(made.role, lake.controlTable, { actions: [...WRITE_ITEMS, 'DeleteItem'], partitions: ['registry/*', 'plan/*', 'lease/*'] });
  return made;
}

/** Rows in: stages files, commits, publishes what a caller waits for. */
export function ingestFunction(scope: Construct, props: LakeServiceProps): LakefoldFunction<'ingest'> {
  const { lake } = props;
  const made = new LakefoldFunction(scope, 'Ingest', {
    ...props,
    name: 'ingest',
    description: 'Lakefold: rows in',
    variables: lakeVariables(lake),
    memoryMebibytes: ONE_CPU_MEBIBYTES,
    timeout: Duration.minutes(2),
  });
  const { marker, registry, groups, uploads } = OBJECTS;
  allowObjects(made.role, lake, { read: [marker, registry, groups, uploads], write: [groups] });
  allowItems(made.role, lake.controlTable, { actions: READ_ITEMS, partitions: ['registry/*'] });
  allowItems(made.role, lake.onlineTable, { actions: WRITE_ITEMS });
  return made;
}

/** Online vectors: reads two tables. It may touch no object and no key, secret or lease of the control table. */
export function serveFunction(scope: Construct, props: LakeServiceProps & DefinitionsProps): LakefoldFunction<'serve'> {
  const { lake } = props;
  const made = new LakefoldFunction(scope, 'Serve', {
    ...props,
    name: 'serve',
    description: 'Lakefold: online feature vectors',
    variables: { LAKEFOLD_ONLINE_TABLE: lake.onlineTable.tableName, LAKEFOLD_CONTROL_TABLE: lake.controlTable.tableName },
    memoryMebibytes: ONE_CPU_MEBIBYTES,
    timeout: Duration.seconds(10),
    bundle: bundleOf(props),
  });
  allowItems(made.role, lake.controlTable, { actions: READ_ITEMS, partitions: ['registry/*', 'transforms/*'] });
  allowItems(made.role, lake.onlineTable, { actions: ['GetItem', 'BatchGetItem'] });
  return made;
}

/** Offline reads and training datasets, by DuckDB over files in scratch space. */
export function queryFunction(scope: Construct, props: LakeServiceProps & DefinitionsProps): LakefoldFunction<'query'> {
  const { lake } = props;
  const [cpu] = installedDuckdbCpus();
  const made = new LakefoldFunction(scope, 'Query', {
    ...props,
    name: 'query',
    description: 'Lakefold: time travel and training datasets',
    variables: { LAKEFOLD_BUCKET: lake.bucket.bucketName, LAKEFOLD_PREFIX: lake.prefix, LAKEFOLD_CONTROL_TABLE: lake.controlTable.tableName },
    memoryMebibytes: 4 * ONE_CPU_MEBIBYTES,
    timeout: Duration.minutes(15),
    scratch: Size.gibibytes(10),
    architecture: cpu === 'x64' ? lambda.Architecture.X86_64 : lambda.Architecture.ARM_64,
    bundle: bundleOf(props),
  });
  if (cpu === undefined) {
    Annotations.of(made).addWarningV2(
      'lakefold:no-duckdb',
      'query is bundled without DuckDB and will not start: install @duckdb/node-bindings-linux-arm64 or -x64 (npm install --force) before deploying',
    );
  }
  const { marker, registry, groups, trainingDatasets, uploads, pins, statistics } = OBJECTS;
  allowObjects(made.role, lake, { read: [marker, registry, groups, trainingDatasets, uploads], write: [trainingDatasets, pins, statistics] });
  allowItems(made.role, lake.controlTable, { actions: WRITE_ITEMS, partitions: ['transforms/*'] });
  return made;
}

/** Variables of the functions that see both the lake and the online store. */
export function lakeVariables(lake: Lake): {
  readonly LAKEFOLD_BUCKET: string;
  readonly LAKEFOLD_PREFIX: string;
  readonly LAKEFOLD_CONTROL_TABLE: string;
  readonly LAKEFOLD_ONLINE_TABLE: string;
} {
  return {
    LAKEFOLD_BUCKET: lake.bucket.bucketName,
    LAKEFOLD_PREFIX: lake.prefix,
    LAKEFOLD_CONTROL_TABLE: lake.controlTable.tableName,
    LAKEFOLD_ONLINE_TABLE: lake.onlineTable.tableName,
  };
}

function bundleOf(props: DefinitionsProps): DefinitionsProps {
  return props.definitions === undefined ? {} : { definitions: props.definitions };
}
