/** One Lambda function of ours: runtime, code, role, log, alarms; rights are added next to where it is made. */
import type { Size } from 'aws-cdk-lib';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { FunctionName, Variables } from '../../functions/environment.ts';
import type { BundleOptions } from '../function-code.ts';
import { functionCode } from '../function-code.ts';
import { addAlarm } from './alarms.ts';

/** Props every service takes. */
export interface ServiceProps {
  /** Who may call the functions' URLs: signed AWS principals that are granted it (default), or everyone on the internet. */
  readonly access?: 'aws-iam' | 'public';
  /** Told when an alarm rings. */
  readonly alarmTopic?: sns.ITopic;
  readonly logRetention?: logs.RetentionDays;
}

export interface LakefoldFunctionProps<Name extends FunctionName> extends ServiceProps {
  readonly name: Name;
  readonly description: string;
  readonly variables: Variables<Name>;
  readonly memoryMebibytes: number;
  readonly timeout: Duration;
  /** arm64 by default. */
  readonly architecture?: lambda.Architecture;
  /** Of `/tmp`; Lambda's 512 MiB by default. */
  readonly scratch?: Size;
  readonly bundle?: BundleOptions;
}

/** The function with a role that may write its own log and nothing else. */
export class LakefoldFunction<Name extends FunctionName> extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly #access: ServiceProps['access'];

  constructor(scope: Construct, id: string, props: LakefoldFunctionProps<Name>) {
    super(scope, id);
    this.#access = props.access;
    // A role handed in keeps CDK from attaching the managed policy that may write any log of the account.
    this.role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    const logGroup = new logs.LogGroup(this, 'Log', { retention: props.logRetention ?? logs.RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    logGroup.grantWrite(this.role);
    this.function = new lambda.Function(this, 'Function', {
      description: props.description,
      runtime: lambda.Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: functionCode(props.name, props.bundle),
      architecture: props.architecture ?? lambda.Architecture.ARM_64,
      memorySize: props.memoryMebibytes,
      timeout: props.timeout,
      environment: Object.fromEntries(
        Object.entries<string | undefined>(props.variables).flatMap(([variable, value]) => (value === undefined ? [] : [[variable, value]])),
      ),
      role: this.role,
      logGroup,
      ...(props.scratch === undefined ? {} : { ephemeralStorageSize: props.scratch }),
    });
    addAlarm(this, 'Errors', {
      metric: this.function.metricErrors({ period: Duration.minutes(5) }),
      threshold: 1,
      description: `${props.name}: invocations failed`,
      topic: props.alarmTopic,
    });
    addAlarm(this, 'Throttles', {
      metric: this.function.metricThrottles({ period: Duration.minutes(5) }),
      threshold: 1,
      periods: 3,
      description: `${props.name}: invocations refused for want of concurrency`,
      topic: props.alarmTopic,
    });
  }

  /** An HTTPS endpoint. Under `aws-iam` callers need `url.grantInvokeUrl`. */
  addUrl(): lambda.FunctionUrl {
    const authType = this.#access === 'public' ? lambda.FunctionUrlAuthType.NONE : lambda.FunctionUrlAuthType.AWS_IAM;
    return this.function.addFunctionUrl({ authType, invokeMode: lambda.InvokeMode.BUFFERED });
  }
}
