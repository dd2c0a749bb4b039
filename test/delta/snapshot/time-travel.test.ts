import { describe, expect, it } from 'vitest';
import type { CommitInfo } from '../../../lib/delta/actions/actions.ts';
import { commitTime, resolveVersion } from '../../../lib/delta/snapshot/time-travel.ts';

const info = (more: Partial<CommitInfo>): CommitInfo => ({ kind: 'commitInfo', ...more });

describe('commit time of a version (semantics, section 0)', () => {
  it.each<[string, CommitInfo | undefined, number | undefined, number | undefined, number]>([
    ['the in-commit timestamp comes first', info({ inCommitTimestamp: 50, timestamp: 40, engineInfo: 'lakefold/0.1.0' }), 30, undefined, 50],
    ['then the timestamp of our own writers', info({ timestamp: 40, engineInfo: 'lakefold/0.1.0' }), 30, undefined, 40],
    ['then the file time of anybody else', info({ timestamp: 40, engineInfo: 'Apache-Spark/3.5.0' }), 30, undefined, 30],
    ['the file time without commitInfo', undefined, 30, undefined, 30],
    ['a foreign timestamp only where there is no file', info({ timestamp: 40 }), undefined, undefined, 40],
    ['always after the previous version', info({ timestamp: 40, engineInfo: 'lakefold/0.1.0' }), 30, 45, 46],
    ['and never moved when it is', undefined, 60, 45, 60],
    ['one after the previous without anything', undefined, undefined, 45, 46],
  ])('%s', (_, commit, fileTime, previous, expected) => {
    expect(commitTime(commit, fileTime, previous)).toBe(expected);
  });
});

describe('the version at an instant', () => {
  const times = [
    { version: 0, committedAt: 100 },
    { version: 1, committedAt: 200 },
    { version: 2, committedAt: 201 },
  ];

  it('is the newest committed at or before it', () => {
    expect([100, 199, 200, 201, 10_000].map((instant) => resolveVersion(times, instant).version)).toEqual([0, 0, 1, 2, 2]);
  });

  it('does not exist before the first commit', () => {
    expect(() => resolveVersion(times, 99)).toThrow(
      expect.objectContaining({ code: 'NO_SUCH_COMMIT', context: { asked: '1970-01-01T00:00:00.099Z', oldest: '1970-01-01T00:00:00.1Z' } }),
    );
  });

  it('has expired before the oldest version that is kept', () => {
    expect(() => resolveVersion(times.slice(1), 150)).toThrow(
      expect.objectContaining({ code: 'HISTORY_EXPIRED', context: { asked: '1970-01-01T00:00:00.15Z', oldest: 1, reason: 'RETENTION' } }),
    );
  });
});
