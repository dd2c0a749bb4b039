/** What the S3 adapter answers when the network or the store misbehaves; run behind the fault proxy. */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import { startFaultProxy } from './fault-proxy.ts';
import type { FaultProxy, ProxyFault } from './fault-proxy.ts';
import { emulatorSettings, openS3ForTest } from './s3-for-test.ts';
import type { OpenedS3, S3Target } from './s3-for-test.ts';

const path = objectPath('_delta_log/00000000000000000007.json');
const mine = utf8('{"commitInfo":{"txnId":"mine"}}');
const identity = 'txn/mine 1';
const created = { kind: 'created', etag: expect.stringMatching(/./) };
const conflict: ProxyFault = { kind: 'answer-before', status: 409, code: 'ConditionalRequestConflict' };
const busyBefore: ProxyFault = { kind: 'answer-before', status: 503, code: 'SlowDown' };

/** Ways in which the answer to a write that landed is lost. */
const LOST_AFTER: readonly ProxyFault[] = [
  { kind: 'drop-answer' },
  { kind: 'answer-after', status: 500, code: 'InternalError' },
  { kind: 'answer-after', status: 503, code: 'SlowDown' },
  { kind: 'answer-after', status: 400, code: 'RequestTimeout' },
];
/** Ways in which a write is lost before it landed. */
const LOST_BEFORE: readonly ProxyFault[] = [{ kind: 'reset-before' }, { kind: 'answer-before', status: 500, code: 'InternalError' }, busyBefore];

const name = (fault: ProxyFault): string => ('code' in fault ? `${fault.kind} ${fault.status} ${fault.code}` : fault.kind);

export function describeS3Faults(suite: { readonly name: string; target(): Promise<S3Target> }): void {
  describe(`S3 behind a faulty network (G5): ${suite.name}`, () => {
    let target: S3Target;
    let proxy: FaultProxy;
    let s3: OpenedS3;
    let direct: OpenedS3;
    beforeAll(async () => {
      target = await suite.target();
      proxy = await startFaultProxy(target.endpoint);
    });
    afterAll(async () => {
      await proxy.close();
    });
    beforeEach(async () => {
      proxy.clear();
      s3 = await openS3ForTest({ ...target, endpoint: proxy.endpoint });
      direct = await openS3ForTest(target, { prefix: s3.prefix });
    });
    afterEach(async () => {
      await s3.close();
      await direct.close();
    });
    const methods = (): string[] => proxy.requests.map((request) => request.method);
    const create = (): ReturnType<typeof s3.store.createIfAbsent> => s3.store.createIfAbsent(path, mine, { identity });
    const stored = async (): Promise<string> => new TextDecoder().decode((await direct.store.get(path))?.bytes);

    it('costs one request when nothing goes wrong', async () => {
      expect(await create()).toEqual(created);
      expect(methods()).toEqual(['PUT']);
      expect(proxy.requests[0]?.headers['if-none-match']).toBe('*');
    });

    for (const fault of LOST_AFTER) {
      it(`says created, not exists, when the answer is lost after the write landed (${name(fault)})`, async () => {
        proxy.script('PUT', [fault]);
        expect(await create()).toEqual(created);
        expect(methods()).toEqual(['PUT', 'HEAD']);
        expect(await stored()).toBe('{"commitInfo":{"txnId":"mine"}}');
      });
    }

    for (const fault of LOST_BEFORE) {
      it(`sends the same request again when the write was lost on its way (${name(fault)})`, async () => {
        proxy.script('PUT', [fault, fault]);
        expect(await create()).toEqual(created);
        expect(methods()).toEqual(['PUT', 'HEAD', 'PUT', 'HEAD', 'PUT']);
        expect(proxy.requests.map((request) => request.headers['x-amz-meta-lakefold-identity']).filter((value) => value !== undefined)).toEqual([
          'txn%2Fmine%201',
          'txn%2Fmine%201',
          'txn%2Fmine%201',
        ]);
      });

      it(`says exists when another's object is there after a lost answer (${name(fault)})`, async () => {
        await direct.store.createIfAbsent(path, utf8('{"commitInfo":{"txnId":"them"}}'), { identity: 'txn/them 1' });
        proxy.script('PUT', [fault]);
        expect(await create()).toEqual({ kind: 'exists' });
        expect(await stored()).toBe('{"commitInfo":{"txnId":"them"}}');
      });
    }

    it('sends the same request again on 409, after a pause with jitter, without reading back', async () => {
      proxy.script('PUT', [conflict, conflict, conflict]);
      expect(await create()).toEqual(created);
      expect(methods()).toEqual(['PUT', 'PUT', 'PUT', 'PUT']);
      expect(s3.clock.sleeps).toHaveLength(3);
      for (const [attempt, millis] of s3.clock.sleeps.entries()) expect(millis).toBeLessThanOrEqual(20 * 2 ** attempt);
      expect(new Set(s3.clock.sleeps).size).toBe(3);
    });

    it('gives up on 409 after ten requests, its fate unknown', async () => {
      proxy.script(
        'PUT',
        Array.from({ length: 20 }, () => conflict),
      );
      expect(await create()).toMatchObject({ kind: 'unknown', cause: { code: 'STORE_UNAVAILABLE' } });
      expect(methods()).toHaveLength(10);
    });

    it('says created on 412 against its own earlier write', async () => {
      expect(await direct.store.createIfAbsent(path, mine, { identity })).toEqual(created);
      expect(await create()).toEqual(created);
      expect(methods()).toEqual(['PUT', 'HEAD']);
    });

    it('compares the bytes where the object carries no identity', async () => {
      const raw = new S3Client(emulatorSettings(target.endpoint));
      const put = (body: Uint8Array): Promise<unknown> => raw.send(new PutObjectCommand({ Bucket: target.bucket, Key: `${s3.prefix}/${path}`, Body: body }));
      await put(mine);
      expect(await create()).toEqual(created);
      await put(utf8('{"commitInfo":{"txnId":"them"}}'));
      expect(await create()).toEqual({ kind: 'exists' });
      raw.destroy();
    });

    it('says unknown when the answer is lost and reading back fails too', async () => {
      proxy.script('PUT', [{ kind: 'drop-answer' }]);
      proxy.script(
        'HEAD',
        Array.from({ length: 3 }, () => ({ kind: 'answer-before', status: 500, code: 'InternalError' }) as const),
      );
      expect(await create()).toMatchObject({ kind: 'unknown', cause: { code: 'STORE_UNAVAILABLE' } });
      expect(await create()).toEqual(created);
    });

    it('says unknown when aborted while the answer was under way', async () => {
      const abort = new AbortController();
      proxy.script('PUT', [{ kind: 'delay-answer', millis: 2000 }]);
      const outcome = s3.store.createIfAbsent(path, mine, { identity, signal: abort.signal });
      await expect.poll(async () => (await direct.store.head(path))?.sizeBytes).toBe(mine.length);
      abort.abort(new Error('deadline'));
      expect(await outcome).toMatchObject({ kind: 'unknown', cause: { message: 'deadline' } });
    });

    it('says created when the store goes silent after the write landed', async () => {
      const impatient = await openS3ForTest(
        { ...target, endpoint: proxy.endpoint },
        { prefix: s3.prefix, settings: { requestHandler: { socketTimeout: 100 } } },
      );
      proxy.script('PUT', [{ kind: 'delay-answer', millis: 3000 }]);
      expect(await impatient.store.createIfAbsent(path, mine, { identity })).toEqual(created);
      expect(methods()).toEqual(['PUT', 'HEAD']);
      await impatient.close();
    });

    it('throws STORE_UNAVAILABLE at once when the write is refused', async () => {
      proxy.script('PUT', [{ kind: 'answer-before', status: 403, code: 'AccessDenied' }]);
      await expect(create()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { fault: 'AccessDenied', storeStatus: 403 } });
      expect(methods()).toEqual(['PUT']);
    });

    it('says unknown when the write is refused after an answer was lost', async () => {
      proxy.script('PUT', [{ kind: 'reset-before' }, { kind: 'answer-before', status: 403, code: 'AccessDenied' }]);
      expect(await create()).toMatchObject({ kind: 'unknown', cause: { code: 'STORE_UNAVAILABLE' } });
    });

    it('refuses a store that knows no conditional writes', async () => {
      proxy.script('PUT', [{ kind: 'answer-before', status: 501, code: 'NotImplemented' }]);
      await expect(create()).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATION' });
    });

    it('throws STORE_UNAVAILABLE when nothing listens', async () => {
      const gone = await startFaultProxy(target.endpoint);
      await gone.close();
      const nowhere = await openS3ForTest({ ...target, endpoint: gone.endpoint });
      await expect(nowhere.store.createIfAbsent(path, mine, { identity })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        context: { fault: 'ECONNREFUSED' },
      });
      await expect(nowhere.store.get(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await nowhere.close();
    });

    it('knows its own replacement after a lost answer, and another from its own', async () => {
      const first = await direct.store.createIfAbsent(path, utf8('before'), { identity: 'first' });
      const ifMatch = first.kind === 'created' ? first.etag : '';
      proxy.script('PUT', [{ kind: 'reset-before' }, conflict, { kind: 'drop-answer' }]);
      expect(await s3.store.replaceIfMatch(path, mine, { identity, ifMatch })).toEqual({ kind: 'replaced', etag: (await direct.store.head(path))?.etag });
      expect(methods()).toEqual(['PUT', 'HEAD', 'PUT', 'PUT', 'HEAD']);
      proxy.script('PUT', [{ kind: 'reset-before' }]);
      expect(await s3.store.replaceIfMatch(path, utf8('late'), { identity: 'late', ifMatch })).toEqual({ kind: 'changed' });
      await direct.store.delete(path);
      expect(await s3.store.replaceIfMatch(path, utf8('late'), { identity: 'late', ifMatch })).toEqual({ kind: 'changed' });
    });

    it('reads again when the body of an answer is cut', async () => {
      await direct.store.createIfAbsent(path, mine, { identity });
      proxy.script('GET', [{ kind: 'cut-answer' }, undefined]);
      expect((await s3.store.get(path))?.bytes).toEqual(mine);
      proxy.script('GET', [{ kind: 'cut-answer' }, { kind: 'cut-answer' }, { kind: 'cut-answer' }]);
      await expect(s3.store.get(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    });

    it('tells throttling and denial of reads apart, and neither from absence', async () => {
      const single = await openS3ForTest({ ...target, endpoint: proxy.endpoint }, { settings: { maxAttempts: 1 } });
      const drain = async (): Promise<void> => {
        for await (const info of single.store.list('')) expect(info).toBeUndefined();
      };
      proxy.script('GET', [
        busyBefore,
        busyBefore,
        { kind: 'answer-before', status: 403, code: 'AccessDenied' },
        { kind: 'answer-before', status: 404, code: 'NoSuchBucket' },
      ]);
      await expect(single.store.get(path)).rejects.toMatchObject({
        code: 'STORE_THROTTLED',
        kind: 'unavailable',
        context: { fault: 'SlowDown', storeStatus: 503 },
      });
      await expect(drain()).rejects.toMatchObject({ code: 'STORE_THROTTLED' });
      await expect(single.store.get(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { fault: 'AccessDenied' } });
      await expect(single.store.get(path)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { fault: 'NoSuchBucket' } });
      expect(await single.store.get(path)).toBeUndefined();
      await single.close();
    });
  });
}
