/** Lambda functions as they are deployed, bundled from their handlers, each in a process of its own with nothing but its environment. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SQSEvent } from 'aws-lambda';
import type { FunctionName } from '../../functions/environment.ts';
import { bundleFunction } from '../../infra/function-code.ts';

/** What the runtime does: loads the handler, then answers one event after the other. */
const RUNTIME = `
process.on('disconnect', () => process.exit(0));
const { handler } = await import('./index.mjs').catch((error) => { process.send({ id: 'started', error: error.stack }); process.exit(1); });
process.on('message', async ({ id, event }) => {
  try {
    process.send({ id, result: await handler(event, { getRemainingTimeInMillis: () => 60_000 }) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
process.send({ id: 'started' });
`;

export interface LambdaFunction {
  invoke(event: object): Promise<unknown>;
}

export interface Lambdas {
  /** Started when first asked for. */
  get(name: FunctionName): Promise<LambdaFunction>;
  close(): Promise<void>;
}

interface Reply {
  readonly id: string;
  readonly result?: unknown;
  readonly error?: string;
}

/** Functions that see only `environment`, bundled with the module `definitions` into `bundles`, once for all that name it. */
export async function startLambdas(options: {
  readonly environment: Readonly<Record<string, string>>;
  readonly definitions: string;
  readonly bundles: string;
}): Promise<Lambdas> {
  const folder = await mkdtemp(join(tmpdir(), 'lakefold-lambda-'));
  const started = new Map<FunctionName, Promise<{ readonly lambda: LambdaFunction; readonly child: ChildProcess }>>();
  const start = async (name: FunctionName): Promise<{ readonly lambda: LambdaFunction; readonly child: ChildProcess }> => {
    const directory = join(options.bundles, name);
    if (!existsSync(directory)) bundleFunction(name, directory, { definitions: options.definitions });
    await writeFile(join(directory, 'runtime.mjs'), RUNTIME);
    const scratch = join(folder, `${name}-scratch`);
    await mkdir(scratch);
    const child = fork(join(directory, 'runtime.mjs'), {
      env: { ...options.environment, LAKEFOLD_SCRATCH_DIRECTORY: scratch },
      cwd: directory,
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await replyTo(child, 'started');
    const invoke = async (event: object): Promise<unknown> => {
      const id = randomUUID();
      const reply = replyTo(child, id);
      child.send({ id, event });
      return reply;
    };
    return { lambda: { invoke }, child };
  };
  return {
    get: async (name) => {
      const running = started.get(name) ?? start(name);
      started.set(name, running);
      return (await running).lambda;
    },
    close: async () => {
      for (const running of started.values())
        await running.then(
          ({ child }) => child.disconnect(),
          () => undefined,
        );
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function replyTo(child: ChildProcess, id: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (reply: Reply): void => {
      if (reply.id !== id) return;
      child.off('message', onMessage).off('exit', onExit);
      if (reply.error === undefined) resolve(reply.result);
      else reject(new Error(reply.error));
    };
    const onExit = (code: number | null): void => reject(new Error(`the function ended with ${code ?? 'a signal'}`));
    child.on('message', onMessage).on('exit', onExit);
  });
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: object | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The event of a function URL or an HTTP API, payload format 2.0. */
export function httpEvent({ method, path, body, headers = {} }: HttpRequest): object {
  const [rawPath = '', rawQueryString = ''] = path.split('?');
  const isBinary = body instanceof Uint8Array;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: { host: 'api.example.com', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    requestContext: {
      accountId: '000000000000',
      apiId: 'api',
      domainName: 'api.example.com',
      domainPrefix: 'api',
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
    },
    ...(body === undefined ? {} : { body: isBinary ? Buffer.from(body).toString('base64') : JSON.stringify(body) }),
    isBase64Encoded: isBinary,
  };
}

/** A batch of queue messages. */
export function queueEvent(bodies: readonly object[]): SQSEvent {
  return {
    Records: bodies.map((body, i) => ({
      messageId: `m${i}`,
      body: JSON.stringify(body),
      receiptHandle: 'r',
      attributes: { ApproximateReceiveCount: '1', SentTimestamp: '0', SenderId: 's', ApproximateFirstReceiveTimestamp: '0' },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: '',
      awsRegion: 'us-east-1',
    })),
  };
}

/** What EventBridge says of a new object. */
export function objectCreated(bucket: string, key: string): object {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Object Created',
    source: 'aws.s3',
    detail: { version: '0', bucket: { name: bucket }, object: { key, size: 1, etag: 'e', sequencer: '0' }, reason: 'PutObject' },
  };
}

/** What the schedule of the sweep sends. */
export const SWEEP = { version: '0', 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} };
