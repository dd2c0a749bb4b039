import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { VERSION } from '../../lib/core/engine-info.ts';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder, type CliResult } from './cli-support.ts';

interface Served {
  readonly cwd: string;
  readonly url: string;
  /** Asks the server to end and answers how it did. */
  stop(): Promise<CliResult>;
}

const running: Served[] = [];
afterEach(async () => {
  for (const served of running.splice(0)) await served.stop();
});

async function serve(cwd: string): Promise<Served> {
  const controller = new AbortController();
  let onUrl: (url: string) => void = () => undefined;
  const url = new Promise<string>((resolve) => {
    onUrl = resolve;
  });
  const ended = lakefold(['serve', '--port', '0'], { cwd, signal: controller.signal, onStdout: (text) => onUrl(JSON.parse(text).url) });
  const served: Served = {
    cwd,
    url: await Promise.race([url, ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]),
    stop: async () => {
      controller.abort();
      return ended;
    },
  };
  running.push(served);
  return served;
}

async function shop(): Promise<string> {
  const cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  return cwd;
}

async function bodyOf(response: Response) {
  return JSON.parse(await response.text());
}

/** `fetch` sets the host header itself. */
function statusOf(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('serve', () => {
  it('listens on loopback, says loudly that nobody is asked who they are, and ends when told', async () => {
    const served = await serve(await temporaryFolder());
    expect(served.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await fetch(`${served.url}/healthz`)).json()).toEqual({ status: 'ok', version: VERSION, requestId: expect.any(String) });

    const { code, stdout, stderr } = await served.stop();
    expect({ code, stdout: JSON.parse(stdout) }).toEqual({ code: 0, stdout: { url: served.url, auth: 'none', location: join(served.cwd, '.lakefold') } });
    expect(stderr).toContain('warning: --auth none: every process on this machine may read and change everything here');
    await expect(fetch(`${served.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('answers nobody who means another host: a page whose name resolves here gets nothing', async () => {
    const { url } = await serve(await temporaryFolder());

    expect(await statusOf(`${url}/healthz`, 'attacker.example')).toBe(403);
    expect(await statusOf(`${url}/healthz`, 'localhost:6566')).toBe(200);
  });

  it('refuses unknown routes and methods by problem documents', async () => {
    const { url } = await serve(await temporaryFolder());
    const unknown = await fetch(`${url}/v1/nothing`);
    const wrong = await fetch(`${url}/v1/projects`, { method: 'DELETE' });

    expect([unknown.status, (await bodyOf(unknown)).code]).toEqual([404, 'UNKNOWN_ROUTE']);
    expect([wrong.status, wrong.headers.get('allow'), (await bodyOf(wrong)).code]).toEqual([405, 'GET, HEAD, POST', 'METHOD_NOT_ALLOWED']);
  });

  it('gives every command the same answers through --endpoint', async () => {
    const cwd = await shop();
    const { url } = await serve(cwd);
    const remote = ['--endpoint', url];
    const elsewhere = await temporaryFolder();
    const ingest = ['fg', 'ingest', 'customer_stats', '--file', join(cwd, 'customer_stats.csv'), '--idempotency-key', 'k'];
    const receipt = await lakefoldJson([...ingest, ...remote], { cwd: elsewhere });
    expect(receipt.commit).toMatchObject({ version: 1, rowsInserted: 5 });
    // The same key through the other way in is known.
    expect((await lakefoldJson(ingest, { cwd })).commit).toEqual({ ...receipt.commit, alreadyApplied: true });

    for (const argv of [
      ['fg', 'describe', 'customer_stats'],
      ['fg', 'commits', 'customer_stats'],
      ['fv', 'list'],
      ['fv', 'get', 'basket_risk', 'customer=ada', '--param', 'amount=120'],
    ]) {
      const [here, there] = [await lakefoldJson(argv, { cwd }), await lakefoldJson([...argv, ...remote], { cwd: elsewhere })];
      expect({ ...there, requestId: '', timings: '' }).toEqual({ ...here, requestId: '', timings: '' });
    }
    expect((await lakefold(['fg', 'read', 'customer_stats', ...remote], { cwd: elsewhere })).stdout).toBe(
      (await lakefold(['fg', 'read', 'customer_stats'], { cwd })).stdout,
    );
    const dataset = await lakefoldJson(['td', 'create', 'basket_risk', '--spine', join(cwd, 'orders.ndjson'), '--out', 'training', ...remote], {
      cwd: elsewhere,
    });
    expect(dataset.counts.rows).toBe(4);
    const doctor = await lakefoldJson(['doctor', ...remote], { cwd: elsewhere });
    expect(doctor.checks.at(-1)).toEqual({ name: 'endpoint', ok: true, detail: `${url}: ok, version ${VERSION}` });
    const refused = await lakefold(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'ndjson', ...remote], {
      cwd: elsewhere,
      stdin: '{"customer":1}\n',
    });
    expect({ code: refused.code, problem: problem(refused).code }).toEqual({ code: 3, problem: 'VALIDATION_FAILED' });
  });

  it('reads spines from files of its own folder and no other', async () => {
    const cwd = await shop();
    const { url } = await serve(cwd);
    const outside = join(await temporaryFolder(), 'orders.ndjson');
    await writeFile(outside, '{"customer":"ada","ordered_at":"2024-05-10T10:00:00Z","amount":20}\n');
    const create = (source: string): Promise<Response> =>
      fetch(`${url}/v1/projects/default/feature-views/basket_risk/versions/1/training-datasets`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ spine: { source, format: 'ndjson' } }),
      });

    expect((await create('orders.ndjson')).status).toBe(201);
    for (const source of [outside, '../orders.ndjson', 's3://bucket/orders.ndjson']) {
      const response = await create(source);
      expect([response.status, (await bodyOf(response)).code]).toEqual([400, 'INVALID_ARGUMENT']);
    }
  });

  it('publishes what others commit to a table while it runs', async () => {
    const cwd = await shop();
    const { url } = await serve(cwd);
    const table = join(cwd, '.lakefold/default/feature-groups/customer_stats/1');
    await lakefoldJson(['table', 'append', table, '--file', '-', '--format', 'ndjson'], {
      cwd,
      stdin: '{"customer":"ida","at":"2024-05-01T00:00:00Z","orders_30d":7,"spend_30d":1}\n',
    });

    await vi.waitFor(
      async () => {
        const response = await fetch(`${url}/v1/projects/default/feature-groups/customer_stats/versions/1/online`);
        expect(await response.json()).toMatchObject({ state: 'current', watermark: 1, head: 1 });
      },
      { timeout: 10_000, interval: 100 },
    );
    const { stdout } = await lakefold(['fv', 'batch', 'basket_risk', '--file', '-', '--param', 'amount=2'], { cwd, stdin: '{"customer":"ida"}\n' });
    expect(lines(stdout)).toMatchObject([{ status: 'COMPLETE', features: { orders_30d: 7, spend_30d: 1, amount_to_spend: 2 } }]);
  });

  it('tells that a port is taken', async () => {
    const { url, cwd } = await serve(await temporaryFolder());
    const result = await lakefold(['serve', '--port', new URL(url).port], { cwd });

    expect(result.code).toBe(1);
    expect(problem(result)).toMatchObject({ code: 'STORE_UNAVAILABLE', port: Number(new URL(url).port) });
  });
});
