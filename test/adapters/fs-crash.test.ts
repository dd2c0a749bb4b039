/**
 * The local files adapter, stopped at every call: whatever the disk then holds, no object is torn and none that was
 * acknowledged is lost or comes back.
 */
import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../../lib/adapters/fs/file-system.ts';
import { openFilesObjectStore } from '../../lib/adapters/fs/files-object-store.ts';
import { utf8 } from '../../lib/core/bytes.ts';
import { objectPath } from '../../lib/core/path.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { seededRandom, tickingClock } from '../support/object-store-ports.ts';
import { PageCacheFileSystem } from '../support/page-cache-fs.ts';
import type { PowerCut } from '../support/page-cache-fs.ts';
import { recordingFileSystem } from '../support/recording-fs.ts';
import type { Interruption } from '../support/recording-fs.ts';

const LOCATION = '/home/me/store';

/** One call of the store, and what the path holds once it is acknowledged; undefined: nothing. */
interface Step {
  readonly path: string;
  readonly holds: string | undefined;
  /** Answers the kind of its outcome. */
  run(store: ObjectStore): Promise<string>;
  readonly answers: string;
}

const create = (path: string, content: string): Step => ({
  path,
  holds: content,
  answers: 'created',
  run: async (store) => (await store.createIfAbsent(objectPath(path), utf8(content), { identity: content })).kind,
});
const overwrite = (path: string, content: string): Step => ({
  path,
  holds: content,
  answers: 'done',
  run: async (store) => {
    await store.overwrite(objectPath(path), utf8(content));
    return 'done';
  },
});
const replace = (path: string, from: string, to: string): Step => ({
  path,
  holds: to,
  answers: 'replaced',
  run: async (store) => {
    const found = await store.get(objectPath(path));
    // After a crash the etag of what was there may be gone with it; the one that is asked for then is the eraser's memory of it.
    const ifMatch = found !== undefined && Buffer.from(found.bytes).toString() === from ? found.etag : 'as it was';
    return (await store.replaceIfMatch(objectPath(path), utf8(to), { identity: to, ifMatch })).kind;
  },
});
const remove = (path: string): Step => ({
  path,
  holds: undefined,
  answers: 'done',
  run: async (store) => {
    await store.delete(objectPath(path));
    return 'done';
  },
});

const STEPS: readonly Step[] = [
  create('t/_delta_log/0.json', 'protocol and metadata'),
  create('t/day=1/part-0', 'rows of the first day'),
  create('t/_delta_log/1.json', 'add part-0'),
  create('t/_delta_log/1.json', 'add part-0'),
  overwrite('t/_delta_log/_last_checkpoint', 'version 0'),
  create('t/day=2/part-1', 'rows of the second day'),
  overwrite('t/_delta_log/_last_checkpoint', 'version 1'),
  replace('t/_delta_log/1.json', 'add part-0', 'add part-0 with a name erased'),
  remove('t/day=1/part-0'),
  create('u/_delta_log/0.json', 'another table'),
];

/** What may be on the disk: the extremes, and mixtures. */
const POWER_CUTS: readonly PowerCut[] = [
  { name: 'nothing unsynced survives', keepsName: () => false, keepsContents: () => false },
  { name: 'names survive, contents do not', keepsName: () => true, keepsContents: () => false },
  { name: 'contents survive, names do not', keepsName: () => false, keepsContents: () => true },
  { name: 'the process dies, the machine runs on', keepsName: () => true, keepsContents: () => true },
  ...[1, 2, 3].map((seed) => {
    const random = seededRandom(seed);
    return { name: `mixture ${seed}`, keepsName: () => random.unit() < 0.5, keepsContents: () => random.unit() < 0.5 };
  }),
];

const openOn = (fs: FileSystem, seed: number): Promise<ObjectStore> =>
  openFilesObjectStore({ fs, directory: LOCATION, clock: tickingClock(), random: seededRandom(seed) });

async function freshMachine(): Promise<PageCacheFileSystem> {
  const disk = new PageCacheFileSystem();
  for (const [directory, parent] of [
    ['/home', '/'],
    ['/home/me', '/home'],
  ] as const) {
    await disk.makeDirectory(directory);
    await disk.syncDirectory(parent);
  }
  return disk;
}

interface Progress {
  /** What each path holds by all acknowledged steps. */
  readonly holds: Map<string, string | undefined>;
  /** Steps acknowledged. */
  done: number;
}

/** Runs the steps until the end or the stop. */
async function runUntil(
  disk: PageCacheFileSystem,
  interruption: Interruption | undefined,
  sabotage: (fs: FileSystem) => FileSystem,
): Promise<{ readonly progress: Progress; readonly calls: number }> {
  const progress: Progress = { holds: new Map(), done: 0 };
  const { fs, calls, stopped } = recordingFileSystem(sabotage(disk), interruption);
  const life = (async () => {
    const store = await openOn(fs, 1);
    for (const step of STEPS) {
      const answer = await step.run(store);
      if (answer !== step.answers) throw new Error(`expected ${step.answers} of ${step.path}, found ${answer}`);
      progress.holds.set(step.path, step.holds);
      progress.done += 1;
    }
  })();
  await Promise.race([life, stopped]);
  return { progress, calls: calls.length };
}

/** What is wrong with the disk, in words; nothing when all is well. */
async function faultsOf(disk: PageCacheFileSystem, progress: Progress, sabotage: (fs: FileSystem) => FileSystem): Promise<string[]> {
  const faults: string[] = [];
  const store = await openOn(sabotage(disk), 2);
  const underWay = STEPS[progress.done];
  const read = async (path: string): Promise<string | undefined> => {
    const got = await store.get(objectPath(path));
    return got === undefined ? undefined : Buffer.from(got.bytes).toString();
  };
  for await (const { path } of store.list('')) if (!STEPS.some((step) => step.path === path)) faults.push(`${path} is listed`);
  for (const path of new Set(STEPS.map((step) => step.path))) {
    const allowed = [progress.holds.get(path), ...(underWay?.path === path ? [underWay.holds] : [])];
    const found = await read(path);
    if (!allowed.includes(found)) faults.push(`${path} holds ${found ?? 'nothing'}`);
  }
  // A replacement that died holds its lock for a minute.
  disk.passMinutes(2);
  for (const step of STEPS.slice(progress.done)) {
    const answer = await step.run(store);
    if (answer !== step.answers) faults.push(`${step.path} repeated answers ${answer}`);
    if ((await read(step.path)) !== step.holds) faults.push(`${step.path} repeated does not hold ${step.holds ?? 'nothing'}`);
  }
  disk.passMinutes(2 * 24 * 60);
  await openOn(disk, 3);
  const left = disk.files().filter((file) => file.includes('/.tmp-') && !file.endsWith('/.tmp-swept'));
  if (left.length > 0) faults.push(`${left.length} temporary files left`);
  return faults;
}

const honest = (fs: FileSystem): FileSystem => fs;

async function replayAll(sabotage: (fs: FileSystem) => FileSystem): Promise<{ readonly faults: string[]; readonly states: number }> {
  const { calls } = await runUntil(await freshMachine(), undefined, sabotage);
  const faults: string[] = [];
  let states = 0;
  for (let call = 0; call < calls; call += 1) {
    for (const when of ['before', 'after'] as const) {
      const disk = await freshMachine();
      const { progress } = await runUntil(disk, { kind: 'stop', call, when }, sabotage);
      for (const cut of POWER_CUTS) {
        states += 1;
        for (const fault of await faultsOf(disk.afterPowerCut(cut), progress, sabotage)) faults.push(`stopped ${when} call ${call}, ${cut.name}: ${fault}`);
      }
    }
  }
  return { faults, states };
}

/** The same file system but for the named calls. */
function changed(fs: FileSystem, change: Partial<FileSystem>): FileSystem {
  return {
    create: (path) => fs.create(path),
    open: (path) => fs.open(path),
    stat: (path) => fs.stat(path),
    look: (path) => fs.look(path),
    readDirectory: (path) => fs.readDirectory(path),
    makeDirectory: (path) => fs.makeDirectory(path),
    syncDirectory: (path) => fs.syncDirectory(path),
    link: (from, to) => fs.link(from, to),
    rename: (from, to) => fs.rename(from, to),
    unlink: (path) => fs.unlink(path),
    ...change,
  };
}

describe('local files after a crash (G2, G14)', () => {
  it('tears no object and loses no acknowledged one, wherever it stops and whatever the disk kept', async () => {
    const { faults, states } = await replayAll(honest);
    expect(faults).toEqual([]);
    expect(states).toBeGreaterThan(1000);
  });

  it('keeps what a second process acknowledged, in folders and under names the first did not live to sync', async () => {
    const { calls } = await runUntil(await freshMachine(), undefined, honest);
    for (let call = 0; call < calls; call += 1) {
      const disk = await freshMachine();
      const { progress } = await runUntil(disk, { kind: 'stop', call, when: 'after' }, honest);
      disk.passMinutes(2);
      const survivor = await openOn(disk, 4);
      const repeated = STEPS[progress.done];
      const own = create('t/day=2/part-9', 'rows of the survivor');
      expect([call, await repeated?.run(survivor), await own.run(survivor)]).toEqual([call, repeated?.answers, own.answers]);
      for (const cut of POWER_CUTS) {
        const after = await openOn(disk.afterPowerCut(cut), 5);
        for (const step of [own, ...(repeated === undefined ? [] : [repeated])]) {
          const got = await after.get(objectPath(step.path));
          expect([call, cut.name, step.path, got?.bytes]).toEqual([call, cut.name, step.path, step.holds === undefined ? undefined : utf8(step.holds)]);
        }
      }
    }
  });

  it('acknowledges no create on a directory sync that began before its name was there', async () => {
    const disk = await freshMachine();
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const slow = changed(disk, {
      syncDirectory: async (path) => {
        await disk.syncDirectory(path);
        for (let turns = 0; turns < 5; turns += 1) await turn();
      },
    });
    const store = await openOn(slow, 6);
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        for (let turns = 0; turns < index * 2; turns += 1) await turn();
        const step = create(`t/${index}`, `object ${index}`);
        expect(await step.run(store)).toBe('created');
        const after = await openOn(disk.afterPowerCut({ name: 'nothing unsynced survives', keepsName: () => false, keepsContents: () => false }), 7);
        expect((await after.get(objectPath(step.path)))?.bytes).toEqual(utf8(`object ${index}`));
      }),
    );
  });

  it('is shown by this replay to lose objects when directories are not synced', async () => {
    const { faults } = await replayAll((fs) => changed(fs, { syncDirectory: async () => undefined }));
    expect(faults.filter((fault) => fault.endsWith('holds nothing'))).not.toEqual([]);
  });

  it('is shown by this replay to tear objects when files are not synced', async () => {
    const { faults } = await replayAll((fs) =>
      changed(fs, {
        create: async (path) => {
          const file = await fs.create(path);
          return { ...file, sync: async () => undefined };
        },
      }),
    );
    expect(faults.filter((fault) => fault.endsWith('_delta_log/0.json holds protocol a'))).not.toEqual([]);
  });

  it('is shown by this replay to lose objects when the directories above them are not synced', async () => {
    const { faults } = await replayAll((fs) => changed(fs, { syncDirectory: async (path) => (path.endsWith('/t') ? undefined : fs.syncDirectory(path)) }));
    expect(faults.filter((fault) => fault.endsWith('holds nothing'))).not.toEqual([]);
  });
});
