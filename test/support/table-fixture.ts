/** A small table in memory for tests of single operations. */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import { batchOfRows, rowsOf, type Batch, type Row } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { stringifyJson } from '../../lib/core/json.ts';
import { joinPath } from '../../lib/core/path.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import type { TableDefinition } from '../../lib/delta/write/create.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { commitPath } from '../../lib/delta/snapshot/log-path.ts';
import { type ReadOptions, readRows } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import type { AsOf } from '../../lib/delta/snapshot/snapshot-state.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';

export const T_ROOT = 'demo/t';
export const KEY: Column = { name: 'k', type: { kind: 'string' }, nullable: false };
export const TIME: Column = { name: 'e', type: { kind: 'timestamp' }, nullable: false };
export const NUMBER: Column = { name: 'v', type: { kind: 'int' }, nullable: true };
export const RECEIVED: Column = { name: '_ingested_at', type: { kind: 'timestamp' }, nullable: true };

export interface TableFixture {
  readonly clock: ManualClock;
  readonly store: MemoryObjectStore;
  readonly deps: DeltaDeps;
  readonly table: DeltaTable;
  /** Another process's handle. */
  readonly open: (store?: ObjectStore) => Promise<DeltaTable>;
  /** Rows as a fresh process reads them, sorted by their text. */
  readonly rows: (options?: ReadOptions & { readonly asOf?: AsOf }) => Promise<readonly (readonly Value[])[]>;
  /** Commits actions, as another engine does. */
  readonly foreign: (actions: readonly object[]) => Promise<number>;
  /** Writes a data file of these rows. */
  readonly file: (name: string, batch: Batch) => Promise<{ readonly path: string; readonly size: number }>;
}

export async function tableFixture(
  definition: Partial<TableDefinition> & { readonly engineInfo?: string; readonly codec?: TableCodec } = {},
): Promise<TableFixture> {
  const clock = new ManualClock({ sleeping: 'skip' });
  const store = new MemoryObjectStore({ clock });
  const deps: DeltaDeps = {
    store,
    codec: definition.codec ?? createNdjsonCodec(),
    clock,
    random: new SeededRandom(1),
    log: silentLog,
    engineInfo: definition.engineInfo ?? 'lakefold/test',
  };
  const { table } = await DeltaTable.create(deps, T_ROOT, {
    columns: [KEY, NUMBER, RECEIVED],
    partitionBy: [],
    profile: 'merge-on-read',
    configuration: {},
    ...definition,
  });
  return {
    clock,
    store,
    deps,
    table,
    open: (other = store) => DeltaTable.open({ ...deps, store: other }, T_ROOT),
    rows: async ({ asOf, ...options } = {}) => {
      const snapshot = await loadSnapshot(deps, T_ROOT, asOf);
      const rows: Value[][] = [];
      for await (const batch of readRows(deps, { root: T_ROOT, snapshot }, options)) rows.push(...rowsOf(batch));
      return rows.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
    },
    foreign: async (actions) => {
      const version = (await loadSnapshot(deps, T_ROOT)).version + 1;
      await store.createIfAbsent(commitPath(T_ROOT, version), utf8(actions.map((action) => `${stringifyJson(action)}\n`).join('')), {
        identity: `foreign ${version}`,
      });
      return version;
    },
    file: async (name, batch) => {
      const bytes = await deps.codec.encode(batch);
      await store.createIfAbsent(joinPath(T_ROOT, name), bytes, { identity: name });
      return { path: name, size: bytes.length };
    },
  };
}

/** Rows of `[k, v, _ingested_at]`. */
export function rowsBatch(...rows: readonly Row[]): Batch {
  return batchOfRows([KEY, NUMBER, RECEIVED], rows);
}

export async function pathsIn(store: ObjectStore, prefix = ''): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}
