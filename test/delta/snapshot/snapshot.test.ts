import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { checkpointPath, commitPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { applyCommit, loadSnapshot, refreshSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { add, emptyLog, METADATA, ownCommit, PROTOCOL, writeCommit, writeLog, type LogFixture } from '../log-support.ts';

const summary = (snapshot: Snapshot): unknown => ({
  version: snapshot.version,
  committedAt: snapshot.committedAt,
  checkpoint: snapshot.checkpointVersion,
  files: [...snapshot.files.keys()].toSorted(),
});
const fileNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `f${i + 1}`).toSorted();

/** `versions` commits, checkpoints at those named. */
async function log(versions: number, checkpoints: readonly number[] = []): Promise<LogFixture> {
  const fixture = emptyLog();
  await writeLog(fixture.store, versions);
  for (const version of checkpoints) await writeCheckpoint(fixture, 't', await loadSnapshot(fixture, 't', { version }));
  fixture.store.calls.length = 0;
  return fixture;
}

async function cleanUp(fixture: LogFixture, below: number): Promise<void> {
  for (let version = 0; version < below; version += 1) await fixture.store.delete(commitPath('t', version));
}

describe('loading a snapshot', () => {
  it('replays the commits where there is no checkpoint', async () => {
    expect(summary(await loadSnapshot(await log(4), 't'))).toEqual({ version: 3, committedAt: 10_030, checkpoint: undefined, files: ['f1', 'f2', 'f3'] });
  });

  it('reads an older checkpoint when a byte of the newest changed, whichever', async () => {
    const fixture = await log(13, [3, 7]);
    const path = checkpointPath('t', 7);
    const bytes = (await fixture.store.get(path))?.bytes ?? new Uint8Array();
    for (let at = 0; at < bytes.length; at += 97) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      await fixture.store.overwrite(path, changed);
      expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 12, committedAt: 10_120, checkpoint: 3, files: fileNames(12) });
    }
  });

  it('works where the location itself is the table', async () => {
    const fixture = emptyLog();
    await writeCommit(fixture.store, 0, [ownCommit(1), PROTOCOL, METADATA, add('a')], '');
    expect(summary(await loadSnapshot(fixture, ''))).toEqual({ version: 0, committedAt: 1, checkpoint: undefined, files: ['a'] });
  });

  it('starts from the newest checkpoint and reads only what follows', async () => {
    const fixture = await log(25, [5, 20]);
    expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 24, committedAt: 10_240, checkpoint: 20, files: fileNames(24) });
    expect(fixture.store.calls.toSorted()).toEqual(
      [
        `get ${lastCheckpointPath('t')}`,
        'list t/_delta_log/',
        `get ${checkpointPath('t', 20)}`,
        ...[21, 22, 23, 24].map((version) => `get ${commitPath('t', version)}`),
      ].toSorted(),
    );
  });

  it('at every version is what replaying up to there gives, checkpoints or not', async () => {
    const plain = await log(13);
    const checkpointed = await log(13, [3, 7, 12]);
    for (let version = 0; version < 13; version += 1) {
      const [a, b] = [await loadSnapshot(plain, 't', { version }), await loadSnapshot(checkpointed, 't', { version })];
      expect([b.version, b.committedAt, [...b.files.keys()].toSorted(), b.metadata, b.protocol, b.columns]).toEqual([
        a.version,
        a.committedAt,
        [...a.files.keys()].toSorted(),
        a.metadata,
        a.protocol,
        a.columns,
      ]);
    }
  });

  it.each([
    ['is missing', undefined],
    ['is empty', ''],
    ['is torn', '{"version":1'],
    ['points nowhere', '{"version":99}'],
    ['points at a version without a checkpoint', '{"version":8}'],
    ['is of another shape', '[5]'],
  ])('does without _last_checkpoint when it %s', async (_, text) => {
    const fixture = await log(10, [5]);
    if (text === undefined) await fixture.store.delete(lastCheckpointPath('t'));
    else await fixture.store.overwrite(lastCheckpointPath('t'), utf8(text));
    expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 9, committedAt: 10_090, checkpoint: 5, files: fileNames(9) });
  });

  it('falls back to an older checkpoint when the newest is corrupt', async () => {
    const fixture = await log(10, [3, 7]);
    await fixture.store.overwrite(checkpointPath('t', 7), utf8('{"add":'));
    expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 9, committedAt: 10_090, checkpoint: 3, files: fileNames(9) });
  });

  it('falls back to the commits when no checkpoint is readable, and says so when they are gone', async () => {
    const fixture = await log(10, [7]);
    await fixture.store.overwrite(checkpointPath('t', 7), utf8('nonsense\n'));
    expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 9, committedAt: 10_090, checkpoint: undefined, files: fileNames(9) });
    await cleanUp(fixture, 7);
    await expect(loadSnapshot(fixture, 't')).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT', context: { version: 7 } });
  });

  it('ignores checkpoints of which a part is missing', async () => {
    const fixture = await log(4);
    await fixture.store.overwrite(objectPath('t/_delta_log/00000000000000000002.checkpoint.0000000001.0000000002.parquet'), utf8('half'));
    expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 3, committedAt: 10_030, checkpoint: undefined, files: fileNames(3) });
  });

  it('ignores temporary and foreign files in the log', async () => {
    const fixture = await log(3);
    for (const name of [
      '.tmp-1-x',
      '00000000000000000009.json.tmp',
      '_commits/00000000000000000009.json',
      '00000000000000000001.00000000000000000002.compacted.json',
      '00000000000000000002.crc',
    ]) {
      await fixture.store.overwrite(objectPath(`t/_delta_log/${name}`), utf8('x'));
    }
    expect(summary(await loadSnapshot(fixture, 't'))).toEqual({ version: 2, committedAt: 10_020, checkpoint: undefined, files: fileNames(2) });
  });

  it('refuses a folder without a log, a gap, a version above the head and a corrupt entry', async () => {
    const fixture = await log(6);
    await expect(loadSnapshot(fixture, 'nowhere')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND', context: { path: 'nowhere' } });
    for (const version of [6, -1, 1.5])
      await expect(loadSnapshot(fixture, 't', { version })).rejects.toMatchObject({ code: 'NO_SUCH_COMMIT', context: { asked: version, latest: 5 } });
    await fixture.store.overwrite(commitPath('t', 4), utf8('{"add":{"pa'));
    await expect(loadSnapshot(fixture, 't')).rejects.toMatchObject({ code: 'LOG_CORRUPT', context: { version: 4, line: 1 } });
    await fixture.store.delete(commitPath('t', 3));
    await expect(loadSnapshot(fixture, 't')).rejects.toMatchObject({ code: 'LOG_GAP', context: { version: 3 } });
    expect((await loadSnapshot(fixture, 't', { version: 2 })).version).toBe(2);
  });

  it('says that history has expired where clean-up took it', async () => {
    const fixture = await log(12, [5, 8]);
    await cleanUp(fixture, 5);
    await expect(loadSnapshot(fixture, 't', { version: 4 })).rejects.toMatchObject({
      code: 'HISTORY_EXPIRED',
      context: { asked: 4, oldest: 5, reason: 'RETENTION' },
    });
    await expect(loadSnapshot(fixture, 't', { instant: 10_049 })).rejects.toMatchObject({ code: 'HISTORY_EXPIRED', context: { oldest: 5 } });
    expect([summary(await loadSnapshot(fixture, 't', { version: 5 })), summary(await loadSnapshot(fixture, 't', { instant: 10_071 }))]).toEqual([
      { version: 5, committedAt: 10_050, checkpoint: 5, files: fileNames(5) },
      { version: 7, committedAt: 10_070, checkpoint: 5, files: fileNames(7) },
    ]);
  });

  it('at an instant takes the newest commit at or before it', async () => {
    const fixture = await log(5, [3]);
    const versions: number[] = [];
    for (const instant of [10_000, 10_009, 10_010, 10_035, 99_999]) versions.push((await loadSnapshot(fixture, 't', { instant })).version);
    expect(versions).toEqual([0, 0, 1, 3, 4]);
    await expect(loadSnapshot(fixture, 't', { instant: 9_999 })).rejects.toMatchObject({ code: 'NO_SUCH_COMMIT' });
  });

  it('at an instant goes by the file times of foreign commits, moved apart where they run backwards', async () => {
    const fixture = emptyLog();
    for (const [version, millis] of [5000, 4000, 4000, 7000].entries()) {
      fixture.setNow(millis);
      await writeCommit(fixture.store, version, [
        { kind: 'commitInfo', timestamp: 1, engineInfo: 'Apache-Spark/3.5.0' },
        ...(version === 0 ? [PROTOCOL, METADATA] : [add(`f${version}`)]),
      ]);
    }
    const found: unknown[] = [];
    for (const instant of [5000, 5001, 5002, 6999, 7000])
      found.push([(await loadSnapshot(fixture, 't', { instant })).version, (await loadSnapshot(fixture, 't', { instant })).committedAt]);
    expect(found).toEqual([
      [0, 5000],
      [1, 5001],
      [2, 5002],
      [2, 5002],
      [3, 7000],
    ]);
    expect((await loadSnapshot(fixture, 't')).committedAt).toBe(7000);
    await writeCheckpoint(fixture, 't', await loadSnapshot(fixture, 't', { version: 1 }));
    expect(summary(await loadSnapshot(fixture, 't', { instant: 5002 }))).toEqual({ version: 2, committedAt: 5002, checkpoint: 1, files: ['f1', 'f2'] });
  });

  it('at an instant reads the whole entry only where the first line does not tell', async () => {
    const fixture = emptyLog();
    const many = Array.from({ length: 200 }, (_, i) => add(`a-file-with-a-rather-long-name-${i}`));
    await writeCommit(fixture.store, 0, [ownCommit(10), PROTOCOL, METADATA, ...many]);
    const late = `${many.map((file) => JSON.stringify({ add: { ...file, kind: undefined } })).join('\n')}\n{"commitInfo":{"timestamp":20,"engineInfo":"lakefold/0.0.1"}}\n`;
    await fixture.store.overwrite(commitPath('t', 1), utf8(late));
    expect([(await loadSnapshot(fixture, 't', { instant: 19 })).version, (await loadSnapshot(fixture, 't', { instant: 20 })).version]).toEqual([0, 1]);
  });
});

describe('refreshing a snapshot', () => {
  it('is one LIST and the same object when nothing happened', async () => {
    const fixture = await log(4);
    const snapshot = await loadSnapshot(fixture, 't');
    fixture.store.calls.length = 0;
    expect(await refreshSnapshot(fixture, 't', snapshot)).toBe(snapshot);
    expect(fixture.store.calls).toEqual(['list t/_delta_log/']);
  });

  it('reads each new commit once', async () => {
    const fixture = await log(4, [2]);
    const snapshot = await loadSnapshot(fixture, 't', { version: 3 });
    await writeCommit(fixture.store, 4, [ownCommit(20_000), add('x')]);
    await writeCommit(fixture.store, 5, [ownCommit(20_001), add('y')]);
    fixture.store.calls.length = 0;
    expect(summary(await refreshSnapshot(fixture, 't', snapshot))).toEqual({
      version: 5,
      committedAt: 20_001,
      checkpoint: 2,
      files: [...fileNames(3), 'x', 'y'],
    });
    expect(fixture.store.calls).toEqual(['list t/_delta_log/', `get ${commitPath('t', 4)}`, `get ${commitPath('t', 5)}`]);
    expect(summary(snapshot)).toEqual({ version: 3, committedAt: 10_030, checkpoint: 2, files: fileNames(3) });
  });

  it('loads anew when the log was cleaned up in between, or is far ahead with a checkpoint', async () => {
    const behind = await log(12, [10]);
    const old = await loadSnapshot(behind, 't', { version: 3 });
    await cleanUp(behind, 10);
    expect(summary(await refreshSnapshot(behind, 't', old))).toEqual({ version: 11, committedAt: 10_110, checkpoint: 10, files: fileNames(11) });
    const far = await log(150, [140]);
    expect(summary(await refreshSnapshot(far, 't', await loadSnapshot(far, 't', { version: 3 })))).toMatchObject({ version: 149, checkpoint: 140 });
  });

  it('reports a gap', async () => {
    const fixture = await log(4);
    const snapshot = await loadSnapshot(fixture, 't', { version: 1 });
    await fixture.store.delete(commitPath('t', 2));
    await expect(refreshSnapshot(fixture, 't', snapshot)).rejects.toMatchObject({ code: 'LOG_GAP', context: { version: 2 } });
  });
});

describe('applying an own commit', () => {
  it('gives what loading gives, without a request', async () => {
    const fixture = await log(4);
    const snapshot = await loadSnapshot(fixture, 't');
    const actions = [ownCommit(20_000), add('x')];
    fixture.store.calls.length = 0;
    const applied = applyCommit(snapshot, { version: 4, actions });
    expect(fixture.store.calls).toEqual([]);
    await writeCommit(fixture.store, 4, actions);
    expect(summary(applied)).toEqual(summary(await loadSnapshot(fixture, 't')));
    expect(() => applyCommit(snapshot, { version: 5, actions })).toThrow(expect.objectContaining({ code: 'LOG_GAP' }));
  });

  it('takes the file time of a foreign commit', async () => {
    const snapshot = await loadSnapshot(await log(2), 't');
    expect(applyCommit(snapshot, { version: 2, actions: [add('x')] }, 30_000).committedAt).toBe(30_000);
  });
});
