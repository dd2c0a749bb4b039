/** Keys of objects under a location: `/`-separated, relative, never climbing. */
import type { Brand } from './brand.ts';
import { LakefoldError } from './errors.ts';

export type ObjectPath = Brand<string, 'ObjectPath'>;

const PATH_BYTES_MAX = 1024;

export function isObjectPath(text: string): text is ObjectPath {
  return (
    text.length > 0 && text.length <= PATH_BYTES_MAX && !text.includes('\0') && text.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** @throws LakefoldError PATH_OUTSIDE_TABLE for absolute, empty or climbing paths */
export function objectPath(text: string): ObjectPath {
  if (!isObjectPath(text))
    throw new LakefoldError('PATH_OUTSIDE_TABLE', `expected a relative path without empty, '.' or '..' parts, found ${JSON.stringify(text)}`, {
      context: { path: text },
    });
  return text;
}

/** Joins parts that are paths or names themselves; empty parts are left out. */
export function joinPath(...parts: readonly string[]): ObjectPath {
  return objectPath(parts.filter((part) => part !== '').join('/'));
}
