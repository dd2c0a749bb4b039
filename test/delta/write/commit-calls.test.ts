/** What a warm write costs: requests of the store, and calls of the file system below it. */
import { describe, expect, it } from 'vitest';
import { openFilesObjectStore } from '../../../lib/adapters/fs/files-object-store.ts';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { PageCacheFileSystem } from '../../support/page-cache-fs.ts';
import { recordingFileSystem } from '../../support/recording-fs.ts';
import { KEY, NUMBER, RECEIVED, T_ROOT, tableFixture } from '../../support/table-fixture.ts';

const COLUMNS = [KEY, NUMBER, RECEIVED];

describe('a table that is kept open, nobody else writing', () => {
  it('appends and upserts new keys with two requests, and reads nothing', async () => {
    const { store, open } = await tableFixture();
    const counting = countingObjectStore(store);
    const table = await open(counting);
    await table.append(batchOfRows(COLUMNS, [['a', 1, 1n]]));
    for (let round = 1; round <= 25; round += 1) {
      counting.requests.length = 0;
      await table.append(batchOfRows(COLUMNS, [[`append ${round}`, round, 2n]]));
      await table.upsert(batchOfRows(COLUMNS, [[`upsert ${round}`, round, 3n]]), { keys: ['k'] });
      expect(counting.requests.map(({ kind }) => kind)).toEqual(Array.from({ length: 4 }, () => 'PUT IF ABSENT'));
    }
  });

  it('appends on local files with four syncs: of the data file, the log entry, and the folder of each', async () => {
    const { deps } = await tableFixture();
    const { fs, calls } = recordingFileSystem(new PageCacheFileSystem());
    const store = await openFilesObjectStore({ fs, directory: '/', clock: deps.clock, random: deps.random });
    const { table } = await DeltaTable.create({ ...deps, store }, T_ROOT, { columns: COLUMNS, partitionBy: [], profile: 'merge-on-read', configuration: {} });
    await table.append(batchOfRows(COLUMNS, [['a', 1, 1n]]));
    const before = calls.length;
    await table.append(batchOfRows(COLUMNS, [['b', 2, 2n]]));
    const shown = calls.slice(before).map(({ text }) => text.replace(/part-\S+/, 'part').replace(/\d{20}/, (version) => String(Number(version))));
    const created = (name: string, folder: string): string[] => [
      `look ${name}`,
      'create .tmp',
      'write .tmp',
      'sync .tmp',
      'file.stat .tmp',
      'close .tmp',
      `link .tmp ${name}`,
      'unlink .tmp',
      `syncDirectory ${folder}`,
    ];
    expect(shown.toSorted()).toEqual([...created('part', 't'), ...created('2.json', '_delta_log'), 'look 1.json'].toSorted());
    // Both are written side by side; the entry gets its name when the data file has its own for good.
    expect(shown.filter((call) => call === 'sync .tmp' || /^(?:link|syncDirectory) /.test(call))).toEqual([
      'sync .tmp',
      'sync .tmp',
      'link .tmp part',
      'syncDirectory t',
      'link .tmp 2.json',
      'syncDirectory _delta_log',
    ]);
  });
});
