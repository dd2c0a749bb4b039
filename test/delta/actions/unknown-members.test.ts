/** Members of actions that a later protocol may have: what we write on keeps them. */
import { describe, expect, it } from 'vitest';
import { batchOfRows } from '../../../lib/core/batch.ts';
import { actionFields } from '../../../lib/delta/actions/action-fields.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { KEY, NUMBER, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

/** A table of two rows in one file, which another engine has said more of. */
async function saidMoreOf(): Promise<TableFixture> {
  const fixture = await tableFixture({ columns: [KEY, NUMBER], codec: openParquetCodec() });
  await fixture.table.append(
    batchOfRows(
      [KEY, NUMBER],
      [
        ['a', 1],
        ['b', 2],
      ],
    ),
  );
  const { metadata, files } = fixture.table.snapshot;
  const [file] = files.values();
  if (file === undefined) throw new Error('expected a file');
  const { format, ...fields } = actionFields(metadata);
  await fixture.foreign([
    { metaData: { ...fields, format: { ...metadata.format, edition: 2, nothing: null }, owner: 'é', sparkle: { n: 9_007_199_254_740_993n } } },
    { add: { ...actionFields(file), tags: { t: 'x' }, dataChange: false, baseRowId: 7 } },
  ]);
  await fixture.table.refresh();
  return fixture;
}

const MORE_OF_METADATA = { format: { provider: 'parquet', options: {}, more: { edition: 2 } }, more: { owner: 'é', sparkle: { n: 9_007_199_254_740_993n } } };
const saidOf = ({ metadata, files }: Snapshot): unknown => ({
  metadata: { format: metadata.format, more: metadata.more },
  files: [...files.values()].map(({ tags, more }) => ({ tags, more })),
});
const KEPT = { metadata: MORE_OF_METADATA, files: [{ tags: { t: 'x' }, more: { baseRowId: 7 } }] };

describe('members of a later protocol', () => {
  it('stay with the metadata through a change of it, and with a file of which rows were deleted or that was restored', async () => {
    const { table, deps } = await saidMoreOf();
    await table.alter({ columns: [], configuration: { a: 'b' } });
    await table.delete({ kind: 'where', filter: { kind: 'compare', column: 'k', op: '=', value: 'b' } });
    const deleted = await loadSnapshot(deps, T_ROOT);
    expect([...deleted.files.values()].map((file) => file.deletionVector?.cardinality)).toEqual([1]);
    expect(saidOf(deleted)).toEqual(KEPT);
    await table.restore({ version: 2 });
    expect(saidOf(await loadSnapshot(deps, T_ROOT))).toEqual(KEPT);
  });

  it('stay through a log compaction, and of the metadata through a checkpoint, of which none is called wrong', async () => {
    const { table, deps } = await saidMoreOf();
    await table.alter({ columns: [], configuration: { a: 'b' } });
    await table.maintainLog({ rest: 'compact' });
    expect(saidOf(await loadSnapshot(deps, T_ROOT))).toEqual(KEPT);
    await table.checkpoint();
    const loaded = await loadSnapshot(deps, T_ROOT);
    expect(saidOf(loaded)).toEqual({ metadata: MORE_OF_METADATA, files: [{ tags: { t: 'x' }, more: undefined }] });
    expect(loaded.checkpointVersion).toBe(3);
    expect((await verifyTable(deps, T_ROOT)).findings).toEqual([]);
  });

  describe('of the protocol, of a removed file, of a txn and of a domain', () => {
    const writerFeatures = ['deletionVectors', 'appendOnly', 'invariants', 'domainMetadata'];
    const protocol = { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures, sparkle: 1 };
    const others = [
      { remove: { path: 'gone', deletionTimestamp: Number.MAX_SAFE_INTEGER, dataChange: true, baseRowId: 9_007_199_254_740_993n, tags: {}, stats: '{}' } },
      { txn: { appId: 'stream', version: 3, epoch: 'e' } },
      { domainMetadata: { domain: 'd', configuration: '{}', removed: false, owner: 'o' } },
    ];
    const saidOfOthers = (snapshot: Snapshot): unknown => ({
      protocol: snapshot.protocol.more,
      removes: [...snapshot.tombstones.values()].map(({ more }) => more),
      txns: [...snapshot.txns.values()].map(({ more }) => more),
      domains: [...snapshot.domains.values()].map(({ more }) => more),
    });
    const all = { protocol: { sparkle: 1 }, removes: [{ baseRowId: 9_007_199_254_740_993n }], txns: [{ epoch: 'e' }], domains: [{ owner: 'o' }] };

    it('stay through a log compaction and a raised protocol, and but for files through a checkpoint', async () => {
      const { foreign, file, deps, open } = await tableFixture({ columns: [KEY, NUMBER], codec: openParquetCodec() });
      await file('gone', batchOfRows([KEY, NUMBER], []));
      await foreign([{ protocol }, ...others]);
      const table = await open();
      expect(saidOfOthers(table.snapshot)).toEqual(all);
      await table.alterSchema({ kind: 'properties', properties: { 'delta.enableChangeDataFeed': 'true' } });
      await table.maintainLog({ rest: 'compact' });
      const compacted = await loadSnapshot(deps, T_ROOT);
      expect([compacted.protocol.writerFeatures, saidOfOthers(compacted)]).toEqual([[...writerFeatures, 'changeDataFeed'], all]);
      await table.checkpoint();
      const loaded = await loadSnapshot(deps, T_ROOT);
      expect([loaded.checkpointVersion, saidOfOthers(loaded)]).toEqual([2, { ...all, removes: [undefined] }]);
      expect((await verifyTable(deps, T_ROOT)).findings).toEqual([]);
    });

    it('stay, but for files, through a V2 checkpoint', async () => {
      const { foreign, deps, table } = await tableFixture({ columns: [KEY, NUMBER], codec: openParquetCodec() });
      const v2 = (names: readonly string[]): readonly string[] => [...names, 'v2Checkpoint'];
      await foreign([{ protocol: { ...protocol, readerFeatures: v2(protocol.readerFeatures), writerFeatures: v2(writerFeatures) } }, ...others]);
      const { kind } = await writeCheckpoint(deps, T_ROOT, await table.refresh(), { v2FilesMin: -1 });
      const loaded = await loadSnapshot(deps, T_ROOT);
      expect([kind, loaded.checkpointVersion, saidOfOthers(loaded)]).toEqual(['v2', 1, { ...all, removes: [undefined] }]);
    });
  });
});
