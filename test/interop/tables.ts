/**
 * Tables made through the public API, for other engines to read: one history each, with the rows every version must have.
 *
 * The rows are those of a naive model beside the table (`after`), never read back from it.
 */
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
  readonly run: (table: Table) => Promise<unknown>;
  /** The rows afterwards; the same unless given. `past` are those of every version so far. */
  readonly after?: (rows: readonly TableRow[], past: readonly (readonly TableRow[])[]) => readonly TableRow[];
  /** The schema from then on. */
  readonly schema?: Schema;
}

export interface TableSpec {
  readonly name: string;
  readonly options: CreateTableOptions;
  readonly steps: readonly Step[];
}

export interface MadeTable {
  readonly name: string;
  readonly path: string;
  /** Sorted lines, by version. */
  readonly versions: readonly (readonly string[])[];
}

/** Runs a table's history in `path`. */
export async function makeTable(path: string, { name, options, steps }: TableSpec): Promise<MadeTable> {
  const table = await createTable(path, options);
  let { schema } = options;
  const rows: (readonly TableRow[])[] = [[]];
  const versions = [objectLines(schema, [])];
  for (const step of steps) {
    await step.run(table);
    schema = step.schema ?? schema;
    const now = step.after === undefined ? (rows.at(-1) ?? []) : step.after(rows.at(-1) ?? [], rows);
    while (rows.length <= table.version) {
      rows.push(now);
      versions.push(objectLines(schema, now));
    }
  }
  return { name, path, versions };
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

function typed(name: string, profile: Profile, { schema, rows }: { readonly schema: Schema; readonly rows: readonly TableRow[] }): TableSpec {
  const key = schema[0]?.name ?? '';
  const [first = {}, ...others] = rows;
  return {
    name: `${name}, ${profile}`,
    options: { schema, profile },
    steps: [append(rows), deleteKeys(key, [first[key]]), upsert(rows.slice(0, 2), key), optimize, checkpoint, overwrite(others)],
  };
}

const PROFILES: readonly Profile[] = ['merge-on-read', 'compatible'];

/** Every table of the catalogue; names are what the expectations of engines go by. */
export const TABLES: readonly TableSpec[] = PROFILES.flatMap((profile) => [
  plainHistory(profile, []),
  plainHistory(profile, ['g']),
  typed('extreme values', profile, { schema: SCALARS, rows: EXTREME_ROWS }),
  typed('nested values', profile, { schema: NESTED_SCHEMA, rows: NESTED_ROWS }),
  typed('local times', profile, {
    schema: [
      { name: 'id', type: 'bigint' },
      { name: 'n', type: 'timestampNtz', nullable: true },
    ],
    rows: LOCAL_TIME_ROWS,
  }),
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
