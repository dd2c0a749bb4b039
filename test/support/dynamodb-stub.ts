/** A server that speaks DynamoDB's protocol and answers as it is told: what no emulator does. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isJsonObject, parseJson } from '../../lib/core/json.ts';
import type { Json, JsonObject } from '../../lib/core/json.ts';

export interface StubCall {
  /** `UpdateItem`, `BatchGetItem`, … */
  readonly operation: string;
  readonly request: JsonObject;
}

/** `status` 200 unless given; `drop` ends the connection without an answer. */
export type StubAnswer = { readonly body: Json; readonly status?: number } | { readonly drop: true };

export interface DynamoDbStub {
  readonly endpoint: string;
  /** What came in, in order. */
  readonly calls: readonly StubCall[];
  /** What answers from now on. */
  respond(answer: (call: StubCall, index: number) => StubAnswer): void;
  close(): Promise<void>;
}

export function stubError(type: string, extra: JsonObject = {}, status = 400): StubAnswer {
  return { status, body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: type, ...extra } };
}

export async function startDynamoDbStub(): Promise<DynamoDbStub> {
  const calls: StubCall[] = [];
  let respond = (_call: StubCall, _index: number): StubAnswer => ({ body: {} });
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = parseJson(Buffer.concat(chunks));
      if (!isJsonObject(request)) throw new Error('expected a JSON object');
      const call = { operation: String(incoming.headers['x-amz-target']).split('.')[1] ?? '', request };
      const answer = respond(call, calls.push(call) - 1);
      if ('drop' in answer) {
        incoming.socket.destroy();
        return;
      }
      outgoing.writeHead(answer.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' });
      outgoing.end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    calls,
    respond: (answer) => {
      calls.length = 0;
      respond = answer;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
