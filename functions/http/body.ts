/** Request bodies: typed, bounded before and after decompression, strictly parsed. */
import { concatBytes } from '../../lib/core/bytes.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import type { Json, JsonObject } from '../../lib/core/json.ts';
import { isJsonObject, parseJson } from '../../lib/core/json.ts';
import { JSON_BODY_BYTES_MAX } from '../../lib/core/limits.ts';

const JSON_TYPE = 'application/json';

export interface ReadBodyOptions {
  /** Accepted media types, lower case, without parameters. */
  readonly mediaTypes: readonly string[];
  /** Bound of the body as sent and of what it decompresses to. */
  readonly bytesMax: number;
}

export interface Body {
  /** One of the accepted types. */
  readonly mediaType: string;
  /** Decompressed. */
  readonly bytes: Uint8Array;
}

export interface ReadJsonOptions {
  /** What no body at all means: a fault (default), or `{}`, then without a content type too. */
  readonly empty?: 'refuse' | 'object';
  /** Defaults to `JSON_BODY_BYTES_MAX`. */
  readonly bytesMax?: number;
}

/** @throws LakefoldError UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, MALFORMED_FILE when the gzip stream is broken */
export async function readBody(request: Request, options: ReadBodyOptions): Promise<Body> {
  const { mediaTypes, bytesMax } = options;
  const mediaType = mediaTypeOf(request, mediaTypes);
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip')
    throw new LakefoldError('UNSUPPORTED_MEDIA_TYPE', `expected content-encoding gzip or identity, found ${JSON.stringify(encoding)}`);
  const sent = await readSent(request, bytesMax);
  return { mediaType, bytes: encoding === 'gzip' ? await gunzip(sent, bytesMax) : sent };
}

/** A body of any type, as sent. @throws LakefoldError PAYLOAD_TOO_LARGE */
export function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  return readSent(request, bytesMax);
}

/** @throws LakefoldError as `readBody`, MALFORMED_JSON, DUPLICATE_KEY */
export async function readJson(request: Request, options: ReadJsonOptions = {}): Promise<Json> {
  return jsonOf(await readJsonBytes(request, options), options);
}

/** @throws LakefoldError as `readJson`, INVALID_ARGUMENT when the body is JSON of another kind */
export async function readJsonObject(request: Request, options: ReadJsonOptions = {}): Promise<JsonObject> {
  return (await readJsonObjectBody(request, options)).json;
}

/** An object with the bytes it was read from, decompressed. @throws LakefoldError as `readJsonObject` */
export async function readJsonObjectBody(request: Request, options: ReadJsonOptions = {}): Promise<{ readonly json: JsonObject; readonly bytes: Uint8Array }> {
  const bytes = await readJsonBytes(request, options);
  const json = jsonOf(bytes, options);
  if (!isJsonObject(json)) throw new LakefoldError('INVALID_ARGUMENT', `expected a JSON object as the body, found ${kindOf(json)}`);
  return { json, bytes };
}

async function readJsonBytes(request: Request, options: ReadJsonOptions): Promise<Uint8Array> {
  const bytesMax = options.bytesMax ?? JSON_BODY_BYTES_MAX;
  if (options.empty === 'object' && request.headers.get('content-type') === null) {
    const sent = await readSent(request, bytesMax);
    if (sent.length === 0) return sent;
  }
  return (await readBody(request, { mediaTypes: [JSON_TYPE], bytesMax })).bytes;
}

function jsonOf(bytes: Uint8Array, { empty }: ReadJsonOptions): Json {
  return bytes.length === 0 && empty === 'object' ? {} : parseJson(bytes);
}

function kindOf(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function mediaTypeOf(request: Request, accepted: readonly string[]): string {
  const header = request.headers.get('content-type');
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim().toLowerCase());
  if (!accepted.includes(type)) {
    throw new LakefoldError(
      'UNSUPPORTED_MEDIA_TYPE',
      `expected content-type ${accepted.join(' or ')}, found ${header === null ? 'none' : JSON.stringify(header)}`,
      { context: { accepted } },
    );
  }
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw new LakefoldError('UNSUPPORTED_MEDIA_TYPE', `expected charset utf-8, found ${JSON.stringify(charset)}`);
  return type;
}

async function readSent(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > bytesMax) throw tooLarge(bytesMax, `${declared}`);
  return request.body === null ? new Uint8Array(0) : readBounded(request.body, bytesMax);
}

async function gunzip(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  try {
    return await readBounded(source.pipeThrough<Uint8Array>(new DecompressionStream('gzip')), bytesMax);
  } catch (cause) {
    if (cause instanceof LakefoldError) throw cause;
    throw new LakefoldError('MALFORMED_FILE', 'expected a whole gzip stream as the body, found a broken one', { cause });
  }
}

/** Stops reading at the bound, so that neither a lying header nor a bomb costs more memory than it. */
async function readBounded(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.length;
    if (total > bytesMax) {
      await reader.cancel().catch(() => undefined);
      throw tooLarge(bytesMax, 'more');
    }
    chunks.push(value);
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : concatBytes(chunks);
}

function tooLarge(bytesMax: number, found: string): LakefoldError {
  return new LakefoldError('PAYLOAD_TOO_LARGE', `expected a body of at most ${bytesMax} bytes, found ${found}`, { context: { bytesMax } });
}
