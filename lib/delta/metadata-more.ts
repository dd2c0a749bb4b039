/**
 * Members of the metadata that we don't know, said in the footer of a checkpoint, whose columns have no place for them: a
 * change of the table's properties would lose them else.
 */
import { isJsonObject, parseJson, stringifyJson } from '../core/json.ts';
import { METADATA_MORE_BYTES_MAX } from '../core/limits.ts';
import type { Metadata } from './actions.ts';

/** Name of the remark. Other readers pass it over. */
export const MORE_OF_METADATA = 'lakefold.metaData';

/** Undefined where there are none, or too many to carry along. */
export function formatMoreOfMetadata({ more, format }: Metadata): string | undefined {
  if (more === undefined && format.more === undefined) return undefined;
  const text = stringifyJson({ more: more ?? {}, format: format.more ?? {} });
  return text.length > METADATA_MORE_BYTES_MAX ? undefined : text;
}

/** The metadata with what a remark says of it; as it is where that makes no sense. */
export function withMoreOfMetadata(metadata: Metadata, remark: string | undefined): Metadata {
  if (remark === undefined) return metadata;
  try {
    const json = parseJson(remark);
    const { more, format } = isJsonObject(json) ? json : {};
    return {
      ...metadata,
      format: { ...metadata.format, ...(isJsonObject(format) && Object.keys(format).length > 0 ? { more: format } : {}) },
      ...(isJsonObject(more) && Object.keys(more).length > 0 ? { more } : {}),
    };
  } catch {
    return metadata;
  }
}
