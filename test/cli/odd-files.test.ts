/** Files that are broken or only unusual, by a request and by the command alike: the same code and row, and nothing written. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openLocalStore } from '../../cli/local-store.ts';
import { batchOfRows } from '../../lib/core/batch.ts';
import { arrowStreamOf } from '../../lib/parquet/arrow/arrow-encode.ts';
import { FILE_BODY_BYTES_MAX } from '../../lib/core/limits.ts';
import { isRecord } from '../../lib/core/json.ts';
import { openParquetCodec } from '../support/embedded.ts';
import { lakefold, lines, problem, temporaryFolder } from './cli-support.ts';

const GROUP = {
  name: 'notes',
  version: 1,
  primaryKey: ['k'],
  schema: [
    { name: 'k', type: 'string' },
    { name: 'n', type: 'int', nullable: true },
  ],
};
const TYPES = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  arrow: 'application/vnd.apache.arrow.stream',
} as const;
const ROWS_PATH = '/v1/projects/default/feature-groups/notes/versions/1/rows';
const COLUMNS = [
  { name: 'k', type: { kind: 'string' }, nullable: false },
  { name: 'n', type: { kind: 'int' }, nullable: true },
] as const;
const BATCH = batchOfRows(COLUMNS, [
  ['a', 1],
  ['b', 2],
]);

let cwd = '';

async function start(): Promise<void> {
  cwd = await temporaryFolder();
  const store = await openLocalStore({ location: join(cwd, '.lakefold'), logSink: { write: () => true } });
  await store.projects.createGroup('default', GROUP);
  await store.close();
}

async function send(
  format: keyof typeof TYPES,
  bytes: Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const store = await openLocalStore({ location: join(cwd, '.lakefold'), logSink: { write: () => true } });
  const response = await store.app.request(ROWS_PATH, { method: 'POST', headers: { 'content-type': TYPES[format], ...headers }, body: bytes });
  const body: unknown = await response.json();
  await store.close();
  return isRecord(body) ? body : {};
}

async function ingest(format: keyof typeof TYPES, bytes: Uint8Array): ReturnType<typeof lakefold> {
  await writeFile(join(cwd, 'rows'), bytes);
  return lakefold(['fg', 'ingest', 'notes', '--file', 'rows', '--format', format, '--json'], { cwd });
}

async function rowsRead(): Promise<readonly unknown[]> {
  return lines((await lakefold(['fg', 'read', 'notes', '--json'], { cwd })).stdout);
}

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

describe('a broken file', () => {
  const CASES: readonly [string, keyof typeof TYPES, string, string, number | undefined][] = [
    ['CSV with a field too many', 'csv', 'k,n\na,1\nb,2,3\n', 'MALFORMED_FILE', 1],
    ['CSV with a quote that is not closed', 'csv', 'k,n\na,1\n"b,2\n', 'MALFORMED_FILE', 1],
    ['CSV with text behind a quote', 'csv', 'k,n\n"a"b,1\n', 'MALFORMED_FILE', 0],
    ['NDJSON with something behind an object', 'ndjson', '{"k":"a"}\n{"k":"b"} x\n', 'MALFORMED_FILE', 1],
    ['NDJSON that is cut short', 'ndjson', '{"k":"a"}\n\n{"k":', 'MALFORMED_FILE', 1],
    ['NDJSON with a key twice', 'ndjson', '{"k":"a","k":"b"}\n', 'DUPLICATE_KEY', 0],
  ];

  it('of text names its row, by request and by command, and changes nothing', async () => {
    await start();
    for (const [what, format, content, code, row] of CASES) {
      const answer = await send(format, text(content));
      const result = await ingest(format, text(content));
      expect([what, answer['code'], answer['row'], result.code, result.stdout, problem(result).code, problem(result).row]).toEqual([
        what,
        code,
        row,
        1,
        '',
        code,
        row,
      ]);
    }
    expect(await rowsRead()).toEqual([]);
  });

  it('with a value of another type names row and feature, and ends the command with 3', async () => {
    await start();
    const answer = await send('csv', text('k,n\r\na,1\r\nb,two\r\n'));
    const result = await ingest('csv', text('k,n\r\na,1\r\nb,two\r\n'));
    const fault = { code: 'VALIDATION_FAILED', errors: [{ row: 1, feature: 'n', code: 'TYPE_MISMATCH' }], errorCount: 1 };
    expect([answer, result.code, result.stdout, problem(result)]).toMatchObject([fault, 3, '', fault]);
  });

  it('of Parquet or Arrow that is cut short is malformed, by request and by command', async () => {
    await start();
    const parquet = await openParquetCodec().encode(BATCH);
    const arrow = Uint8Array.from(arrowStreamOf(BATCH));
    for (const [format, bytes] of [
      ['parquet', Uint8Array.from(parquet)],
      ['arrow', arrow],
    ] as const) {
      for (const length of [0, 5, Math.floor(bytes.length / 2), bytes.length - 1]) {
        const cut = bytes.slice(0, length);
        const answer = await send(format, cut);
        expect([format, length, answer['code']]).toEqual([format, length, 'MALFORMED_FILE']);
      }
      const result = await ingest(format, bytes.slice(0, -1));
      expect([result.code, result.stdout, problem(result).code]).toEqual([1, '', 'MALFORMED_FILE']);
    }
    expect(await rowsRead()).toEqual([]);
  });

  it('packed by gzip is malformed where it is cut short or goes on, and too large where it unpacks to more than the limit', async () => {
    await start();
    const gzip = { 'content-encoding': 'gzip' };
    const packed = Uint8Array.from(gzipSync(text('k,n\na,1\n')));
    expect(await send('csv', packed.slice(0, -3), gzip)).toMatchObject({ code: 'MALFORMED_FILE' });
    expect(await send('csv', Uint8Array.from([...packed, 1, 2, 3]), gzip)).toMatchObject({ code: 'MALFORMED_FILE' });
    // Sixty-four mebibytes of line breaks in as many kilobytes.
    expect(await send('ndjson', Uint8Array.from(gzipSync(new Uint8Array(FILE_BODY_BYTES_MAX + 1).fill(0x0a))), gzip)).toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    expect(await rowsRead()).toEqual([]);
    expect(await send('csv', packed, gzip)).toMatchObject({ received: 1, commit: { rowsInserted: 1 } });
  });
});

describe('an unusual file', () => {
  const ROWS = [
    { k: 'a\nb, "c"', n: 1 },
    { k: '', n: null },
  ];

  it.each([
    ['CSV with a byte order mark, CRLF, and line breaks, commas and quotes inside quotes', 'csv', '\uFEFFk,n\r\n"a\nb, ""c""",1\r\n"",\r\n'],
    ['CSV whose columns stand in another order, without a last line break', 'csv', 'n,k\n1,"a\nb, ""c"""\n,""'],
    ['NDJSON with a byte order mark, CRLF and blank lines', 'ndjson', '\uFEFF\r\n{"k":"a\\nb, \\"c\\"","n":1}\r\n \n\r\n{"k":""}\r\n\r\n'],
  ] as const)('of %s is read as what it says, by request and by command', async (_what, format, content) => {
    await start();
    expect(await send(format, text(content))).toMatchObject({ received: 2, commit: { rowsInserted: 2 } });
    const result = await ingest(format, text(content));
    expect([result.code, JSON.parse(result.stdout).commit]).toMatchObject([0, { rowsInserted: 0, rowsUpdated: 2 }]);
    const byKey = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect((await rowsRead()).toSorted(byKey)).toEqual(ROWS.toSorted(byKey));
  });
});
