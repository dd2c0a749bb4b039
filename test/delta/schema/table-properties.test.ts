import { describe, expect, it } from 'vitest';
import { deletedFileRetentionMillis, isAppendOnly, parseInterval } from '../../../lib/delta/schema/table-properties.ts';
import { METADATA } from '../log-support.ts';

const DAY = 86_400_000;

describe('table properties', () => {
  it.each([
    ['interval 1 week', 7 * DAY],
    ['interval 30 days', 30 * DAY],
    ['7 DAYS', 7 * DAY],
    ['interval 168 hours', 7 * DAY],
    ['interval 1 day 12 hours 5 minutes', 1.5 * DAY + 300_000],
    ['interval 1500 milliseconds', 1500],
    ['interval 1 month', undefined],
    ['interval', undefined],
    ['interval 1', undefined],
    ['soon', undefined],
    ['interval -1 day', undefined],
  ])('%s is %s ms', (text, millis) => {
    expect(parseInterval(text)).toBe(millis);
  });

  it('keep tombstones for a week unless told otherwise', () => {
    const retention = (text: string): number => deletedFileRetentionMillis({ ...METADATA, configuration: { 'delta.deletedFileRetentionDuration': text } });
    expect([deletedFileRetentionMillis(METADATA), retention('interval 2 days')]).toEqual([7 * DAY, 2 * DAY]);
    expect(() => retention('a while')).toThrow(expect.objectContaining({ code: 'LOG_CORRUPT' }));
  });

  it('tell append-only tables', () => {
    expect([isAppendOnly(METADATA), isAppendOnly({ ...METADATA, configuration: { 'delta.appendOnly': 'TRUE' } })]).toEqual([false, true]);
  });
});
