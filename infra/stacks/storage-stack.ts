/** The stateful stack: deleting it leaves bucket and tables where they are. */
import type { StackProps } from 'aws-cdk-lib';
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Lake } from '../constructs/lake.ts';
import type { FeatureStorageProps } from '../constructs/storage.ts';
import { FeatureStorage } from '../constructs/storage.ts';

export interface StorageStackProps extends StackProps, FeatureStorageProps {}

export class StorageStack extends Stack {
  readonly lake: Lake;

  constructor(scope: Construct, id: string, props: StorageStackProps = {}) {
    super(scope, id, { terminationProtection: true, ...props });
    this.lake = new FeatureStorage(this, 'Storage', props).lake;
    new CfnOutput(this, 'Location', { value: `s3://${this.lake.bucket.bucketName}${this.lake.prefix === '' ? '' : `/${this.lake.prefix}`}` });
    new CfnOutput(this, 'OnlineTable', { value: this.lake.onlineTable.tableName });
    new CfnOutput(this, 'ControlTable', { value: this.lake.controlTable.tableName });
  }
}
