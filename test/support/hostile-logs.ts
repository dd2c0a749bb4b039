/** Tables broken by whoever wants a reader to work too long, take too much memory or read other rows; written and read as Parquet. */
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { readParquetWasm } from '../../lib/adapters/system/parquet-wasm.ts';
import { measureStream } from '../../lib/adapters/system/stream-measure.ts';
import { rowsOf } from '../../lib/core/batch.ts';
import { decodeUtf8, utf8 } from '../../lib/core/bytes.ts';
import { LakefoldError } from '../../lib/core/errors.ts';
import { objectPath } from '../../lib/core/path.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import { createParquetCodec } from '../../lib/parquet/parquet-codec.ts';
import { add, after, entryName, ndjson } from './broken-logs.ts';
import { HOSTILE_FILES } from './hostile-parquet.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture } from './table-fixture.ts';

export type BrokenFiles = Readonly<Record<string, string | Uint8Array>>;

export interface HostileLog {
  readonly name: string;
  /** By path under the table's log, or with `/` in front under the table; made when it is asked for. */
  readonly log: () => Promise<BrokenFiles>;
  /** The code, or version and sorted rows or files; of a whole Parquet file with no column of a checkpoint's nothing tells that it is damaged. */
  readonly answer: unknown;
}

const codec = createParquetCodec({ wasm: readParquetWasm(), measure: measureStream });
const MEBI = 1024 * 1024;

/** Opens the table and reads every row: version and paths where a file of it is none of ours, else version and rows, or the code. */
export async function openBroken(files: BrokenFiles): Promise<unknown> {
  const store = new MemoryObjectStore({ clock: new ManualClock() });
  for (const [name, content] of Object.entries(files)) {
    const path = objectPath(name.startsWith('/') ? `t${name}` : `t/_delta_log/${name}`);
    await store.overwrite(path, typeof content === 'string' ? utf8(content) : content);
  }
  const deps = { store, codec };
  try {
    const snapshot = await loadSnapshot(deps, 't');
    if (!Object.keys(files).some((name) => name.startsWith('/'))) return [snapshot.version, ...[...snapshot.files.keys()].toSorted()];
    const rows: string[] = [];
    for await (const batch of readRows(deps, { root: 't', snapshot })) rows.push(...rowsOf(batch).map(String));
    return [snapshot.version, ...rows.toSorted()];
  } catch (error) {
    return error instanceof LakefoldError ? error.code : String(error);
  }
}

let whole: Promise<BrokenFiles> | undefined;

function wholeTable(): Promise<BrokenFiles> {
  whole ??= makeTable();
  return whole;
}

/** Two files; of the first a row is deleted; a checkpoint at version 3, and an entry behind it. */
async function makeTable(): Promise<BrokenFiles> {
  const { table, store } = await tableFixture({ codec });
  await table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n]));
  await table.append(rowsBatch(['c', 3, 1n], ['d', 4, 1n]));
  await table.delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] });
  await table.checkpoint();
  await table.append(rowsBatch(['e', 5, 1n]));
  const files: Record<string, Uint8Array> = {};
  for (const path of await pathsIn(store, `${T_ROOT}/`)) {
    const name = path.slice(T_ROOT.length);
    const object = await store.get(objectPath(path));
    if (object !== undefined) files[name.startsWith('/_delta_log/') ? name.slice('/_delta_log/'.length) : name] = object.bytes;
  }
  return files;
}

const WHOLE = [4, 'b,2,1', 'c,3,1', 'd,4,1', 'e,5,1'];

/** The whole table with some files otherwise; a name may be given by how it begins. */
const broken =
  (change: (files: Record<string, string | Uint8Array>, named: (start: string) => string) => void): (() => Promise<BrokenFiles>) =>
  async () => {
    const files = { ...(await wholeTable()) };
    change(files, (start) => Object.keys(files).find((name) => name.startsWith(start)) ?? start);
    return files;
  };

const text = (content: string | Uint8Array | undefined): string => (typeof content === 'string' ? content : (decodeUtf8(content ?? new Uint8Array()) ?? ''));

function flipped(content: string | Uint8Array | undefined, position: number): Uint8Array {
  const bytes = (typeof content === 'string' ? utf8(content) : (content ?? new Uint8Array())).slice();
  const at = position < 0 ? bytes.length + position : position;
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  return bytes;
}

/** An entry behind the whole table that names a file of its own. */
const entryWith = (change: (line: string) => string) =>
  broken((files) => {
    // Without its seal, as of another engine.
    files[entryName(3)] = change(text(files[entryName(3)])).replace(/"lakefold\.crc32":"[^"]*"/, '"other":"x"');
    for (const name of Object.keys(files)) if (name.includes('checkpoint')) delete files[name];
  });

const CHECKPOINT = entryName(3).replace('.json', '.checkpoint.parquet');
const OLDER = [entryName(0), entryName(1), entryName(2), entryName(3)];

export const HOSTILE_LOGS: readonly HostileLog[] = [
  { name: 'nothing wrong', log: wholeTable, answer: WHOLE },
  {
    name: 'a data file missing',
    log: broken((files, named) => delete files[named('/part-')]),
    answer: 'FILE_MISSING',
  },
  {
    name: 'a data file cut short',
    log: broken((files, named) => (files[named('/part-')] = (files[named('/part-')] as Uint8Array).slice(0, -9))),
    answer: 'FILE_CORRUPT',
  },
  {
    name: 'a deletion vector missing',
    log: broken((files, named) => delete files[named('/_dv/')]),
    answer: 'FILE_MISSING',
  },
  {
    name: 'a deletion vector with a changed byte',
    log: broken((files, named) => (files[named('/_dv/')] = flipped(files[named('/_dv/')], 12))),
    answer: 'DELETION_VECTOR_CORRUPT',
  },
  {
    name: 'a deletion vector with another checksum',
    log: broken((files, named) => (files[named('/_dv/')] = flipped(files[named('/_dv/')], -1))),
    answer: 'DELETION_VECTOR_CORRUPT',
  },
  {
    name: 'a deletion vector cut short',
    log: broken((files, named) => (files[named('/_dv/')] = (files[named('/_dv/')] as Uint8Array).slice(0, 20))),
    answer: 'DELETION_VECTOR_CORRUPT',
  },
  {
    name: 'a deletion vector said to be of two gigabytes',
    log: entryWith((line) => line.replace(/"sizeInBytes":\d+/, '"sizeInBytes":2147483647')),
    answer: 'DELETION_VECTOR_CORRUPT',
  },
  {
    name: 'a deletion vector said to hold a billion rows',
    log: entryWith((line) => line.replace(/"cardinality":\d+/, '"cardinality":1000000000')),
    answer: 'DELETION_VECTOR_CORRUPT',
  },
  {
    name: 'a deletion vector far behind its file',
    log: entryWith((line) => line.replace(/"offset":\d+/, '"offset":2147483000')),
    answer: 'DELETION_VECTOR_CORRUPT',
  },
  {
    name: 'a size that is another',
    log: entryWith((line) => line.replaceAll(/"size":(\d+)/g, '"size":1$1')),
    answer: 'FILE_CORRUPT',
  },
  {
    name: 'a pointer of 16 MiB',
    log: broken((files) => (files['_last_checkpoint'] = `{"version":3,"x":"${'y'.repeat(16 * MEBI)}"}`)),
    answer: WHOLE,
  },
  {
    name: 'a pointer to version 1',
    log: broken((files) => (files['_last_checkpoint'] = '{"version":1,"size":1}')),
    answer: WHOLE,
  },
  {
    name: 'a pointer that lies about its checkpoint',
    log: broken((files) => (files['_last_checkpoint'] = '{"version":3,"size":99999999999,"parts":4096,"sizeInBytes":1,"numOfAddFiles":0}')),
    answer: WHOLE,
  },
  {
    name: 'two checkpoints that disagree, the later garbage',
    log: broken((files) => (files[entryName(4).replace('.json', '.checkpoint.parquet')] = flipped(files[CHECKPOINT], 200))),
    answer: WHOLE,
  },
  {
    name: 'a commit of 16 MiB of blanks',
    log: async () => after(' '.repeat(16 * MEBI)),
    answer: 'LOG_CORRUPT',
  },
  {
    name: 'a commit of a million empty lines',
    log: async () => after('\n'.repeat(1_000_000)),
    answer: 'LOG_CORRUPT',
  },
  {
    name: 'a line of 16 MiB that is no JSON',
    log: async () => after('x'.repeat(16 * MEBI)),
    answer: 'LOG_CORRUPT',
  },
  {
    name: 'a commit of 100,000 unknown actions',
    log: async () => after(`{"sparkle":{"a":1}}\n`.repeat(100_000) + ndjson(add('a'))),
    answer: [1, 'a'],
  },
  {
    name: 'a file added 20,000 times',
    log: async () => after(ndjson(add('a')).repeat(20_000)),
    answer: 'LOG_CORRUPT',
  },
  {
    name: 'a path of 8 MiB',
    log: async () => after(ndjson(add(`x${'../x'.repeat(2 * MEBI)}`))),
    answer: 'PATH_OUTSIDE_TABLE',
  },
  {
    name: '20,000 names that are no log files',
    log: async () => ({
      ...after(ndjson(add('a'))),
      ...Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`${'9'.repeat(21)}${i}.json`, ''])),
    }),
    answer: [1, 'a'],
  },
  ...HOSTILE_FILES.flatMap(({ name, bytes }): HostileLog[] => [
    {
      name: `a checkpoint that is ${name}`,
      log: async () => ({ ...after(ndjson(add('a'))), [entryName(1).replace('.json', '.checkpoint.parquet')]: bytes(), _last_checkpoint: '{"version":1}' }),
      answer: [1, 'a'],
    },
    {
      name: `a checkpoint that is ${name}, and no entry before it`,
      log: broken((files) => {
        files[CHECKPOINT] = bytes();
        for (const older of OLDER) delete files[older];
      }),
      answer: 'CHECKPOINT_CORRUPT',
    },
  ]),
];
