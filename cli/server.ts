/** An app on a port of this machine. */
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { HttpApp } from '../functions/http/create-app.ts';
import { problemResponse } from '../functions/http/problem.ts';
import { LakefoldError } from '../lib/core/errors.ts';

export interface RunningServer {
  readonly url: string;
  /** Takes no more requests and waits for those under way, at most `CLOSE_MILLIS`. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const CLOSE_MILLIS = 10_000;
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;

/** Listens on 127.0.0.1; port 0 takes a free one. @throws LakefoldError STORE_UNAVAILABLE when the port is taken */
export async function startServer(app: HttpApp, options: { readonly port: number }): Promise<RunningServer> {
  const listener = getRequestListener((request) => (isAddressedHere(request) ? app.fetch(request) : refused(request)));
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing));
  await listen(server, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { url: `http://${HOST}:${port}`, close: () => closeServer(server) };
}

/** A page whose name was made to resolve to this machine still sends that name; nothing but loopback names means us. */
function isAddressedHere(request: Request): boolean {
  return LOOPBACK.test(request.headers.get('host') ?? '');
}

function refused(request: Request): Response {
  return problemResponse(
    new LakefoldError('FORBIDDEN', `expected a request to localhost, found one to ${JSON.stringify(request.headers.get('host'))}`),
    crypto.randomUUID(),
  );
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const taken = 'code' in cause && cause.code === 'EADDRINUSE';
      reject(
        new LakefoldError(
          'STORE_UNAVAILABLE',
          taken ? `expected port ${port} to be free, found it taken; --port chooses another` : `could not listen on ${HOST}:${port}: ${cause.message}`,
          { cause, context: { port } },
        ),
      );
    });
    server.listen(port, HOST, resolve);
  });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MILLIS);
  await closed;
  clearTimeout(timer);
}
