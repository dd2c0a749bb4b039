/** An HTTP proxy on loopback that does to chosen requests what networks and busy stores do. */
import { createServer, request as send } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * - `drop-answer`: the store has done it, the connection ends before the answer
 * - `reset-before`: the connection ends before the store sees anything
 * - `answer-before`: an answer of ours, the store sees nothing
 * - `answer-after`: the store has done it, its answer is replaced by ours
 * - `delay-answer`: the store has done it, its answer waits
 * - `cut-answer`: the answer's head and half of its body, then the connection ends
 */
export type ProxyFault =
  | { readonly kind: 'drop-answer' }
  | { readonly kind: 'reset-before' }
  | { readonly kind: 'answer-before' | 'answer-after'; readonly status: number; readonly code: string }
  | { readonly kind: 'delay-answer'; readonly millis: number }
  | { readonly kind: 'cut-answer' };

export interface ProxiedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
  readonly fault: ProxyFault['kind'] | undefined;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** What came in, in order. */
  readonly requests: readonly ProxiedRequest[];
  /** The next requests of the method meet these faults, one each, in order; `undefined` lets one pass. */
  script(method: string, faults: readonly (ProxyFault | undefined)[]): void;
  /** Forgets requests and scripts. */
  clear(): void;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Forwards to `target`, an `http://` URL without a path. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = [];
  const scripts = new Map<string, (ProxyFault | undefined)[]>();
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await collect(incoming);
      const method = incoming.method ?? 'GET';
      const fault = scripts.get(method)?.shift();
      requests.push({ method, url: incoming.url ?? '/', headers: incoming.headers, bodyBytes: body.length, fault: fault?.kind });
      await serve({ target, incoming, outgoing, body }, fault);
    })().catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    script: (method, faults) => void scripts.set(method, [...faults]),
    clear: () => {
      requests.length = 0;
      scripts.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  readonly target: string;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: Buffer;
}

async function serve(exchange: Exchange, fault: ProxyFault | undefined): Promise<void> {
  const { incoming, outgoing } = exchange;
  if (fault?.kind === 'reset-before') return void incoming.socket.destroy();
  if (fault?.kind === 'answer-before') return answer(outgoing, errorAnswer(fault));
  const upstream = await forward(exchange);
  switch (fault?.kind) {
    case 'drop-answer':
      incoming.socket.destroy();
      return;
    case 'answer-after':
      return answer(outgoing, errorAnswer(fault));
    case 'cut-answer':
      outgoing.writeHead(upstream.status, { ...upstream.headers, 'content-length': String(upstream.body.length) });
      outgoing.write(upstream.body.subarray(0, upstream.body.length >> 1), () => incoming.socket.destroy());
      return;
    case 'delay-answer':
      await new Promise((resolve) => setTimeout(resolve, fault.millis));
      return answer(outgoing, upstream);
    default:
      return answer(outgoing, upstream);
  }
}

/** HEAD answers carry a length and no body, so their headers pass untouched. */
function answer(outgoing: ServerResponse, given: Answer): void {
  outgoing.writeHead(given.status, given.headers);
  outgoing.end(given.body);
}

function errorAnswer(fault: { readonly status: number; readonly code: string }): Answer {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fault.code}</Code><Message>injected</Message></Error>`);
  return { status: fault.status, headers: { 'content-type': 'application/xml', 'content-length': String(body.length) }, body };
}

async function forward({ target, incoming, body }: Exchange): Promise<Answer> {
  const url = new URL(target);
  return new Promise((resolve, reject) => {
    const upstream = send(
      { host: url.hostname, port: url.port, method: incoming.method, path: incoming.url, headers: { ...incoming.headers, connection: 'close' } },
      (response) => {
        collect(response).then((bytes) => {
          const headers = { ...response.headers };
          delete headers.connection;
          delete headers['transfer-encoding'];
          if (incoming.method !== 'HEAD') headers['content-length'] = String(bytes.length);
          resolve({ status: response.statusCode ?? 502, headers, body: bytes });
        }, reject);
      },
    );
    upstream.on('error', reject);
    upstream.end(body);
  });
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
