/** Keys and grants by the command, and the server that asks for them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from '../../lib/client/index.ts';
import { lakefold, lakefoldJson, problem, temporaryFolder, type CliResult } from './cli-support.ts';

let stop: (() => Promise<CliResult>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** A shop with its rows, served for keys alone. */
async function servedShop(): Promise<{ readonly cwd: string; readonly url: string; readonly printed: () => unknown }> {
  const cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', 'customer_stats.csv'], { cwd });
  const controller = new AbortController();
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    const server = lakefold(['serve', '--port', '0', '--auth', 'keys'], {
      cwd,
      signal: controller.signal,
      onStdout: (written) => {
        text = written;
        resolve((JSON.parse(written) as { readonly url: string }).url);
      },
    });
    stop = async () => {
      controller.abort();
      return server;
    };
    void server.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { cwd, url, printed: () => JSON.parse(text) };
}

describe('keys', () => {
  it('open a served shop to who holds one, as far as it goes', async () => {
    const { cwd, url, printed } = await servedShop();
    expect(printed()).toEqual({ url, auth: 'keys', location: join(cwd, '.lakefold') });
    const elsewhere = await temporaryFolder();
    const vector = ['fv', 'get', 'basket_risk', 'customer=ada', '--param', 'amount=120', '--endpoint', url];
    const denied = await lakefold(vector, { cwd: elsewhere });
    expect([denied.code, denied.stdout, problem(denied).code]).toEqual([1, '', 'UNAUTHENTICATED']);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);

    const key = await lakefoldJson(['key', 'create', 'app', '--scopes', 'readOnline,describe', '--resources', 'feature-views/*'], { cwd });
    expect(await lakefoldJson([...vector, '--api-key', key.secret], { cwd: elsewhere })).toMatchObject({ features: [5, 160, 0.75] });
    const write = await lakefold(['fg', 'ingest', 'customer_stats/1', '--file', join(cwd, 'customer_stats.csv'), '--endpoint', url, '--api-key', key.secret], {
      cwd: elsewhere,
    });
    expect([write.code, problem(write)]).toEqual([
      1,
      expect.objectContaining({ code: 'FORBIDDEN', status: 403, action: 'writeOffline', resource: 'feature-groups/customer_stats' }),
    ]);

    const view = createClient({ endpoint: url, apiKey: key.secret }).featureView('basket_risk', 1);
    expect(await view.getFeatureVector({ customer: 'ada' }, { requestParameters: { amount: 120 } })).toMatchObject({
      status: 'COMPLETE',
      features: { orders_30d: 5 },
    });
    const stranger = createClient({ endpoint: url, apiKey: `${key.secret.slice(0, -2)}AA` }).featureView('basket_risk', 1);
    await expect(stranger.getFeatureVector({ customer: 'ada' })).rejects.toMatchObject({ code: 'UNAUTHENTICATED', status: 401 });
  });

  it('are listed without secrets, rotated and revoked', async () => {
    const cwd = await temporaryFolder();
    const key = await lakefoldJson(['key', 'create', 'app', '--scopes', 'readOnline', '--expires-at', '2099-01-01T00:00:00Z'], { cwd });
    const rotated = await lakefoldJson(['key', 'rotate', key.id, '--overlap', 'PT1H'], { cwd });
    expect([rotated.id, rotated.secret === key.secret, rotated.expiresAt]).toEqual([key.id, false, '2099-01-01T00:00:00Z']);
    expect(await lakefoldJson(['key', 'revoke', key.id], { cwd })).toEqual({ id: key.id, status: 'REVOKED' });
    const { secret: _, requestId: __, ...shown } = key;
    expect((await lakefoldJson(['key', 'list'], { cwd })).items).toEqual([{ ...shown, status: 'REVOKED' }]);
    const unknown = await lakefold(['key', 'revoke', 'ak_nobody'], { cwd });
    expect([unknown.code, problem(unknown).code]).toEqual([1, 'UNKNOWN_KEY_ID']);
  });

  it('are printed for a person with the one look at the secret', async () => {
    const cwd = await temporaryFolder();
    const { stdout } = await lakefold(['key', 'create', 'app', '--scopes', 'readOnline'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });
    expect(stdout).toMatch(/^✓ ak_[0-9A-Z]{26} app\nlk_[0-9A-Z]{26}_[\w-]{43}\nThe secret is not shown again\.\n$/);
  });
});

describe('grants', () => {
  it('are put as they were shown, and not over those of somebody else', async () => {
    const cwd = await temporaryFolder();
    const before = await lakefoldJson(['grants', 'show'], { cwd });
    expect(before).toEqual({ grants: [], etag: '"r0"', requestId: expect.any(String) });
    const grant = { id: 'ops', principals: ['key:ak_0'], actions: ['readOnline'], resources: ['feature-views/*'], features: ['mean_*'] };
    await writeFile(join(cwd, 'grants.json'), JSON.stringify({ ...before, grants: [grant] }));
    const put = await lakefoldJson(['grants', 'put', '--file', 'grants.json'], { cwd });
    expect([put.grants, put.etag]).toEqual([[grant], '"r1"']);
    // The document still names the grants it was made from.
    const late = await lakefold(['grants', 'put', '--file', 'grants.json'], { cwd });
    expect([late.code, problem(late).code]).toEqual([1, 'PRECONDITION_FAILED']);
    const shown = await lakefold(['grants', 'show'], { cwd, tty: 'yes', env: { NO_COLOR: '1' } });
    expect(shown.stdout).toContain('key:ak_0');
    const bad = await lakefold(['grants', 'put', '--file', '-'], { cwd, stdin: '{"grants":[{"id":"a"}]}' });
    expect([bad.code, problem(bad)]).toEqual([1, expect.objectContaining({ code: 'INVALID_ARGUMENT', errorCount: 3 })]);
  });
});
