import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder } from './cli-support.ts';

const column = (name: string, type: string, nullable = false): object => ({ name, type, nullable });
const DEFINITIONS = {
  featureGroups: [
    { name: 'g', version: 1, schema: [column('k', 'string'), column('at', 'timestamp'), column('v', 'int', true)], primaryKey: ['k'], eventTime: 'at' },
  ],
  featureViews: [
    {
      name: 'm',
      version: 1,
      spine: [column('k', 'string'), column('at', 'timestamp')],
      labelTime: 'at',
      root: { name: 'g', version: 1 },
      joins: [{ featureGroup: 'g', version: 1, features: ['v'], prefix: 'g_', boundary: 'inclusive' }],
    },
  ],
};
const EVENT = '2001-01-01T00:00:00Z';
const LABEL = '2001-01-02T00:00:00Z';

/** A record and, in commit 2, its correction; answers when each was committed. */
async function corrected(): Promise<{ readonly cwd: string; readonly committedAt: readonly string[] }> {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'definitions.json'), JSON.stringify(DEFINITIONS));
  await writeFile(join(cwd, 'spine.csv'), `k,note,at\r\na,not a column of the view,${LABEL}\r\n`);
  await lakefoldJson(['apply', '--yes', '--json', '--config', 'definitions.json'], { cwd });
  const committedAt: string[] = [];
  for (const v of [1, 2]) {
    await writeFile(join(cwd, 'rows.ndjson'), `${JSON.stringify({ k: 'a', at: EVENT, v })}\n`);
    const { commit } = await lakefoldJson(['fg', 'ingest', 'g/1', '--file', 'rows.ndjson', '--json'], { cwd });
    committedAt.push(commit.committedAt);
  }
  return { cwd, committedAt };
}

async function train(cwd: string, ...options: readonly string[]): Promise<unknown> {
  const { pins, counts } = await lakefoldJson(['td', 'create', 'm/1', '--format', 'ndjson', '--out', 'out', '--json', ...options], { cwd });
  const [row] = lines(await readFile(join(cwd, 'out/data/part-00000.ndjson'), 'utf8'));
  return [row?.g_v, pins[0].commitVersion, counts.rows];
}

describe('td create', () => {
  it('joins a CSV spine with what was known then, or at an instant (P14)', async () => {
    const { cwd, committedAt } = await corrected();
    const spine = ['--spine', 'spine.csv'];
    expect(await train(cwd, ...spine)).toEqual([2, 2, 1]);
    expect(await train(cwd, ...spine, '--known-as-of', 'labelTime')).toEqual([null, 2, 1]);
    expect(await train(cwd, ...spine, '--known-as-of', committedAt[0] ?? '')).toEqual([1, 2, 1]);
    expect(await train(cwd, ...spine, '--as-of-time', committedAt[0] ?? '')).toEqual([1, 1, 1]);
    expect(await train(cwd, ...spine, '--pin', 'g=1')).toEqual([1, 1, 1]);
  });

  it("takes the rows of a view's root in a range of event times", async () => {
    const { cwd } = await corrected();
    expect(await train(cwd, '--start-time', EVENT, '--end-time', LABEL)).toEqual([2, 2, 1]);
    expect(await train(cwd, '--start-time', LABEL)).toEqual([undefined, 2, 0]);
  });

  it('refuses what is no instant and no word, by name', async () => {
    const { cwd } = await corrected();
    for (const [option, value, field] of [
      ['--known-as-of', 'label', 'knownAsOf'],
      ['--as-of-time', 'noon', 'asOfTime'],
      ['--expired-history', 'ignore', 'expiredHistory'],
    ] as const) {
      const result = await lakefold(['td', 'create', 'm/1', '--spine', 'spine.csv', option, value], { cwd });
      expect([result.code, result.stdout, problem(result)]).toMatchObject([1, '', { code: 'INVALID_ARGUMENT', field }]);
    }
  });
});
