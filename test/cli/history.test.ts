/** History of a feature group through the command, and through the library over the same folder. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FeatureStore, openFeatureStore } from '../../lib/index.ts';
import { lakefold, lakefoldJson, lines, problem, temporaryFolder } from './cli-support.ts';

const ADA = { customer: 'ada', at: '2024-05-20T08:00:00Z', orders_30d: 5, spend_30d: 160 };
const BOB = { ...ADA, customer: 'bob' };

let cwd = '';
let library: FeatureStore | undefined;
beforeEach(async () => {
  cwd = await temporaryFolder();
  await lakefoldJson(['init'], { cwd });
  await lakefoldJson(['apply', '--yes'], { cwd });
  await ingest([ADA, BOB]);
});
afterEach(async () => {
  await library?.close();
  library = undefined;
});

async function ingest(rows: readonly object[]): Promise<void> {
  await lakefoldJson(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'ndjson'], {
    cwd,
    stdin: rows.map((row) => JSON.stringify(row)).join('\n'),
  });
}

describe('fg changes', () => {
  it('prints what the commits after one up to another did, as the library reads it', async () => {
    await ingest([{ ...ADA, orders_30d: 6 }]);
    await writeFile(join(cwd, 'keys.ndjson'), '{"customer":"bob"}\n');
    await lakefoldJson(['fg', 'delete-rows', 'customer_stats', '--file', 'keys.ndjson'], { cwd });
    const printed = lines((await lakefold(['fg', 'changes', 'customer_stats', '--after', '1', '--to', '3'], { cwd })).stdout);
    expect(printed).toMatchObject([
      { ...ADA, _change_type: 'update_preimage', _commit_version: 2 },
      { ...ADA, orders_30d: 6, _change_type: 'update_postimage', _commit_version: 2 },
      { ...BOB, _change_type: 'delete', _commit_version: 3 },
    ]);
    expect(lines((await lakefold(['fg', 'changes', 'customer_stats'], { cwd })).stdout)).toHaveLength(5);

    library = await openFeatureStore({ location: join(cwd, '.lakefold'), project: 'default' });
    const rows: object[] = [];
    for await (const batch of library.featureGroup('customer_stats', 1).readChanges({ fromVersion: 1, toVersion: 3 })) rows.push(...batch.toRows());
    expect(rows).toEqual(printed.map((row) => ({ ...row, _commit_version: BigInt(row._commit_version) })));
  });

  it('writes a file with --out, and tells the version the next call goes on from', async () => {
    expect(await lakefoldJson(['fg', 'changes', 'customer_stats', '--out', 'changes.csv'], { cwd })).toEqual({
      path: 'changes.csv',
      rows: 2,
      bytes: expect.any(Number),
      version: 1,
    });
  });

  it('of a version there is not ends with 1 and prints nothing', async () => {
    const result = await lakefold(['fg', 'changes', 'customer_stats', '--to', '9'], { cwd });
    expect({ code: result.code, stdout: result.stdout, problem: problem(result).code }).toEqual({ code: 1, stdout: '', problem: 'NO_SUCH_COMMIT' });
  });
});

describe('fg erase', () => {
  it('leaves no byte of the rows in the folder that is not compressed, and prints the finished job', async () => {
    await ingest([{ ...ADA, customer: 'secret-customer-0001', orders_30d: 9 }]);
    await writeFile(join(cwd, 'keys.ndjson'), '{"customer":"secret-customer-0001"}\n');
    expect(await filesWith('secret-customer-0001')).not.toEqual([]);
    const { job } = await lakefoldJson(['fg', 'erase', 'customer_stats', '--file', 'keys.ndjson', '--reason', 'request 17'], { cwd });
    expect(job).toMatchObject({ type: 'erase', state: 'SUCCEEDED', result: { keys: 1, rowsErased: 1, reason: 'request 17', historyEndsAt: 4 } });
    expect(await filesWith('secret-customer-0001')).toEqual([]);
    expect(lines((await lakefold(['fg', 'read', 'customer_stats', '--features', 'customer'], { cwd })).stdout)).toHaveLength(2);
    const read = await lakefold(['fg', 'read', 'customer_stats', '--as-of', '1'], { cwd });
    expect({ code: read.code, problem: problem(read) }).toMatchObject({ code: 1, problem: { code: 'HISTORY_EXPIRED', reason: 'ERASED' } });
    const again = await lakefold(['fg', 'ingest', 'customer_stats', '--file', '-', '--format', 'ndjson'], {
      cwd,
      stdin: JSON.stringify({ ...ADA, customer: 'secret-customer-0001' }),
    });
    expect({ code: again.code, errors: problem(again).errors }).toMatchObject({ code: 3, errors: [{ row: 0, code: 'ERASED_KEY' }] });
  });

  it('tells a person what is gone and from when on there is history', async () => {
    await ingest([{ ...ADA, customer: 'someone' }]);
    const { stdout } = await lakefold(['fg', 'erase', 'customer_stats', '--file', '-', '--reason', 'r'], {
      cwd,
      stdin: '{"customer":"someone"}\n',
      tty: 'yes',
      env: { NO_COLOR: '1' },
    });
    expect(stdout).toMatch(/^✓ erased 1 row of 1 key; history begins at version \d+\n {2}certificate er_[0-9A-Z]{26}, completed \d{4}-\S+Z\n$/);
  });

  it('is offered by the library with the certificate', async () => {
    library = await openFeatureStore({ location: join(cwd, '.lakefold'), project: 'default' });
    const certificate = await library.featureGroup('customer_stats', 1).erase([{ customer: 'bob' }], { reason: 'r' });
    expect(certificate).toMatchObject({ keys: 1, rowsErased: 1, historyEndsAt: certificate.commitVersion, reason: 'r' });
  });

  it('without a reason or keys is a usage error', async () => {
    expect((await lakefold(['fg', 'erase', 'customer_stats', '--reason', 'r'], { cwd })).code).toBe(2);
    expect((await lakefold(['fg', 'erase', 'customer_stats', '--file', 'keys.ndjson'], { cwd })).code).toBe(2);
  });
});

/** Files below the store that hold the text as it is. */
async function filesWith(text: string): Promise<readonly string[]> {
  const root = join(cwd, '.lakefold');
  const found: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path)).includes(text)) found.push(path.slice(root.length));
  }
  return found;
}
