/** Logs that are broken by hand: each answers its code, or reads as it stands; none reads as other rows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { isLakefoldError, LakefoldError } from '../../lib/core/errors.ts';
import { objectPath } from '../../lib/core/path.ts';
import { checkpointPath, commitPath, lastCheckpointPath } from '../../lib/delta/log-path.ts';
import { loadSnapshot } from '../../lib/delta/snapshot.ts';
import { pathsIn, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../support/table-fixture.ts';
import { emptyLog, METADATA, type LogFixture } from './log-support.ts';

const HEAD = [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData: { ...METADATA, kind: undefined } }];
const add = (path: string, more: object = {}): object => ({ add: { path, partitionValues: {}, size: 10, modificationTime: 1, dataChange: true, ...more } });
const remove = (path: string, more: object = {}): object => ({ remove: { path, deletionTimestamp: 5, dataChange: true, ...more } });
const ndjson = (...lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const name = (version: number): string => `${String(version).padStart(20, '0')}.json`;

type Files = Readonly<Record<string, string>>;

async function logOf(files: Files): Promise<LogFixture> {
  const fixture = emptyLog();
  for (const [file, text] of Object.entries(files)) await fixture.store.overwrite(objectPath(`t/_delta_log/${file}`), utf8(text));
  return fixture;
}

/** Version 0 with the head, then one commit a text. */
const after = (...commits: readonly string[]): Files => Object.fromEntries([ndjson(...HEAD), ...commits].map((text, version) => [name(version), text]));

/** The files of the head, or the code. */
async function answer(files: Files): Promise<unknown> {
  const fixture = await logOf(files);
  try {
    const snapshot = await loadSnapshot(fixture, 't');
    return [snapshot.version, ...[...snapshot.files.keys()].toSorted()];
  } catch (error) {
    return error instanceof LakefoldError ? error.code : error;
  }
}

const LONG = '1'.repeat(400);
const dv = (more: object): object => ({ storageType: 'u', pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^', offset: 1, sizeInBytes: 36, cardinality: 1, ...more });

const CASES: readonly (readonly [name: string, files: Files, answer: unknown])[] = [
  ['no log', {}, 'TABLE_NOT_FOUND'],
  ['an empty commit', after(''), 'LOG_CORRUPT'],
  ['a commit of blank lines', after('\n \n'), 'LOG_CORRUPT'],
  ['no first commit', { [name(1)]: ndjson(...HEAD) }, 'LOG_GAP'],
  ['a gap', { ...after(), [name(2)]: ndjson(add('a')) }, 'LOG_GAP'],
  ['a commit without a newline at its end', after(ndjson(add('a')).trimEnd()), [1, 'a']],
  ['a commit with Windows line ends', after(ndjson(add('a'), add('b')).replaceAll('\n', '\r\n')), [1, 'a', 'b']],
  ['a commit cut in its last line', after(ndjson(add('a'), add('b')).slice(0, -15)), 'LOG_CORRUPT'],
  ['text that is not JSON', after('oops\n'), 'LOG_CORRUPT'],
  ['a line that is no object', after('[1]\n'), 'LOG_CORRUPT'],
  ['NUL bytes', after('\0\0\0\0'), 'LOG_CORRUPT'],
  ['two protocol actions', { [name(0)]: ndjson(...HEAD, ...HEAD.slice(0, 1)) }, 'LOG_CORRUPT'],
  ['two metaData actions', { [name(0)]: ndjson(...HEAD, ...HEAD.slice(1)) }, 'LOG_CORRUPT'],
  ['no protocol', { [name(0)]: ndjson(...HEAD.slice(1)) }, 'LOG_MISSING_PROTOCOL'],
  ['no metadata', { [name(0)]: ndjson(...HEAD.slice(0, 1)) }, 'LOG_MISSING_METADATA'],
  ['a protocol of version 0', { [name(0)]: ndjson({ protocol: { minReaderVersion: 0, minWriterVersion: 0 } }, ...HEAD.slice(1)) }, 'INVALID_PROTOCOL'],
  [
    'an unknown reader feature',
    { [name(0)]: ndjson({ protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['x'], writerFeatures: ['x'] } }, ...HEAD.slice(1)) },
    'UNSUPPORTED_TABLE_FEATURE',
  ],
  [
    'a schema that is none',
    {
      [name(0)]: ndjson(...HEAD.slice(0, 1), {
        metaData: { ...METADATA, kind: undefined, schemaString: '{"type":"struct","fields":[{"name":"a","type":"spam"}]}' },
      }),
    },
    'UNSUPPORTED_TABLE_FEATURE',
  ],
  ['a removal in front of the addition', after(ndjson(add('a')), ndjson(remove('a'), add('a', { size: 11 }))), [2, 'a']],
  ['a removal behind the addition', after(ndjson(add('a')), ndjson(add('a', { size: 11 }), remove('a'))), [2, 'a']],
  ['a removal of what was never there', after(ndjson(remove('z'), add('a'))), [1, 'a']],
  ['one file added twice by a commit', after(ndjson(add('a'), add('a'))), 'LOG_CORRUPT'],
  ['one file added by two commits', after(ndjson(add('a')), ndjson(add('a'))), [2, 'a']],
  ['a size that is text', after(ndjson(add('a', { size: '10' }))), 'LOG_CORRUPT'],
  ['a size of 400 digits', after(ndjson(add('a')).replace('"size":10', `"size":${LONG}`)), 'LOG_CORRUPT'],
  ['a size beyond a double', after(ndjson(add('a')).replace('"size":10', '"size":1e999')), 'LOG_CORRUPT'],
  ['a number of 400 digits in statistics', after(ndjson(add('a', { stats: `{"numRecords":${LONG}}` }))), [1, 'a']],
  ['statistics that are no JSON', after(ndjson(add('a', { stats: '{"numRec' }))), [1, 'a']],
  ['JSON of depth 100,000', after(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`), 'either'],
  [
    'a schema of depth 20,000',
    {
      [name(0)]: ndjson(...HEAD.slice(0, 1), {
        metaData: { ...METADATA, kind: undefined, schemaString: `${'{"type":"array","elementType":'.repeat(20_000)}"int"${'}'.repeat(20_000)}` },
      }),
    },
    'either',
  ],
  ['unknown actions and members', after(ndjson({ sparkle: { a: 1 } }, add('a', { sparkle: 1 }), { checkpointMetadata: { version: 1 } })), [1, 'a']],
  ['a prototype for a name', after(ndjson(add('a')).replace('"partitionValues":{}', '"partitionValues":{"__proto__":"x"}')), [1, 'a']],
  ['a path that climbs', after(ndjson(add('../a'))), 'PATH_OUTSIDE_TABLE'],
  ['a path that climbs behind escapes', after(ndjson(add('%2e%2e/a'))), 'PATH_OUTSIDE_TABLE'],
  ['a path that climbs from inside', after(ndjson(add('a/../../b'))), 'PATH_OUTSIDE_TABLE'],
  ['an absolute path', after(ndjson(add('/etc/passwd'))), 'PATH_OUTSIDE_TABLE'],
  ['a file URL', after(ndjson(add('file:///etc/passwd'))), 'PATH_OUTSIDE_TABLE'],
  ['another bucket', after(ndjson(add('s3://other/a'))), 'PATH_OUTSIDE_TABLE'],
  ['an escape that is none', after(ndjson(add('a%zz'))), 'LOG_CORRUPT'],
  ['a removal that climbs', after(ndjson(remove('../a'))), 'PATH_OUTSIDE_TABLE'],
  ['a deletion vector of an unknown kind', after(ndjson(add('a', { deletionVector: dv({ storageType: 'x' }) }))), 'LOG_CORRUPT'],
  ['a version of 21 digits', { ...after(ndjson(add('a'))), [`${'0'.repeat(20)}2.json`]: ndjson(add('b')) }, [1, 'a']],
  ['a version beyond 2^53', { ...after(ndjson(add('a'))), '99999999999999999999.json': ndjson(add('b')) }, [1, 'a']],
  ['strange neighbours', { ...after(ndjson(add('a'))), [`${name(2)}.tmp`]: 'x', '.tmp-1': 'x', [`${name(1).slice(0, 20)}.crc`]: '{', 'x.json': 'x' }, [1, 'a']],
  ['an empty pointer', { ...after(ndjson(add('a'))), _last_checkpoint: '' }, [1, 'a']],
  ['a pointer that is garbage', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":' }, [1, 'a']],
  ['a pointer ahead of the log', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":9000,"size":1}' }, [1, 'a']],
  ['a pointer to a version without checkpoint', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":1,"size":1}' }, [1, 'a']],
  ['a pointer of -1', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":-1}' }, [1, 'a']],
  [
    'a checkpoint that is garbage',
    { ...after(ndjson(add('a'))), [`${name(1).slice(0, 20)}.checkpoint.parquet`]: 'PAR1', _last_checkpoint: '{"version":1}' },
    [1, 'a'],
  ],
  [
    'a checkpoint that is garbage and no first commit',
    { [name(1)]: ndjson(add('a')), [`${name(1).slice(0, 20)}.checkpoint.parquet`]: 'PAR1' },
    'CHECKPOINT_CORRUPT',
  ],
  ['parts of a checkpoint missing', { ...after(ndjson(add('a'))), [`${name(1).slice(0, 20)}.checkpoint.0000000001.0000000002.parquet`]: 'x' }, [1, 'a']],
  [
    'a compaction that lies',
    { ...after(ndjson(add('a'))), [`${name(0).slice(0, 20)}.${name(1).slice(0, 20)}.compacted.json`]: ndjson(...HEAD, add('lie')) },
    [1, 'a'],
  ],
];

describe('a broken log', () => {
  it.each(CASES)('with %s answers its code, or the files it has', async (_, files, expected) => {
    const found = await answer(files);
    if (expected === 'either') expect(Array.isArray(found) || typeof found === 'string', String(found)).toBe(true);
    else expect(found).toEqual(expected);
  });
});

async function busyTable(): Promise<TableFixture> {
  const fixture = await tableFixture({ partitionBy: ['v'] });
  for (let i = 1; i <= 13; i += 1) {
    await fixture.table.upsert(rowsBatch([`k${i % 4}`, i % 3, BigInt(i)], [`n${i}`, 1, BigInt(i)]), { keys: ['k'] });
    if (i === 5 || i === 10) await fixture.table.checkpoint();
    if (i === 13) await fixture.table.maintainLog({ rest: 'compact' });
  }
  return fixture;
}

describe('any byte of the log', () => {
  it('may change, be lost or be cut away: rows are equal, or the answer is an error that says so', async () => {
    const fixture = await busyTable();
    const { store, rows } = fixture;
    const whole = await rows();
    const files = (await pathsIn(store, `${T_ROOT}/_delta_log/`)).map((path) => objectPath(path));
    const damage = fc.record({
      file: fc.nat(files.length - 1),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      kind: fc.constantFrom('flip', 'cut', 'zero', 'insert', 'drop'),
      bit: fc.nat(7),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, at, kind, bit }) => {
        const path = files[file] ?? checkpointPath(T_ROOT, 10);
        const before = (await store.get(path))?.bytes ?? new Uint8Array();
        const position = Math.floor(at * before.length);
        const changed = before.slice();
        if (kind === 'flip') changed[position] = (changed[position] ?? 0) ^ (1 << bit);
        if (kind === 'zero') changed.fill(0, position, position + 8);
        const bytes =
          kind === 'cut'
            ? before.slice(0, position)
            : kind === 'insert'
              ? new Uint8Array([...before.slice(0, position), 32 + bit, ...before.slice(position)])
              : kind === 'drop'
                ? new Uint8Array([...before.slice(0, position), ...before.slice(position + 1)])
                : changed;
        await store.overwrite(path, bytes);
        try {
          expect(await rows()).toEqual(whole);
        } catch (error) {
          if (!isLakefoldError(error)) throw error;
          expect(['corrupt', 'unsupported', 'expired', 'not_found']).toContain(error.kind);
        } finally {
          await store.overwrite(path, before);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('may be gone with its file', async () => {
    const fixture = await busyTable();
    const { store, rows } = fixture;
    const whole = await rows();
    const answers: string[] = [];
    for (const path of (await pathsIn(store, `${T_ROOT}/_delta_log/`)).map((each) => objectPath(each))) {
      // Without its newest commit a table is what it was before.
      if (path === commitPath(T_ROOT, 13)) continue;
      const before = (await store.get(path))?.bytes ?? new Uint8Array();
      await store.delete(path);
      try {
        expect(await rows()).toEqual(whole);
      } catch (error) {
        if (!isLakefoldError(error)) throw error;
        answers.push(`${path.slice(-10)} ${error.code}`);
      }
      await store.overwrite(path, before);
    }
    // A checkpoint stands for what is before it, a compaction for what is in it.
    expect(answers).toEqual([]);
  });
});

describe('a broken log of 10,000 commits', () => {
  it('is refused after reading no more than it must', async () => {
    const fixture = await busyTable();
    const calls: string[] = [];
    const store = {
      ...passOn(fixture),
      get: async (path: Parameters<typeof fixture.store.get>[0], options?: Parameters<typeof fixture.store.get>[1]) => {
        calls.push(path);
        return fixture.store.get(path, options);
      },
    };
    await fixture.store.overwrite(commitPath(T_ROOT, 10_000), utf8(ndjson(add('far'))));
    await expect(loadSnapshot({ ...fixture.deps, store }, T_ROOT)).rejects.toMatchObject({ code: 'LOG_GAP', context: { version: 14 } });
    expect(calls).toEqual([lastCheckpointPath(T_ROOT)]);
  });
});

function passOn({ store }: TableFixture): TableFixture['deps']['store'] {
  return {
    location: store.location,
    get: (path, options) => store.get(path, options),
    head: (path, options) => store.head(path, options),
    createIfAbsent: (path, bytes, options) => store.createIfAbsent(path, bytes, options),
    replaceIfMatch: (path, bytes, options) => store.replaceIfMatch(path, bytes, options),
    overwrite: (path, bytes, options) => store.overwrite(path, bytes, options),
    list: (prefix, options) => store.list(prefix, options),
    delete: (path, options) => store.delete(path, options),
  };
}
