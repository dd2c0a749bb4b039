/** What a committer does next with what it sees of an inbox: it makes groups of writes that come about together. Pure. */
import { GROUP_CHECK_WRITES_MIN, GROUP_IDLE_MILLIS, GROUP_WAIT_MILLIS, GROUP_WAIT_WRITES_MAX } from '../../core/limits.ts';

export interface InboxView {
  /** Intents that no entry has decided. */
  readonly count: number;
  /** Of them, from the first on without a gap: those whose staged files are checked. */
  readonly checked: number;
  /** Of them, anywhere: those whose files are not. */
  readonly unchecked: number;
  /** How many are likely to come, those that are there with them. */
  readonly expected: number;
  /** The entry before is being written. */
  readonly isLanding: boolean;
  /** Since the entry before landed; infinite before the first one. */
  readonly sinceLandedMillis: number;
  /** Of the intent that has been seen for longest. */
  readonly waitedMillis: number;
}

/**
 * `take`: the next entry is made of the checked ones. `check`: nothing else can be done before the files of the others are
 * checked. `checkAhead`: checks them and looks again meanwhile. `end`: the inbox is empty.
 */
export type Step = 'take' | 'check' | 'checkAhead' | 'wait' | 'end';

/** A staged file is there a request's way back before its intent: listed once half of the writes have come, those of the others are listed too. */
const CHECK_SHARE = 0.5;
/** Of the writes waited for: with so many checked, the rest is left to the next entry. */
const TAKE_SHARE = 0.3;

export function planStep({ count, checked, unchecked, expected, isLanding, sinceLandedMillis, waitedMillis }: InboxView): Step {
  const wanted = Math.min(expected, GROUP_WAIT_WRITES_MAX);
  const isWorthChecking = unchecked >= Math.max(GROUP_CHECK_WRITES_MIN, wanted * CHECK_SHARE);
  if (isLanding) return isWorthChecking ? 'checkAhead' : 'wait';
  if (count === 0) return sinceLandedMillis >= GROUP_IDLE_MILLIS ? 'end' : 'wait';
  if (count < wanted && waitedMillis < GROUP_WAIT_MILLIS) return isWorthChecking ? 'checkAhead' : 'wait';
  return checked > 0 && (unchecked === 0 || checked >= wanted * TAKE_SHARE) ? 'take' : 'check';
}
