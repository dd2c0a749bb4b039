/** The checks of `lakefold doctor`: each tells what it found, throws what is wrong, or is undefined where it does not apply. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { batchOfRows, rowsOf } from '../lib/core/batch.ts';
import { LakefoldError } from '../lib/core/errors.ts';
import { nodeFileSystem } from '../lib/adapters/fs/node-file-system.ts';
import { openFilesObjectStore } from '../lib/adapters/fs/files-object-store.ts';
import { openLmdbControl } from '../lib/adapters/lmdb/control.ts';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { SystemRandom } from '../lib/adapters/system/random.ts';
import { bytesSource } from '../lib/ports/table-codec.ts';
import { lazyParquetCodec } from '../lib/store/lazy-codec.ts';
import { lazyEngine } from '../lib/store/lazy-engine.ts';
import type { CommandContext } from './command.ts';
import { registryCheck } from './doctor-registry.ts';
import { text } from './render.ts';

/** As in package.json, `engines`. */
const NODE_MIN: readonly [major: number, minor: number] = [20, 19];

export type Check = (context: CommandContext) => Promise<string | undefined>;

export const CHECKS = {
  node: async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]))
      throw new LakefoldError('UNSUPPORTED_OPERATION', `expected Node ${NODE_MIN.join('.')} or newer, found ${process.versions.node}`);
    return `${process.versions.node} on ${process.platform} ${process.arch}`;
  },
  location: async ({ session }) => {
    const location = await session.location();
    return withFolder(location, async (directory, isOwn) => {
      const clock = new SystemClock();
      await openFilesObjectStore({ fs: nodeFileSystem, directory, clock, random: new SystemRandom() });
      return `${location} ${isOwn ? 'is' : 'can be'} written, with hard links`;
    });
  },
  lmdb: async ({ session }) =>
    withFolder(await session.location(), async (directory) => {
      const folder = await mkdtemp(join(directory, '.tmp-doctor-'));
      try {
        const control = openLmdbControl({ directory: folder });
        await control.put({ partition: 'doctor', sort: '1', bytes: Uint8Array.of(42) });
        const record = await control.get('doctor', '1');
        await control.close();
        if (record?.bytes[0] !== 42) throw new LakefoldError('STORE_UNAVAILABLE', 'expected LMDB to give back what was put, found something else');
        return 'writes and reads';
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
  parquet: async () => {
    const codec = lazyParquetCodec();
    const columns = [{ name: 'n', type: { kind: 'int' }, nullable: false }] as const;
    const bytes = await codec.encode(batchOfRows(columns, [[1], [2], [3]]));
    const read: unknown[] = [];
    for await (const { batch } of codec.decode(bytesSource(bytes), { columns })) read.push(...rowsOf(batch).flat());
    if (read.join() !== '1,2,3') throw new LakefoldError('FILE_CORRUPT', `expected 1,2,3 back from Parquet, found ${read.join()}`);
    return `writes and reads, ${bytes.length} bytes`;
  },
  duckdb: async ({ session }) => {
    const { engine } = lazyEngine({ dataDirectory: await session.location() });
    try {
      const rows: unknown[] = [];
      for await (const batch of engine.query({ relations: [], sql: 'SELECT version() AS version, 6 * 7 AS answer' })) rows.push(...rowsOf(batch));
      const [version, answer] = Array.isArray(rows[0]) ? rows[0] : [];
      if (Number(answer) !== 42) throw new LakefoldError('INTERNAL', `expected 42 of DuckDB, found ${String(answer)}`);
      return String(version);
    } finally {
      await engine.close();
    }
  },
  definitions: async ({ session }) => {
    const config = await session.config();
    if (config === undefined) return 'no lakefold.config.ts here; lakefold init makes one';
    const { definitions, functions } = config;
    return `${config.path}: ${definitions.featureGroups.length} feature groups, ${definitions.featureViews.length} views, ${functions.size} functions`;
  },
  endpoint: async ({ session }) => {
    if (session.endpoint === undefined) return undefined;
    const { body } = await (await session.client()).json({ method: 'GET', path: '/healthz' });
    return `${session.endpoint}: ${text(body['status'])}, version ${text(body['version'])}`;
  },
  registry: registryCheck,
} as const satisfies Readonly<Record<string, Check>>;

/** Runs in the folder where it is there, else in one beside its nearest parent that is, which goes again: a check leaves nothing. */
async function withFolder<Result>(path: string, work: (directory: string, isOwn: boolean) => Promise<Result>): Promise<Result> {
  if ((await stat(path).catch(() => undefined))?.isDirectory() === true) return work(path, true);
  let parent = dirname(path);
  while ((await stat(parent).catch(() => undefined)) === undefined && parent !== dirname(parent)) parent = dirname(parent);
  const temporary = await mkdtemp(join(parent, '.tmp-doctor-'));
  try {
    return await work(temporary, false);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
