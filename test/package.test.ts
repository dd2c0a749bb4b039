/** What the manifest and the lock file promise to whoever installs the package. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { open } from 'lmdb';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const versions = z.record(z.string(), z.string());
const manifestSchema = z.object({
  bin: versions,
  exports: z.record(z.string(), z.union([z.string(), versions])),
  dependencies: versions,
  devDependencies: versions,
});
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ integrity: z.string().optional(), resolved: z.string().optional(), inBundle: z.boolean().optional(), hasInstallScript: z.boolean().optional() }),
  ),
});

const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
const lock = lockSchema.parse(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')));
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');

describe('the manifest', () => {
  it('pins every dependency exactly', () => {
    const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(ranges).toEqual([]);
  });

  it('depends at run time on these packages and no other', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual([
      '@aws-sdk/client-dynamodb',
      '@aws-sdk/client-s3',
      '@duckdb/node-api',
      '@hono/node-server',
      '@noble/hashes',
      'apache-arrow',
      'aws-cdk-lib',
      'constructs',
      'esbuild',
      'hono',
      'lmdb',
      'parquet-wasm',
      'zod',
    ]);
  });

  it('names only built files that are made from a source file', () => {
    const built = [
      ...Object.values(manifest.bin),
      ...Object.values(manifest.exports).flatMap((entry) => (typeof entry === 'string' ? [] : Object.values(entry))),
    ];
    const sources = built.map((path) => path.replace(/^(\.\/)?dist\/(types\/)?/, '').replace(/(\.d\.ts|\.js)$/, '.ts'));
    const missing = sources.filter((path) => statSync(join(ROOT, path), { throwIfNoEntry: false }) === undefined);
    expect(sources.length).toBeGreaterThanOrEqual(4);
    expect(missing).toEqual([]);
  });
});

describe('the lock file', () => {
  it('carries the hash of every package that is downloaded', () => {
    expect(locked.filter(([, entry]) => entry.integrity === undefined && entry.inBundle !== true)).toEqual([]);
  });

  it('names no registry', () => {
    expect(locked.filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
  });
});

describe('packages with an install script', () => {
  it('are these, and each works without it', async () => {
    expect(locked.flatMap(([path, entry]) => (entry.hasInstallScript === true && !path.includes('fsevents') ? [path] : []))).toEqual([
      'node_modules/esbuild',
      'node_modules/lmdb',
      'node_modules/msgpackr-extract',
    ]);

    expect((await transform('let a: number = 1', { loader: 'ts' })).code).toBe('let a = 1;\n');

    const folder = mkdtempSync(join(tmpdir(), 'lakefold-lmdb-'));
    try {
      const database = open<{ rows: number[] }, string>({ path: folder });
      await database.put('key', { rows: [1, 2] });
      expect(database.get('key')).toEqual({ rows: [1, 2] });
      await database.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
