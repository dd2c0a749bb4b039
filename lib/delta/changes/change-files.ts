/**
 * Delta's change files (PROTOCOL.md, "Change Data Files"): the rows a commit changed, with what happened to each. Readers
 * of a commit that has them look at nothing else of it, so they hold every row that changed.
 */
import { type Batch, concatBatches, takeRows, valueAt, vectorNamed, vectorOf } from '../../core/batch.ts';
import { LakefoldError } from '../../core/errors.ts';
import { CHANGE_IDENTITIES_MAX } from '../../core/limits.ts';
import type { Action, AddFile, CdcFile, RemoveFile } from '../actions/actions.ts';
import { derivedChanges } from './change-derived.ts';
import type { ChangedRows } from './change-rows.ts';
import { commitInfoOf } from '../actions/commit-info.ts';
import type { DeltaDeps } from '../deps.ts';
import { readFile, type ReadDeps } from '../rows/read.ts';
import { CARRIED_TAG } from '../write/removals.ts';
import type { Snapshot, TableColumn } from '../snapshot/snapshot-state.ts';
import { stageRows } from '../write/stage.ts';

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

/**
 * Writes the change file of a commit to be, one in each partition. None where adds and removes alone tell the changes.
 *
 * `actions` are the commit's, `commitInfo` among them; `snapshot` is what they are committed on.
 * @throws LakefoldError PLAN_TOO_LARGE for more changed rows than memory is set aside for
 */
export async function writeChangeFiles(
  deps: DeltaDeps,
  target: { readonly root: string; readonly snapshot: Snapshot; readonly txnId: string; readonly ordinal: number },
  commit: { readonly actions: readonly Action[]; readonly identity: readonly string[] | undefined },
): Promise<readonly CdcFile[]> {
  const { snapshot } = target;
  if (!changesPartsOfFiles(commit.actions)) return [];
  const columns = [...snapshot.columns, CHANGE_TYPE];
  const batches: Batch[] = [];
  let rowCount = 0;
  const changes = derivedChanges(deps, { ...target, before: async () => snapshot }, { ...commit, columns: snapshot.columns });
  for await (const { batch, types } of changes) {
    rowCount += batch.rowCount;
    if (rowCount > CHANGE_IDENTITIES_MAX) throw tooMany(rowCount);
    batches.push({ columns, vectors: [...batch.vectors, vectorOf(CHANGE_TYPE.type, types)], rowCount: batch.rowCount });
  }
  if (rowCount === 0) return [];
  const staged = await stageRows(
    deps,
    { ...target, snapshot: { ...snapshot, columns }, dataChange: false, folder: '_change_data' },
    concatBatches(columns, batches),
  );
  return staged.map(({ add: { path, partitionValues, size, tags } }) => ({
    kind: 'cdc',
    path,
    partitionValues,
    size,
    ...(tags === undefined ? {} : { tags }),
  }));
}

// Files that come and go as a whole tell their rows themselves. Not all readers of the feed heed deletion vectors.
function changesPartsOfFiles(actions: readonly Action[]): boolean {
  const removes = actions.filter((action): action is RemoveFile => action.kind === 'remove' && action.dataChange);
  const adds = actions.filter((action): action is AddFile => action.kind === 'add' && action.dataChange);
  if (removes.length === 0) return false;
  const hasVectors = [...removes, ...adds].some(({ deletionVector }) => deletionVector !== undefined);
  if (hasVectors || adds.some(({ tags }) => tags?.[CARRIED_TAG] !== undefined)) return true;
  const operation = commitInfoOf(actions)?.operation;
  return adds.length > 0 && operation !== 'WRITE' && operation !== 'RESTORE';
}

function tooMany(rows: number): LakefoldError {
  return new LakefoldError(
    'PLAN_TOO_LARGE',
    `expected a commit that changes at most ${CHANGE_IDENTITIES_MAX} rows in a table with delta.enableChangeDataFeed, found one of ${rows} and more`,
    {
      context: { estimate: rows, budget: CHANGE_IDENTITIES_MAX, alternative: 'change the rows in several commits' },
    },
  );
}
