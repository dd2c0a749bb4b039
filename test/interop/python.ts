/** Python scripts as a test runs them: `lakefold.py` beside them, a server of this process before them. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLocalStore } from '../../cli/local-store.ts';
import { startServer } from '../../cli/server.ts';
import type { FunctionTable } from '../../lib/registry/collect-definitions.ts';
import { interopPython } from './engines.ts';

export const PYTHON_EXAMPLES = fileURLToPath(new URL('../../examples/python', import.meta.url));

export interface PythonServer {
  readonly folder: string;
  readonly url: string;
  /** What the project's route answers. @throws Error with the problem */
  post(path: string, body: object): Promise<Record<string, unknown>>;
  /** What a script prints, as JSON. @throws Error with what it said on stderr */
  run(script: string, ...args: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

/** A store in a folder of its own, served on this machine. */
export async function servePython(functions: FunctionTable): Promise<PythonServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lakefold-python-'));
  const store = await openLocalStore({ location: folder, cwd: folder, functions });
  const server = await startServer(store.app, { port: 0 });
  return {
    folder,
    url: server.url,
    post: (path, body) => post(`${server.url}/v1/projects/default${path}`, body),
    run: (script, ...args) => run([script, ...args], server.url),
    close: async () => {
      await server.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

async function run(command: readonly string[], endpoint: string): Promise<unknown> {
  const child = spawn(interopPython ?? '', command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: PYTHON_EXAMPLES, PYTHONDONTWRITEBYTECODE: '1', LAKEFOLD_ENDPOINT: endpoint },
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (texts.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (texts.stderr += String(chunk)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`${command[0]} ended with ${String(code)}\n${texts.stderr}`);
  return JSON.parse(texts.stdout);
}
