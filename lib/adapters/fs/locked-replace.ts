/** Compare-and-replace, which file systems lack. */
import { toHex, sha256, utf8 } from '../../core/bytes.ts';
import { errnoOf } from './file-system.ts';
import type { FileStat, FileSystem } from './file-system.ts';
import { temporaryName } from './temporary-name.ts';

/** A lock this much older than our own file belongs to a dead process: it is held for three calls. */
const LOCK_STALE_MILLIS = 60_000;
/** Looks at a taken lock before giving up; each costs a call, so this is some tens of milliseconds. */
const LOCK_LOOKS_MAX = 500;

export interface StagedReplacement {
  readonly temporary: string;
  readonly target: string;
  readonly directory: string;
  readonly stat: FileStat;
}

/**
 * Puts the staged file in the target's place while `matches()` holds; everyone who replaces this way takes turns.
 *
 * The lock is a second name of the staged file itself, so that one rename both publishes and unlocks.
 */
export async function lockedReplace(
  fs: FileSystem,
  staged: StagedReplacement,
  matches: () => Promise<boolean>,
): Promise<{ readonly kind: 'replaced' | 'changed' | 'busy' }> {
  const name = toHex(sha256(utf8(staged.target))).slice(0, 32);
  const lock = `${staged.directory}/${temporaryName(`replace-${name}`)}`;
  if (!(await takeLock(fs, staged, lock))) return { kind: 'busy' };
  let locked = true;
  try {
    if (!(await matches())) return { kind: 'changed' };
    await fs.rename(lock, staged.target);
    locked = false;
    return { kind: 'replaced' };
  } finally {
    if (locked) await fs.unlink(lock).catch(() => undefined);
  }
}

async function takeLock(fs: FileSystem, staged: StagedReplacement, lock: string): Promise<boolean> {
  for (let look = 0; look < LOCK_LOOKS_MAX; look += 1) {
    try {
      await fs.link(staged.temporary, lock);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    try {
      const held = await fs.stat(lock);
      if (staged.stat.modifiedMillis - held.modifiedMillis > LOCK_STALE_MILLIS) await fs.unlink(lock);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return false;
}
