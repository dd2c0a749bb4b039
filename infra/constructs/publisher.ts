/** The fold: every new log entry, and once a minute everything, goes through one queue to `publish`. */
import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { allowItems, allowObjects, OBJECTS, WRITE_ITEMS } from './lake.ts';
import { LakefoldFunction } from './lakefold-function.ts';
import type { LakeServiceProps } from './services.ts';
import { lakeVariables } from './services.ts';
import { addAlarm } from './alarms.ts';

const TIMEOUT = Duration.minutes(5);
/** A message in flight must outlast the function's own retries, or it is folded twice at once: harmless but wasteful. */
const VISIBILITY = Duration.minutes(30);
const RECEIVES_MAX = 5;
const MESSAGES_PER_BATCH = 100;
const PUBLISHERS_MAX = 10;

/**
 * Queue, dead letters, rules and function.
 *
 * The body of a message is the EventBridge event as it came: `Object Created` of S3, or `Scheduled Event` for the sweep.
 */
export class Publisher extends Construct {
  readonly publish: LakefoldFunction<'publish'>;
  readonly queue: sqs.Queue;
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, props: LakeServiceProps) {
    super(scope, id);
    const { lake, alarmTopic } = props;
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', { enforceSSL: true, retentionPeriod: Duration.days(14) });
    this.queue = new sqs.Queue(this, 'Queue', {
      enforceSSL: true,
      visibilityTimeout: VISIBILITY,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: RECEIVES_MAX },
    });
    this.publish = publishFunction(this, props);
    this.publish.function.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: MESSAGES_PER_BATCH,
        maxBatchingWindow: Duration.seconds(1),
        maxConcurrency: PUBLISHERS_MAX,
        reportBatchItemFailures: true,
      }),
    );
    // Undeliverable events need no dead letters of their own: the next sweep finds what they would have announced.
    const target = new targets.SqsQueue(this.queue);
    const key = `${lake.prefix === '' ? '' : `${lake.prefix}/`}*/_delta_log/*.json`;
    new events.Rule(this, 'LogEntry', {
      description: 'Lakefold: a table has a new log entry',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: { bucket: { name: [lake.bucket.bucketName] }, object: { key: [{ wildcard: key }] } },
      },
      targets: [target],
    });
    new events.Rule(this, 'Sweep', {
      description: 'Lakefold: publish whatever is behind',
      schedule: events.Schedule.rate(Duration.minutes(1)),
      targets: [target],
    });
    addAlarm(this, 'Dead', {
      metric: this.deadLetters.metricApproximateNumberOfMessagesVisible(),
      threshold: 1,
      description: 'publish: messages given up',
      topic: alarmTopic,
    });
    addAlarm(this, 'Behind', {
      metric: this.queue.metricApproximateAgeOfOldestMessage(),
      threshold: 300,
      periods: 3,
      description: 'publish: the online store is more than 5 minutes behind',
      topic: alarmTopic,
    });
  }
}

function publishFunction(scope: Construct, props: LakeServiceProps): LakefoldFunction<'publish'> {
  const { lake } = props;
  const made = new LakefoldFunction(scope, 'Publish', {
    ...props,
    name: 'publish',
    description: 'Lakefold: folds the log into the online store',
    variables: lakeVariables(lake),
    memoryMebibytes: 1769,
    timeout: TIMEOUT,
  });
  const { marker, registry, groups, logs } = OBJECTS;
  allowObjects(made.role, lake, { read: [marker, registry, groups], projects: 'listed', write: [registry, logs] });
  allowItems(made.role, lake.controlTable, { actions: [...WRITE_ITEMS, 'DeleteItem'], partitions: ['registry/*', 'lease/*'] });
  // Loads generations of online values, makes them current and clears those they replace.
  allowItems(made.role, lake.onlineTable, { actions: [...WRITE_ITEMS, 'BatchWriteItem', 'DeleteItem'] });
  return made;
}
