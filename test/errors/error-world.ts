/** A server with the example's group, view and rows, whose store can be made to fail, asked by requests and by commands. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../cli/server.ts';
import type { ErrorCode } from '../../lib/core/errors.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { FunctionTable } from '../../lib/registry/collect-definitions.ts';
import { airportDelays, type Api, delayModel, EXAMPLE_ROWS, memoryParts, openApi, type Sent } from '../support/api.ts';
import { lakefold, problem } from '../cli/cli-support.ts';
import { wrappedStore } from '../support/wrapped-store.ts';

export type Parts = ReturnType<typeof memoryParts>;

/** What a case finds, and may change, before it is asked. */
export interface World {
  /** A server of its own on the same stores: what it has seen, the one that is asked has not. */
  readonly api: Api<Parts>;
  /** The folder that commands run in. */
  readonly cwd: string;
}

/** Asked once by a request and once by a command, each of which must be refused alike. */
export interface ErrorCase {
  readonly code: ErrorCode;
  /** What brings it about. */
  readonly what: string;
  readonly status: number;
  readonly exit: 1 | 3;
  /** Members of the problem document, both times. */
  readonly problem?: object;
  readonly prepare?: (world: World) => Promise<unknown>;
  /** From when the server is asked on, the store does this. */
  readonly faults?: (world: World) => Partial<ObjectStore>;
  /** Of the server that is asked; those of the example unless given. */
  readonly functions?: FunctionTable;
  readonly request: readonly [method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>];
  /** A command line and the files it reads, by name; or why none can bring it about. */
  readonly command: readonly string[] | { readonly none: string };
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** What the refusal may leave in the store: paths that begin with this. */
  readonly leaves?: string;
}

export interface Refused {
  readonly request: { readonly status: number; readonly type: string | null; readonly problem: unknown };
  readonly command: { readonly exit: number; readonly stdout: string; readonly problem: unknown } | undefined;
  /** Paths whose object is another than before, or is there no more. */
  readonly changed: readonly string[];
}

/** Asks both ways and tells what was answered. */
export async function refusalsOf(errorCase: ErrorCase): Promise<Refused> {
  const parts = memoryParts();
  const cwd = await mkdtemp(join(tmpdir(), 'lakefold-errors-'));
  const api = await openApi(parts);
  try {
    await api.post('/v1/projects', { name: 'demo' });
    await api.post('/v1/projects/demo/feature-groups', airportDelays.json);
    await api.post('/v1/projects/demo/feature-views', delayModel.json);
    await api.post('/v1/projects/demo/feature-groups/airport_delays/versions/1/rows', { rows: EXAMPLE_ROWS });
    await errorCase.prepare?.({ api, cwd });
    for (const [name, content] of Object.entries(errorCase.files ?? {})) await writeFile(join(cwd, name), content);
    const store = wrappedStore(parts.store, errorCase.faults?.({ api, cwd }));
    return await ask(errorCase, { api: await openApi({ ...parts, store }, ...(errorCase.functions === undefined ? [] : [errorCase.functions])), parts, cwd });
  } finally {
    await api.close();
    await rm(cwd, { recursive: true, force: true });
  }
}

async function ask(
  { request: [method, path, body, headers], command, leaves }: ErrorCase,
  { api, parts, cwd }: { readonly api: Api; readonly parts: Parts; readonly cwd: string },
): Promise<Refused> {
  const { url, close } = await startServer(api.app, { port: 0 });
  try {
    // What goes on after an answer ends first: only the refusal is to be seen.
    await Promise.all(parts.later);
    const before = await contentOf(parts);
    const sent: Sent = { ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) };
    const answer = await api.send(method, path, sent);
    const commanded = 'none' in command ? undefined : await lakefold([...placed(command, url), '--json', '--quiet'], { cwd });
    await Promise.all(parts.later);
    const after = await contentOf(parts);
    return {
      request: { status: answer.status, type: answer.headers.get('content-type'), problem: answer.body },
      command: commanded === undefined ? undefined : { exit: commanded.code, stdout: commanded.stdout, problem: problem(commanded) },
      changed: [...new Set([...before.keys(), ...after.keys()])].filter(
        (name) => before.get(name) !== after.get(name) && (leaves === undefined || !name.startsWith(leaves)),
      ),
    };
  } finally {
    await close();
    await api.close();
  }
}

/** Every object's path and etag, which changes with every write. */
async function contentOf({ store }: Parts): Promise<ReadonlyMap<string, string>> {
  const content = new Map<string, string>();
  for await (const { path, etag } of store.list('')) content.set(path, etag);
  return content;
}

/** Commands that work on the store they name, or on none, stay as they are. */
function placed(command: readonly string[], url: string): readonly string[] {
  const words = command.map((word) => word.replace('{url}', url));
  if (words[0] === 'table' || words[0] === 'init') return words;
  return [...words, ...(words.includes('--endpoint') ? [] : ['--endpoint', url]), ...(words.includes('--project') ? [] : ['--project', 'demo'])];
}
