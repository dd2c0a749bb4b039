/** How many rows a snapshot has, from statistics where they tell, else by reading. */
import type { AddFile } from '../actions/actions.ts';
import { readFile, type ReadDeps } from '../rows/read.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { parseStats } from './stats.ts';

export async function liveRowCount(deps: ReadDeps, root: string, snapshot: Snapshot): Promise<number> {
  let rows = 0;
  for (const file of snapshot.files.values()) rows += await fileRowCount(deps, { root, snapshot, file });
  return rows;
}

/** Rows of one file less those its deletion vector hides. */
export async function fileRowCount(deps: ReadDeps, target: { readonly root: string; readonly snapshot: Snapshot; readonly file: AddFile }): Promise<number> {
  const { numRecords } = parseStats(target.file, target.snapshot.columns);
  if (numRecords !== undefined) return numRecords - (target.file.deletionVector?.cardinality ?? 0);
  let rows = 0;
  for await (const { batch } of readFile(deps, target, { columns: target.snapshot.columns.slice(0, 1) })) rows += batch.rowCount;
  return rows;
}
