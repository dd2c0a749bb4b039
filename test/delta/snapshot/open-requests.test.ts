/** Opening a table request by request: one listing, the pointer, the checkpoint, and what the log has behind it. */
import { describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { writeCompaction } from '../../../lib/delta/maintain/compaction.ts';
import { checkpointPath, commitPath, compactionPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { loadSnapshot, refreshSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { add, emptyLog, ownCommit, writeCommit, writeLog, type LogFixture } from '../log-support.ts';

const CHECKPOINT = 10;
const LIST = 'list t/_delta_log/';
const get = (path: string): string => `get ${path}`;
const commits = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => get(commitPath('t', from + i)));

/** Commits of ours up to `head`, a checkpoint of version 10. */
async function tableUpTo(head: number): Promise<LogFixture> {
  const log = emptyLog();
  await writeLog(log.store, head + 1);
  await writeCheckpoint(log, 't', await loadSnapshot(log, 't', { version: CHECKPOINT }));
  return log;
}

async function callsOf({ store: { calls } }: LogFixture, load: () => Promise<unknown>): Promise<readonly string[]> {
  calls.length = 0;
  await load();
  return calls.toSorted();
}

const opening = (...tail: readonly string[]): string[] => [get(checkpointPath('t', CHECKPOINT)), get(lastCheckpointPath('t')), LIST, ...tail].toSorted();

describe('a cold open', () => {
  it.each([1, 9, 10])('is a listing, the pointer, the checkpoint and the %i commits behind it', async (behind) => {
    const log = await tableUpTo(CHECKPOINT + behind);
    expect(await callsOf(log, () => loadSnapshot(log, 't'))).toEqual(opening(...commits(CHECKPOINT + 1, CHECKPOINT + behind)));
  });

  it('is the same and one commit, for its time, where the checkpoint is the newest', async () => {
    const log = await tableUpTo(CHECKPOINT);
    expect(await callsOf(log, () => loadSnapshot(log, 't'))).toEqual(opening(...commits(CHECKPOINT, CHECKPOINT)));
  });

  it('reads one file behind the checkpoint after a log compaction', async () => {
    const log = await tableUpTo(CHECKPOINT + 10);
    await writeCompaction({ ...log, engineInfo: 'lakefold/test' }, 't', { from: CHECKPOINT + 1, to: CHECKPOINT + 10 });
    const before = await loadSnapshot(log, 't', { version: CHECKPOINT + 10 });
    expect(await callsOf(log, () => loadSnapshot(log, 't'))).toEqual(opening(get(compactionPath('t', CHECKPOINT + 1, CHECKPOINT + 10))));
    expect([before.committedAt, before.files.size]).toEqual([10_200, 20]);
  });

  it('asks for the time of the checkpoint too where another engine wrote on, whose times depend on those before', async () => {
    const log = await tableUpTo(CHECKPOINT);
    log.setNow(1);
    await writeCommit(log.store, CHECKPOINT + 1, [{ kind: 'commitInfo', timestamp: 1, engineInfo: 'Apache-Spark/3.5.0' }, add('x')]);
    expect(await callsOf(log, async () => expect((await loadSnapshot(log, 't')).committedAt).toBe(10_101))).toEqual(
      opening(...commits(CHECKPOINT, CHECKPOINT + 1)),
    );
  });
});

describe('a warm refresh', () => {
  it('is a listing, and each new commit once', async () => {
    const log = await tableUpTo(CHECKPOINT + 3);
    const snapshot = await loadSnapshot(log, 't');
    expect(await callsOf(log, () => refreshSnapshot(log, 't', snapshot))).toEqual([LIST]);
    await writeCommit(log.store, CHECKPOINT + 4, [ownCommit(20_000), add('x')]);
    expect(await callsOf(log, () => refreshSnapshot(log, 't', snapshot))).toEqual([...commits(CHECKPOINT + 4, CHECKPOINT + 4), LIST]);
  });
});
