/** `serve`: every route over HTTP on this machine. */
import { LakefoldError } from '../../lib/core/errors.ts';
import { usageError } from '../arguments.ts';
import type { Command } from '../command.ts';
import { publishForeignCommits } from '../publish-foreign.ts';
import { startServer } from '../server.ts';

const DEFAULT_PORT = 6566;

export const serveCommand: Command = {
  name: 'serve',
  usage: '[--port 6566] [--auth none|keys]',
  positionals: [0, 0],
  summary: 'Serves the HTTP API of the embedded store on 127.0.0.1, and publishes what other engines commit.',
  options: {
    port: { kind: 'text', value: 'N', help: `default ${DEFAULT_PORT}; 0 takes a free one` },
    auth: { kind: 'text', value: 'none|keys', help: 'default none: whoever reaches the port may do everything' },
  },
  example: 'lakefold serve --port 6566',
  run: async ({ args, session, output, terminal }) => {
    const port = args.integer('port') ?? DEFAULT_PORT;
    if (port > 65_535) throw usageError(`expected a port up to 65535 as --port, found ${port}`);
    if (session.endpoint !== undefined) throw usageError('expected serve without --endpoint: it serves the embedded store');
    if (args.word('auth', ['none', 'keys']) === 'keys')
      throw new LakefoldError('UNSUPPORTED_OPERATION', 'expected --auth none, found keys, which this version does not have', { context: { auth: 'keys' } });
    const signal = terminal.signal();
    const store = await session.store({ sourcesWithin: terminal.cwd });
    const server = await startServer(store.app, { port });
    const polling = publishForeignCommits(store, signal);
    try {
      await output.warn('--auth none: every process on this machine may read and change everything here; nobody else can reach it');
      await output.value(
        { url: server.url, auth: 'none', location: await session.location() },
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
