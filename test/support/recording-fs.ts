/** A `FileSystem` that writes down every call, and can stop the process at one of them or let it fail. */
import type { FileSystem, OpenFile } from '../../lib/adapters/fs/file-system.ts';

/** What happens at calls, by their number from 0. */
export type Interruption =
  /** The process ends: neither this call nor any later one ever answers. `after`: the call was still carried out. */
  | { readonly kind: 'stop'; readonly call: number; readonly when: 'before' | 'after' }
  /** Calls for which it holds are not carried out and reject with the errno; a file is closed all the same. */
  | { readonly kind: 'fail'; readonly fails: (call: number) => boolean; readonly errno: string };

export interface RecordedCall {
  readonly name: string;
  /** The last parts of the paths, temporary names as `.tmp`. */
  readonly text: string;
}

export interface RecordingFileSystem {
  readonly fs: FileSystem;
  readonly calls: readonly RecordedCall[];
  /** Resolves when the process was stopped. */
  readonly stopped: Promise<void>;
}

/** Files opened are recorded too: `write`, `sync`, `read`, `stat`, `close`. */
export function recordingFileSystem(inner: FileSystem, interruption?: Interruption): RecordingFileSystem {
  const calls: RecordedCall[] = [];
  let isStopped = false;
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const never = <Result>(): Promise<Result> => {
    isStopped = true;
    stop();
    return new Promise(() => undefined);
  };

  async function call<Result>(name: string, paths: readonly string[], run: () => Promise<Result>): Promise<Result> {
    if (isStopped) return never();
    const index = calls.length;
    calls.push({ name, text: [name, ...paths.map(shown)].join(' ') });
    if (interruption?.kind === 'fail' && interruption.fails(index)) {
      if (name === 'close') await run();
      throw Object.assign(new Error(`injected ${interruption.errno}`), { code: interruption.errno });
    }
    if (interruption?.kind !== 'stop' || interruption.call !== index) return afterwards(run());
    if (interruption.when === 'after') await run().catch(() => undefined);
    return never();
  }

  /** An answer that was under way when the process stopped reaches nobody. */
  async function afterwards<Result>(answer: Promise<Result>): Promise<Result> {
    try {
      const result = await answer;
      return isStopped ? await never<Result>() : result;
    } catch (error) {
      if (isStopped) return never();
      throw error;
    }
  }

  const record = (file: OpenFile, path: string): OpenFile => ({
    stat: () => call('file.stat', [path], () => file.stat()),
    write: (bytes) => call('write', [path], () => file.write(bytes)),
    read: (offset, length) => call('read', [path], () => file.read(offset, length)),
    sync: () => call('sync', [path], () => file.sync()),
    close: () => call('close', [path], () => file.close()),
  });
  const fs: FileSystem = {
    create: (path) => call('create', [path], async () => record(await inner.create(path), path)),
    open: (path) => call('open', [path], async () => record(await inner.open(path), path)),
    stat: (path) => call('stat', [path], () => inner.stat(path)),
    look: (path) => call('look', [path], () => inner.look(path)),
    readDirectory: (path) => call('readDirectory', [path], () => inner.readDirectory(path)),
    makeDirectory: (path) => call('makeDirectory', [path], () => inner.makeDirectory(path)),
    syncDirectory: (path) => call('syncDirectory', [path], () => inner.syncDirectory(path)),
    link: (from, to) => call('link', [from, to], () => inner.link(from, to)),
    rename: (from, to) => call('rename', [from, to], () => inner.rename(from, to)),
    unlink: (path) => call('unlink', [path], () => inner.unlink(path)),
  };
  return { fs, calls, stopped };
}

function shown(path: string): string {
  const name = path.replace(/\/$/, '').split('/').at(-1) ?? '';
  return /^\.tmp-\d+-/.test(name) ? '.tmp' : name;
}
