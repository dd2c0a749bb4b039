/** A small S3 on loopback, strict where the adapter relies on it: conditions, ranges, order, pages. Signatures are not checked. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compareUtf8 } from '../../lib/core/bytes.ts';

export interface StubObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly modified: string;
}

export interface S3Stub {
  readonly endpoint: string;
  /** By key; a test may change it behind the adapter's back. */
  readonly objects: Map<string, StubObject>;
  close(): Promise<void>;
}

const PAGE = 1000;

interface StubRequest {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly header: (name: string) => string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface StubAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** One bucket, called `bucket`. */
export async function startS3Stub(): Promise<S3Stub> {
  const objects = new Map<string, StubObject>();
  let writes = 0;
  const nextEtag = (): string => `"stub-${(writes += 1)}"`;
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const request = await parse(incoming);
      respond(outgoing, request, request === undefined ? fault(404, 'NoSuchBucket') : handle(objects, nextEtag, request));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function parse(incoming: IncomingMessage): Promise<StubRequest | undefined> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const [rawPath = '/', rawQuery = ''] = (incoming.url ?? '/').split('?');
  const path = /^\/bucket(?:\/(.*))?$/s.exec(rawPath);
  if (path === null) return undefined;
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) if (name.startsWith('x-amz-meta-') && typeof value === 'string') metadata[name] = value;
  return {
    method: incoming.method ?? 'GET',
    key: decodeURIComponent(path[1] ?? ''),
    query: new URLSearchParams(rawQuery.replaceAll('+', '%2B')),
    header: (name) => {
      const value = incoming.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    metadata,
    body: Buffer.concat(parts),
  };
}

function respond(outgoing: ServerResponse, request: StubRequest | undefined, answer: StubAnswer): void {
  const body = Buffer.from(answer.body ?? '');
  outgoing.writeHead(answer.status, answer.status === 204 ? {} : { 'content-length': String(body.length), ...answer.headers });
  outgoing.end(request?.method === 'HEAD' ? undefined : body);
}

function handle(objects: Map<string, StubObject>, nextEtag: () => string, request: StubRequest): StubAnswer {
  const found = objects.get(request.key);
  if (request.method === 'GET' && request.key === '') return list(objects, request.query);
  switch (request.method) {
    case 'PUT': {
      const ifMatch = request.header('if-match');
      if (request.header('if-none-match') === '*' && found !== undefined) return fault(412, 'PreconditionFailed');
      if (ifMatch !== undefined && found === undefined) return fault(404, 'NoSuchKey');
      if (ifMatch !== undefined && found?.etag !== ifMatch) return fault(412, 'PreconditionFailed');
      const stored = { body: request.body, etag: nextEtag(), metadata: request.metadata, modified: new Date().toUTCString() };
      objects.set(request.key, stored);
      return { status: 200, headers: { etag: stored.etag } };
    }
    case 'DELETE':
      objects.delete(request.key);
      return { status: 204 };
    default:
      return found === undefined ? fault(404, 'NoSuchKey') : read(found, request);
  }
}

function read(found: StubObject, request: StubRequest): StubAnswer {
  const size = found.body.length;
  const headers = { etag: found.etag, 'last-modified': found.modified, 'accept-ranges': 'bytes', ...found.metadata };
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.header('range') ?? '');
  if (request.method === 'HEAD') return { status: 200, headers: { ...headers, 'content-length': String(size) } };
  if (range === null) return { status: 200, headers, body: found.body };
  const [, first = '', last = ''] = range;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= size) return fault(416, 'InvalidRange');
  return { status: 206, headers: { ...headers, 'content-range': `bytes ${start}-${end - 1}/${size}` }, body: found.body.subarray(start, end) };
}

function list(objects: Map<string, StubObject>, query: URLSearchParams): StubAnswer {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && compareUtf8(key, after) > 0).sort(compareUtf8);
  const page = keys.slice(0, PAGE);
  const last = page.at(-1);
  const isTruncated = keys.length > PAGE;
  const contents = page.map((key) => {
    const object = objects.get(key);
    const encoded = encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
    return `<Contents><Key>${encoded}</Key><LastModified>${new Date(object?.modified ?? 0).toISOString()}</LastModified><ETag>${object?.etag.replaceAll('"', '&quot;')}</ETag><Size>${object?.body.length}</Size></Contents>`;
  });
  const token = isTruncated && last !== undefined ? `<NextContinuationToken>${escapeXml(last)}</NextContinuationToken>` : '';
  const body = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${token}<EncodingType>url</EncodingType>${contents.join('')}</ListBucketResult>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function escapeXml(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function fault(status: number, code: string): StubAnswer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>stub</Message></Error>`,
  };
}
