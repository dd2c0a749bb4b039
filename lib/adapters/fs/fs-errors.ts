/** Faults of the file system, translated once. */
import { LakefoldError } from '../../core/errors.ts';
import { errnoOf } from './file-system.ts';

/** The path names nothing: not there, below a file, or too long for any name. */
export function isAbsence(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ENAMETOOLONG';
}

/** A `LakefoldError` of what a call of the file system rejected with; anything else comes back as it is. */
export function translateFsError(error: unknown, action: string, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof LakefoldError || (error instanceof Error && error.name === 'AbortError')) return error;
  const options = { cause: error, context: { path, errno } };
  switch (errno) {
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
    case 'ENOTEMPTY':
      return new LakefoldError(
        'INVALID_ARGUMENT',
        `expected a path whose folders are folders and whose name is free for a file, found ${JSON.stringify(path)} (${errno}): local files cannot hold both 'a' and 'a/b'`,
        options,
      );
    case 'ENAMETOOLONG':
    case 'EILSEQ':
      return new LakefoldError('INVALID_ARGUMENT', `expected a path this file system can name, found ${JSON.stringify(path)} (${errno})`, options);
    default:
      return new LakefoldError('STORE_UNAVAILABLE', `could not ${action} ${JSON.stringify(path)}: the file system answered ${errno}`, options);
  }
}
