/** `serve`: every route over HTTP on this machine. */
import { usageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { publishForeignCommits } from '../publish-foreign.ts';
import { createGuardedApp } from '../local-app.ts';
import { startServer } from '../server.ts';

const DEFAULT_PORT = 6566;

export const serveCommand: Command = {
  name: 'serve',
  usage: '[--port 6566] [--auth none|keys]',
  positionals: [0, 0],
  summary: 'Serves the HTTP API of the embedded store on 127.0.0.1, and publishes what other engines commit.',
  options: {
    port: { kind: 'text', value: 'N', help: `default ${DEFAULT_PORT}; 0 takes a free one` },
    auth: { kind: 'text', value: 'none|keys', help: 'none (default): whoever reaches the port may do everything; keys: only API keys, made by `key create`' },
  },
  example: 'lakefold serve --port 6566',
  run: async ({ args, session, output, terminal }) => {
    const port = args.integer('port') ?? DEFAULT_PORT;
    if (port > 65_535) throw usageError(`expected a port up to 65535 as --port, found ${port}`);
    if (session.endpoint !== undefined) throw usageError('expected serve without --endpoint: it serves the embedded store');
    const auth = args.word('auth', ['none', 'keys']) ?? 'none';
    const signal = terminal.signal();
    const store = await session.store({ sourcesWithin: terminal.cwd });
    await store.resume();
    const server = await startServer(auth === 'keys' ? createGuardedApp(store.app, store.deps) : store.app, { port });
    const polling = publishForeignCommits(store, signal);
    try {
      if (auth === 'none') await output.warn('--auth none: every process on this machine may read and change everything here; nobody else can reach it');
      await output.value(
        { url: server.url, auth, location: await session.location() },
        (paint) => `${paint('✓', 'green')} serving ${paint(server.url, 'bold')}`,
      );
      await output.note('Ctrl-C ends it');
      await aborted(signal);
    } finally {
      await server.close();
      await polling;
    }
  },
};

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
