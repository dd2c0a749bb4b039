/** Added and removed files as records of `FileColumns`, and back. */
import { isJsonObject, parseJson, stringifyJson, type JsonObject } from '../../core/json.ts';
import { objectPath, type ObjectPath } from '../../core/path.ts';
import type { AddFile, DeletionVectorDescriptor, RemoveFile } from '../actions/actions.ts';
import type { FileForm } from './file-columns.ts';

/** What few files have, as the columns keep it: JSON. */
export interface FileExtras {
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly more?: JsonObject | undefined;
}

/** Between the path and the identity of the deletion vector in the key of a tombstone. */
export const KEY_SEPARATOR = '\0';

/** Key: the path. */
export const ADD_FORM: FileForm<AddFile> = {
  toRecord: (add, tuples) => ({
    size: add.size,
    time: add.modificationTime,
    dataChange: add.dataChange,
    extendedFileMetadata: false,
    tuple: tuples.idOf(add.partitionValues),
    extras: formatExtras(add),
    stats: add.stats,
  }),
  fromRecord: (key, { size, time, dataChange, tuple, extras, stats }, shared): AddFile => {
    const add = {
      kind: 'add' as const,
      path: pathOf(key),
      partitionValues: shared.tuples.at(tuple),
      size,
      modificationTime: time,
      dataChange,
      ...parseExtras(extras),
    };
    if (typeof stats !== 'number') return stats === undefined ? add : { ...add, stats };
    let text: string | undefined;
    let isRead = false;
    return {
      ...add,
      // Read once somebody looks: most files are pruned before.
      get stats() {
        if (!isRead) text = shared.stats?.textAt(stats);
        isRead = true;
        return text;
      },
    };
  },
};

/** Key: the path, a NUL, the identity of the deletion vector. */
export const REMOVE_FORM: FileForm<RemoveFile> = {
  toRecord: (remove, tuples) => ({
    size: remove.size ?? Number.NaN,
    time: remove.deletionTimestamp ?? Number.NaN,
    dataChange: remove.dataChange,
    extendedFileMetadata: remove.extendedFileMetadata === true,
    tuple: remove.partitionValues === undefined ? -1 : tuples.idOf(remove.partitionValues),
    extras: formatExtras(remove),
    stats: undefined,
  }),
  fromRecord: (key, { size, time, dataChange, extendedFileMetadata, tuple, extras }, shared): RemoveFile => ({
    kind: 'remove',
    path: pathOf(key.slice(0, key.indexOf(KEY_SEPARATOR))),
    ...(Number.isNaN(time) ? {} : { deletionTimestamp: time }),
    dataChange,
    ...(extendedFileMetadata ? { extendedFileMetadata } : {}),
    ...(tuple === -1 ? {} : { partitionValues: shared.tuples.at(tuple) }),
    ...(Number.isNaN(size) ? {} : { size }),
    ...parseExtras(extras),
  }),
};

export function formatExtras({ tags, deletionVector, more }: FileExtras): string | undefined {
  if (tags === undefined && deletionVector === undefined && more === undefined) return undefined;
  // Numbers of members we don't know keep their digits.
  const others = more === undefined ? undefined : stringifyJson(more);
  return JSON.stringify({ tags, deletionVector, more: others } satisfies Record<keyof FileExtras, unknown>);
}

function parseExtras(text: string | undefined): FileExtras {
  if (text === undefined) return {};
  const { more, ...extras }: Omit<FileExtras, 'more'> & { readonly more?: string } = JSON.parse(text);
  const others = more === undefined ? undefined : parseJson(more);
  return isJsonObject(others) ? { ...extras, more: others } : extras;
}

function pathOf(key: string): ObjectPath {
  return objectPath(key);
}
