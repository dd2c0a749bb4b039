/** What broken logs and files cost whoever opens them: each is answered by its code in a second and in 256 MB, in a process of its own. */
import { describe, expect, it } from 'vitest';
import { BROKEN_LOGS } from '../../support/broken-logs.ts';
import { HOSTILE_LOGS, openBroken } from '../../support/hostile-logs.ts';
import { runTypeScript } from '../../support/run-typescript.ts';

/** Peak memory above that of a table that is whole, and the CPU time of each; what one has left behind is collected before the next. */
const CHILD = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BROKEN_LOGS } from './test/support/broken-logs.ts';
import { HOSTILE_LOGS, openBroken } from './test/support/hostile-logs.ts';
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const cases = [...BROKEN_LOGS.map(([name, files]) => ({ name, log: async () => files })), ...HOSTILE_LOGS];
const asked = [];
const whole = HOSTILE_LOGS.find(({ name }) => name === 'nothing wrong');
await openBroken(await whole.log());
for (const { name, log } of cases) {
  const files = await log();
  collect();
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => { peak = Math.max(peak, process.memoryUsage().rss); }, 5);
  const started = process.cpuUsage();
  const answer = await openBroken(files);
  const { user, system } = process.cpuUsage(started);
  clearInterval(timer);
  peak = Math.max(peak, process.memoryUsage().rss);
  asked.push({ name, answer, cpuMillis: Math.round((user + system) / 1000), grownBytes: peak - before });
}
console.log(JSON.stringify(asked));
`;

interface Asked {
  readonly name: string;
  readonly answer: unknown;
  readonly cpuMillis: number;
  readonly grownBytes: number;
}

describe('a broken log or file', () => {
  it('differs from a table that is whole, which is read', async () => {
    const whole = HOSTILE_LOGS.find(({ name }) => name === 'nothing wrong');
    expect(await openBroken((await whole?.log()) ?? {})).toEqual(whole?.answer);
  });

  it('is answered by its code within a second of work and 256 MB, whichever it is', { timeout: 240_000 }, async () => {
    const [line = ''] = await runTypeScript(CHILD);
    const asked = JSON.parse(line) as readonly Asked[];
    const expected = [...BROKEN_LOGS.map(([name, , answer]) => ({ name, answer })), ...HOSTILE_LOGS];
    expect(asked.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
    const wrong = asked.filter(({ answer }, i) => !isAnswer(answer, expected[i]?.answer));
    expect(wrong).toEqual([]);
    expect(asked.filter(({ grownBytes }) => grownBytes >= 256 * 1024 * 1024)).toEqual([]);
    expect(asked.filter(({ cpuMillis }) => cpuMillis >= 1000)).toEqual([]);
  });
});

/** `either` is anything that ended. */
function isAnswer(found: unknown, expected: unknown): boolean {
  return expected === 'either' || JSON.stringify(expected) === JSON.stringify(found);
}
