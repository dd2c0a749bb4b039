/** The golden tables, copied into memory; a clone of the project alone has none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { objectPath } from '../../lib/core/path.ts';
import { epochMillis } from '../../lib/core/time.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';

const GOLDEN_FOLDER = process.env['LAKEFOLD_TEST_GOLDEN'] ?? fileURLToPath(new URL('../../../shared/golden', import.meta.url));

export const HAS_GOLDEN_TABLES = existsSync(join(GOLDEN_FOLDER, 'README.md'));

/** A store whose location is the table. */
export async function goldenTable(name: string): Promise<ObjectStore> {
  const store = new MemoryObjectStore({ clock: { now: () => epochMillis(1) }, name });
  const folder = tableFolder(name);
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    await store.overwrite(objectPath(file.slice(folder.length + 1)), new Uint8Array(readFileSync(file)));
  }
  return store;
}

/** The Parquet files of the table's expected rows. */
export function expectedFiles(name: string): Uint8Array[] {
  const folder = join(GOLDEN_FOLDER, name, 'expected');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.parquet'))
    .map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

/** Names of the tables that bring their expected rows. */
export function tablesWithExpectedRows(): string[] {
  return HAS_GOLDEN_TABLES ? readdirSync(GOLDEN_FOLDER).filter((name) => existsSync(join(GOLDEN_FOLDER, name, 'expected'))) : [];
}

/** Names of all of them, those of groups as `group/name`. */
export function allTables(): string[] {
  if (!HAS_GOLDEN_TABLES) return [];
  const foldersOf = (path: string): string[] => readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  return foldersOf(GOLDEN_FOLDER).flatMap((name) => (name.startsWith('_') ? foldersOf(join(GOLDEN_FOLDER, name)).map((inner) => `${name}/${inner}`) : [name]));
}

/** The folder of its expected rows; undefined where it brings none. */
export function expectedFolder(name: string): string | undefined {
  const folder = join(GOLDEN_FOLDER, name, 'expected');
  return existsSync(folder) ? folder : undefined;
}

/** The folder of the table itself. */
export function tableFolder(name: string): string {
  const folder = [join(GOLDEN_FOLDER, name, 'delta'), join(GOLDEN_FOLDER, name)].find((candidate) => existsSync(candidate));
  if (folder === undefined) throw new Error(`no golden table ${name} in ${GOLDEN_FOLDER}`);
  return folder;
}
