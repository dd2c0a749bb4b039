/**
 * Paths of the log: URIs there, object keys here.
 *
 * A relative path is percent-decoded once. An absolute one is taken only where it points under the table's own folder;
 * a table that names files elsewhere (a shallow clone) is refused, since nothing says that they may be read or vacuumed.
 */
import { LakefoldError } from '../../core/errors.ts';
import { isObjectPath, type ObjectPath } from '../../core/path.ts';

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/)?/;
const S3_SCHEMES = new Set(['s3', 's3a', 's3n']);

/** The URI of the log for a key relative to the table: `part a#1` → `part%20a%231`. */
export function encodeLogPath(path: string): string {
  const encoded = encodeURI(path).replaceAll('#', '%23').replaceAll('?', '%3F');
  // A colon in the first segment would make the rest look like the body of an absolute URI.
  const slash = encoded.indexOf('/');
  const first = slash === -1 ? encoded : encoded.slice(0, slash);
  return first.includes(':') ? first.replaceAll(':', '%3A') + encoded.slice(first.length) : encoded;
}

/**
 * The key relative to the table for a URI of the log.
 *
 * `tableLocation` is the table's own URI (`s3://bucket/prefix/table`); without it every absolute path is outside.
 * @throws LakefoldError PATH_OUTSIDE_TABLE for climbing paths and absolute ones not under `tableLocation`, LOG_CORRUPT for broken escapes
 */
export function decodeLogPath(uri: string, tableLocation?: string): ObjectPath {
  const decoded = percentDecode(uri);
  const absolute = uri.startsWith('/') || SCHEME.test(uri);
  const relative = absolute ? withinTable(decoded, tableLocation) : decoded;
  if (relative === undefined || !isObjectPath(relative)) {
    throw new LakefoldError('PATH_OUTSIDE_TABLE', `expected a path inside the table, found ${JSON.stringify(uri)}`, { context: { path: uri } });
  }
  return relative;
}

/** The URI of the table in folder `root` of a store at `location`. */
export function tableLocationOf(location: string, root: string): string {
  return root === '' ? location : `${location}/${root}`;
}

function percentDecode(uri: string): string {
  if (!uri.includes('%')) return uri;
  try {
    return decodeURIComponent(uri);
  } catch (cause) {
    throw new LakefoldError('LOG_CORRUPT', `expected a percent-encoded path, found ${JSON.stringify(uri)}`, { cause, context: { path: uri } });
  }
}

function withinTable(decoded: string, tableLocation: string | undefined): string | undefined {
  if (tableLocation === undefined) return undefined;
  // The location of a local store is a URL, that of a bucket the plain prefix.
  const table = canonicalUri(tableLocation.startsWith('file:') ? percentDecode(tableLocation) : tableLocation);
  const file = canonicalUri(decoded);
  const prefix = table.endsWith('/') ? table : `${table}/`;
  return file.startsWith(prefix) ? file.slice(prefix.length) : undefined;
}

/** `file:/a`, `file:///a` and `/a` are one place, as are `s3://b/a` and `s3a://b/a`. */
function canonicalUri(uri: string): string {
  const scheme = SCHEME.exec(uri);
  if (scheme === null) return `file:${uri}`;
  const name = (scheme[1] ?? '').toLowerCase();
  const rest = uri.slice(scheme[0].length);
  return `${S3_SCHEMES.has(name) ? 's3' : name}:${rest}`;
}
