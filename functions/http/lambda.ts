/** An app as a Lambda handler (buffered answers). The one place that knows the adapter, which Hono will move to a package of its own. */
import { handle } from 'hono/aws-lambda';
import type { APIGatewayProxyResult, LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import type { HttpApp } from './create-app.ts';

/** What the Lambda runtime calls with the events of a function URL or an HTTP API. */
export type LambdaHandler = (event: LambdaEvent, context: LambdaContext) => Promise<APIGatewayProxyResult>;

/** Answers Lambda's events by the app; the context's remaining time becomes the request's deadline. */
export function lambdaHandler(app: HttpApp): LambdaHandler {
  return handle(app);
}

/** Whether this process was started by the Lambda runtime. */
export function isLambda(variables: Readonly<Record<string, string | undefined>>): boolean {
  return variables['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;
}
