/** The version of this package, from its manifest: the sources and what is built of them lie at different depths below it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isJsonObject, parseJson } from '../lib/core/json.ts';
import { LakefoldError } from '../lib/core/errors.ts';

let known: string | undefined;

export function packageVersion(): string {
  known ??= readVersion(dirname(fileURLToPath(import.meta.url)));
  return known;
}

/** What commits and files are signed with. */
export function engineInfo(): string {
  return `lakefold/${packageVersion()}`;
}

function readVersion(directory: string): string {
  const file = join(directory, 'package.json');
  const manifest = existsSync(file) ? parseJson(readFileSync(file)) : undefined;
  if (isJsonObject(manifest) && manifest['name'] === 'lakefold' && typeof manifest['version'] === 'string') return manifest['version'];
  const parent = dirname(directory);
  if (parent === directory) throw new LakefoldError('INTERNAL', 'expected package.json of lakefold above its code, found none');
  return readVersion(parent);
}
