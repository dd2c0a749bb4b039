/** `table verify`: exit code 4 and the findings, also of a table that no longer opens. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTable } from '../../lib/delta/index.ts';
import { lakefold, lakefoldJson, temporaryFolder } from './cli-support.ts';

async function table(): Promise<string> {
  const cwd = await temporaryFolder();
  const table = await createTable(join(cwd, 't'), { schema: [{ name: 'id', type: 'int' }] });
  await table.append([{ id: 1 }, { id: 2 }]);
  return cwd;
}

describe('table verify', () => {
  it('finds nothing in a healthy table', async () => {
    const cwd = await table();
    expect(await lakefoldJson(['table', 'verify', './t'], { cwd })).toEqual({
      ok: true,
      version: 1,
      watermark: null,
      keysCompared: null,
      findings: [],
      findingCount: 0,
    });
  });

  it('names what is wrong and ends with 4', async () => {
    const cwd = await table();
    const file = (await readdir(join(cwd, 't'))).find((name) => name.startsWith('part-')) ?? '';
    await rm(join(cwd, 't', file));
    const answer = await lakefold(['table', 'verify', './t', '--json'], { cwd });
    expect([answer.code, JSON.parse(answer.stdout)]).toEqual([
      4,
      {
        ok: false,
        version: 1,
        watermark: null,
        keysCompared: null,
        findings: [{ code: 'MISSING_FILE', key: null, path: file, version: 1, message: `expected the live file ${file}, found nothing there` }],
        findingCount: 1,
      },
    ]);
  });

  it('does so where the log itself does not read', async () => {
    const cwd = await table();
    await rm(join(cwd, 't', '_delta_log', '00000000000000000000.json'));
    const answer = await lakefold(['table', 'verify', './t', '--json'], { cwd });
    expect([answer.code, JSON.parse(answer.stdout)]).toMatchObject([4, { findings: [{ code: 'LOG_GAP', version: 0 }], findingCount: 1 }]);
  });
});
