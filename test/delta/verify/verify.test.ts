/** `verify`: nothing in a healthy table whatever was done to it, and each planted fault by its name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { serializeCompaction, writeCompaction } from '../../../lib/delta/maintain/compaction.ts';
import { executeLogCleanup, planLogCleanup } from '../../../lib/delta/maintain/log-cleanup.ts';
import { checkpointPath, checksumPath, commitPath, compactionPath, lastCheckpointPath } from '../../../lib/delta/snapshot/log-path.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import type { Finding } from '../../../lib/delta/verify/verify-findings.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { makeHistory } from '../../support/table-days.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import { columnsOf, type TableShape } from '../../support/table-model.ts';

const DAY = 24 * 3_600_000;
const KEYED = { 'lakefold.primaryKey': '["k"]' };
const SIDECAR = '80a083e8-7026-4e79-81be-64bd76c43a11';

async function found({ deps }: Pick<TableFixture, 'deps'>): Promise<readonly string[]> {
  return (await verifyTable(deps, T_ROOT)).findings.map(({ code, path, version }) =>
    [code, path?.replace(/part-.*-(\d+)\./, 'part-$1.').replace(/vector_.*\./, 'vector.'), version].join(' '),
  );
}

/** 13 versions of upserts and a delete, a checkpoint at 10, checksums, versions 11–12 compacted. */
async function wellKept(
  options: { readonly codec?: 'parquet'; readonly profile?: TableShape['profile']; readonly configuration?: Readonly<Record<string, string>> } = {},
): Promise<TableFixture> {
  const { profile = 'merge-on-read', configuration = KEYED } = options;
  const fixture = await tableFixture({ configuration, profile, ...(options.codec === undefined ? {} : { codec: openParquetCodec() }) });
  const { table, clock } = fixture;
  for (let i = 1; i <= 12; i += 1) {
    await clock.advance(1000);
    if (i === 6) await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['k2']] }] });
    else await table.upsert(rowsBatch([`k${i % 4}`, i, BigInt(i)], [`n${i}`, null, BigInt(i)]), { keys: ['k'] });
    await table.maintainLog(i === 12 ? { rest: 'compact' } : {});
  }
  return fixture;
}

async function edit({ store }: Pick<TableFixture, 'store'>, path: string, change: (text: string) => string): Promise<void> {
  const object = await store.get(objectPath(path));
  await store.overwrite(objectPath(path), utf8(change(new TextDecoder().decode(object?.bytes))));
}

async function flip({ store }: Pick<TableFixture, 'store'>, path: string, at: number): Promise<void> {
  const object = await store.get(objectPath(path));
  const bytes = (object?.bytes ?? new Uint8Array()).slice();
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await store.overwrite(objectPath(path), bytes);
}

/** Without the seal, as another engine writes. */
const unsealed = (text: string): string => text.replace(/,"lakefold.crc32":"[0-9a-f]{8}"/, '').replaceAll('lakefold/test', 'other/1');
const liveFile = (fixture: TableFixture, which: 'plain' | 'vector'): string =>
  [...fixture.table.snapshot.files.values()].find((file) => (file.deletionVector === undefined) === (which === 'plain'))?.path ?? '';
const dataFile = (fixture: TableFixture): string => `${T_ROOT}/${liveFile(fixture, 'plain')}`;
const log = (name: string): string => `${T_ROOT}/_delta_log/${name}`;

describe('a healthy table', () => {
  it.each(['merge-on-read', 'compatible'] as const)('of the %s profile has no finding', async (profile) => {
    expect(await verifyTable((await wellKept({ profile })).deps, T_ROOT)).toEqual({ version: 12, findings: [], findingCount: 0 });
  });

  it('in Parquet has none', async () => {
    expect(await found(await wellKept({ codec: 'parquet' }))).toEqual([]);
  });

  it('has none after any history, maintained, vacuumed and cleaned up', async () => {
    const cases = fc.record({
      seed: fc.integer({ min: 0, max: 2 ** 30 }),
      profile: fc.constantFrom<TableShape['profile']>('merge-on-read', 'compatible'),
      partitionBy: fc.constantFrom<TableShape['partitionBy']>([], ['p']),
      changeFeed: fc.constantFrom('true', 'false'),
      vacuumEvery: fc.integer({ min: 4, max: 12 }),
      retentionDays: fc.integer({ min: 1, max: 9 }),
      gapDays: fc.constantFrom(0.3, 2.5),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, profile, partitionBy, changeFeed, vacuumEvery, retentionDays, gapDays }) => {
        const shape: TableShape = { profile, partitionBy, hasEventTime: true };
        const configuration = { 'delta.checkpointInterval': '7', 'delta.enableChangeDataFeed': changeFeed };
        const fixture = await tableFixture({ columns: columnsOf(shape), profile, partitionBy, configuration });
        let turn = 0;
        await makeHistory(fixture, {
          seed,
          shape,
          commits: 24,
          gapDays,
          afterEach: async (handle) => {
            turn += 1;
            if (turn % vacuumEvery === 0) await handle.vacuum({ dryRun: false, force: true, retentionMillis: retentionDays * DAY });
            if (turn % 3 === 0) await handle.maintainLog(turn % 2 === 0 ? { rest: 'compact' } : {});
          },
        });
        expect(await found(fixture)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('has none after log clean-up, done or stopped half-way', async () => {
    const fixture = await tableFixture({ configuration: { ...KEYED, 'delta.logRetentionDuration': 'interval 1 day' } });
    for (let i = 1; i <= 130; i += 1) {
      await fixture.clock.advance(DAY / 10);
      await fixture.table.upsert(rowsBatch([`k${i % 5}`, i, BigInt(i)]), { keys: ['k'] });
      if (i % 10 === 0) await fixture.table.checkpoint();
    }
    const plan = await planLogCleanup(fixture.deps, { root: T_ROOT, snapshot: fixture.table.snapshot }, { now: fixture.clock.now() });
    expect(plan.keepFrom).toBe(30);
    for (const { path } of plan.files.slice(0, 12)) await fixture.store.delete(path);
    expect(await found(fixture)).toEqual([]);
    await executeLogCleanup(fixture.deps, T_ROOT, plan);
    expect(await found(fixture)).toEqual([]);
  });

  it('has none where an engine counts in its checksums and leaves the metadata out, as Spark once did', async () => {
    const fixture = await wellKept({});
    await edit(fixture, checksumPath(T_ROOT, 12), (text) => {
      const { tableSizeBytes, numFiles } = JSON.parse(text) as Record<string, unknown>;
      return JSON.stringify({ tableSizeBytes, numFiles, numMetadata: 1, numProtocol: 1 });
    });
    expect(await found(fixture)).toEqual([]);
  });

  it('has none when another engine wrote to it, appended twice, or left loose bounds', async () => {
    const fixture = await tableFixture({ configuration: KEYED });
    const file = await fixture.file('other.ndjson', rowsBatch(['a', 5, 1n], ['a', 5, 1n]));
    const stats = '{"numRecords":2,"minValues":{"k":"A","v":-9},"maxValues":{"k":"zzz","v":99},"nullCount":{"k":0}}';
    await fixture.foreign([{ commitInfo: { engineInfo: 'other/1' } }, { add: { ...file, modificationTime: 1, dataChange: true, stats } }]);
    expect(await found(fixture)).toEqual([]);
  });
});

describe('statistics of another engine', () => {
  it.each([
    ['{"numRecords":-1}', 'numRecords'],
    ['{"numRecords":1.5}', 'numRecords'],
    ['{"numRecords":9007199254740993}', 'numRecords'],
    ['{"numRecords":{"k":1}}', 'numRecords'],
    ['{"numRecords":1,"nullCount":{"k":-1}}', 'nullCount.k'],
    ['{"numRecords":1,"nullCount":{"k":0,"v":"none"}}', 'nullCount.v'],
  ])('are found where a count is none: %s', async (stats, name) => {
    const fixture = await tableFixture();
    const file = await fixture.file('other.ndjson', rowsBatch(['a', 5, 1n]));
    await fixture.foreign([{ add: { ...file, modificationTime: 1, dataChange: true, stats } }]);
    const { findings } = await verifyTable(fixture.deps, T_ROOT);
    expect(findings.map(({ code, message }) => [code, message])).toEqual([
      ['STATS_DIFFER', `expected a count of rows as ${name} of other.ndjson, found another value`],
    ]);
  });
});

type Plant = (fixture: TableFixture) => Promise<unknown>;

describe('a planted fault', () => {
  const faults: readonly (readonly [name: string, plant: Plant, findings: readonly (string | RegExp)[]])[] = [
    ['a data file that is missing', async (t) => t.store.delete(objectPath(dataFile(t))), ['MISSING_FILE part-00000.ndjson 12']],
    [
      'a data file that is cut',
      async (t) => edit(t, dataFile(t), (text) => text.slice(0, -20)),
      ['SIZE_DIFFERS part-00000.ndjson 12', 'FILE_CORRUPT part-00000.ndjson 12'],
    ],
    ['a data file of which a byte changed', async (t) => flip(t, dataFile(t), 12), ['FILE_CORRUPT part-00000.ndjson 12']],
    [
      'a deletion vector that is missing',
      async (t) => {
        for (const path of await pathsIn(t.store, `${T_ROOT}/_dv/`)) await t.store.delete(objectPath(path));
      },
      [/^MISSING_FILE _dv\/deletion_vector\.bin 12$/],
    ],
    [
      'a deletion vector of which a byte changed',
      async (t) => {
        for (const path of await pathsIn(t.store, `${T_ROOT}/_dv/`)) await flip(t, path, 20);
      },
      [/^DELETION_VECTOR_CORRUPT _dv\/deletion_vector\.bin 12$/],
    ],
    [
      'a deletion vector of another cardinality',
      async (t) => edit(t, commitPath(T_ROOT, 12), (text) => text.replace('"cardinality":1', '"cardinality":2')),
      ['DELETION_VECTOR_DIFFERS part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    ['a commit that is missing', async (t) => t.store.delete(commitPath(T_ROOT, 5)), ['LOG_GAP _delta_log/00000000000000000005.json 5']],
    [
      'the newest commit missing, which its checksum remembers',
      async (t) => t.store.delete(commitPath(T_ROOT, 12)),
      ['LOG_GAP _delta_log/00000000000000000012.json 12'],
    ],
    ['the first commit missing', async (t) => t.store.delete(commitPath(T_ROOT, 0)), ['LOG_GAP _delta_log/00000000000000000000.json 0']],
    ['a commit behind the checkpoint missing', async (t) => t.store.delete(commitPath(T_ROOT, 11)), ['LOG_GAP _delta_log/00000000000000000011.json 11']],
    [
      'a commit that is cut',
      async (t) => edit(t, commitPath(T_ROOT, 4), (text) => text.slice(0, -30)),
      ['FILE_CORRUPT _delta_log/00000000000000000004.json 4'],
    ],
    ['a commit that is empty', async (t) => edit(t, commitPath(T_ROOT, 4), () => ''), ['FILE_CORRUPT _delta_log/00000000000000000004.json 4']],
    [
      'a commit of which a byte changed',
      async (t) => edit(t, commitPath(T_ROOT, 4), (text) => text.replace('"operation":"MERGE"', '"operation":"MERGF"')),
      ['FILE_CORRUPT _delta_log/00000000000000000004.json 4'],
    ],
    [
      'a commit whose seal is gone',
      async (t) => edit(t, commitPath(T_ROOT, 4), (text) => text.replace('lakefold.crc32', 'lakefold.crc33')),
      ['FILE_CORRUPT _delta_log/00000000000000000004.json 4'],
    ],
    [
      'a checkpoint of which a byte changed',
      async (t) => flip(t, checkpointPath(T_ROOT, 10), 5),
      [/^FILE_CORRUPT _delta_log\/00000000000000000010.checkpoint.parquet 10$/],
    ],
    [
      'a checkpoint that is cut',
      async (t) => edit(t, checkpointPath(T_ROOT, 10), (text) => text.slice(0, 40)),
      ['FILE_CORRUPT _delta_log/00000000000000000010.checkpoint.parquet 10'],
    ],
    [
      'a checkpoint that lacks a file',
      async (t) => {
        await edit(t, checkpointPath(T_ROOT, 10), (text) =>
          text
            .replace(/"lakefold.crc32":"[0-9a-f]{8}",/, '')
            .split('\n')
            .filter((_, i, all) => i !== all.findIndex((other) => other.includes('"add":{')))
            .join('\n'),
        );
      },
      ['CHECKPOINT_DIFFERS _delta_log/00000000000000000010.checkpoint.parquet 10'],
    ],
    [
      'a checkpoint of ours that was made of another state',
      async (t) => {
        const { snapshot } = t.table;
        const [lost = ''] = [...snapshot.files.keys()];
        await writeCheckpoint(t.deps, T_ROOT, { ...snapshot, files: new Map([...snapshot.files].filter(([path]) => path !== lost)) });
      },
      ['CHECKPOINT_DIFFERS _delta_log/00000000000000000012.checkpoint.parquet 12'],
    ],
    ['a pointer to nowhere', async (t) => edit(t, lastCheckpointPath(T_ROOT), () => '{"version":11}'), ['STALE_POINTER _delta_log/_last_checkpoint ']],
    [
      'a pointer to an older checkpoint',
      async (t) => edit(t, lastCheckpointPath(T_ROOT), () => '{"version":3}'),
      ['STALE_POINTER _delta_log/_last_checkpoint '],
    ],
    ['an empty pointer', async (t) => edit(t, lastCheckpointPath(T_ROOT), () => ''), ['STALE_POINTER _delta_log/_last_checkpoint ']],
    [
      'a changed pointer',
      async (t) => edit(t, lastCheckpointPath(T_ROOT), (text) => text.replace('"numOfAddFiles":', '"numOfAddFilez":')),
      ['STALE_POINTER _delta_log/_last_checkpoint '],
    ],
    [
      'a checksum that differs',
      async (t) => edit(t, checksumPath(T_ROOT, 12), (text) => text.replace(/"numFiles":\d+/, '"numFiles":99')),
      ['CHECKSUM_DIFFERS _delta_log/00000000000000000012.crc 12'],
    ],
    [
      'a checksum of another engine that differs',
      async (t) => edit(t, checksumPath(T_ROOT, 12), (text) => text.replace(/"lakefold.crc32":"[^"]*",/, '').replace(/"numFiles":\d+/, '"numFiles":99')),
      ['CHECKSUM_DIFFERS _delta_log/00000000000000000012.crc 12'],
    ],
    [
      'a checksum that is cut',
      async (t) => edit(t, checksumPath(T_ROOT, 7), (text) => text.slice(0, 90)),
      ['CHECKSUM_DIFFERS _delta_log/00000000000000000007.crc 7'],
    ],
    [
      'compactions that overlap',
      async (t) => writeCompaction(t.deps, T_ROOT, { from: 9, to: 11 }),
      ['COMPACTION_OVERLAPS _delta_log/00000000000000000011.00000000000000000012.compacted.json 11'],
    ],
    [
      'a compaction that differs',
      async (t) =>
        t.store.overwrite(
          compactionPath(T_ROOT, 11, 12),
          serializeCompaction(
            [
              { version: 11, actions: [] },
              { version: 12, actions: [] },
            ],
            'lakefold/test',
          ),
        ),
      ['CHECKPOINT_DIFFERS _delta_log/00000000000000000011.00000000000000000012.compacted.json 12'],
    ],
    [
      'a compaction of which a byte changed',
      async (t) => flip(t, compactionPath(T_ROOT, 11, 12), 300),
      ['FILE_CORRUPT _delta_log/00000000000000000011.00000000000000000012.compacted.json 12'],
    ],
    [
      'a checkpoint part that is missing',
      async (t) => t.store.overwrite(objectPath(log(`${'0'.repeat(18)}10.checkpoint.0000000001.0000000002.parquet`)), utf8('x')),
      ['MISSING_FILE _delta_log/00000000000000000010.checkpoint.0000000002.0000000002.parquet 10'],
    ],
    [
      'a sidecar that is missing',
      async (t) => {
        const { protocol, metadata } = t.table.snapshot;
        const { kind: _p, ...p } = protocol;
        const { kind: _m, ...m } = metadata;
        const lines = [
          { checkpointMetadata: { version: 12 } },
          { protocol: p },
          { metaData: m },
          { sidecar: { path: 's.parquet', sizeInBytes: 1, modificationTime: 1 } },
        ];
        await t.store.overwrite(
          objectPath(log(`${'0'.repeat(18)}12.checkpoint.${SIDECAR}.json`)),
          utf8(lines.map((line) => `${JSON.stringify(line)}\n`).join('')),
        );
        await edit(t, lastCheckpointPath(T_ROOT), () => '{"version":12}');
      },
      ['MISSING_FILE _delta_log/_sidecars/s.parquet 12'],
    ],
    [
      'a wrong size',
      async (t) =>
        edit(t, commitPath(T_ROOT, 12), (text) =>
          text.replace(/("size":)(\d+)(,"modificationTime":\d+,"dataChange":true,"stats":"[^}]*}[^}]*}[^}]*},\\"tightBounds\\":true)/, '$19$2$3'),
        ),
      ['SIZE_DIFFERS part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'a wrong numRecords',
      async (t) => edit(t, commitPath(T_ROOT, 12), (text) => text.replace(/(.*)\\"numRecords\\":2/s, '$1\\"numRecords\\":3')),
      ['STATS_DIFFER part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'a wrong minimum',
      async (t) => edit(t, commitPath(T_ROOT, 12), (text) => text.replace(/(.*)\\"minValues\\":{\\"k\\":\\"k0/s, '$1\\"minValues\\":{\\"k\\":\\"k1')),
      ['STATS_DIFFER part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'a wrong maximum',
      async (t) => edit(t, commitPath(T_ROOT, 12), (text) => text.replace(/(.*)\\"maxValues\\":{\\"k\\":\\"n12/s, '$1\\"maxValues\\":{\\"k\\":\\"n13')),
      ['STATS_DIFFER part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'a wrong null count',
      async (t) => edit(t, commitPath(T_ROOT, 12), (text) => text.replace(/(.*)\\"v\\":1,\\"_ingested_at\\":0/s, '$1\\"v\\":0,\\"_ingested_at\\":0')),
      ['STATS_DIFFER part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'a file added twice by one commit',
      async (t) => edit(t, commitPath(T_ROOT, 12), (text) => `${text}${text.split('\n').find((line) => line.startsWith('{"add"'))}\n`),
      ['DUPLICATE_ADD part-00000.ndjson 12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'a file added with another deletion vector while it is live',
      async (t) => {
        const file = t.table.snapshot.files.get(liveFile(t, 'vector'));
        await t.foreign([
          { commitInfo: {} },
          { add: { path: file?.path, partitionValues: {}, size: file?.size, modificationTime: 1, dataChange: true, stats: file?.stats } },
        ]);
      },
      ['DUPLICATE_ADD part-00000.ndjson 13'],
    ],
    [
      'a deletion vector that was removed, added again',
      async (t) => {
        await t.table.upsert(rowsBatch(['a', 1, 90n], ['b', 1, 90n], ['c', 1, 90n]), { keys: ['k'] });
        for (const k of ['a', 'b']) await t.table.upsert(rowsBatch([k, 2, 91n]), { keys: ['k'] });
        const removed = [...t.table.snapshot.tombstones.values()].findLast(
          (file) => file.deletionVector !== undefined && t.table.snapshot.files.has(file.path),
        );
        const live = t.table.snapshot.files.get(removed?.path ?? '');
        const { path, size, stats, deletionVector } = live ?? {};
        await t.foreign([
          { commitInfo: {} },
          { remove: { path, dataChange: true, deletionVector, deletionTimestamp: 1 } },
          { add: { path, size, stats, partitionValues: {}, modificationTime: 1, dataChange: true, deletionVector: removed?.deletionVector } },
        ]);
      },
      ['DELETION_VECTOR_DIFFERS part-00000.ndjson 16'],
    ],
    [
      'a path elsewhere',
      async (t) => t.foreign([{ commitInfo: {} }, { add: { path: 's3://elsewhere/f', size: 1, modificationTime: 1, dataChange: true } }]),
      ['PATH_OUTSIDE_TABLE s3://elsewhere/f 13'],
    ],
    [
      'a row that is there twice',
      async (t) => {
        const file = await t.file('part-twice-00000.ndjson', rowsBatch(['k1', 7, 1n]));
        await edit(
          t,
          commitPath(T_ROOT, 12),
          (text) => `${text}${JSON.stringify({ add: { ...file, partitionValues: {}, modificationTime: 1, dataChange: true } })}\n`,
        );
      },
      ['DUPLICATE_ROW  12', 'FILE_CORRUPT _delta_log/00000000000000000012.json 12'],
    ],
    [
      'two protocols in one commit',
      async (t) => edit(t, commitPath(T_ROOT, 0), (text) => unsealed(text).replace(/({"protocol".*\n)/, '$1$1')),
      ['FILE_CORRUPT _delta_log/00000000000000000000.json 0'],
    ],
  ];

  it.each(faults)('%s is named', async (_, plant, expected) => {
    const fixture = await wellKept();
    await plant(fixture);
    const findings = [...new Set(await found(fixture))];
    expect(findings).toEqual(expected.map((finding) => (typeof finding === 'string' ? finding : expect.stringMatching(finding))));
  });

  it('in Parquet is found whichever byte of a file changed', async () => {
    const fixture = await wellKept({ codec: 'parquet' });
    const path = dataFile(fixture);
    const whole = (await fixture.store.get(objectPath(path)))?.bytes ?? new Uint8Array();
    for (let at = 0; at < whole.length; at += 41) {
      await flip(fixture, path, at);
      expect(await found(fixture)).toEqual(['FILE_CORRUPT part-00000.zstd.parquet 12']);
      await fixture.store.overwrite(objectPath(path), whole);
    }
  });

  it('names the row that is there twice by its key', async () => {
    const fixture = await wellKept();
    const file = await fixture.file('part-twice-00000.ndjson', rowsBatch(['k1', 7, 1n]));
    await edit(
      fixture,
      commitPath(T_ROOT, 12),
      (text) => `${text}${JSON.stringify({ add: { ...file, partitionValues: {}, modificationTime: 1, dataChange: true } })}\n`,
    );
    const { findings } = await verifyTable(fixture.deps, T_ROOT);
    expect(findings.find(({ code }) => code === 'DUPLICATE_ROW')).toEqual<Finding>({
      code: 'DUPLICATE_ROW',
      key: { k: 'k1' },
      path: null,
      version: 12,
      message: 'expected one row of {"k":"k1"}, found 2',
    });
  });
});

describe('verifying', () => {
  it('lists a thousand findings at most and counts all', async () => {
    const { deps, foreign } = await tableFixture();
    await foreign([
      { commitInfo: {} },
      ...Array.from({ length: 1200 }, (_, i) => ({ add: { path: `f${i}`, size: 1, modificationTime: 1, dataChange: true } })),
    ]);
    const { findings, findingCount } = await verifyTable(deps, T_ROOT);
    expect([findings.length, findingCount]).toEqual([1000, 1200]);
  });

  it('is refused where there is no table', async () => {
    const { deps } = await tableFixture();
    await expect(verifyTable(deps, 'nowhere')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });
});
