/** DuckDB, loaded at the first query, and the scratch folder it reads copies from. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openScratch } from '../adapters/fs/scratch.ts';
import type { Engine } from '../ports/engine.ts';
import type { Scratch } from '../ports/scratch.ts';

interface Opened {
  readonly engine: Engine;
  readonly scratch: Scratch;
  readonly directory: string;
}

export interface LazyEngine {
  readonly engine: Engine;
  readonly scratch: Scratch;
}

/** An engine that may touch files in `dataDirectory` and in a scratch folder of its own, which `close` removes. */
export function lazyEngine(options: { readonly dataDirectory?: string } = {}): LazyEngine {
  let opening: Promise<Opened> | undefined;
  const opened = (): Promise<Opened> => (opening ??= open(options.dataDirectory));
  const engine: Engine = {
    query: async function* (query) {
      yield* (await opened()).engine.query(query);
    },
    copy: async (query, target) => (await opened()).engine.copy(query, target),
    keep: async (query) => (await opened()).engine.keep(query),
    close: async () => {
      if (opening === undefined) return;
      const { engine: inner, directory } = await opening;
      await inner.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  const scratch: Scratch = {
    hold: async (name, load) => (await opened()).scratch.hold(name, load),
    collect: async (fill) => (await opened()).scratch.collect(fill),
  };
  return { engine, scratch };
}

async function open(dataDirectory: string | undefined): Promise<Opened> {
  const { openDuckDbEngine } = await import('../adapters/duckdb/engine.ts');
  const directory = await mkdtemp(join(tmpdir(), 'lakefold-scratch-'));
  const allowedDirectories = [...(dataDirectory === undefined ? [] : [dataDirectory]), directory];
  return { directory, engine: await openDuckDbEngine({ scratchDirectory: directory, allowedDirectories }), scratch: openScratch(join(directory, 'copies')) };
}
