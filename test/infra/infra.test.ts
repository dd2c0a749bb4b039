import { describe, expect, it } from 'vitest';
import { parseEnvironment } from '../../functions/environment.ts';
import { literal, node, ofType, rights, statements, synthesize, text } from './synthesized.ts';

const deployed = synthesize();
const one = (type: string) => {
  const found = ofType(deployed, type);
  expect(found).toHaveLength(1);
  return found[0] ?? expect.unreachable();
};
const allow = (actions: readonly string[], resources: readonly string[], condition: unknown = null) => ({
  effect: 'Allow',
  actions,
  resources,
  principal: null,
  condition,
});
const reads = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'];
const writes = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'];
const writesAndDeletes = [...writes, 'dynamodb:DeleteItem'].toSorted();
const listing = (...prefixes: string[]) => allow(['s3:ListBucket'], ['lake'], { StringLikeIfExists: { 's3:prefix': prefixes } });
const partitions = (...patterns: string[]) => ({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns } });
const ownLog = (name: string) => allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [name]);

describe('the lake', () => {
  it('is private, encrypted, kept, and tells EventBridge of its objects', () => {
    const { properties, deletionPolicy } = one('AWS::S3::Bucket');
    expect({ ...properties, deletionPolicy }).toEqual({
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
      LifecycleConfiguration: {
        Rules: [
          { Id: 'uploads', Status: 'Enabled', ExpirationInDays: 1, TagFilters: [{ Key: 'lakefold-lifecycle', Value: 'upload' }] },
          { Id: 'abandoned-multipart-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
        ],
      },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      deletionPolicy: 'Retain',
    });
  });

  it('denies plain HTTP, and anyone who would write a log entry without asking that it be new', () => {
    expect(statements(one('AWS::S3::BucketPolicy').properties)).toEqual([
      { effect: 'Deny', actions: ['s3:*'], resources: ['lake', 'lake/*'], principal: { AWS: '*' }, condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      {
        effect: 'Deny',
        actions: ['s3:PutObject'],
        resources: ['lake/*/_delta_log/*.json', 'lake/*/_registry/*.json'],
        principal: { AWS: '*' },
        condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
      },
    ]);
  });

  it('has an online and a control table, kept, restorable, billed by request', () => {
    const replica = [
      { Region: { Ref: 'AWS::Region' }, DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } },
    ];
    const table = (sort: string, type: string) => ({
      AttributeDefinitions: [
        { AttributeName: 'p', AttributeType: 'S' },
        { AttributeName: sort, AttributeType: type },
      ],
      KeySchema: [
        { AttributeName: 'p', KeyType: 'HASH' },
        { AttributeName: sort, KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      Replicas: replica,
      deletionPolicy: 'Retain',
    });
    expect(ofType(deployed, 'AWS::DynamoDB::GlobalTable').map(({ properties, deletionPolicy }) => ({ ...properties, deletionPolicy }))).toEqual([
      { ...table('k', 'B'), TimeToLiveSpecification: { AttributeName: 'x', Enabled: true } },
      table('s', 'S'),
    ]);
  });
});

describe('rights', () => {
  it('never say `*`: no allowed action, resource or principal is a wildcard', () => {
    const all = deployed.resources.flatMap(({ properties }) => statements(properties));
    expect(all.length).toBeGreaterThan(30);
    for (const statement of all) {
      expect(statement.actions).not.toContain('*');
      expect(statement.resources).not.toContain('*');
    }
    const allowed = all.filter(({ effect }) => effect === 'Allow');
    expect(allowed.filter(({ actions, principal }) => actions.some((action) => action.includes('*')) || JSON.stringify(principal).includes('*'))).toEqual([]);
    expect(allowed.flatMap(({ actions }) => actions).filter((action) => /^s3:.*(?:Delete|Acl|Policy)|^dynamodb:(?:Scan|PartiQL)/.test(action))).toEqual([]);
    expect(ofType(deployed, 'AWS::IAM::Role').filter(({ properties }) => properties['ManagedPolicyArns'] !== undefined)).toEqual([]);
    expect(deployed.resources.filter(({ type }) => type.startsWith('Custom::'))).toEqual([]);
  });

  it('of serve end at reading the two tables', () => {
    expect(rights(deployed, 'Serve')).toEqual([
      ownLog('ServeLog'),
      allow(reads, ['control'], partitions('registry/*', 'transforms/*')),
      allow(['dynamodb:BatchGetItem', 'dynamodb:GetItem'], ['online']),
    ]);
  });

  it('of catalog cover definitions and logs, never data', () => {
    const written = ['lake/*/_registry/*', 'lake/*/feature-groups/*/_delta_log/*', 'lake/lakefold.json'];
    const read = [...written, 'lake/*/feature-groups/*/_lakefold/*', 'lake/*/training-datasets/*/manifest.json'];
    expect(rights(deployed, 'Catalog')).toEqual([
      ownLog('CatalogLog'),
      allow(['s3:GetObject'], read.toSorted()),
      listing(
        '',
        'lakefold.json',
        '*/_registry/*',
        '*/feature-groups/*/_delta_log/*',
        '*/feature-groups/*/_lakefold/*',
        '*/training-datasets/*/manifest.json',
        '*/training-datasets/*',
      ),
      allow(['s3:PutObject'], written),
      allow(writesAndDeletes, ['control'], partitions('registry/*', 'plan/*', 'lease/*')),
    ]);
  });

  it('of ingest cover the files and items of feature groups, and no definition', () => {
    expect(rights(deployed, 'Ingest')).toEqual([
      ownLog('IngestLog'),
      allow(['s3:GetObject'], ['lake/*/_registry/*', 'lake/*/_uploads/*', 'lake/*/feature-groups/*', 'lake/lakefold.json']),
      listing('lakefold.json', '*/_registry/*', '*/feature-groups/*', '*/_uploads/*'),
      allow(['s3:PutObject'], ['lake/*/feature-groups/*']),
      allow(reads, ['control'], partitions('registry/*')),
      allow(writes, ['online']),
    ]);
  });

  it('of publish write beside the log and which generation is current, but no data, and mint no keys', () => {
    expect(rights(deployed, 'Publish')).toEqual([
      ownLog('PublisherPublishLog'),
      allow(['s3:GetObject'], ['lake/*/_registry/*', 'lake/*/feature-groups/*', 'lake/lakefold.json']),
      listing('', 'lakefold.json', '*/_registry/*', '*/feature-groups/*'),
      allow(['s3:PutObject'], ['lake/*/_registry/*', 'lake/*/feature-groups/*/_delta_log/*']),
      allow(writesAndDeletes, ['control'], partitions('registry/*', 'lease/*')),
      allow([...writesAndDeletes, 'dynamodb:BatchWriteItem'].toSorted(), ['online']),
      allow(['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage'], ['PublisherQueue']),
    ]);
  });

  it('of query write training datasets, their pins, statistics and what they were fitted with alone', () => {
    expect(rights(deployed, 'Query')).toEqual([
      ownLog('QueryLog'),
      allow(['s3:GetObject'], ['lake/*/_registry/*', 'lake/*/_uploads/*', 'lake/*/feature-groups/*', 'lake/*/training-datasets/*', 'lake/lakefold.json']),
      listing('lakefold.json', '*/_registry/*', '*/feature-groups/*', '*/training-datasets/*', '*/_uploads/*'),
      allow(['s3:PutObject'], ['lake/*/feature-groups/*/_lakefold/pins/*', 'lake/*/feature-groups/*/_lakefold/statistics/*', 'lake/*/training-datasets/*']),
      allow(writes, ['control'], partitions('transforms/*')),
    ]);
  });

  it('follow the prefix of the location', () => {
    const prefixed = synthesize({ prefix: 'stores/main' });
    const [, get, list] = rights(prefixed, 'Publish');
    expect([get?.resources, list]).toEqual([
      ['lake/stores/main/*/_registry/*', 'lake/stores/main/*/feature-groups/*', 'lake/stores/main/lakefold.json'],
      listing('stores/main/', 'stores/main/lakefold.json', 'stores/main/*/_registry/*', 'stores/main/*/feature-groups/*'),
    ]);
    expect(JSON.stringify(ofType(prefixed, 'AWS::Events::Rule'))).toContain('"wildcard":"stores/main/*/_delta_log/*.json"');
    expect(() => synthesize({ prefix: '/main/' })).toThrowError('expected a key prefix without slashes at its ends, found "/main/"');
  });
});

describe('functions', () => {
  it('have memory, a timeout, a processor, and a log that ends', () => {
    const logs = new Map(ofType(deployed, 'AWS::Logs::LogGroup').map(({ id, properties }) => [id, properties['RetentionInDays']]));
    const made = ofType(deployed, 'AWS::Lambda::Function').map(({ id, properties }) => {
      const { Runtime, Handler, MemorySize, Timeout, Architectures, LoggingConfig } = properties;
      const log = literal(node(node(LoggingConfig ?? {})['LogGroup'])['Ref']);
      return [id.replace(/Function[0-9A-F]{8}$/, ''), Runtime, Handler, MemorySize, Timeout, id.startsWith('Query') ? null : Architectures, logs.get(log)];
    });
    expect(made).toEqual([
      ['Catalog', 'nodejs24.x', 'index.handler', 1024, 60, ['arm64'], 30],
      ['Ingest', 'nodejs24.x', 'index.handler', 1769, 120, ['arm64'], 30],
      ['PublisherPublish', 'nodejs24.x', 'index.handler', 1769, 300, ['arm64'], 30],
      ['Serve', 'nodejs24.x', 'index.handler', 1769, 10, ['arm64'], 30],
      ['Query', 'nodejs24.x', 'index.handler', 7076, 900, null, 30],
    ]);
  });

  it('are each made of code of their own', () => {
    const keys = ofType(deployed, 'AWS::Lambda::Function').map(({ properties }) => node(properties['Code'])['S3Key']);
    expect(new Set(keys).size).toBe(5);
  });

  it('are given an environment they accept', () => {
    const names = { Catalog: 'catalog', Ingest: 'ingest', PublisherPublish: 'publish', Serve: 'serve', Query: 'query' } as const;
    for (const [owner, name] of Object.entries(names)) {
      const found = ofType(deployed, 'AWS::Lambda::Function').find(({ id }) => id.startsWith(`${owner}Function`));
      const variables = Object.entries(node(node(found?.properties['Environment'])['Variables'])).map(([variable, value]) => [
        variable,
        typeof value === 'string' ? value : `a-${text(value)}`,
      ]);
      expect(parseEnvironment(name, { ...Object.fromEntries(variables), AWS_REGION: 'eu-central-1' })).toMatchObject(
        name === 'serve' ? { onlineTable: 'a-online', controlTable: 'a-control' } : { bucket: 'a-lake', prefix: '' },
      );
    }
  });

  it('have alarms for errors and throttles', () => {
    const alarms = ofType(deployed, 'AWS::CloudWatch::Alarm').map(({ properties }) => properties['AlarmDescription']);
    for (const name of ['catalog', 'ingest', 'publish', 'serve', 'query']) {
      expect(alarms).toContain(`${name}: invocations failed`);
      expect(alarms).toContain(`${name}: invocations refused for want of concurrency`);
    }
  });

  it('answer signed callers only, unless opened on purpose', () => {
    const auth = (from: typeof deployed) => ofType(from, 'AWS::Lambda::Url').map(({ properties }) => properties['AuthType']);
    const callers = (from: typeof deployed) => ofType(from, 'AWS::Lambda::Permission').map(({ properties }) => properties['Principal']);
    expect([auth(deployed), callers(deployed)]).toEqual([['AWS_IAM', 'AWS_IAM', 'AWS_IAM', 'AWS_IAM'], []]);
    const open = synthesize({ access: 'public' });
    expect([auth(open), new Set(callers(open))]).toEqual([['NONE', 'NONE', 'NONE', 'NONE'], new Set(['*'])]);
  });
});

describe('publishing', () => {
  it('queues every new log entry and a sweep a minute', () => {
    const queue = { 'Fn::GetAtt': [expect.stringMatching(/^PublisherQueue[0-9A-F]{8}$/), 'Arn'] };
    expect(
      ofType(deployed, 'AWS::Events::Rule').map(({ properties: { EventPattern, ScheduleExpression, State, Targets } }) => ({
        EventPattern,
        ScheduleExpression,
        State,
        Targets,
      })),
    ).toEqual([
      {
        EventPattern: {
          source: ['aws.s3'],
          'detail-type': ['Object Created'],
          detail: { bucket: { name: [{ 'Fn::ImportValue': expect.stringContaining('StorageLake') }] }, object: { key: [{ wildcard: '*/_delta_log/*.json' }] } },
        },
        State: 'ENABLED',
        Targets: [{ Arn: queue, Id: 'Target0' }],
      },
      { ScheduleExpression: 'rate(1 minute)', State: 'ENABLED', Targets: [{ Arn: queue, Id: 'Target0' }] },
    ]);
    const senders = statements(ofType(deployed, 'AWS::SQS::QueuePolicy').map(({ properties }) => properties)).filter(({ effect }) => effect === 'Allow');
    expect(senders.map(({ principal, resources }) => [principal, resources])).toEqual([
      [{ Service: 'events.amazonaws.com' }, ['PublisherQueue']],
      [{ Service: 'events.amazonaws.com' }, ['PublisherQueue']],
    ]);
  });

  it('drains the queue in batches and sets aside what fails five times', () => {
    const { properties } = one('AWS::Lambda::EventSourceMapping');
    const { EventSourceArn, FunctionName, ...rest } = properties;
    expect([text(EventSourceArn ?? null), text(FunctionName ?? null), rest]).toEqual([
      'PublisherQueue',
      'PublisherPublishFunction',
      { BatchSize: 100, MaximumBatchingWindowInSeconds: 1, FunctionResponseTypes: ['ReportBatchItemFailures'], ScalingConfig: { MaximumConcurrency: 10 } },
    ]);
    expect(ofType(deployed, 'AWS::SQS::Queue').map(({ properties: queue }) => queue)).toEqual([
      { MessageRetentionPeriod: 1_209_600 },
      {
        VisibilityTimeout: 1800,
        RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [expect.stringMatching(/^PublisherDeadLetters/), 'Arn'] }, maxReceiveCount: 5 },
      },
    ]);
  });
});
