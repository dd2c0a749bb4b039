/** The HTTP routes as commands call them: of the embedded store in this process, or of a server. */
import { isErrorCode, LakefoldError, type Fault } from '../lib/core/errors.ts';
import { isJsonObject, parseJson, stringifyJson, type Json, type JsonObject } from '../lib/core/json.ts';

export interface ClientRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `/v1` on, without the query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly json?: object;
  /** Sent as it is. */
  readonly body?: { readonly type: string; readonly bytes: Uint8Array };
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JSON answer: as it was sent, and what it says. */
export interface JsonAnswer {
  readonly text: string;
  readonly body: JsonObject;
}

/** Answers a request, a failure included: the embedded app, or fetch. */
export type Send = (request: Request) => Promise<Response>;

/** Items of one page, the most a list gives. */
const PAGE_ITEMS = 1000;

export class Client {
  readonly #send: Send;
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(send: Send, options: { readonly base: string; readonly headers?: Readonly<Record<string, string>> }) {
    this.#send = send;
    this.#base = options.base;
    this.#headers = options.headers ?? {};
  }

  /** A successful answer. @throws LakefoldError what the route's problem document says */
  async request(request: ClientRequest): Promise<Response> {
    const query = new URLSearchParams(
      Object.entries(request.query ?? {}).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, String(value)]])),
    );
    const headers = new Headers({ ...this.#headers, ...request.headers });
    if (request.accept !== undefined) headers.set('accept', request.accept);
    const body = request.json === undefined ? request.body : { type: 'application/json', bytes: new TextEncoder().encode(stringifyJson(request.json)) };
    if (body !== undefined) headers.set('content-type', body.type);
    const url = `${this.#base}${request.path}${query.size === 0 ? '' : `?${query.toString()}`}`;
    const response = await this.#send(
      new Request(url, { method: request.method, headers, ...(body === undefined ? {} : { body: new Uint8Array(body.bytes) }) }),
    );
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  async json(request: ClientRequest): Promise<JsonAnswer> {
    const text = await (await this.request({ accept: 'application/json', ...request })).text();
    const body = parseJson(text);
    if (!isJsonObject(body)) throw new LakefoldError('INTERNAL', `expected a JSON object from ${request.path}, found something else`);
    return { text, body };
  }

  /** A list: the page asked for, or without `limit` and `cursor` everything as one page. */
  async list(request: Omit<ClientRequest, 'method'>, page: { readonly limit: number | undefined; readonly cursor: string | undefined }): Promise<JsonAnswer> {
    const get = (limit: number, cursor: string | undefined): Promise<JsonAnswer> =>
      this.json({ ...request, method: 'GET', query: { ...request.query, limit, cursor } });
    if (page.limit !== undefined || page.cursor !== undefined) return get(page.limit ?? PAGE_ITEMS, page.cursor);
    const items: Json[] = [];
    let answer = await get(PAGE_ITEMS, undefined);
    for (;;) {
      items.push(...itemsOf(answer.body));
      const { nextCursor } = answer.body;
      if (typeof nextCursor !== 'string') break;
      answer = await get(PAGE_ITEMS, nextCursor);
    }
    const body = { ...answer.body, items };
    return { text: stringifyJson(body), body };
  }
}

/** The items of a list's answer. */
export function itemsOf(body: JsonObject): readonly Json[] {
  const { items } = body;
  return Array.isArray(items) ? items : [];
}

/** Sends by fetch. @throws LakefoldError STORE_UNAVAILABLE when nobody answers */
export async function sendByFetch(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new LakefoldError('STORE_UNAVAILABLE', `expected a server at ${new URL(request.url).origin}, could not reach it: ${reason}`, { cause });
  }
}

/** The bytes of a body as they come. @throws LakefoldError STORE_UNAVAILABLE when it breaks off */
export async function* bytesOf(response: Response): AsyncIterable<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    if (cause instanceof LakefoldError) throw cause;
    throw new LakefoldError('STORE_UNAVAILABLE', 'expected the whole answer, it broke off', { cause });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const STANDARD_MEMBERS = new Set(['type', 'title', 'status', 'code', 'repeatable', 'detail', 'errors', 'errorCount']);

async function problemOf(response: Response): Promise<LakefoldError> {
  const text = await response.text();
  const problem = parsed(text);
  const code = isJsonObject(problem) ? problem['code'] : undefined;
  if (!isJsonObject(problem) || typeof code !== 'string') {
    return new LakefoldError(
      'STORE_UNAVAILABLE',
      `expected an answer of Lakefold from ${response.url}, found status ${response.status}: ${text.slice(0, 200)}`,
      { context: { httpStatus: response.status } },
    );
  }
  const { detail, errors, errorCount } = problem;
  const context = Object.fromEntries(Object.entries(problem).filter(([name]) => !STANDARD_MEMBERS.has(name)));
  return new LakefoldError(isErrorCode(code) ? code : 'INTERNAL', typeof detail === 'string' ? detail : code, {
    context: isErrorCode(code) ? context : { ...context, unknownCode: code },
    ...(Array.isArray(errors) ? { errors: errors.filter(isFault) } : {}),
    ...(typeof errorCount === 'number' ? { errorCount } : {}),
  });
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}
