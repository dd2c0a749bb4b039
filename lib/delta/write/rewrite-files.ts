/** Files written again in the types of another schema: the same rows, deleted ones left out, every column in its table's type. */
import { type Batch, concatBatches, sliceRows } from '../../core/batch.ts';
import { REWRITE_MEMORY_BYTES_MAX } from '../../core/limits.ts';
import type { Action, AddFile } from '../actions/actions.ts';
import type { DeltaDeps } from '../deps.ts';
import { rowBytesOf } from '../maintain/optimize-plan.ts';
import { readFile } from '../rows/read.ts';
import { isSameFile, removeOf } from './removals.ts';
import type { Snapshot } from '../snapshot/snapshot-state.ts';
import { stageRows } from './stage.ts';

export interface RewriteTarget {
  readonly root: string;
  readonly txnId: string;
  /** Rows held at once, as estimated from the schema, bytes. */
  readonly memoryBytesMax?: number;
}

/** Takes every file of `snapshot` out and adds it anew in the columns the snapshot has; each is written once, whatever the number of attempts. */
export type FileRewriter = (snapshot: Snapshot) => Promise<readonly Action[]>;

export function createRewriter(deps: DeltaDeps, target: RewriteTarget): FileRewriter {
  const made = new Map<string, { readonly file: AddFile; readonly adds: readonly AddFile[] }>();
  let ordinal = 0;
  return async (snapshot) => {
    const all: Action[] = [];
    const at = deps.clock.now();
    for (const file of snapshot.files.values()) {
      const known = made.get(file.path);
      const isKnown = known !== undefined && isSameFile(known.file, file);
      const adds = isKnown ? known.adds : await rewriteFile(deps, { ...target, snapshot, ordinal }, file);
      if (!isKnown) ordinal += adds.length;
      made.set(file.path, { file, adds });
      all.push(removeOf(file, { at, dataChange: false }), ...adds);
    }
    return all;
  };
}

async function rewriteFile(
  deps: DeltaDeps,
  target: RewriteTarget & { readonly snapshot: Snapshot; readonly ordinal: number },
  file: AddFile,
): Promise<readonly AddFile[]> {
  const { root, snapshot } = target;
  const { columns } = snapshot;
  const rowsMax = Math.max(1, Math.floor((target.memoryBytesMax ?? REWRITE_MEMORY_BYTES_MAX) / rowBytesOf(columns)));
  const adds: AddFile[] = [];
  let held: Batch[] = [];
  let rows = 0;
  const flush = async (): Promise<void> => {
    const staged = await stageRows(deps, { ...target, dataChange: false, ordinal: target.ordinal + adds.length }, concatBatches(columns, held));
    adds.push(...staged.map(({ add }) => add));
    held = [];
    rows = 0;
  };
  for await (const { batch } of readFile(deps, { root, snapshot, file }, { columns })) {
    for (let start = 0; start < batch.rowCount;) {
      const end = Math.min(batch.rowCount, start + rowsMax - rows);
      held.push(sliceRows(batch, start, end));
      rows += end - start;
      start = end;
      if (rows === rowsMax) await flush();
    }
  }
  if (rows > 0) await flush();
  return adds;
}
