/** A commit as another engine would make it: a data file without receipts or statistics, and an entry that names it. */
import { batchOfRows } from '../../lib/core/batch.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { Column, Value } from '../../lib/core/types.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import { commitPath } from '../../lib/delta/snapshot/log-path.ts';

export interface ForeignRows {
  readonly root: string;
  readonly version: number;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Value[])[];
}

/** Appends the rows as version `version`; whether a column may be null is not asked. */
export async function foreignAppend({ store, codec, clock }: DeltaDeps, { root, version, columns, rows }: ForeignRows): Promise<void> {
  const path = `part-0000${version}-foreign.parquet`;
  const bytes = await codec.encode(
    batchOfRows(
      columns.map((column) => ({ ...column, nullable: true })),
      rows,
    ),
  );
  await store.createIfAbsent(objectPath(`${root}/${path}`), bytes, { identity: path });
  const entry = [
    { commitInfo: { timestamp: clock.now(), operation: 'WRITE', operationParameters: { mode: 'Append' }, engineInfo: 'delta-rs:py-1.1.4' } },
    { add: { path, partitionValues: {}, size: bytes.length, modificationTime: clock.now(), dataChange: true } },
  ];
  await foreignEntry({ store }, { root, version, text: entry.map((action) => `${JSON.stringify(action)}\n`).join('') });
}

/** Writes an entry of any text. */
export async function foreignEntry(
  { store }: Pick<DeltaDeps, 'store'>,
  { root, version, text }: { readonly root: string; readonly version: number; readonly text: string },
): Promise<void> {
  const outcome = await store.createIfAbsent(commitPath(root, version), utf8(text), { identity: `foreign-${version}` });
  if (outcome.kind !== 'created') throw new Error(`version ${version} is taken`);
}

export interface ForeignField {
  readonly name: string;
}

/** Appends an entry whose metadata is the table's with its columns edited, under another id of the table where one is given. */
export async function foreignMetadata(
  deps: DeltaDeps,
  root: string,
  edit: (fields: readonly ForeignField[]) => readonly unknown[],
  id?: string,
): Promise<void> {
  const { version, metadata } = (await DeltaTable.open(deps, root)).snapshot;
  const { fields }: { readonly fields: readonly ForeignField[] } = JSON.parse(metadata.schemaString);
  const { kind: _kind, ...members } = metadata;
  const metaData = {
    ...members,
    ...(id === undefined ? {} : { id }),
    format: { provider: 'parquet', options: {} },
    schemaString: JSON.stringify({ type: 'struct', fields: edit(fields) }),
  };
  const commitInfo = { timestamp: deps.clock.now(), operation: 'CHANGE COLUMN', engineInfo: 'Other/1' };
  await foreignEntry(deps, { root, version: version + 1, text: [{ commitInfo }, { metaData }].map((action) => `${JSON.stringify(action)}\n`).join('') });
}
