/** The clock and random contracts on the system's and on those of tests. */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { SystemClock } from '../../lib/adapters/system/clock.ts';
import { SystemRandom } from '../../lib/adapters/system/random.ts';
import { describeClock, describeRandom } from './clock-random.contract.ts';

describeClock({
  name: 'system',
  make: async () => {
    const clock = new SystemClock();
    return { subject: { clock, pass: (millis) => clock.sleep(millis) }, close: async () => undefined };
  },
});

describeClock({
  name: 'manual',
  make: async () => {
    const clock = new ManualClock();
    return { subject: { clock, pass: (millis) => clock.advance(millis) }, close: async () => undefined };
  },
});

describeRandom({ name: 'system', make: async () => ({ subject: new SystemRandom(), close: async () => undefined }) });
describeRandom({ name: 'seeded', make: async () => ({ subject: new SeededRandom(1), close: async () => undefined }) });
