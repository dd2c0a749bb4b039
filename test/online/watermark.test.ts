import { describe, expect, it } from 'vitest';
import { advance, isCovered } from '../../lib/online/watermark.ts';

describe('advance (U6)', () => {
  it('moves as far as there is no gap and keeps the rest ahead, ascending', () => {
    expect(advance({ version: 4, ahead: [7, 6] }, [5, 10])).toEqual({ version: 7, ahead: [10] });
  });

  it('forgets nothing it had and counts what is below the watermark as done', () => {
    expect(advance({ version: 4, ahead: [6] }, [3, 4])).toEqual({ version: 4, ahead: [6] });
  });

  it('remembers the 64 nearest versions ahead', () => {
    const ahead = Array.from({ length: 70 }, (_, i) => 2 * i + 10);
    expect(advance({ version: 4, ahead: [] }, ahead)).toEqual({ version: 4, ahead: ahead.slice(0, 64) });
  });

  it('covers versions up to the watermark and those ahead', () => {
    expect([3, 4, 5, 6].map((version) => isCovered({ version: 4, ahead: [6] }, version))).toEqual([true, true, false, true]);
  });
});
