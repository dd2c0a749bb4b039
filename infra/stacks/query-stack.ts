/** Offline reads and training data. */
import type { StackProps } from 'aws-cdk-lib';
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { FunctionUrl } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { DefinitionsProps, LakeServiceProps } from '../constructs/services.ts';
import { queryFunction } from '../constructs/services.ts';

export interface QueryStackProps extends StackProps, LakeServiceProps, DefinitionsProps {}

export class QueryStack extends Stack {
  readonly queryUrl: FunctionUrl;

  constructor(scope: Construct, id: string, props: QueryStackProps) {
    super(scope, id, props);
    this.queryUrl = queryFunction(this, props).addUrl();
    new CfnOutput(this, 'QueryUrl', { value: this.queryUrl.url });
  }
}
