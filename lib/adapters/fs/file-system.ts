/**
 * The few calls the local files adapter makes, as an object, so that tests can stop at every call and lose what was not synced.
 *
 * Paths are absolute, `/`-separated. Every method rejects as `node:fs` does, with an error that carries `code` (`ENOENT`, …).
 */

export type FileKind = 'file' | 'directory' | 'other';

export interface FileStat {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  /** By the file system's own clock. */
  readonly modifiedMillis: number;
  /** Differs between any two files that ever had this name: inode and modification time to the nanosecond. */
  readonly tag: string;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

export interface OpenFile {
  stat(): Promise<FileStat>;
  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): Promise<void>;
  /** Up to `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Answers once the contents survive a power cut; says nothing of the name. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileSystem {
  /** A new, empty file to write; `EEXIST` when the name is taken. */
  create(path: string): Promise<OpenFile>;
  /** An existing file to read. */
  open(path: string): Promise<OpenFile>;
  stat(path: string): Promise<FileStat>;
  /** As `stat`, undefined where nothing has the name: for a single path, whose absence is no surprise. */
  look(path: string): Promise<FileStat | undefined>;
  readDirectory(path: string): Promise<readonly DirectoryEntry[]>;
  /** One level; `EEXIST` when it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Answers once the names in the directory survive a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** A second name for a file: atomic, `EEXIST` when the name is taken. */
  link(from: string, to: string): Promise<void>;
  /** Atomic; takes the place of what had the name. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}

/** The `code` of an error of a file system, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
