/** Delta's change files (PROTOCOL.md, "Change Data Files"): the rows a commit changed, with what happened to each. */
import { takeRows, valueAt, vectorNamed } from '../core/batch.ts';
import { LakefoldError } from '../core/errors.ts';
import type { Action, AddFile } from './actions.ts';
import type { ChangedRows } from './change-rows.ts';
import { readFile, type ReadDeps } from './read.ts';
import type { Snapshot, TableColumn } from './snapshot-state.ts';

/** The column that tells, in the files as in the feed. */
const CHANGE_TYPE: TableColumn = { name: '_change_type', physicalName: '_change_type', type: { kind: 'string' }, nullable: true, metadata: {} };

/** With what early writers called a preimage. */
const COMES_FIRST: ReadonlySet<string> = new Set(['delete', 'update_preimage', 'update_pre']);

/** Rows of a commit's change files: removals and preimages of all of them, then inserts and postimages. @throws LakefoldError FILE_MISSING, FILE_CORRUPT */
export async function* readChangeFiles(
  deps: ReadDeps,
  table: { readonly root: string; readonly snapshot: Snapshot },
  actions: readonly Action[],
): AsyncIterable<ChangedRows> {
  const files = actions.flatMap((action): AddFile[] =>
    action.kind === 'cdc'
      ? [{ kind: 'add', path: action.path, partitionValues: action.partitionValues, size: action.size, modificationTime: 0, dataChange: false }]
      : [],
  );
  for (const comesFirst of [true, false]) {
    for (const file of files) {
      for await (const changed of readChangeFile(deps, { ...table, file })) {
        const kept = [...changed.types.keys()].filter((i) => COMES_FIRST.has(changed.types[i] ?? '') === comesFirst);
        if (kept.length > 0) yield { batch: takeRows(changed.batch, kept), types: kept.map((i) => changed.types[i] ?? '') };
      }
    }
  }
}

async function* readChangeFile(
  deps: ReadDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile },
): AsyncIterable<ChangedRows> {
  const { columns } = target.snapshot;
  for await (const { batch } of readFile(deps, target, { columns: [...columns, CHANGE_TYPE] })) {
    const vector = vectorNamed(batch, CHANGE_TYPE.name);
    const types = Array.from({ length: batch.rowCount }, (_, i): string => {
      const value = valueAt(vector, i);
      if (typeof value === 'string') return value;
      throw new LakefoldError('FILE_CORRUPT', `expected a _change_type in every row of ${target.file.path}, found none in row ${i}`, {
        context: { path: target.file.path, row: i },
      });
    });
    yield { batch: { ...batch, columns, vectors: batch.vectors.slice(0, columns.length) }, types };
  }
}
