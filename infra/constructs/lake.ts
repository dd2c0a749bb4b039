/** What every stack shares, and the rights to it, by prefix and by partition. */
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';

/** The state of one deployment. */
export interface Lake {
  readonly bucket: LakeBucket;
  /** Key prefix of the location, without slashes at its ends; empty = the bucket's root. */
  readonly prefix: string;
  readonly onlineTable: LakeTable;
  readonly controlTable: LakeTable;
}

/** A bucket made here or imported. */
export type LakeBucket = Pick<s3.IBucket, 'bucketName' | 'bucketArn' | 'arnForObjects'>;
/** A table made here or imported. */
export type LakeTable = Pick<dynamodb.ITableV2, 'tableName' | 'tableArn'>;

/** Objects of a location, relative to it; `*` stands for the project first and for anything later. */
export const OBJECTS = {
  marker: 'lakefold.json',
  registry: '*/_registry/*',
  groups: '*/feature-groups/*',
  logs: '*/feature-groups/*/_delta_log/*',
  sidecars: '*/feature-groups/*/_lakefold/*',
  pins: '*/feature-groups/*/_lakefold/pins/*',
  statistics: '*/feature-groups/*/_lakefold/statistics/*',
  trainingDatasets: '*/training-datasets/*',
  manifests: '*/training-datasets/*/manifest.json',
  uploads: '*/_uploads/*',
} as const;

export type ObjectPattern = (typeof OBJECTS)[keyof typeof OBJECTS];

export interface ObjectRights {
  readonly read: readonly ObjectPattern[];
  /** Names that may be listed, though not all they name be read. */
  readonly list?: readonly ObjectPattern[];
  /** Also the names at the location's root, which are its projects. */
  readonly projects?: 'listed';
  /** Never implies delete: vacuum and erase have roles of their own. */
  readonly write?: readonly ObjectPattern[];
}

/** Rights to objects, and to list what may be read. */
export function allowObjects(role: iam.Role, lake: Lake, rights: ObjectRights): void {
  const key = (pattern: string): string => (lake.prefix === '' ? pattern : `${lake.prefix}/${pattern}`);
  const arns = (patterns: readonly string[]): string[] => patterns.map((pattern) => lake.bucket.arnForObjects(key(pattern)));
  const root = rights.projects === 'listed' ? [key('')] : [];
  role.addToPolicy(new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: arns(rights.read) }));
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: ['s3:ListBucket'],
      resources: [lake.bucket.bucketArn],
      // A GET carries no prefix, and only with the right to list does S3 answer 404 for what isn't there; readers of a log live by that.
      conditions: { StringLikeIfExists: { 's3:prefix': [...root, ...[...rights.read, ...(rights.list ?? [])].map(key)] } },
    }),
  );
  if (rights.write !== undefined) role.addToPolicy(new iam.PolicyStatement({ actions: ['s3:PutObject'], resources: arns(rights.write) }));
}

export type ItemAction = 'GetItem' | 'BatchGetItem' | 'Query' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'BatchWriteItem';

export const READ_ITEMS = ['GetItem', 'BatchGetItem', 'Query'] as const;
export const WRITE_ITEMS = [...READ_ITEMS, 'PutItem', 'UpdateItem'] as const;

export interface ItemRights {
  /** Scan is not among them: it names no key, so no condition on keys would hold it. */
  readonly actions: readonly ItemAction[];
  /** Partitions by pattern, such as `registry/*`; all by default. */
  readonly partitions?: readonly string[];
}

/** Rights to items of a table. */
export function allowItems(role: iam.Role, table: LakeTable, rights: ItemRights): void {
  const conditions = rights.partitions === undefined ? {} : { conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...rights.partitions] } } };
  role.addToPolicy(new iam.PolicyStatement({ actions: rights.actions.map((action) => `dynamodb:${action}`), resources: [table.tableArn], ...conditions }));
}
