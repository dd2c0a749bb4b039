/** When a committer makes an entry of what is in an inbox, and when it waits for more. */
import { describe, expect, it } from 'vitest';
import { GROUP_IDLE_MILLIS, GROUP_WAIT_MILLIS, GROUP_WAIT_WRITES_MAX } from '../../../lib/core/limits.ts';
import { type InboxView, planStep } from '../../../lib/delta/group/group-step.ts';

/** Between two entries. */
const VIEW: InboxView = { count: 0, checked: 0, unchecked: 0, expected: 16, isLanding: false, sinceLandedMillis: 0, waitedMillis: 0 };

const view = (count: number, checked: number, rest: Partial<InboxView> = {}): InboxView => ({ ...VIEW, count, checked, unchecked: count - checked, ...rest });

describe('a committer', () => {
  it('takes a write that is alone, or the first one it sees, without waiting for others', () => {
    expect([planStep(view(1, 1, { expected: 1 })), planStep(view(1, 1, { expected: 1, sinceLandedMillis: Infinity }))]).toEqual(['take', 'take']);
  });

  it('waits for the writes that are likely to come, at most so many and no write so long', () => {
    expect([
      planStep(view(15, 15)),
      planStep(view(16, 16)),
      planStep(view(GROUP_WAIT_WRITES_MAX, GROUP_WAIT_WRITES_MAX, { expected: 1000 })),
      planStep(view(15, 15, { waitedMillis: GROUP_WAIT_MILLIS - 1 })),
      planStep(view(15, 15, { waitedMillis: GROUP_WAIT_MILLIS })),
    ]).toEqual(['wait', 'take', 'take', 'wait', 'take']);
  });

  it('has staged files checked while it waits, once half of the writes have come and they are six', () => {
    expect([
      planStep(view(7, 0)),
      planStep(view(8, 0)),
      planStep(view(5, 0, { expected: 8 })),
      planStep(view(6, 0, { expected: 8 })),
      planStep(view(8, 0, { isLanding: true })),
      planStep(view(900, 900, { isLanding: true })),
    ]).toEqual(['wait', 'checkAhead', 'wait', 'checkAhead', 'checkAhead', 'wait']);
  });

  it('makes an entry of writes that are checked, and has them checked before where most are not', () => {
    const waited = { waitedMillis: GROUP_WAIT_MILLIS };
    expect([planStep(view(16, 4)), planStep(view(16, 5)), planStep(view(3, 2, waited)), planStep(view(3, 3, waited))]).toEqual([
      'check',
      'take',
      'check',
      'take',
    ]);
  });

  it('stays with an inbox that it emptied for a while, and with one that was empty not at all', () => {
    expect([
      planStep(view(0, 0, { sinceLandedMillis: GROUP_IDLE_MILLIS - 1 })),
      planStep(view(0, 0, { sinceLandedMillis: GROUP_IDLE_MILLIS })),
      planStep(view(0, 0, { sinceLandedMillis: Infinity })),
      planStep(view(0, 0, { isLanding: true })),
    ]).toEqual(['wait', 'end', 'end', 'wait']);
  });
});
