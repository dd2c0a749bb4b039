/** What only the local files adapter does; the contract of all object stores is in test/contract. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from '../../lib/adapters/fs/file-system.ts';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import type { FilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { nodeFileSystem } from '../../lib/adapters/fs/node-file-system.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { isLakefoldError } from '../../lib/core/errors.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { seededRandom, tickingClock } from '../support/object-store-ports.ts';
import { recordingFileSystem } from '../support/recording-fs.ts';

const DAY_MILLIS = 24 * 60 * 60 * 1000;

let base: string;
let directory: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'lakefold-fs-'));
  directory = join(base, 'a store');
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

let seed = 0;
const open = (fs: FileSystem = nodeFileSystem): Promise<FilesObjectStore> =>
  openFilesObjectStore({ fs, directory, clock: tickingClock(), random: seededRandom((seed += 1)) });
const create = (store: ObjectStore, path: string, content = path): ReturnType<ObjectStore['createIfAbsent']> =>
  store.createIfAbsent(objectPath(path), utf8(content), { identity: path });

async function paths(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const info of store.list(prefix, startAfter === undefined ? {} : { startAfter })) found.push(info.path);
  return found;
}

async function temporaries(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.includes('.tmp-') && !name.endsWith('.tmp-swept'));
}

async function makeOld(file: string, days: number): Promise<void> {
  const then = new Date(Date.now() - days * DAY_MILLIS);
  await writeFile(file, 'left behind');
  await utimes(file, then, then);
}

describe('local files', () => {
  it('are plain files at their paths, under a file URL', async () => {
    const store = await open();
    await create(store, 't/_delta_log/0.json', 'line');
    expect(store.location).toBe(pathToFileURL(directory).href);
    expect(store.localPath(objectPath('t/_delta_log/0.json'))).toBe(join(directory, 't/_delta_log/0.json'));
    expect(await readFile(store.localPath(objectPath('t/_delta_log/0.json')), 'utf8')).toBe('line');
    expect(await readdir(directory)).toEqual(['.tmp-swept', 't']);
    expect((await stat(store.localPath(objectPath('t/_delta_log/0.json')))).nlink).toBe(1);
  });

  it('cost a warm create these calls and no others', async () => {
    const { fs, calls } = recordingFileSystem(nodeFileSystem);
    const store = await open(fs);
    await create(store, 't/_delta_log/0.json');
    const before = calls.length;
    await create(store, 't/_delta_log/1.json');
    expect(calls.slice(before).map((call) => call.text)).toEqual([
      'look 1.json',
      'create .tmp',
      'write .tmp',
      'sync .tmp',
      'file.stat .tmp',
      'close .tmp',
      'link .tmp 1.json',
      'unlink .tmp',
      'syncDirectory _delta_log',
    ]);
  });

  it('are made ready while they wait for others, named then, and not at all where those fail', async () => {
    const { fs, calls } = recordingFileSystem(nodeFileSystem);
    const store = await open(fs);
    await create(store, 'log/0.json');
    const before = calls.length;
    let finish: () => void = () => undefined;
    const after = new Promise<void>((resolve) => (finish = resolve));
    const waiting = store.createIfAbsentAfter?.(objectPath('log/1.json'), utf8('1'), { identity: '1', after });
    await expect.poll(() => calls.slice(before).map((call) => call.name)).toEqual(['look', 'create', 'write', 'sync', 'file.stat', 'close']);
    expect(await paths(store, '')).toEqual(['log/0.json']);
    finish();
    expect(await waiting).toMatchObject({ kind: 'created' });
    const fault = new Error('not written');
    await expect(store.createIfAbsentAfter?.(objectPath('log/2.json'), utf8('2'), { identity: '2', after: Promise.reject(fault) })).rejects.toBe(fault);
    expect(await paths(store, '')).toEqual(['log/0.json', 'log/1.json']);
    expect(await temporaries(directory)).toEqual([]);
  });

  it('share the sync of a directory among concurrent creates', async () => {
    const { fs, calls } = recordingFileSystem(nodeFileSystem);
    const store = await open(fs);
    await create(store, 'day=1/warm');
    const before = calls.length;
    const outcomes = await Promise.all(Array.from({ length: 24 }, (_, index) => create(store, `day=1/part-${index}`)));
    expect(outcomes.filter((outcome) => outcome.kind === 'created')).toHaveLength(24);
    const syncs = calls.slice(before).filter((call) => call.name === 'syncDirectory').length;
    expect(syncs).toBeGreaterThan(0);
    expect(syncs).toBeLessThan(24);
  });

  it('let exactly one of two stores on one folder win each path', async () => {
    const stores = [await open(), await open()];
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(stores.map((store, index) => create(store, `race/${round}`, `store ${index}`)));
      expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['created', 'exists']);
    }
  });

  it('say created for the same bytes, since files carry no identity', async () => {
    const store = await open();
    const first = await store.createIfAbsent(objectPath('x'), utf8('same'), { identity: 'one' });
    expect(await store.createIfAbsent(objectPath('x'), utf8('same'), { identity: 'two' })).toEqual(first);
  });

  it('hide temporary files from every reader and take no such name', async () => {
    const store = await open();
    await create(store, 'log/0.json');
    await writeFile(join(directory, 'log/.tmp-1-01J'), 'half');
    await mkdir(join(directory, '.tmp-dir'));
    await writeFile(join(directory, '.tmp-dir/x'), 'half');
    expect(await paths(store, '')).toEqual(['log/0.json']);
    expect(await paths(store, 'log/.tmp')).toEqual([]);
    for (const path of ['log/.tmp-1-01J', '.tmp-dir/x'].map(objectPath)) {
      expect(await store.get(path)).toBeUndefined();
      expect(await store.head(path)).toBeUndefined();
      await store.delete(path);
      await expect(create(store, path)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(store.overwrite(path, utf8('x'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await readFile(join(directory, 'log/.tmp-1-01J'), 'utf8')).toBe('half');
  });

  it('lose temporary files older than a day at open, younger ones and objects not', async () => {
    await create(await open(), 'log/0.json');
    await makeOld(join(directory, 'log/.tmp-7-OLD'), 1.1);
    await makeOld(join(directory, 'log/.tmp-7-YOUNG'), 0.9);
    await makeOld(join(directory, 'log/old object'), 400);
    await open();
    expect(await readdir(join(directory, 'log'))).toEqual(['.tmp-7-OLD', '.tmp-7-YOUNG', '0.json', 'old object']);
    await makeOld(join(directory, '.tmp-swept'), 1.1);
    await open();
    expect(await readdir(join(directory, 'log'))).toEqual(['.tmp-7-YOUNG', '0.json', 'old object']);
  });

  it('are refused at open where there are no hard links', async () => {
    for (const errno of ['EPERM', 'ENOTSUP', 'ENOSYS']) {
      const fs: FileSystem = { ...nodeFileSystem, link: () => Promise.reject(Object.assign(new Error(errno), { code: errno })) };
      await expect(open(fs)).rejects.toMatchObject({ code: 'UNSUPPORTED_FILESYSTEM', context: { directory, errno } });
    }
    expect(await temporaries(directory)).toEqual([]);
  });

  it('recover when somebody removed a folder', async () => {
    const store = await open();
    await create(store, 'a/b/c/1');
    await rm(join(directory, 'a'), { recursive: true });
    expect(await create(store, 'a/b/c/2')).toMatchObject({ kind: 'created' });
    await rm(join(directory, 'a'), { recursive: true });
    await store.overwrite(objectPath('a/b/c/3'), utf8('x'));
    expect(await paths(store, '')).toEqual(['a/b/c/3']);
  });

  it('cannot hold both a and a/b, and say so', async () => {
    const store = await open();
    await create(store, 'a');
    await expect(create(store, 'a/b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', context: { path: 'a/b', errno: 'ENOTDIR' } });
    await create(store, 'c/d');
    await expect(store.overwrite(objectPath('c'), utf8('x'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create(store, `${'n'.repeat(300)}`)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', context: { errno: 'ENAMETOOLONG' } });
    expect(await store.get(objectPath('n'.repeat(300)))).toBeUndefined();
    expect(await temporaries(directory)).toEqual([]);
  });

  it('read only folders in which something can match, and only when the reader comes to them', async () => {
    const { fs, calls } = recordingFileSystem(nodeFileSystem);
    const store = await open(fs);
    for (const path of ['a/1', 'b/2', 'b/c/3', 'd/4']) await create(store, path);
    const foldersRead = async (prefix: string, startAfter?: string): Promise<string[]> => {
      const before = calls.length;
      await paths(store, prefix, startAfter);
      return calls
        .slice(before)
        .filter((call) => call.name === 'readDirectory')
        .map((call) => call.text);
    };
    expect(await foldersRead('b/')).toEqual(['readDirectory b', 'readDirectory c']);
    expect(await foldersRead('b/2')).toEqual(['readDirectory b']);
    expect(await foldersRead('', 'b/c/3')).toEqual(['readDirectory a store', 'readDirectory b', 'readDirectory c', 'readDirectory d']);
    expect(await foldersRead('', 'c')).toEqual(['readDirectory a store', 'readDirectory d']);
    const before = calls.length;
    for await (const info of store.list('')) if (info.path === 'a/1') break;
    expect(
      calls
        .slice(before)
        .filter((call) => call.name === 'readDirectory')
        .map((call) => call.text),
    ).toEqual(['readDirectory a store', 'readDirectory a']);
  });

  it('are no links to other places when listed', async () => {
    const store = await open();
    await create(store, 'real');
    await symlink('/', join(directory, 'linked'));
    await symlink(join(directory, 'real'), join(directory, 'alias'));
    expect(await paths(store, '')).toEqual(['real']);
  });

  it('wait for a replacement under way, answer unknown when it lasts, and take over from a dead one', async () => {
    const store = await open();
    const first = await create(store, 'log/7.json', 'before');
    const ifMatch = first.kind === 'created' ? first.etag : '';
    const dying: FileSystem = { ...nodeFileSystem, rename: () => new Promise(() => undefined) };
    void (await open(dying)).replaceIfMatch(objectPath('log/7.json'), utf8('never'), { identity: 'dead', ifMatch });
    const findLock = async (): Promise<string | undefined> => (await readdir(join(directory, 'log'))).find((name) => name.startsWith('.tmp-replace-'));
    await expect.poll(findLock).toBeTypeOf('string');
    expect(await store.replaceIfMatch(objectPath('log/7.json'), utf8('after'), { identity: 'mine', ifMatch })).toMatchObject({
      kind: 'unknown',
      cause: { code: 'STORE_UNAVAILABLE' },
    });
    const longAgo = new Date(Date.now() - 2 * 60_000);
    await utimes(join(directory, 'log', (await findLock()) ?? ''), longAgo, longAgo);
    expect(await store.replaceIfMatch(objectPath('log/7.json'), utf8('after'), { identity: 'mine', ifMatch })).toMatchObject({ kind: 'replaced' });
    expect(await readFile(join(directory, 'log/7.json'), 'utf8')).toBe('after');
  });
});

describe('local files on a failing disk', () => {
  const ERRNOS = ['ENOSPC', 'EIO', 'EROFS', 'EMFILE', 'EACCES'];

  it('throw STORE_UNAVAILABLE with the cause, leave nothing to see, and carry on when the disk recovers', async () => {
    const store = await open();
    await create(store, 'log/warm');
    const probe = recordingFileSystem(nodeFileSystem);
    const probing = await open(probe.fs);
    await create(probing, 'log/warm');
    const first = probe.calls.length;
    await create(probing, 'log/probe');
    const end = probe.calls.length;
    for (const errno of ERRNOS) {
      for (let call = first; call < end; call += 1) {
        const { fs, calls } = recordingFileSystem(nodeFileSystem, { kind: 'fail', fails: (index) => index === call, errno });
        const victim = await open(fs);
        await create(victim, 'log/warm');
        expect(calls).toHaveLength(first);
        const path = `log/${errno}-${call}`;
        const outcome = await create(victim, path).catch((error: unknown) => error);
        const visible = await paths(store, path);
        if (isLakefoldError(outcome)) {
          expect(outcome).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: errno }, context: { errno } });
          expect([path, visible]).toEqual([path, []]);
        } else {
          // Once the name is there others may have seen it: all that is open is whether a power cut would undo it.
          const failed = calls[call]?.name;
          expect([failed, outcome]).toEqual(
            failed === 'unlink'
              ? ['unlink', { kind: 'created', etag: expect.any(String) }]
              : ['syncDirectory', { kind: 'unknown', cause: expect.objectContaining({ code: 'STORE_UNAVAILABLE' }) }],
          );
          expect(visible).toEqual([path]);
        }
        expect(await create(victim, path)).toMatchObject({ kind: 'created' });
      }
    }
  });

  it('say STORE_UNAVAILABLE of reads, listings, overwrites and deletes', async () => {
    await create(await open(), 'log/0.json');
    for (const errno of ERRNOS) {
      let isFailing = false;
      const victim = await open(recordingFileSystem(nodeFileSystem, { kind: 'fail', fails: () => isFailing, errno }).fs);
      isFailing = true;
      const path = objectPath('log/0.json');
      for (const call of [
        () => victim.get(path),
        () => victim.head(path),
        () => paths(victim, ''),
        () => victim.overwrite(path, utf8('x')),
        () => victim.delete(path),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', context: { errno } });
      }
    }
    expect(await readFile(join(directory, 'log/0.json'), 'utf8')).toBe('log/0.json');
  });
});
