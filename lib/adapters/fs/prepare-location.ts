/** What an open does to a location: a proof of hard links, and the removal of what dead processes left. */
import process from 'node:process';
import { LakefoldError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { isAbsence } from './fs-errors.ts';
import { errnoOf } from './file-system.ts';
import type { FileStat, FileSystem } from './file-system.ts';
import { isTemporaryName, temporaryName, uniqueTemporaryName, writerOf } from './temporary-name.ts';

/** Age at which a temporary file can't belong to a living write, ms. */
const TEMPORARY_AGE_MAX_MILLIS = 24 * 60 * 60 * 1000;

/** How file systems say that they have no hard links. */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL']);

interface Deps {
  readonly fs: FileSystem;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'bytes'>;
}

/** @throws LakefoldError UNSUPPORTED_FILESYSTEM without hard links */
export async function prepareLocation(deps: Deps, root: string): Promise<void> {
  const probe = await probeHardLinks(deps, root);
  await sweepOncePerDay(deps.fs, root, probe.modifiedMillis);
}

async function probeHardLinks(deps: Deps, root: string): Promise<FileStat> {
  const { fs } = deps;
  const first = `${root}/${uniqueTemporaryName(deps)}`;
  const second = `${root}/${uniqueTemporaryName(deps)}`;
  const file = await fs.create(first);
  try {
    const stat = await file.stat();
    await fs.link(first, second);
    return stat;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || !NO_HARD_LINKS.has(errno)) throw error;
    throw new LakefoldError(
      'UNSUPPORTED_FILESYSTEM',
      `expected a local file system with hard links below ${JSON.stringify(root)}, found one that answers link() with ${errno}`,
      { cause: error, context: { directory: root, errno } },
    );
  } finally {
    await file.close();
    await fs.unlink(first).catch(() => undefined);
    await fs.unlink(second).catch(() => undefined);
  }
}

/**
 * `now` is the file system's own time, of the probe: a clock of ours that is wrong must not remove what a writer just made.
 * A marker, itself a temporary file, spares the walk through the location to every open but one a day.
 */
async function sweepOncePerDay(fs: FileSystem, root: string, now: number): Promise<void> {
  const marker = `${root}/${temporaryName('swept')}`;
  const isOld = async (path: string): Promise<boolean> => now - (await fs.stat(path)).modifiedMillis > TEMPORARY_AGE_MAX_MILLIS;
  try {
    if (!(await isOld(marker))) return;
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  await sweep(fs, root, isOld);
  try {
    await (await fs.create(marker)).close();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Removes the temporary files of processes that are no more, whatever their age. */
export async function sweepAbandoned(fs: FileSystem, root: string): Promise<void> {
  await sweep(fs, root, async (path) => {
    const writer = writerOf(path.slice(path.lastIndexOf('/') + 1));
    return writer !== undefined && !isAlive(writer);
  });
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // One of another user's is alive, and may not be asked.
    return errnoOf(error) !== 'ESRCH';
  }
}

async function sweep(fs: FileSystem, root: string, isOld: (path: string) => Promise<boolean>): Promise<void> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of (await orUndefined(fs.readDirectory(folder))) ?? []) {
      const path = `${folder}/${entry.name}`;
      if (entry.kind === 'directory') folders.push(path);
      else if (entry.kind === 'file' && isTemporaryName(entry.name) && (await orUndefined(isOld(path))) === true) await orUndefined(fs.unlink(path));
    }
  }
}

/** Undefined where another open swept first, or where a folder is not ours. */
async function orUndefined<Value>(call: Promise<Value>): Promise<Value | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isAbsence(error) || errnoOf(error) === 'EACCES' || errnoOf(error) === 'EPERM') return undefined;
    throw error;
  }
}
