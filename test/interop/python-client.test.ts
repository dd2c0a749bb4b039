/** examples/python/lakefold.py and its notebook, against the server of this machine over HTTP. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../../cli/server.ts';
import { type LocalStore, openLocalStore } from '../../cli/local-store.ts';
import { interopPython } from './engines.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/python', import.meta.url));

describe.skipIf(interopPython === undefined)('from Python', () => {
  let folder: string;
  let store: LocalStore;
  let server: RunningServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lakefold-python-'));
    store = await openLocalStore({ location: folder, cwd: folder });
    server = await startServer(store.app, { port: 0 });
  });
  afterAll(async () => {
    await server.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What a script prints, as JSON. */
  async function python(script: string, ...args: readonly string[]): Promise<unknown> {
    const child = spawn(interopPython ?? '', [fileURLToPath(new URL(script, import.meta.url)), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONPATH: EXAMPLES, PYTHONDONTWRITEBYTECODE: '1', LAKEFOLD_ENDPOINT: server.url },
    });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (texts.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (texts.stderr += String(chunk)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(`${script} ended with ${String(code)}\n${texts.stderr}`);
    return JSON.parse(texts.stdout);
  }

  it('the notebook runs from a pandas frame to a model and the vectors it is served with', async () => {
    const result = await python('python_notebook.py', join(EXAMPLES, 'walkthrough.ipynb'), 'refusal', 'accuracy', 'verdict');
    expect(result).toEqual({
      refusal: ['VALIDATION_FAILED', [[1, 'flights', 'EXPECTATION_FAILED']]],
      accuracy: expect.any(Number),
      verdict: {
        equal: true,
        expected: expect.stringMatching(/^sha256:/),
        actual: expect.stringMatching(/^sha256:/),
        reason: null,
        requestId: expect.any(String),
      },
    });
    expect((result as { accuracy: number }).accuracy).toBeGreaterThan(0.7);
  });

  it('frames of every kind go in, come out equal, and refusals name row and feature', async () => {
    expect(await python('python_client.py')).toEqual({ ok: true });
  });
});
