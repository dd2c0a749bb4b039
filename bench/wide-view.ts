/** A definitions module as large as one may get: the compiler's work on it is counted by a test and timed by a benchmark. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface WideViewSize {
  readonly joins: number;
  readonly features: number;
}

/** Source of a module of `joins` groups with `features` columns each, a view over all of them, and uses of what is inferred. `lib` is the folder it imports from. */
function wideViewSource({ joins, features }: WideViewSize, lib: string): string {
  const imported = (names: string, module: string): string => `import { ${names} } from ${JSON.stringify(`${lib}/${module}.ts`)};`;
  const columns = Array.from({ length: features }, (_, i) => `f${i}: t.${TYPES[i % TYPES.length] ?? 'int'}()${i % 2 === 0 ? '.nullable()' : ''}`).join(', ');
  const names = Array.from({ length: features }, (_, i) => `'f${i}'`).join(', ');
  const numbers = Array.from({ length: joins }, (_, i) => i);
  return [
    imported('t', 'registry/column-builder'),
    imported('featureGroup', 'registry/define-group'),
    imported('featureView, join, onDemand', 'registry/define-view'),
    imported('standardScaler', 'registry/define-transform'),
    imported('type Entry, type Features, type RequestParameters', 'registry/row-types'),
    ...numbers.map(
      (i) =>
        `export const g${i} = featureGroup({ name: 'g${i}', primaryKey: ['k${i}'], eventTime: 'at', schema: { k${i}: t.string(), at: t.timestamp(), ${columns} } });`,
    ),
    `export const view = featureView({`,
    `  name: 'wide', labelTime: 'at', spine: { at: t.timestamp(), ${numbers.map((i) => `k${i}: t.string()`).join(', ')} },`,
    `  joins: [${numbers.map((i) => `join(g${i}, { features: [${names}], prefix: 'g${i}_' })`).join(', ')}],`,
    `  onDemand: [onDemand({ name: 'sum', inputs: { g0_f0: t.int().nullable(), x: t.int() }, returns: t.int(), compute: ({ g0_f0, x }) => (g0_f0 ?? 0) + x })],`,
    `  transforms: { g0_f0: standardScaler() },`,
    `});`,
    `export const first: Features<typeof view>['g0_f1'] = 1n;`,
    `export const last: Features<typeof view>['g${joins - 1}_f0'] = null;`,
    `// @ts-expect-error no such feature`,
    `export const none: Features<typeof view>['g0_g0'] = null;`,
    `// @ts-expect-error keys are missing`,
    `export const entry: Entry<typeof view> = { k0: 'a' };`,
    `export const parameters: RequestParameters<typeof view> = { x: 1 };`,
    `// @ts-expect-error a request parameter is missing`,
    `export const noParameters: RequestParameters<typeof view> = {};`,
  ].join('\n');
}

const TYPES = ['int', 'bigint', 'double', 'string'] as const;

/** What the compiler says of a module of that size: its errors, and numbers by their names in `--extendedDiagnostics`. */
export async function compileWideView(size: WideViewSize): Promise<{ readonly errors: readonly string[]; readonly numbers: ReadonlyMap<string, number> }> {
  const folder = await mkdtemp(join(tmpdir(), 'lakefold-types-'));
  try {
    await writeFile(join(folder, 'wide.mts'), wideViewSource(size, join(ROOT, 'lib')));
    const compilerOptions = { typeRoots: [join(ROOT, 'node_modules/@types')] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: [], files: ['wide.mts'] }));
    const lines = (await tsc(['-p', folder, '--extendedDiagnostics'])).split('\n');
    return { errors: lines.filter((line) => line.includes('error TS')), numbers: new Map(lines.flatMap(numberOf)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Standard output, whatever the exit code: errors are on it. */
async function tsc(args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args], { maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => resolve(stdout));
  });
}

function numberOf(line: string): readonly (readonly [name: string, value: number])[] {
  const [, name, value] = /^([A-Z][A-Za-z ]+):\s+([\d.]+)[Ks]?$/.exec(line) ?? [];
  return name === undefined ? [] : [[name, Number(value)]];
}
