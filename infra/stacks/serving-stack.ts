/** Online lookups. */
import type { StackProps } from 'aws-cdk-lib';
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { FunctionUrl } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { DefinitionsProps, LakeServiceProps } from '../constructs/services.ts';
import { serveFunction } from '../constructs/services.ts';

export interface ServingStackProps extends StackProps, LakeServiceProps, DefinitionsProps {}

export class ServingStack extends Stack {
  readonly serveUrl: FunctionUrl;

  constructor(scope: Construct, id: string, props: ServingStackProps) {
    super(scope, id, props);
    this.serveUrl = serveFunction(this, props).addUrl();
    new CfnOutput(this, 'ServeUrl', { value: this.serveUrl.url });
  }
}
