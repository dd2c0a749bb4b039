import { describe, expect, it } from 'vitest';
import { checkpointPath, commitPath, lastCheckpointPath, logDirectory, parseLogFile } from '../../../lib/delta/snapshot/log-path.ts';

const UUID = '6374b053-df23-479b-b2cf-c9c550132b49';

describe('log file names', () => {
  it('are twenty digits below _delta_log', () => {
    expect([commitPath('a/t', 7), commitPath('', 0), checkpointPath('t', 10), lastCheckpointPath('t'), logDirectory('')]).toEqual([
      'a/t/_delta_log/00000000000000000007.json',
      '_delta_log/00000000000000000000.json',
      't/_delta_log/00000000000000000010.checkpoint.parquet',
      't/_delta_log/_last_checkpoint',
      '_delta_log',
    ]);
  });

  it.each([
    ['00000000000000000012.json', { kind: 'commit', version: 12 }],
    ['00000000000000000012.checkpoint.parquet', { kind: 'checkpoint', version: 12, form: { kind: 'classic' } }],
    ['00000000000000000012.checkpoint.0000000002.0000000003.parquet', { kind: 'checkpoint', version: 12, form: { kind: 'multipart', part: 2, parts: 3 } }],
    [`00000000000000000012.checkpoint.${UUID}.json`, { kind: 'checkpoint', version: 12, form: { kind: 'uuid', format: 'json' } }],
    [`00000000000000000012.checkpoint.${UUID}.parquet`, { kind: 'checkpoint', version: 12, form: { kind: 'uuid', format: 'parquet' } }],
    ['00000000000000000002.00000000000000000009.compacted.json', { kind: 'compaction', from: 2, to: 9 }],
    ['00000000000000000012.crc', { kind: 'crc', version: 12 }],
    ['_last_checkpoint', { kind: 'last_checkpoint' }],
  ])('reads %s', (name, file) => {
    expect(parseLogFile(name)).toEqual(file);
  });

  it.each([
    '12.json',
    '00000000000000000012.json.tmp',
    '.00000000000000000012.json.crc',
    '00000000000000000012.checkpoint.0000000004.0000000003.parquet',
    '00000000000000000012.checkpoint.0000000000.0000000003.parquet',
    '00000000000000000009.00000000000000000002.compacted.json',
    '99999999999999999999.json',
    '00000000000000000012.checkpoint.nouuid.json',
    `00000000000000000012.${UUID}.json`,
    'x',
  ])('makes nothing of %s', (name) => {
    expect(parseLogFile(name)).toEqual({ kind: 'other' });
  });
});
