/** docs/delta.md: its program runs and prints what it says, its tables of support are those of the code, its links lead somewhere. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isErrorCode, isLakefoldError } from '../lib/core/errors.ts';
import * as limits from '../lib/core/limits.ts';
import type { Metadata, Protocol } from '../lib/delta/actions/actions.ts';
import { compatibilityOf } from '../lib/delta/actions/compatibility.ts';
import { checkReadable, checkWritable, protocolFor } from '../lib/delta/actions/protocol.ts';
import { promisedLines, runTypeScript } from './support/run-typescript.ts';

const PAGE = new URL('../docs/delta.md', import.meta.url);
const page = await readFile(PAGE, 'utf8');
const UPDATE = 'UPDATE_DOCS=1 npx vitest run --project pure test/delta-docs.test.ts';
const SUPPORT = { begin: '<!-- generated: UPDATE_DOCS=1 npx vitest run test/delta-docs.test.ts -->\n', end: '<!-- end of generated -->' };
const LIMITS = { begin: '<!-- generated, as above: the limits of the code -->\n', end: '<!-- end of limits -->' };

interface Feature {
  readonly name: string;
  /** Readers must know it too. */
  readonly readers?: true;
  /** Metadata of a table that uses it. */
  readonly use?: { readonly configuration?: Readonly<Record<string, string>>; readonly field?: string };
}

const on = (property: string): NonNullable<Feature['use']> => ({ configuration: { [property]: 'true' } });

/** The features of Delta's protocol. */
const FEATURES: readonly Feature[] = [
  { name: 'deletionVectors', readers: true, use: on('delta.enableDeletionVectors') },
  { name: 'columnMapping', readers: true, use: { configuration: { 'delta.columnMapping.mode': 'name' } } },
  { name: 'timestampNtz', readers: true },
  { name: 'v2Checkpoint', readers: true, use: { configuration: { 'delta.checkpointPolicy': 'v2' } } },
  { name: 'typeWidening', readers: true, use: on('delta.enableTypeWidening') },
  { name: 'vacuumProtocolCheck', readers: true },
  { name: 'variantType', readers: true },
  { name: 'catalogManaged', readers: true },
  { name: 'appendOnly', use: on('delta.appendOnly') },
  { name: 'invariants', use: { field: 'delta.invariants' } },
  { name: 'checkConstraints', use: { configuration: { 'delta.constraints.positive': 'id > 0' } } },
  { name: 'changeDataFeed', use: on('delta.enableChangeDataFeed') },
  { name: 'inCommitTimestamp', use: on('delta.enableInCommitTimestamps') },
  { name: 'generatedColumns', use: { field: 'delta.generationExpression' } },
  { name: 'identityColumns', use: { field: 'delta.identity.start' } },
  { name: 'allowColumnDefaults', use: { field: 'CURRENT_DEFAULT' } },
  { name: 'domainMetadata' },
  { name: 'rowTracking', use: on('delta.enableRowTracking') },
  { name: 'clustering' },
  { name: 'icebergCompatV2', use: on('delta.enableIcebergCompatV2') },
];

function tableWith({ name, readers, use }: Feature, used: 'used' | 'listed'): { readonly protocol: Protocol; readonly metadata: Metadata } {
  const field = { name: 'id', type: 'long', nullable: true, metadata: used === 'used' && use?.field !== undefined ? { [use.field]: '{}' } : {} };
  return {
    protocol: {
      kind: 'protocol',
      minReaderVersion: readers === true ? 3 : 1,
      minWriterVersion: 7,
      ...(readers === true ? { readerFeatures: [name] } : {}),
      writerFeatures: [name],
    },
    metadata: {
      kind: 'metaData',
      id: 'table',
      format: { provider: 'parquet', options: {} },
      schemaString: JSON.stringify({ type: 'struct', fields: [field] }),
      partitionColumns: [],
      configuration: used === 'used' ? (use?.configuration ?? {}) : {},
    },
  };
}

function allows(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (isLakefoldError(error, 'UNSUPPORTED_TABLE_FEATURE')) return false;
    throw error;
  }
}

const mark = (holds: boolean): string => (holds ? 'yes' : 'no');

function rowOf(feature: Feature): string {
  const [used, listed] = [tableWith(feature, 'used'), tableWith(feature, 'listed')];
  const writes = (table: typeof used): boolean => allows(() => checkWritable(table.protocol, table.metadata));
  const write = writes(used) ? 'yes' : writes(listed) ? 'while not in use' : 'no';
  const engines = compatibilityOf(used).map(({ read, write: writable }) => (writable ? 'r w' : read ? 'r' : '-'));
  return `| \`${feature.name}\` | ${mark(allows(() => checkReadable(used.protocol, used.metadata)))} | ${write} | ${engines.join(' | ')} |`;
}

function profileRow(profile: 'merge-on-read' | 'compatible', [what, configuration]: readonly [string, Readonly<Record<string, string>>]): string {
  const protocol = protocolFor(profile, { configuration });
  const engines = compatibilityOf({ protocol, metadata: { ...tableWith({ name: '' }, 'listed').metadata, configuration } });
  const features = protocol.minWriterVersion === 7 ? (protocol.writerFeatures ?? []).join(', ') : '';
  const cells = engines.map(({ read, write }) => (write ? 'r w' : read ? 'r' : '-'));
  return `| \`${profile}\`${what} | ${`${protocol.minReaderVersion}/${protocol.minWriterVersion} ${features}`.trimEnd()} | ${cells.join(' | ')} |`;
}

const OPTIONS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['', {}],
  [', `changeFeed`', { 'delta.enableChangeDataFeed': 'true' }],
  [', `inCommitTimestamp`', { 'delta.enableInCommitTimestamps': 'true' }],
];

function supportTables(): string {
  const names = compatibilityOf(tableWith({ name: 'appendOnly' }, 'used'));
  const heads = names.map(({ name, since }) => `${name} ${since}`);
  const rule = `|${'---|'.repeat(heads.length)}`;
  const notes = names.flatMap(({ name, reasons }) => reasons.map((reason) => `- ${name}: ${reason}.`));
  return [
    'What a new table needs of others (`r` they read it, `r w` and write it):',
    '',
    `| table | protocol | ${heads.join(' | ')} |`,
    `|---|---${rule}`,
    ...(['merge-on-read', 'compatible'] as const).flatMap((profile) => OPTIONS.map((option) => profileRow(profile, option))),
    '',
    'Features of tables that exist. One that is listed and not in use stops no write; what we cannot honour is refused by its name.',
    '',
    `| feature in use | we read | we write | ${names.map(({ name }) => name).join(' | ')} |`,
    `|---|---|---${rule}`,
    ...FEATURES.map(rowOf),
    '',
    ...notes,
    '',
  ].join('\n');
}

const MIB = 1024 * 1024;

function bytesText(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${bytes / MIB / 1024} GiB`;
  return bytes >= MIB ? `${bytes / MIB} MiB` : `${bytes / 1024} KiB`;
}

const count = (value: number): string => value.toLocaleString('en-US');

/** What a program can meet, its bound, and what happens beyond it. */
const BOUNDS: readonly (readonly [what: string, bound: string, beyond: string])[] = [
  ['Files that an upsert, update, delete or overwrite by filter looks into', count(limits.PROBE_FILES_MAX), '`PLAN_TOO_LARGE`'],
  ['Their bytes', bytesText(limits.PROBE_BYTES_MAX), '`PLAN_TOO_LARGE`'],
  ['Rows that it takes out', count(limits.PROBE_ROWS_MAX), '`PLAN_TOO_LARGE`'],
  [
    'Rows that one update changes, and what they take in memory',
    `${count(limits.UPDATE_ROWS_MAX)}, ${bytesText(limits.REWRITE_MEMORY_BYTES_MAX)}`,
    '`PLAN_TOO_LARGE`',
  ],
  ['Bytes of files that one write of a `compatible` table writes again', bytesText(limits.REWRITE_BYTES_MAX), '`PLAN_TOO_LARGE`'],
  ['Rows of one commit that the change feed pairs', count(limits.CHANGE_IDENTITIES_MAX), '`PLAN_TOO_LARGE`'],
  ['Rows a rewrite holds at once', bytesText(limits.REWRITE_MEMORY_BYTES_MAX), 'more files, each of as much'],
  ['Writes of one group', count(limits.GROUP_WRITES_MAX), 'another group'],
  ['Their rows, and what they bring to the log', `${count(limits.GROUP_ROWS_MAX)}, ${bytesText(limits.GROUP_LOG_BYTES_MAX)}`, 'another group'],
  ['Identities of rows that one group holds', bytesText(limits.GROUP_PLAN_BYTES_MAX), 'two groups; `PLAN_TOO_LARGE` for one write'],
  ['Writes that wait for a group committer', count(limits.GROUP_WAITING_MAX), '`OVERLOADED`'],
  ['Attempts to commit', count(limits.COMMIT_ATTEMPTS_MAX), '`COMMIT_CONFLICT`, nothing committed'],
  ['Time to commit', `${limits.COMMIT_TIME_MAX_MILLIS / 1000} s`, '`COMMIT_CONFLICT`, nothing committed'],
  ['Age of a plan that is committed', `${limits.PLAN_AGE_MAX_MILLIS / 3_600_000} h`, '`WRITER_FENCED`, nothing committed'],
  ['A data file that is written', bytesText(limits.TARGET_FILE_BYTES), 'another file'],
  ['Columns of a Z order', count(limits.Z_ORDER_COLUMNS_MAX), '`INVALID_ARGUMENT`'],
  ['Findings that one `verify` lists', count(limits.VERIFY_FINDINGS_MAX), 'counted in `findingCount`'],
  ['Files above which a table with `v2Checkpoint` gets sidecars', count(limits.V2_CHECKPOINT_FILES_MIN), 'a classic checkpoint below'],
  ['A Parquet footer that is read', bytesText(limits.PARQUET_FOOTER_BYTES_MAX), '`LIMIT_EXCEEDED`'],
  ['Rows of a Parquet file', count(limits.PARQUET_ROWS_MAX), '`LIMIT_EXCEEDED`'],
];

function limitsTable(): string {
  return ['| what | at most | beyond it |', '|---|---|---|', ...BOUNDS.map((cells) => `| ${cells.join(' | ')} |`), ''].join('\n');
}

describe('docs/delta.md', () => {
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text ?? '');

  it('has a program that runs and prints what it says', async () => {
    const program = blocks.join('\n');
    const promised = promisedLines(program);
    expect(promised.length).toBeGreaterThan(8);
    expect(await runTypeScript(program)).toEqual(promised);
  });

  it.each([
    ['support', SUPPORT, supportTables],
    ['limits', LIMITS, limitsTable],
  ] as const)('has the tables of %s that the code gives', async (_, { begin, end }, generate) => {
    const current = await readFile(PAGE, 'utf8');
    const [before = '', rest = ''] = current.split(begin);
    const [stated, after] = [rest.slice(0, rest.indexOf(end)), rest.slice(rest.indexOf(end))];
    const generated = generate();
    if (process.env['UPDATE_DOCS'] === '1') await writeFile(PAGE, `${before}${begin}${generated}${after}`);
    else expect(stated, `stale: ${UPDATE}`).toBe(generated);
  });

  it('names codes that exist, links that lead somewhere, headings that are there', async () => {
    const errors = page.slice(page.indexOf('## Errors'), page.indexOf('## Budgets'));
    const codes = [...errors.matchAll(/`([A-Z_]{5,})`/g)].map(([, code]) => code ?? '');
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((code) => !isErrorCode(code))).toEqual([]);
    const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target ?? '');
    const anchors = [...page.matchAll(/^## (.*)$/gm)].map(
      ([, heading = '']) =>
        `#${heading
          .toLowerCase()
          .replaceAll(/[^\w -]/g, '')
          .replaceAll(' ', '-')}`,
    );
    for (const target of links)
      if (target.startsWith('#')) expect(anchors).toContain(target);
      else expect(await stat(fileURLToPath(new URL(target, PAGE)))).toBeDefined();
  });
});
