import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBody, readJson, readJsonObject } from '../../functions/http/body.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { JSON_BODY_BYTES_MAX } from '../../lib/core/limits.ts';

function post(body: string | Uint8Array | undefined, headers: Record<string, string> = { 'content-type': 'application/json' }): Request {
  return new Request('http://local/x', { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
}

/** A body that comes in pieces and declares no length. */
function streamed(pieces: readonly Uint8Array[], headers: Record<string, string>): { readonly request: Request; readonly pulled: () => number } {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[pulled];
        pulled += 1;
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  return { request: new Request('http://local/x', { method: 'POST', headers, body, duplex: 'half' }), pulled: () => pulled };
}

const ndjson = { mediaTypes: ['application/x-ndjson', 'text/csv'], bytesMax: 1000 };

describe('readJson', () => {
  it('parses strictly', async () => {
    expect(await readJson(post('{"a":9007199254740993}'))).toEqual({ a: 9007199254740993n });
    await expect(readJson(post('{"a":1,"a":2}'))).rejects.toMatchObject({ code: 'DUPLICATE_KEY', context: { key: 'a', offset: 7 } });
    await expect(readJson(post('{"a":'))).rejects.toMatchObject({ code: 'MALFORMED_JSON', context: { offset: 5 } });
    await expect(readJson(post(Uint8Array.of(0x22, 0xff, 0x22)))).rejects.toMatchObject({ code: 'MALFORMED_JSON' });
  });

  it('refuses other content types, charsets and encodings', async () => {
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json; charset=latin1' },
      { 'content-type': 'application/json', 'content-encoding': 'br' },
    ]) {
      await expect(readJson(post('{}', headers))).rejects.toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
    }
    expect(await readJson(post('{}', { 'content-type': 'Application/JSON; charset="UTF-8"' }))).toEqual({});
  });

  it('takes a body of the limit and refuses one byte more', async () => {
    const text = JSON.stringify('x'.repeat(JSON_BODY_BYTES_MAX - 2));
    expect(await readJson(post(text))).toHaveLength(JSON_BODY_BYTES_MAX - 2);
    await expect(readJson(post(` ${text}`))).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', context: { bytesMax: JSON_BODY_BYTES_MAX } });
  });

  it('refuses no body unless the route does without', async () => {
    await expect(readJson(post(''))).rejects.toMatchObject({ code: 'MALFORMED_JSON' });
    expect(await readJson(post(undefined, {}), { empty: 'object' })).toEqual({});
    expect(await readJson(post(''), { empty: 'object' })).toEqual({});
    expect(await readJson(streamed([], {}).request, { empty: 'object' })).toEqual({});
    await expect(readJson(streamed([utf8('{}')], {}).request, { empty: 'object' })).rejects.toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  it('wants an object where one is due', async () => {
    expect(await readJsonObject(post('{"a":[]}'))).toEqual({ a: [] });
    for (const [text, found] of [
      ['[]', 'an array'],
      ['null', 'null'],
      ['1', 'a number'],
    ] as const) {
      await expect(readJsonObject(post(text))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: `expected a JSON object as the body, found ${found}`,
      });
    }
  });
});

describe('readBody', () => {
  it('gives the bytes and the type without its parameters', async () => {
    expect(await readBody(post('a,b\n', { 'content-type': 'text/csv; charset=utf-8; header=present' }), ndjson)).toEqual({
      mediaType: 'text/csv',
      bytes: utf8('a,b\n'),
    });
  });

  it('gives any bytes back whole, in any pieces, gzip or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }), fc.boolean(), async (pieces, zipped) => {
        const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
        const headers = { 'content-type': 'text/csv', ...(zipped ? { 'content-encoding': 'gzip' } : {}) };
        const { request } = streamed(zipped ? [...gzipSync(whole)].map((byte) => Uint8Array.of(byte)) : pieces.filter((piece) => piece.length > 0), headers);
        expect(await readBody(request, ndjson)).toEqual({ mediaType: 'text/csv', bytes: whole });
      }),
      { numRuns: 40 },
    );
  });

  it('stops reading at the bound when no length is declared', async () => {
    const { request, pulled } = streamed(
      Array.from({ length: 100 }, () => new Uint8Array(400)),
      { 'content-type': 'text/csv' },
    );
    await expect(readBody(request, ndjson)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(pulled()).toBe(3);
  });

  it('does not decompress past the bound', async () => {
    const bomb = gzipSync(new Uint8Array(1_000_000));
    expect(bomb.length).toBeLessThan(2000);
    const request = post(bomb, { 'content-type': 'text/csv', 'content-encoding': 'gzip' });
    await expect(readBody(request, { ...ndjson, bytesMax: 2000 })).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', context: { bytesMax: 2000 } });
  });

  it('refuses a broken gzip stream', async () => {
    const whole = gzipSync(utf8('origin\nSFO\n'));
    for (const bytes of [whole.subarray(0, whole.length - 5), utf8('not gzip'), new Uint8Array(0)]) {
      await expect(readBody(post(bytes, { 'content-type': 'text/csv', 'content-encoding': 'gzip' }), ndjson)).rejects.toMatchObject({ code: 'MALFORMED_FILE' });
    }
  });
});
