/** Files of spine rows as people have them: columns missing, of another type, twice, no rows at all. By a request and by a command alike. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchOfRows } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import { lakefold, lakefoldJson, problem } from '../cli/cli-support.ts';
import { type Api, type memoryParts, openMemoryApi } from '../support/api.ts';
import { openParquetCodec } from '../support/embedded.ts';

const DEFINITIONS = {
  featureGroups: [
    {
      name: 'f',
      version: 1,
      primaryKey: ['k'],
      eventTime: 'at',
      schema: [
        { name: 'k', type: 'string' },
        { name: 'at', type: 'timestamp' },
        { name: 'v', type: 'int' },
      ],
    },
  ],
  featureViews: [
    {
      name: 'm',
      version: 1,
      spine: [
        { name: 'k', type: 'string' },
        { name: 't', type: 'timestamp' },
        { name: 'n', type: 'int' },
        { name: 'label', type: 'boolean', nullable: true },
      ],
      labelTime: 't',
      labels: ['label'],
      joins: [{ featureGroup: 'f', version: 1, features: ['v'] }],
    },
  ],
};
const ROW = { k: 'a', at: '2001-03-01T09:00:00Z', v: 7 };
const T = '2001-03-01T10:00:00Z';
const MICROS = 983_440_800_000_000n;

type Kind = 'string' | 'timestamp' | 'int' | 'boolean';
const DECLARED: readonly (readonly [name: string, kind: Kind, value: Value])[] = [
  ['k', 'string', 'a'],
  ['t', 'timestamp', MICROS],
  ['n', 'int', 1],
  ['label', 'boolean', true],
];
const but = (name: string, kind: Kind, value: Value): typeof DECLARED => DECLARED.map((column) => (column[0] === name ? [name, kind, value] : column));
const only = (...names: readonly string[]): typeof DECLARED => DECLARED.filter(([name]) => names.includes(name));

/** Two equal rows unless told. */
async function parquet(columns: typeof DECLARED, rows = 2): Promise<Uint8Array> {
  const described = columns.map(([name, kind]): Column => ({ name, type: { kind }, nullable: true }));
  return openParquetCodec().encode(
    batchOfRows(
      described,
      Array.from({ length: rows }, () => columns.map(([, , value]) => value)),
    ),
  );
}

const arrow = (columns: Readonly<Record<string, readonly unknown[]>>): Uint8Array => tableToIPC(tableFromArrays(columns));
const ndjson = (...rows: readonly object[]): Uint8Array => utf8(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const csv = (text: string): Uint8Array => utf8(text);
const OBJECT = { k: 'a', t: T, n: 1, label: true };

/** Members of the problem document. */
interface Refusal {
  readonly code: string;
  readonly status: number;
  readonly column?: string;
  readonly row?: number;
  readonly errors?: readonly object[];
  readonly errorCount?: number;
}

interface OddSpine {
  readonly what: string;
  readonly format: 'parquet' | 'arrow' | 'ndjson' | 'csv';
  readonly bytes: Uint8Array | Promise<Uint8Array>;
  /** The refusal; or the rows and how many of them found a record. */
  readonly refused?: Refusal;
  readonly rows?: number;
  readonly matched?: number;
}

const absent = (column: string): Refusal => ({ code: 'INVALID_SPINE', status: 422, column });
const fault = (row: number, feature: string, code: string): Refusal => ({
  code: 'INVALID_SPINE',
  status: 422,
  errors: [{ row, feature, code }],
  errorCount: 1,
});

const SPINES: readonly OddSpine[] = [
  { what: 'is as declared', format: 'parquet', bytes: parquet(DECLARED), rows: 2, matched: 2 },
  { what: 'lacks a nullable column', format: 'parquet', bytes: parquet(only('k', 't', 'n')), rows: 2, matched: 2 },
  { what: 'has no rows', format: 'parquet', bytes: parquet(DECLARED, 0), rows: 0, matched: 0 },
  { what: 'lacks a key', format: 'parquet', bytes: parquet(only('t', 'n', 'label')), refused: absent('k') },
  { what: 'lacks the label time', format: 'parquet', bytes: parquet(only('k', 'n', 'label')), refused: absent('t') },
  { what: 'lacks a column of the view', format: 'parquet', bytes: parquet(only('k', 't')), refused: absent('n') },
  { what: 'has a declared column twice', format: 'parquet', bytes: parquet([...DECLARED, ['k', 'string', 'b']]), refused: absent('k') },
  { what: 'has a declared column twice but for case', format: 'parquet', bytes: parquet([...DECLARED, ['K', 'string', 'b']]), refused: absent('K') },
  { what: 'has another column twice', format: 'parquet', bytes: parquet([...DECLARED, ['more', 'int', 1], ['more', 'int', 2]]), refused: absent('more') },
  {
    what: 'has another column twice but for case',
    format: 'parquet',
    bytes: parquet([...DECLARED, ['more', 'int', 1], ['More', 'int', 2]]),
    refused: absent('More'),
  },
  {
    what: 'has a column named as a feature',
    format: 'parquet',
    bytes: parquet([...DECLARED, ['V', 'int', 1]]),
    refused: { code: 'AMBIGUOUS_FEATURE_NAME', status: 422, errors: [{ feature: 'V' }] },
  },
  {
    what: 'has a column named as a diagnostic one',
    format: 'parquet',
    bytes: parquet([...DECLARED, ['_status_f', 'string', 'x']]),
    refused: { code: 'AMBIGUOUS_FEATURE_NAME', status: 422, errors: [{ feature: '_status_f' }] },
  },
  { what: 'has a key of another type', format: 'parquet', bytes: parquet(but('k', 'int', 5), 1), refused: fault(0, 'k', 'TYPE_MISMATCH') },
  {
    what: 'has text as label time',
    format: 'parquet',
    bytes: parquet(but('t', 'string', T), 1),
    refused: { code: 'INVALID_LABEL_TIME', status: 422, errors: [{ row: 0, feature: 't' }] },
  },
  { what: 'has a number where a flag is declared', format: 'parquet', bytes: parquet(but('label', 'int', 1), 1), refused: fault(0, 'label', 'TYPE_MISMATCH') },
  { what: 'is no Parquet', format: 'parquet', bytes: utf8('PAR1'), refused: { code: 'MALFORMED_FILE', status: 400 } },
  { what: 'lacks a key', format: 'arrow', bytes: arrow({ n: [1] }), refused: absent('k') },
  { what: 'has columns that differ in case alone', format: 'arrow', bytes: arrow({ k: ['a'], K: ['b'] }), refused: absent('K') },
  { what: 'is no Arrow', format: 'arrow', bytes: utf8('ARROW1'), refused: { code: 'MALFORMED_FILE', status: 400 } },
  { what: 'is as declared', format: 'csv', bytes: csv(`n,t,k,label\n1,${T},a,true\n`), rows: 1, matched: 1 },
  { what: 'has a column more', format: 'csv', bytes: csv(`k,t,n,more\na,${T},1,x\n`), rows: 1, matched: 1 },
  { what: 'has a header alone', format: 'csv', bytes: csv('k,t,n\n'), rows: 0, matched: 0 },
  { what: 'has no header', format: 'csv', bytes: csv('\n'), refused: { code: 'MALFORMED_FILE', status: 400 } },
  { what: 'lacks a key', format: 'csv', bytes: csv(`t,n\n${T},1\n`), refused: absent('k') },
  { what: 'lacks the label time', format: 'csv', bytes: csv('k,n\na,1\n'), refused: absent('t') },
  { what: 'lacks a key and has no rows', format: 'csv', bytes: csv('t,n\n'), refused: absent('k') },
  { what: 'has a column twice', format: 'csv', bytes: csv(`k,t,n,k\na,${T},1,b\n`), refused: absent('k') },
  { what: 'has a column twice but for case', format: 'csv', bytes: csv(`k,t,n,K\na,${T},1,b\n`), refused: absent('K') },
  { what: 'has text for a number', format: 'csv', bytes: csv(`k,t,n\na,${T},1\na,${T},far\n`), refused: fault(1, 'n', 'TYPE_MISMATCH') },
  { what: 'has no lines', format: 'ndjson', bytes: utf8('\n'), rows: 0, matched: 0 },
  { what: 'has a row without its key, which is kept (P7)', format: 'ndjson', bytes: ndjson(OBJECT, { ...OBJECT, k: undefined }), rows: 2, matched: 1 },
  { what: 'has a row without a column', format: 'ndjson', bytes: ndjson(OBJECT, { ...OBJECT, n: undefined }), refused: fault(1, 'n', 'NULL_NOT_ALLOWED') },
  { what: 'has a row of another type', format: 'ndjson', bytes: ndjson(OBJECT, { ...OBJECT, k: 5 }), refused: fault(1, 'k', 'TYPE_MISMATCH') },
  {
    what: 'has a row with a column nobody declared',
    format: 'ndjson',
    bytes: ndjson(OBJECT, { ...OBJECT, K: 'b' }),
    refused: fault(1, 'K', 'UNKNOWN_FEATURE'),
  },
  {
    what: 'has a row with a key twice',
    format: 'ndjson',
    bytes: utf8(`${JSON.stringify(OBJECT).slice(0, -1)},"k":"b"}\n`),
    refused: { code: 'DUPLICATE_KEY', status: 400, row: 0 },
  },
  {
    what: 'has a row that is no object',
    format: 'ndjson',
    bytes: utf8(`${JSON.stringify(OBJECT)}\n7\n`),
    refused: { code: 'INVALID_SPINE', status: 422, errors: [{ row: 1, code: 'TYPE_MISMATCH' }] },
  },
  {
    what: 'mixes faults of label times and others',
    format: 'ndjson',
    bytes: ndjson({ ...OBJECT, t: 'noon' }, { ...OBJECT, n: 'x' }),
    refused: {
      code: 'INVALID_SPINE',
      status: 422,
      errors: [
        { row: 0, feature: 't', code: 'INVALID_TIMESTAMP' },
        { row: 1, feature: 'n', code: 'TYPE_MISMATCH' },
      ],
      errorCount: 2,
    },
  },
];

const VIEW = '/v1/projects/demo/feature-views/m/versions/1';
let api: Api<ReturnType<typeof memoryParts>>;
let cwd: string;
beforeAll(async () => {
  api = await openMemoryApi();
  await api.post('/v1/projects/demo/feature-groups', DEFINITIONS.featureGroups[0]);
  await api.post('/v1/projects/demo/feature-views', DEFINITIONS.featureViews[0]);
  await api.post('/v1/projects/demo/feature-groups/f/versions/1/rows', { rows: [ROW] });
  cwd = await mkdtemp(join(tmpdir(), 'lakefold-spines-'));
  await writeFile(join(cwd, 'definitions.json'), JSON.stringify(DEFINITIONS));
  await writeFile(join(cwd, 'rows.ndjson'), `${JSON.stringify(ROW)}\n`);
  await lakefoldJson(['apply', '--yes', '--config', 'definitions.json'], { cwd });
  await lakefoldJson(['fg', 'ingest', 'f/1', '--file', 'rows.ndjson'], { cwd });
});
afterAll(async () => {
  await api.close();
  await rm(cwd, { recursive: true, force: true });
});

async function uploaded(bytes: Uint8Array): Promise<string> {
  const { body } = await api.post('/v1/projects/demo/uploads', { bytes: bytes.length, contentType: 'application/octet-stream' });
  const { uploadId, url } = body as { readonly uploadId: string; readonly url: string };
  expect((await api.send('PUT', new URL(url).pathname, { body: bytes })).status).toBe(204);
  return uploadId;
}

describe('a spine', () => {
  it.each(SPINES)('in $format that $what', async ({ format, bytes: given, refused, rows, matched }) => {
    const bytes = await given;
    const made = { counts: { spineRows: rows, rows, joins: [{ join: 'f', matched }] } };
    const answer = await api.post(`${VIEW}/training-datasets`, { spine: { source: { uploadId: await uploaded(bytes) }, format } });
    expect([answer.status, answer.body]).toMatchObject(refused === undefined ? [201, made] : [refused.status, refused]);
    await writeFile(join(cwd, `spine.${format}`), bytes);
    const result = await lakefold(['td', 'create', 'm/1', '--spine', `spine.${format}`, '--json', '--quiet'], { cwd });
    if (refused === undefined) expect([result.code, JSON.parse(result.stdout)]).toMatchObject([0, made]);
    else expect([result.code, result.stdout, problem(result)]).toMatchObject([1, '', refused]);
  });
});
