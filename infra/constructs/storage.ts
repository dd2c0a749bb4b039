/** Everything that outlives a deployment: the bucket and the two tables. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Lake } from './lake.ts';

export interface FeatureStorageProps {
  /** Key prefix of the location in the bucket; the root by default. */
  readonly prefix?: string;
}

const PREFIX = /^(?:[^/\s]+(?:\/[^/\s]+)*)?$/;

/** Upload URLs are signed with this tag: a lifecycle rule can name a tag but no prefix with a project in its middle. */
const UPLOAD_TAG = { key: 'lakefold-lifecycle', value: 'upload' } as const;

/** Bucket and tables, kept when the stack goes. */
export class FeatureStorage extends Construct {
  readonly lake: Lake;

  constructor(scope: Construct, id: string, props: FeatureStorageProps = {}) {
    super(scope, id);
    const prefix = props.prefix ?? '';
    if (!PREFIX.test(prefix)) throw new Error(`expected a key prefix without slashes at its ends, found ${JSON.stringify(prefix)}`);
    this.lake = { bucket: lakeBucket(this), prefix, onlineTable: onlineTable(this), controlTable: controlTable(this) };
  }
}

function lakeBucket(scope: Construct): s3.Bucket {
  // Unversioned: no commit can be overwritten and no function may delete, while a version kept behind a key would outlive an erasure.
  const bucket = new s3.Bucket(scope, 'Lake', {
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: s3.BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [
      { id: 'uploads', tagFilters: { [UPLOAD_TAG.key]: UPLOAD_TAG.value }, expiration: Duration.days(1) },
      { id: 'abandoned-multipart-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
    ],
  });
  const resource = bucket.node.defaultChild;
  if (!(resource instanceof s3.CfnBucket)) throw new Error('expected an AWS::S3::Bucket as the default child of a bucket, found another construct');
  // The higher-level switch adds a function that may change the notifications of every bucket of the account.
  resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
  bucket.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'CommitsAreCreatedOnce',
      effect: iam.Effect.DENY,
      principals: [new iam.AnyPrincipal()],
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects('*/_delta_log/*.json'), bucket.arnForObjects('*/_registry/*.json')],
      // Parts of a multipart upload carry no condition; its completion, which makes the object, does.
      conditions: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
    }),
  );
  return bucket;
}

const TABLE = {
  billing: dynamodb.Billing.onDemand(),
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  deletionProtection: true,
  removalPolicy: RemovalPolicy.RETAIN,
} as const;

function onlineTable(scope: Construct): dynamodb.TableV2 {
  return new dynamodb.TableV2(scope, 'Online', {
    ...TABLE,
    partitionKey: { name: 'p', type: dynamodb.AttributeType.STRING },
    sortKey: { name: 'k', type: dynamodb.AttributeType.BINARY },
    timeToLiveAttribute: 'x',
  });
}

function controlTable(scope: Construct): dynamodb.TableV2 {
  return new dynamodb.TableV2(scope, 'Control', {
    ...TABLE,
    partitionKey: { name: 'p', type: dynamodb.AttributeType.STRING },
    sortKey: { name: 's', type: dynamodb.AttributeType.STRING },
  });
}
