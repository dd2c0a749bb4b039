/** Alarms: few, each one a reason to look. */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

export interface AlarmProps {
  readonly metric: cloudwatch.IMetric;
  /** The alarm rings at this value and above. */
  readonly threshold: number;
  /** Periods in a row; 1 by default. */
  readonly periods?: number;
  readonly description: string;
}

/** An alarm on `props.metric`; tells `topic`, where there is one. No data is no alarm. */
export function addAlarm(scope: Construct, id: string, props: AlarmProps & { readonly topic: sns.ITopic | undefined }): cloudwatch.Alarm {
  const alarm = new cloudwatch.Alarm(scope, id, {
    metric: props.metric,
    threshold: props.threshold,
    evaluationPeriods: props.periods ?? 1,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    alarmDescription: props.description,
  });
  if (props.topic !== undefined) alarm.addAlarmAction(new SnsAction(props.topic));
  return alarm;
}
