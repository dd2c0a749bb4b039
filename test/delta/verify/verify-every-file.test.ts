/** A table with files of every kind: whatever of them changes, is cut or goes missing, `verify` names that file. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { objectPath } from '../../../lib/core/path.ts';
import { writeCheckpoint } from '../../../lib/delta/checkpoint/checkpoint.ts';
import { verifyTable } from '../../../lib/delta/verify/verify.ts';
import type { TableCodec } from '../../../lib/ports/table-codec.ts';
import { createNdjsonCodec } from '../../../lib/parquet/ndjson-codec.ts';
import { openParquetCodec } from '../../support/embedded.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';
import type { TableShape } from '../../support/table-model.ts';

type Profile = TableShape['profile'];

const DAY = 24 * 3_600_000;

/** What is kept after a vacuum: an older checkpoint, the newest one (V2 with sidecars where the table may have it), a compaction behind it, checksums, all kinds of data. */
async function fullTable(codec: TableCodec, profile: Profile): Promise<TableFixture> {
  const isV2 = profile === 'merge-on-read';
  const fixture = await tableFixture({
    codec,
    profile,
    partitionBy: ['v'],
    configuration: { 'delta.enableChangeDataFeed': 'true', ...(isV2 ? { 'delta.checkpointPolicy': 'v2' } : {}), 'delta.checkpointInterval': '100' },
  });
  const { table, deps, clock } = fixture;
  const commit = async (write: () => Promise<unknown>): Promise<void> => {
    await clock.advance(60_000);
    await write();
    await table.maintainLog();
  };
  const keys = (...rows: readonly string[]) => ({ kind: 'keys' as const, sets: [{ columns: ['k'], rows: rows.map((k) => [k]) }] });
  await commit(() => table.append(rowsBatch(['a', 1, 1n], ['b', 1, 1n], ['c', 2, 1n])));
  await commit(() => table.upsert(rowsBatch(['a', 1, 2n], ['d', 2, 2n]), { keys: ['k'] }));
  await clock.advance(8 * DAY);
  await table.vacuum({ dryRun: false, retentionMillis: 7 * DAY });
  await table.checkpoint();
  await commit(() => table.append(rowsBatch(['e', 1, 3n], ['f', 1, 3n], ['g', 1, 3n])));
  await commit(() => table.delete(keys('e')));
  await commit(() => table.optimize());
  await commit(() => table.append(rowsBatch(['h', 2, 4n], ['i', 2, 4n])));
  await writeCheckpoint(deps, T_ROOT, table.snapshot, isV2 ? { v2FilesMin: 0, sidecarRowsMax: 4 } : {});
  await commit(() => table.delete(keys('h')));
  await commit(() => table.upsert(rowsBatch(['i', 2, 5n], ['j', 1, 5n]), { keys: ['k'] }));
  await table.maintainLog({ rest: 'compact' });
  return fixture;
}

/** The files that one verification names when these have other bytes, or none. Everything is put back. */
async function namedWhen({ store, deps }: TableFixture, changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<ReadonlySet<string | null>> {
  const whole = new Map<string, Uint8Array>();
  for (const [path, bytes] of changes) {
    whole.set(path, (await store.get(objectPath(path)))?.bytes ?? new Uint8Array());
    await (bytes === undefined ? store.delete(objectPath(path)) : store.overwrite(objectPath(path), bytes));
  }
  const { findings } = await verifyTable(deps, T_ROOT);
  for (const [path, bytes] of whole) await store.overwrite(objectPath(path), bytes);
  return new Set(findings.map(({ path }) => path));
}

interface Damage {
  readonly name: string;
  /** What is left of the bytes. */
  readonly done: (bytes: Uint8Array, random: SeededRandom) => Uint8Array | undefined;
}

const below = (end: number, random: SeededRandom): number => Math.floor(random.unit() * end);

const flipAt =
  (place: (length: number, random: SeededRandom) => number): Damage['done'] =>
  (bytes, random) => {
    const changed = bytes.slice();
    const at = place(bytes.length, random);
    changed[at] = (changed[at] ?? 0) ^ (1 + below(255, random));
    return changed;
  };

const MISSING: Damage = { name: 'missing', done: () => undefined };
const DAMAGES: readonly Damage[] = [
  { name: 'first byte changed', done: flipAt(() => 0) },
  { name: 'last byte changed', done: flipAt((length) => length - 1) },
  { name: 'middle byte changed', done: flipAt((length) => length >> 1) },
  ...Array.from({ length: 8 }, (_, i): Damage => ({ name: `some byte changed (${i})`, done: flipAt((length, random) => below(length, random)) })),
  { name: 'last byte missing', done: (bytes) => bytes.subarray(0, -1) },
  { name: 'cut in half', done: (bytes) => bytes.subarray(0, bytes.length >> 1) },
  { name: 'empty', done: () => new Uint8Array() },
  MISSING,
];

/**
 * What nobody needs, and what is absent from a healthy table as well: each is written when there is time for it, and not
 * at all by a writer that dies first. The newest checkpoint is not among them: `_last_checkpoint` names it.
 */
const MAY_BE_MISSING = [/\.crc$/, /\.compacted\.json$/, /2\.checkpoint\.parquet$/, /vacuum\.json$/];

/** Of what others are read with: one at a time. */
const isLink = (path: string): boolean => path.includes('/_delta_log/') && !/\.(crc|compacted\.json)$/.test(path);

async function unnamed(fixture: TableFixture, paths: readonly string[], damages: readonly Damage[]): Promise<readonly string[]> {
  const random = new SeededRandom(7);
  const missed: string[] = [];
  for (const damage of damages) {
    const changes = new Map<string, Uint8Array | undefined>();
    for (const path of paths) {
      if (damage === MISSING && MAY_BE_MISSING.some((name) => name.test(path))) continue;
      changes.set(path, damage.done((await fixture.store.get(objectPath(path)))?.bytes ?? new Uint8Array(), random));
    }
    if (changes.size === 0) continue;
    const named = await namedWhen(fixture, changes);
    for (const path of changes.keys()) if (!named.has(path.slice(T_ROOT.length + 1))) missed.push(`${path}: ${damage.name}`);
  }
  return missed;
}

describe.each<[Profile, string, () => TableCodec]>([
  ['merge-on-read', 'Parquet', openParquetCodec],
  ['compatible', 'NDJSON', createNdjsonCodec],
])('a %s table with every kind of file, in %s', (profile, form, codec) => {
  it('has no finding while it is whole, and one of each file that is damaged', async () => {
    const fixture = await fullTable(codec(), profile);
    const paths = await pathsIn(fixture.store, `${T_ROOT}/`);
    expect(paths.map(kindOf).filter((kind, i, all) => all.indexOf(kind) === i)).toEqual(KINDS[profile]);
    expect((await verifyTable(fixture.deps, T_ROOT)).findings).toEqual([]);
    const missed = [
      ...(await unnamed(
        fixture,
        paths.filter((path) => !isLink(path)),
        DAMAGES,
      )),
    ];
    for (const path of paths.filter(isLink))
      if (form !== 'Parquet' || path.includes('checkpoint') || path.includes('_sidecars')) missed.push(...(await unnamed(fixture, [path], DAMAGES)));
    expect(missed).toEqual([]);
    expect((await verifyTable(fixture.deps, T_ROOT)).findings).toEqual([]);
  });
});

function kindOf(path: string): string {
  return path
    .slice(T_ROOT.length + 1)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replaceAll(/\d{20}/g, 'N')
    .replaceAll(/v=\d/g, 'v=V')
    .replace(/\d{5}\..*(?<=\.(zstd\.parquet|ndjson))$/, 'O.data');
}

const KINDS: Readonly<Record<Profile, readonly string[]>> = {
  'merge-on-read': [
    '_change_data/v=V/cdc-ID-O.data',
    '_delta_log/N.json',
    '_delta_log/N.crc',
    '_delta_log/N.checkpoint.parquet',
    '_delta_log/N.checkpoint.ID.json',
    '_delta_log/N.N.compacted.json',
    '_delta_log/_last_checkpoint',
    '_delta_log/_sidecars/ID.parquet',
    '_dv/deletion_vector_ID.bin',
    '_lakefold/vacuum.json',
    'v=V/part-ID-O.data',
  ],
  compatible: [
    '_change_data/v=V/cdc-ID-O.data',
    '_delta_log/N.json',
    '_delta_log/N.crc',
    '_delta_log/N.checkpoint.parquet',
    '_delta_log/N.N.compacted.json',
    '_delta_log/_last_checkpoint',
    '_lakefold/vacuum.json',
    'v=V/part-ID-O.data',
  ],
};
