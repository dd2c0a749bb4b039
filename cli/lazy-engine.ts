/** DuckDB, loaded at the first query. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../lib/ports/engine.ts';

interface Opened {
  readonly engine: Engine;
  readonly scratchDirectory: string;
}

/** An engine that may touch files in `dataDirectory` alone, and a scratch folder of its own that `close` removes. */
export function lazyEngine(options: { readonly dataDirectory: string }): Engine {
  let opening: Promise<Opened> | undefined;
  const opened = (): Promise<Opened> => (opening ??= open(options.dataDirectory));
  return {
    query: async function* (query) {
      yield* (await opened()).engine.query(query);
    },
    copy: async (query, target) => (await opened()).engine.copy(query, target),
    close: async () => {
      if (opening === undefined) return;
      const { engine, scratchDirectory } = await opening;
      await engine.close();
      await rm(scratchDirectory, { recursive: true, force: true });
    },
  };
}

async function open(dataDirectory: string): Promise<Opened> {
  const { openDuckDbEngine } = await import('../lib/adapters/duckdb/engine.ts');
  const scratchDirectory = await mkdtemp(join(tmpdir(), 'lakefold-scratch-'));
  return { engine: await openDuckDbEngine({ scratchDirectory, allowedDirectories: [dataDirectory, scratchDirectory] }), scratchDirectory };
}
