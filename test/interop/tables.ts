/**
 * Tables made through the public API, for other engines to read: one history each, with the rows every version must have.
 *
 * The rows are those of a naive model beside the table (`after`), never read back from it.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCheckpoint } from '../../lib/delta/checkpoint/checkpoint.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { deltaDeps } from '../support/embedded.ts';
import { createTable, type CreateTableOptions, type Table, type TableRow } from '../../lib/delta/index.ts';
import { objectLines } from '../support/row-lines.ts';
import {
  EXTREME_ROWS,
  LOCAL_TIME_ROWS,
  NESTED_ROWS,
  NESTED_SCHEMA,
  ODD_PARTITION_ROWS,
  ODD_PARTITIONS,
  PLAIN_SCHEMA,
  plainRow,
  SCALARS,
  stringRow,
} from './rows.ts';

type Schema = CreateTableOptions['schema'];
type Profile = 'merge-on-read' | 'compatible';

interface Step {
  readonly run: (table: Table, path: string) => Promise<unknown>;
  /** The rows afterwards; the same unless given. `past` are those of every version so far. */
  readonly after?: (rows: readonly TableRow[], past: readonly (readonly TableRow[])[]) => readonly TableRow[];
  /** The schema from then on. */
  readonly schema?: Schema;
}

export interface TableSpec {
  readonly name: string;
  readonly options: CreateTableOptions;
  readonly steps: readonly Step[];
  /** The oldest version that its log still has; 0 unless given. */
  readonly oldest?: number;
}

export interface MadeTable {
  readonly name: string;
  readonly path: string;
  /** Sorted lines of the versions that its log has, oldest first. */
  readonly versions: readonly { readonly version: number; readonly lines: readonly string[] }[];
}

/** Runs a table's history in `path`. */
export async function makeTable(path: string, { name, options, steps, oldest = 0 }: TableSpec): Promise<MadeTable> {
  const table = await createTable(path, options);
  let { schema } = options;
  const rows: (readonly TableRow[])[] = [[]];
  const versions = [objectLines(schema, [])];
  for (const step of steps) {
    await step.run(table, path);
    schema = step.schema ?? schema;
    const now = step.after === undefined ? (rows.at(-1) ?? []) : step.after(rows.at(-1) ?? [], rows);
    while (rows.length <= table.version) {
      rows.push(now);
      versions.push(objectLines(schema, now));
    }
  }
  return { name, path, versions: versions.map((lines, version) => ({ version, lines })).slice(oldest) };
}

const append = (rows: readonly TableRow[]): Step => ({ run: (table) => table.append(rows), after: (before) => [...before, ...rows] });
const overwrite = (rows: readonly TableRow[]): Step => ({ run: (table) => table.overwrite(rows), after: () => rows });
const upsert = (rows: readonly TableRow[], key: string): Step => ({
  run: (table) => table.upsert(rows, { keys: [key] }),
  after: (before) => [...before.filter((row) => !rows.some((newer) => newer[key] === row[key])), ...rows],
});
const deleteKeys = (column: string, keys: readonly unknown[]): Step => ({
  run: (table) => table.delete({ keys: keys.map((key) => ({ [column]: key })) }),
  after: (before) => before.filter((row) => !keys.includes(row[column])),
});
const deleteBelow = (column: string, bound: number): Step => ({
  run: (table) => table.delete({ where: { column, op: '<', value: bound } }),
  after: (before) => before.filter((row) => row[column] === null || Number(row[column]) >= bound),
});
const restore = (version: number): Step => ({ run: (table) => table.restore({ version }), after: (_, past) => past[version] ?? [] });
const optimize: Step = { run: (table) => table.optimize() };
const checkpoint: Step = { run: (table) => table.checkpoint() };

function plainHistory(profile: Profile, partitionBy: readonly string[]): TableSpec {
  return {
    name: `history, ${profile}${partitionBy.length > 0 ? `, by ${partitionBy.join(', ')}` : ''}`,
    options: { schema: PLAIN_SCHEMA, profile, partitionBy },
    steps: [
      append([0, 1, 2, 3, 4].map((n) => plainRow(n))),
      upsert([plainRow(1, 'changed'), plainRow(7)], 'id'),
      deleteKeys('id', [0n, 3n, 99n]),
      append([10, 11, 12].map((n) => plainRow(n))),
      deleteBelow('v', 1),
      optimize,
      checkpoint,
      overwrite([20, 21].map((n) => plainRow(n))),
      restore(4),
      upsert([plainRow(10, 'again'), plainRow(30, null)], 'id'),
      ...Array.from({ length: 8 }, (_, i) => append([plainRow(40 + i)])),
      checkpoint,
      deleteKeys('id', [41n, 44n]),
      optimize,
      append([plainRow(60)]),
      { run: (table) => table.delete({ where: { column: 'id', op: 'isNotNull' } }), after: () => [] },
      append([plainRow(70)]),
    ],
  };
}

/** Columns added, and with column mapping renamed and dropped; the rows before read with null, under the new name, and without. */
function changingSchema(profile: Profile, columnMapping: 'none' | 'name'): TableSpec {
  const added = { name: 'extra', type: 'array<int>', nullable: true };
  const widened = [...PLAIN_SCHEMA, added];
  const renamed = widened.map((column) => (column.name === 'k' ? { ...column, name: 'K 2,;=' } : column));
  const mapped: readonly Step[] = [
    {
      run: (table) => table.renameColumn('k', 'K 2,;='),
      after: (rows) => rows.map(({ k = null, ...rest }) => ({ ...rest, 'K 2,;=': k })),
      schema: renamed,
    },
    upsert([{ id: 1n, 'K 2,;=': 'renamed', extra: [] }], 'id'),
    { run: (table) => table.dropColumn('v'), schema: renamed.filter(({ name }) => name !== 'v') },
    append([{ id: 80n, 'K 2,;=': 'last' }]),
    deleteKeys('id', [0n]),
    optimize,
    checkpoint,
  ];
  return {
    name: `${columnMapping === 'none' ? 'columns added' : 'columns added, renamed and dropped'}, ${profile}`,
    options: { schema: PLAIN_SCHEMA, profile, columnMapping },
    steps: [
      append([0, 1, 2].map((n) => plainRow(n))),
      { run: (table) => table.addColumns([added]), schema: widened },
      append([{ ...plainRow(5), extra: [1, null] }]),
      upsert([{ ...plainRow(2, 'changed'), extra: [7] }], 'id'),
      ...(columnMapping === 'name' ? mapped : []),
    ],
  };
}

/** Log compaction files, checksums and checkpoints as maintenance leaves them. */
function maintained(profile: Profile): TableSpec {
  const maintain: Step = { run: async (_, path) => (await DeltaTable.open(await deltaDeps(path), '')).maintainLog({ rest: 'compact' }) };
  const more = (from: number): Step[] => [
    append([plainRow(from), plainRow(from + 1)]),
    upsert([plainRow(from, 'changed'), plainRow(from + 2)], 'id'),
    append([plainRow(from + 3)]),
    deleteKeys('id', [BigInt(from + 1), BigInt(from + 3)]),
  ];
  return {
    name: `log kept small, ${profile}`,
    options: { schema: PLAIN_SCHEMA, profile, partitionBy: ['k'] },
    steps: [...more(0), maintain, ...more(10), ...more(20), ...more(30), maintain, ...more(40), optimize, maintain, append([plainRow(90)])],
  };
}

/** A V2 checkpoint whose rows stand in sidecars, and no commits before it. */
function withSidecars(profile: Profile): TableSpec {
  const checkpointed: Step = {
    run: async (table, path) => {
      const deps = await deltaDeps(path);
      const written = await writeCheckpoint(deps, '', await loadSnapshot(deps, ''), { v2FilesMin: 0, sidecarRowsMax: 3 });
      if (written.kind !== 'v2' || written.parts < 2) throw new Error(`expected a V2 checkpoint with sidecars, found ${JSON.stringify(written)}`);
      for (let version = 0; version < table.version; version += 1) await rm(join(path, '_delta_log', `${String(version).padStart(20, '0')}.json`));
    },
  };
  return {
    name: `V2 checkpoints with sidecars, ${profile}`,
    options: { schema: PLAIN_SCHEMA, profile, partitionBy: ['g'], properties: { 'delta.checkpointPolicy': 'v2' } },
    steps: [
      append([0, 1, 2, 3, 4, 5].map((n) => plainRow(n))),
      deleteKeys('id', [1n, 3n]),
      upsert([plainRow(2, 'x'), plainRow(8)], 'id'),
      checkpointed,
      append([plainRow(9)]),
    ],
    oldest: 3,
  };
}

/** What only some tables have: change files, updates, replaced ranges, commit times of their own. */
function featured(name: string, profile: Profile, options: Partial<CreateTableOptions>): TableSpec {
  return {
    name: `${name}, ${profile}`,
    options: { schema: PLAIN_SCHEMA, profile, ...options },
    steps: [
      append([0, 1, 2, 3, 4, 5, 6].map((n) => plainRow(n))),
      {
        run: (table) => table.update({ where: { column: 'id', op: '>', value: 4n }, set: { k: 'updated', v: -1.5 } }),
        after: (rows) => rows.map((row) => (Number(row['id']) > 4 ? { ...row, k: 'updated', v: -1.5 } : row)),
      },
      upsert([plainRow(1, 'changed'), plainRow(9)], 'id'),
      deleteKeys('id', [2n, 3n]),
      {
        run: (table) => table.overwrite([plainRow(4, 'replaced'), plainRow(5, 'replaced')], { where: { column: 'id', op: 'in', value: [4n, 5n] } }),
        after: (rows) => [...rows.filter(({ id }) => id !== 4n && id !== 5n), plainRow(4, 'replaced'), plainRow(5, 'replaced')],
      },
      optimize,
      checkpoint,
      restore(2),
    ],
  };
}

function typed(
  name: string,
  profile: Profile,
  { schema, rows, partitionBy = [] }: { readonly schema: Schema; readonly rows: readonly TableRow[]; readonly partitionBy?: readonly string[] },
): TableSpec {
  const key = schema[0]?.name ?? '';
  const [first = {}, ...others] = rows;
  return {
    name: `${name}, ${profile}`,
    options: { schema, profile, partitionBy },
    steps: [append(rows), deleteKeys(key, [first[key]]), upsert(rows.slice(0, 2), key), optimize, checkpoint, overwrite(others)],
  };
}

const LOCAL_TIMES: Schema = [
  { name: 'id', type: 'bigint' },
  { name: 'n', type: 'timestampNtz', nullable: true },
];
const PROFILES: readonly Profile[] = ['merge-on-read', 'compatible'];

/** Every table of the catalogue; names are what the expectations of engines go by. */
export const TABLES: readonly TableSpec[] = PROFILES.flatMap((profile) => [
  plainHistory(profile, []),
  plainHistory(profile, ['g']),
  featured('change files', profile, { changeFeed: true }),
  featured('change files by partition', profile, { changeFeed: true, partitionBy: ['g'] }),
  featured('in-commit timestamps', profile, { inCommitTimestamp: true }),
  featured('V2 checkpoints', profile, { properties: { 'delta.checkpointPolicy': 'v2' } }),
  featured('constraints', profile, { constraints: { small: 'id < 1000', known: "k IS NOT NULL AND k <> ''" } }),
  changingSchema(profile, 'none'),
  changingSchema(profile, 'name'),
  maintained(profile),
  withSidecars(profile),
  typed('extreme values', profile, { schema: SCALARS, rows: EXTREME_ROWS }),
  typed('nested values', profile, { schema: NESTED_SCHEMA, rows: NESTED_ROWS }),
  typed('local times', profile, { schema: LOCAL_TIMES, rows: LOCAL_TIME_ROWS }),
  typed('partitions of local times', profile, { schema: LOCAL_TIMES, rows: LOCAL_TIME_ROWS, partitionBy: ['n'] }),
  {
    name: `partitions of odd values, ${profile}`,
    options: { schema: ODD_PARTITIONS, partitionBy: ODD_PARTITIONS.slice(1).map(({ name }) => name), profile },
    steps: [append(ODD_PARTITION_ROWS), upsert(ODD_PARTITION_ROWS.slice(0, 2), 'id'), deleteKeys('id', [2n]), checkpoint, append([{ id: 99n }]), optimize],
  },
  {
    name: `long texts, ${profile}`,
    options: {
      schema: [
        { name: 'id', type: 'bigint' },
        { name: 's', type: 'string', nullable: true },
      ],
      profile,
    },
    steps: [append([0, 1, 2, 3, 4].map(stringRow)), deleteKeys('id', [1n]), upsert([stringRow(2), stringRow(8)], 'id')],
  },
  {
    name: `many rows, ${profile}`,
    options: { schema: PLAIN_SCHEMA, profile },
    steps: [
      append(Array.from({ length: 5000 }, (_, n) => plainRow(n))),
      deleteKeys(
        'id',
        Array.from({ length: 1500 }, (_, n) => BigInt(n * 3)),
      ),
      upsert(
        Array.from({ length: 600 }, (_, n) => plainRow(n * 11, 'upserted')),
        'id',
      ),
    ],
  },
]);
