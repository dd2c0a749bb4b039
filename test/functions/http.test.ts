import { HTTPException } from 'hono/http-exception';
import { describe, expect, it } from 'vitest';
import { answerJson } from '../../functions/http/answer.ts';
import { createHttpApp } from '../../functions/http/create-app.ts';
import { isLambda, lambdaHandler } from '../../functions/http/lambda.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { httpHarness } from './http-support.ts';

async function problemOf(error: unknown) {
  const { deps, lines } = httpHarness();
  const app = createHttpApp(deps);
  app.get('/x', () => {
    throw error;
  });
  const response = await app.request('/x');
  const body: unknown = await response.json();
  return { response, body, lines };
}

describe('answers', () => {
  it('ends a JSON answer with the request id and repeats it as a header', async () => {
    const { deps } = httpHarness();
    const app = createHttpApp(deps);
    app.get('/things/:name', (c) =>
      answerJson(c, { name: c.req.param('name'), big: 9007199254740993n, zero: -0, none: null }, { status: 201, headers: { etag: '"r1"' } }),
    );
    const response = await app.request('/things/a');
    expect(await response.text()).toBe('{"name":"a","big":9007199254740993,"zero":-0.0,"none":null,"requestId":"id-1"}');
    expect([response.status, Object.fromEntries(response.headers)]).toEqual([
      201,
      { 'content-type': 'application/json', etag: '"r1"', 'x-content-type-options': 'nosniff', 'x-request-id': 'id-1' },
    ]);
  });

  it('logs one line a request, with the route and not the path', async () => {
    const { deps, lines } = httpHarness();
    const app = createHttpApp(deps);
    app.get('/things/:name', (c) => answerJson(c, {}));
    await app.request('/things/secret');
    expect(lines).toEqual([
      { level: 'info', event: 'request.answered', fields: { requestId: 'id-1', method: 'GET', route: '/things/:name', status: 200, durationMillis: 0 } },
    ]);
  });

  it('gives a request one id and one log line however many apps are composed', async () => {
    const { deps, lines } = httpHarness();
    const parts = ['/a', '/b', '/c'].map((path) => {
      const part = createHttpApp(deps);
      part.get(path, (c) => answerJson(c, { path }));
      part.post(path, () => {
        throw new LakefoldError('UNKNOWN_PROJECT', 'expected a project, found none');
      });
      return part;
    });
    const app = createHttpApp(deps);
    for (const part of parts) app.route('/', part);
    expect(await (await app.request('/c')).json()).toEqual({ path: '/c', requestId: 'id-1' });
    expect(await (await app.request('/c', { method: 'POST' })).json()).toMatchObject({ code: 'UNKNOWN_PROJECT', requestId: 'id-2' });
    const refused = await app.request('/c', { method: 'DELETE' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    expect(lines.map(({ event, fields }) => [event, fields['requestId'], fields['status']])).toEqual([
      ['request.answered', 'id-1', 200],
      ['request.answered', 'id-2', 404],
      ['request.answered', 'id-3', 405],
    ]);
  });
});

describe('problems', () => {
  it('answers a thrown error by its code, with its context and faults', async () => {
    const errors = [{ row: 7, feature: 'n', code: 'OUT_OF_RANGE', message: 'expected a 32-bit integer, found 3000000000' }];
    const { response, body, lines } = await problemOf(new LakefoldError('VALIDATION_FAILED', '1 of 8 rows refused', { context: { reportId: 'vr_1' }, errors }));
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('x-request-id')).toBe('id-1');
    expect(response.headers.get('retry-after')).toBeNull();
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Validation failed',
      status: 422,
      code: 'VALIDATION_FAILED',
      repeatable: false,
      detail: '1 of 8 rows refused',
      reportId: 'vr_1',
      errors,
      errorCount: 1,
      requestId: 'id-1',
    });
    expect(lines.map(({ level }) => level)).toEqual(['info']);
  });

  it.each([
    ['a plain error', new Error('password=hunter2')],
    ['an internal error of ours', new LakefoldError('INTERNAL', 'password=hunter2', { context: { password: 'hunter2' } })],
  ])('shows nothing of %s and logs all of it', async (_name, error) => {
    const { response, body, lines } = await problemOf(error);
    expect([response.status, body]).toEqual([
      500,
      {
        type: 'about:blank',
        title: 'Internal error',
        status: 500,
        code: 'INTERNAL',
        repeatable: false,
        detail: 'an unexpected fault inside the service',
        requestId: 'id-1',
      },
    ]);
    expect(lines[0]).toMatchObject({
      level: 'error',
      event: 'request.failed',
      fields: { requestId: 'id-1', code: 'INTERNAL', error: { message: 'password=hunter2' } },
    });
  });

  it('asks for a pause where waiting helps', async () => {
    const { response } = await problemOf(new LakefoldError('STORE_THROTTLED', 'the store asks for less'));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    const { response: asked } = await problemOf(new LakefoldError('RATE_LIMITED', 'too many', { context: { retryAfterSeconds: 2.1 } }));
    expect([asked.status, asked.headers.get('retry-after')]).toEqual([429, '3']);
    const { response: unknown } = await problemOf(new LakefoldError('COMMIT_OUTCOME_UNKNOWN', 'commit 7 may have landed', { context: { version: 7 } }));
    expect([unknown.status, unknown.headers.get('retry-after')]).toEqual([503, null]);
  });

  it('answers a passed deadline with 504', async () => {
    const signal = AbortSignal.timeout(0);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    const { response, body } = await problemOf(signal.reason);
    expect([response.status, body]).toMatchObject([504, { code: 'DEADLINE_EXCEEDED', repeatable: true }]);
  });

  it('keeps the code when the context has no JSON form', async () => {
    const { body } = await problemOf(new LakefoldError('LIMIT_EXCEEDED', 'too much', { context: { ratio: Number.NaN } }));
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Limit exceeded',
      status: 413,
      code: 'LIMIT_EXCEEDED',
      repeatable: false,
      detail: 'too much',
      requestId: 'id-1',
    });
  });

  it('translates what Hono throws', async () => {
    expect((await problemOf(new HTTPException(413, { message: 'too large' }))).body).toMatchObject({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
      detail: 'too large',
    });
    expect((await problemOf(new HTTPException(500, { message: 'inside' }))).body).toMatchObject({
      status: 500,
      code: 'INTERNAL',
      detail: 'an unexpected fault inside the service',
    });
  });

  it('tells an unknown route from a wrong method', async () => {
    const { deps } = httpHarness();
    const app = createHttpApp(deps);
    app.get('/v1/projects/:p', (c) => answerJson(c, {}));
    app.post('/v1/projects/:p/rows', (c) => answerJson(c, {}));
    const missing = await app.request('/v1/nothing');
    expect([missing.status, missing.headers.get('allow'), await missing.json()]).toMatchObject([
      404,
      null,
      { code: 'UNKNOWN_ROUTE', detail: 'expected a route of this service, found GET /v1/nothing' },
    ]);
    const wrong = await app.request('/v1/projects/demo/rows', { method: 'PUT' });
    expect([wrong.status, wrong.headers.get('allow'), await wrong.json()]).toMatchObject([405, 'POST', { code: 'METHOD_NOT_ALLOWED', allow: ['POST'] }]);
    expect((await app.request('/v1/projects/demo', { method: 'HEAD' })).status).toBe(200);
  });
});

describe('the Lambda adapter', () => {
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/wait',
    rawQueryString: '',
    headers: { host: 'x.lambda-url.eu-central-1.on.aws' },
    isBase64Encoded: false,
    body: null,
    requestContext: {
      accountId: 'anonymous',
      apiId: 'x',
      authentication: null,
      authorizer: {},
      domainName: 'x.lambda-url.eu-central-1.on.aws',
      domainPrefix: 'x',
      requestId: 'r',
      routeKey: '$default',
      stage: '$default',
      http: { method: 'GET', path: '/wait', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      time: '12/Mar/2001:19:03:58 +0000',
      timeEpoch: 984423838000,
    },
  };
  const context = {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'f',
    functionVersion: '1',
    invokedFunctionArn: 'arn',
    memoryLimitInMB: '128',
    awsRequestId: 'r',
    logGroupName: 'g',
    logStreamName: 's',
  };

  it('turns the remaining time into the deadline of the request', async () => {
    const { deps } = httpHarness();
    const app = createHttpApp(deps);
    app.get('/wait', async (c) => {
      const { signal } = c.var;
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return answerJson(c, {});
    });
    const handler = lambdaHandler(app);
    const answer = await handler(event, { ...context, getRemainingTimeInMillis: () => 510 });
    expect([answer.statusCode, JSON.parse(answer.body)]).toMatchObject([504, { code: 'DEADLINE_EXCEEDED', requestId: 'id-1' }]);
  });

  it('knows Lambda by its variable', () => {
    expect([isLambda({}), isLambda({ AWS_LAMBDA_FUNCTION_NAME: 'serve' })]).toEqual([false, true]);
  });
});
