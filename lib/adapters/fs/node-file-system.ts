/** `FileSystem` over `node:fs`. */
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import type { DirectoryEntry, FileKind, FileStat, FileSystem, OpenFile } from './file-system.ts';

// Bare descriptors, since a `FileHandle` per object costs as much as a small write. What changes names, or copies little into the page cache,
// is called synchronously: a trip through the thread pool is dearer than the call. Only a sync waits for the disk.
const open = promisify(fs.open);
const fsync = promisify(fs.fsync);
const read = promisify(fs.read);
const write = promisify(fs.write);

/** Bytes of one call; the operating system takes at most 2 GiB - 1. */
const CALL_BYTES_MAX = 1 << 30;

/** Up to this a write is a copy of microseconds. */
const WRITE_NOW_BYTES_MAX = 64 * 1024;

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  create: async (path) => openFile(fs.openSync(path, 'wx', 0o644)),
  open: async (path) => openFile(await open(path, 'r')),
  stat: async (path) => statOf(await fs.promises.stat(path, { bigint: true })),
  look: async (path) => {
    const found = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? undefined : statOf(found);
  },
  readDirectory: async (path) =>
    (await fs.promises.readdir(path, { withFileTypes: true })).map((entry): DirectoryEntry => ({ name: entry.name, kind: kindOf(entry) })),
  makeDirectory: async (path) => fs.promises.mkdir(path),
  syncDirectory: async (path) => {
    const descriptor = fs.openSync(path, 'r');
    try {
      await fsync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },
  link: async (from, to) => fs.linkSync(from, to),
  rename: async (from, to) => fs.promises.rename(from, to),
  unlink: async (path) => fs.unlinkSync(path),
};

function openFile(descriptor: number): OpenFile {
  return {
    stat: async () => statOf(fs.fstatSync(descriptor, { bigint: true })),
    write: async (bytes) => {
      let offset = bytes.length > WRITE_NOW_BYTES_MAX ? 0 : fs.writeSync(descriptor, bytes);
      while (offset < bytes.length) offset += (await write(descriptor, bytes, offset, Math.min(bytes.length - offset, CALL_BYTES_MAX), null)).bytesWritten;
    },
    read: async (offset, length) => {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await read(descriptor, bytes, filled, Math.min(length - filled, CALL_BYTES_MAX), offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
    sync: async () => fsync(descriptor),
    close: async () => fs.closeSync(descriptor),
  };
}

function statOf(stats: fs.BigIntStats): FileStat {
  return {
    kind: kindOf(stats),
    sizeBytes: Number(stats.size),
    modifiedMillis: Number(stats.mtimeMs),
    tag: `${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}`,
  };
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): FileKind {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other';
}
