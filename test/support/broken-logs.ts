/** Logs that are broken by hand, and what opening each answers: its code, or version and files. */
import { METADATA } from '../delta/log-support.ts';

const HEAD = [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData: { ...METADATA, kind: undefined } }];
export const add = (path: string, more: object = {}): object => ({
  add: { path, partitionValues: {}, size: 10, modificationTime: 1, dataChange: true, ...more },
});
const remove = (path: string, more: object = {}): object => ({
  remove: { path, deletionTimestamp: 5, dataChange: true, ...more },
});
export const ndjson = (...lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
export const entryName = (version: number): string => `${String(version).padStart(20, '0')}.json`;

export type Files = Readonly<Record<string, string>>;

/** Version 0 with the head, then one commit a text. */
export const after = (...commits: readonly string[]): Files =>
  Object.fromEntries([ndjson(...HEAD), ...commits].map((text, version) => [entryName(version), text]));

const LONG = '1'.repeat(400);
const dv = (more: object): object => ({
  storageType: 'u',
  pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^',
  offset: 1,
  sizeInBytes: 36,
  cardinality: 1,
  ...more,
});

/** `either`: a code or files, whichever; it must end. */
export const BROKEN_LOGS: readonly (readonly [name: string, files: Files, answer: unknown])[] = [
  ['no log', {}, 'TABLE_NOT_FOUND'],
  ['an empty commit', after(''), 'LOG_CORRUPT'],
  ['a commit of blank lines', after('\n \n'), 'LOG_CORRUPT'],
  ['no first commit', { [entryName(1)]: ndjson(...HEAD) }, 'LOG_GAP'],
  ['a gap', { ...after(), [entryName(2)]: ndjson(add('a')) }, 'LOG_GAP'],
  ['a commit without a newline at its end', after(ndjson(add('a')).trimEnd()), [1, 'a']],
  ['a commit with Windows line ends', after(ndjson(add('a'), add('b')).replaceAll('\n', '\r\n')), [1, 'a', 'b']],
  ['a commit cut in its last line', after(ndjson(add('a'), add('b')).slice(0, -15)), 'LOG_CORRUPT'],
  ['text that is not JSON', after('oops\n'), 'LOG_CORRUPT'],
  ['a line that is no object', after('[1]\n'), 'LOG_CORRUPT'],
  ['NUL bytes', after('\0\0\0\0'), 'LOG_CORRUPT'],
  ['two protocol actions', { [entryName(0)]: ndjson(...HEAD, ...HEAD.slice(0, 1)) }, 'LOG_CORRUPT'],
  ['two metaData actions', { [entryName(0)]: ndjson(...HEAD, ...HEAD.slice(1)) }, 'LOG_CORRUPT'],
  ['no protocol', { [entryName(0)]: ndjson(...HEAD.slice(1)) }, 'LOG_MISSING_PROTOCOL'],
  ['no metadata', { [entryName(0)]: ndjson(...HEAD.slice(0, 1)) }, 'LOG_MISSING_METADATA'],
  [
    'a protocol of version 0',
    {
      [entryName(0)]: ndjson({ protocol: { minReaderVersion: 0, minWriterVersion: 0 } }, ...HEAD.slice(1)),
    },
    'INVALID_PROTOCOL',
  ],
  [
    'an unknown reader feature',
    {
      [entryName(0)]: ndjson(
        {
          protocol: {
            minReaderVersion: 3,
            minWriterVersion: 7,
            readerFeatures: ['x'],
            writerFeatures: ['x'],
          },
        },
        ...HEAD.slice(1),
      ),
    },
    'UNSUPPORTED_TABLE_FEATURE',
  ],
  [
    'a schema that is none',
    {
      [entryName(0)]: ndjson(...HEAD.slice(0, 1), {
        metaData: {
          ...METADATA,
          kind: undefined,
          schemaString: '{"type":"struct","fields":[{"name":"a","type":"spam"}]}',
        },
      }),
    },
    'UNSUPPORTED_TABLE_FEATURE',
  ],
  ['a removal in front of the addition', after(ndjson(add('a')), ndjson(remove('a'), add('a', { size: 11 }))), [2, 'a']],
  ['a removal behind the addition', after(ndjson(add('a')), ndjson(add('a', { size: 11 }), remove('a'))), [2, 'a']],
  ['a removal of what was never there', after(ndjson(remove('z'), add('a'))), [1, 'a']],
  ['one file added twice by a commit', after(ndjson(add('a'), add('a'))), 'LOG_CORRUPT'],
  ['one file added by two commits', after(ndjson(add('a')), ndjson(add('a'))), [2, 'a']],
  ['a size below 0', after(ndjson(add('a', { size: -1 }))), [1, 'a']],
  ['a size that is text', after(ndjson(add('a', { size: '10' }))), 'LOG_CORRUPT'],
  ['a size of 400 digits', after(ndjson(add('a')).replace('"size":10', `"size":${LONG}`)), 'LOG_CORRUPT'],
  ['a size beyond a double', after(ndjson(add('a')).replace('"size":10', '"size":1e999')), 'LOG_CORRUPT'],
  ['a number of 400 digits in statistics', after(ndjson(add('a', { stats: `{"numRecords":${LONG}}` }))), [1, 'a']],
  ['statistics that are no JSON', after(ndjson(add('a', { stats: '{"numRec' }))), [1, 'a']],
  ['JSON of depth 100,000', after(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`), 'either'],
  [
    'a schema of depth 20,000',
    {
      [entryName(0)]: ndjson(...HEAD.slice(0, 1), {
        metaData: {
          ...METADATA,
          kind: undefined,
          schemaString: `${'{"type":"array","elementType":'.repeat(20_000)}"int"${'}'.repeat(20_000)}`,
        },
      }),
    },
    'either',
  ],
  [
    'unknown actions and members',
    after(
      ndjson({ sparkle: { a: 1 } }, add('a', { sparkle: 1 }), {
        checkpointMetadata: { version: 1 },
      }),
    ),
    [1, 'a'],
  ],
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
  [
    'strange neighbours',
    {
      ...after(ndjson(add('a'))),
      [`${entryName(2)}.tmp`]: 'x',
      '.tmp-1': 'x',
      [`${entryName(1).slice(0, 20)}.crc`]: '{',
      'x.json': 'x',
    },
    [1, 'a'],
  ],
  ['an empty pointer', { ...after(ndjson(add('a'))), _last_checkpoint: '' }, [1, 'a']],
  ['a pointer that is garbage', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":' }, [1, 'a']],
  ['a pointer ahead of the log', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":9000,"size":1}' }, [1, 'a']],
  ['a pointer to a version without checkpoint', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":1,"size":1}' }, [1, 'a']],
  ['a pointer of -1', { ...after(ndjson(add('a'))), _last_checkpoint: '{"version":-1}' }, [1, 'a']],
  [
    'a checkpoint that is garbage',
    {
      ...after(ndjson(add('a'))),
      [`${entryName(1).slice(0, 20)}.checkpoint.parquet`]: 'PAR1',
      _last_checkpoint: '{"version":1}',
    },
    [1, 'a'],
  ],
  [
    'a checkpoint that is garbage and no first commit',
    {
      [entryName(1)]: ndjson(add('a')),
      [`${entryName(1).slice(0, 20)}.checkpoint.parquet`]: 'PAR1',
    },
    'CHECKPOINT_CORRUPT',
  ],
  [
    'parts of a checkpoint missing',
    {
      ...after(ndjson(add('a'))),
      [`${entryName(1).slice(0, 20)}.checkpoint.0000000001.0000000002.parquet`]: 'x',
    },
    [1, 'a'],
  ],
  [
    'a compaction that lies',
    {
      ...after(ndjson(add('a'))),
      [`${entryName(0).slice(0, 20)}.${entryName(1).slice(0, 20)}.compacted.json`]: ndjson(...HEAD, add('lie')),
    },
    [1, 'a'],
  ],
];
