/** Who imports whom: reads the imports of source files and holds them against a table of layers. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** For each layer, the layers it may import beside itself. A layer is a folder or a file, by its path from the root. */
export type LayerTable = Readonly<Record<string, LayerRule>>;

export interface LayerRule {
  readonly mayImport: readonly string[];
  /** Packages it may import, `name/*` for all below a name; left out = any (the linter has its own list). */
  readonly packages?: readonly string[];
  /** Only `import type` reaches outside. */
  readonly typesOnly?: boolean;
}

/** Source text by path from the root, with `/`. */
export type SourceFiles = ReadonlyMap<string, string>;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'/g;

/** Every breach of the table, each as one line: file, what it imports, and why that is wrong; a file in no layer is one too. */
export function findImportFaults(files: SourceFiles, table: LayerTable): string[] {
  const faults: string[] = [];
  for (const [path, text] of files) {
    const layer = layerOf(path, table);
    const rule = layer === undefined ? undefined : table[layer];
    if (layer === undefined || rule === undefined) {
      faults.push(`${path}: its folder is not in the table of layers`);
      continue;
    }
    for (const { specifier, typeOnly } of importsOf(text)) {
      const fault = specifier.startsWith('.') ? faultOfOwn(path, { layer, rule, table }, specifier) : faultOfPackage(rule, specifier);
      if (fault !== undefined) faults.push(`${path}: ${fault}`);
      else if (rule.typesOnly === true && !typeOnly && !staysInside(path, layer, specifier))
        faults.push(`${path}: imports ${specifier} for more than its types`);
    }
  }
  return faults.sort();
}

/** The files reachable from `entry` by imports, itself included; what is imported only for its types is not followed. */
export function reachableFrom(entry: string, files: SourceFiles): Map<string, readonly string[]> {
  const reached = new Map<string, readonly string[]>();
  const open = [entry];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const text = files.get(path);
    if (text === undefined || reached.has(path)) continue;
    const specifiers = importsOf(text).flatMap(({ specifier, typeOnly }) => (typeOnly ? [] : [specifier]));
    reached.set(
      path,
      specifiers.filter((specifier) => !specifier.startsWith('.')),
    );
    for (const specifier of specifiers) if (specifier.startsWith('.')) open.push(targetOf(path, specifier));
  }
  return reached;
}

/** The TypeScript files below the given folders of `root`; a folder that is absent has none. */
export function readSources(root: string, folders: readonly string[]): Map<string, string> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })) {
      const path = posix.join(folder, entry.replaceAll('\\', '/'));
      if (path.endsWith('.ts') && !path.includes('/node_modules/')) files.set(path, readFileSync(`${root}/${path}`, 'utf8'));
    }
  }
  return files;
}

function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const [, type, specifier] of text.matchAll(STATEMENT)) if (specifier !== undefined) found.push({ specifier, typeOnly: type !== undefined });
  for (const [, specifier] of text.matchAll(DYNAMIC)) if (specifier !== undefined) found.push({ specifier, typeOnly: false });
  return found;
}

function faultOfOwn(path: string, from: { layer: string; rule: LayerRule; table: LayerTable }, specifier: string): string | undefined {
  const target = targetOf(path, specifier);
  const layer = layerOf(target, from.table);
  if (layer === from.layer || (layer !== undefined && from.rule.mayImport.includes(layer))) return undefined;
  return `imports ${target}, but ${from.layer} may not import ${layer ?? 'what is in no layer'}`;
}

function faultOfPackage({ packages }: LayerRule, specifier: string): string | undefined {
  if (packages === undefined || packages.some((allowed) => matches(allowed, specifier))) return undefined;
  return `imports the package ${specifier}`;
}

function matches(allowed: string, specifier: string): boolean {
  return allowed.endsWith('*') ? specifier.startsWith(allowed.slice(0, -1)) : specifier === allowed;
}

function staysInside(path: string, layer: string, specifier: string): boolean {
  return specifier.startsWith('.') && isIn(targetOf(path, specifier), layer);
}

/** The longest entry of the table that the path is, or is below. */
function layerOf(path: string, table: LayerTable): string | undefined {
  const candidates = Object.keys(table).filter((layer) => isIn(path, layer));
  return candidates.reduce<string | undefined>((longest, layer) => (longest === undefined || layer.length > longest.length ? layer : longest), undefined);
}

function isIn(path: string, layer: string): boolean {
  return path === layer || path.startsWith(`${layer}/`);
}

function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}
