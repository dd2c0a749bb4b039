/** The README read as a new user would: its commands are run, its TypeScript is run, what it names is there. */
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promisedLines, runTypeScript } from './support/run-typescript.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const COMMAND = join(ROOT, 'dist/cli/main.js');
const run = promisify(execFile);

/** Commands that other tests run, or that running them would run this one. */
const RUN_ELSEWHERE = [
  'npm ci && npm run demo',
  'npm cit',
  'npx cdk synth -q',
  'npx cdk bootstrap',
  'npx cdk deploy --all -c lakefold:definitions=shop/lakefold.config.ts',
];

const readme = await readFile(join(ROOT, 'README.md'), 'utf8');

/** Texts of the fenced blocks with this info string. */
function blocks(info: string): string[] {
  return [...readme.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].flatMap(([, found, text]) => (found === info && text !== undefined ? [text] : []));
}

describe('the quick start', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let port: number;

  beforeAll(async () => {
    if ((await stat(COMMAND).catch(() => undefined)) === undefined) throw new Error('expected dist/cli/main.js, found none: npm run build');
    folder = await mkdtemp(join(tmpdir(), 'lakefold-readme-'));
    const bin = join(folder, 'bin');
    await mkdir(bin);
    // Outside the clone npx would ask the registry.
    await writeFile(join(bin, 'npx'), `#!/bin/sh\n[ "$1" = lakefold ] || exit 64\nshift\nexec "${process.execPath}" "${COMMAND}" "$@"\n`);
    await chmod(join(bin, 'npx'), 0o755);
    env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
    port = await freePort();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('goes from nothing to a vector, a past version and a training set', async () => {
    const [first, second] = blocks('sh quick-start');
    const { stdout } = await run('sh', ['-e', '-c', first ?? ''], { cwd: folder, env });
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      featureView: { name: 'basket_risk', version: 1 },
      features: [5, 160, 0.75],
      status: 'COMPLETE',
    });
    const shop = join(folder, 'shop');
    const later = (await run('sh', ['-e', '-c', second ?? ''], { cwd: shop, env })).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(later[0]).toMatchObject({
      items: [
        { version: 1, operation: 'upsert', rowsInserted: 5 },
        { version: 0, operation: 'create' },
      ],
    });
    expect(later.slice(1, 4).map(Object.keys)).toEqual(Array.from({ length: 3 }, () => ['customer', 'at', 'orders_30d', 'spend_30d']));
    expect(later[4]).toMatchObject({ trainingDataset: 1, counts: { spineRows: 4, rows: 4 } });
    expect(later[5]).toMatchObject({ version: 1, rows: 5, files: 1 });
    expect((await stat(join(shop, 'training/data/part-00000.parquet'))).size).toBeGreaterThan(0);
  });

  it('serves the same vector over HTTP', async () => {
    const cwd = join(folder, 'shop');
    const withPort = (text: string | undefined): string => (text ?? '').replaceAll('6566', String(port));
    const server = spawn('sh', ['-c', `exec ${withPort(blocks('sh server')[0])}`], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => server.once('exit', resolve));
    try {
      const [printed] = await Promise.race([firstData(server.stdout), ended.then(() => Promise.reject(new Error('the server ended before it served')))]);
      expect(JSON.parse(printed)).toMatchObject({ url: `http://127.0.0.1:${port}` });
      const { stdout } = await run('sh', ['-e', '-c', withPort(blocks('sh client')[0])], { cwd, env });
      expect(JSON.parse(stdout)).toMatchObject({
        features: [5, 160, 0.75],
        status: 'COMPLETE',
        metadata: { features: [{ name: 'orders_30d' }, { name: 'spend_30d' }, { name: 'amount_to_spend' }], statuses: ['PRESENT', 'PRESENT', 'COMPUTED'] },
      });
    } finally {
      server.kill('SIGTERM');
      await ended;
    }
  });
});

describe('the README', () => {
  it('has no command that nothing runs', () => {
    expect(blocks('sh quick-start')).toHaveLength(2);
    expect([blocks('sh server').length, blocks('sh client').length]).toEqual([1, 1]);
    // test/interop/python-client.test.ts runs it.
    expect(blocks('python')).toHaveLength(1);
    expect(blocks('sh').flatMap((text) => text.trimEnd().split('\n'))).toEqual(RUN_ELSEWHERE);
    expect(
      [...readme.matchAll(/^```(\S[^\n]*)$/gm)]
        .map(([, info]) => info)
        .filter((info) => !['sh', 'sh quick-start', 'sh server', 'sh client', 'ts', 'python'].includes(info ?? '')),
    ).toEqual([]);
  });

  it('names scripts, files and folders that are there', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test']));
    const links = [...readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, path]) => path ?? '');
    expect(links.length).toBeGreaterThan(3);
    for (const path of links) expect((await stat(join(ROOT, path)).catch(() => undefined)) !== undefined, path).toBe(true);
  });

  it('stays short', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(151);
  });

  it('has TypeScript that runs and prints what it says', async () => {
    const printed: string[] = [];
    for (const text of blocks('ts')) printed.push(...(await runTypeScript(text)));
    const promised = blocks('ts').flatMap(promisedLines);
    expect(promised).toHaveLength(2);
    expect(printed).toEqual(promised);
  });
});

describe('the example', () => {
  it('runs, and gives the same when it is run again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lakefold-example-'));
    const example = (): Promise<string> =>
      run(join(ROOT, 'node_modules/.bin/tsx'), [join(ROOT, 'examples/quickstart.ts'), join(folder, 'lake')], { cwd: folder }).then(({ stdout }) => stdout);
    try {
      const first = await example();
      expect(first).toContain(
        'version 1: 3 rows, online up to version 1\nversion 2: 1 row updated\nCOMPLETE { origin_flights: 15, origin_mean_delay: 11, is_long_haul: true }',
      );
      expect(first).toContain("{ hour: '2001-01-01T09:00:00Z', mean_delay: 9 }");
      expect(first).toMatch(/training dataset 1: 2 rows, sha256:[0-9a-f]{64}\n$/);
      const again = await example();
      expect(again.replace(/online up to version \d+/, '').replace('dataset 2', 'dataset 1')).toBe(first.replace(/online up to version \d+/, ''));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function firstData(stream: NodeJS.ReadableStream): Promise<[string]> {
  return new Promise((resolve) => stream.once('data', (data: Buffer) => resolve([data.toString()])));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
