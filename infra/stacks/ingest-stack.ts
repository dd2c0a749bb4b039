/** Everything that writes: definitions, rows, and the fold into the online store. */
import type { StackProps } from 'aws-cdk-lib';
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { FunctionUrl } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { Publisher } from '../constructs/publisher.ts';
import type { LakeServiceProps } from '../constructs/services.ts';
import { catalogFunction, ingestFunction } from '../constructs/services.ts';

export interface IngestStackProps extends StackProps, LakeServiceProps {}

export class IngestStack extends Stack {
  readonly catalogUrl: FunctionUrl;
  readonly ingestUrl: FunctionUrl;
  readonly publisher: Publisher;

  constructor(scope: Construct, id: string, props: IngestStackProps) {
    super(scope, id, props);
    this.catalogUrl = catalogFunction(this, props).addUrl();
    this.ingestUrl = ingestFunction(this, props).addUrl();
    this.publisher = new Publisher(this, 'Publisher', props);
    new CfnOutput(this, 'CatalogUrl', { value: this.catalogUrl.url });
    new CfnOutput(this, 'IngestUrl', { value: this.ingestUrl.url });
  }
}
