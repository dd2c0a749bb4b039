import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { isUlid, millisOfUlid, UlidSource } from '../../lib/core/ulid.ts';

describe('the ULIDs of one source', () => {
  it('each sort behind the one before, within a millisecond and when the clock steps back', async () => {
    const clock = new ManualClock();
    const times = [5, 5, 5, 4, 6, 3, 7];
    const source = new UlidSource({ clock: { now: () => clock.now() + (times.shift() ?? 8) }, random: new SeededRandom(1) });
    const ids = Array.from({ length: 8 }, () => source.next());
    expect(ids.every(isUlid)).toBe(true);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(8);
    expect(ids.map((id) => millisOfUlid(id) - clock.now())).toEqual([5, 5, 5, 5, 6, 6, 7, 8]);
  });

  it('go on in the next millisecond when the random digits of this one are used up', () => {
    const source = new UlidSource({ clock: { now: () => 1 }, random: { bytes: (length) => new Uint8Array(length).fill(255) } });
    expect([source.next(), source.next(), source.next()]).toEqual(['0000000001ZZZZZZZZZZZZZZZZ', '00000000020000000000000000', '00000000020000000000000001']);
  });
});
