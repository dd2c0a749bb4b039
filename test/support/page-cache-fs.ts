/**
 * A file system in memory that knows what would survive: contents once their file was synced, names once their directory was.
 * Stricter than any real one: nothing reaches the disk on its own, and nothing is ordered.
 */
import { concatBytes } from '../../lib/core/bytes.ts';
import { errnoOf } from '../../lib/adapters/fs/file-system.ts';
import type { DirectoryEntry, FileStat, FileSystem, OpenFile } from '../../lib/adapters/fs/file-system.ts';

interface FileNode {
  readonly kind: 'file';
  readonly inode: number;
  data: Uint8Array;
  /** Undefined: the contents were never synced. */
  durable: Uint8Array | undefined;
  modifiedMillis: number;
}

interface DirectoryNode {
  readonly kind: 'directory';
  readonly inode: number;
  readonly entries: Map<string, Node>;
  readonly durable: Map<string, Node>;
}

type Node = FileNode | DirectoryNode;

/** What the disk holds after the power went, of what was never synced. Asked once for each name and each file. */
export interface PowerCut {
  readonly name: string;
  /** A name that came, went or changed since its directory was synced: is the change there? */
  readonly keepsName: () => boolean;
  /** Contents never synced: all there, or only the first half. */
  readonly keepsContents: () => boolean;
}

export class PageCacheFileSystem implements FileSystem {
  #root: DirectoryNode = directoryNode(1);
  #inodes = 1;
  #now = 1_750_000_000_000;

  async create(path: string): Promise<OpenFile> {
    const { parent, name } = this.#place(path);
    if (parent.entries.has(name)) throw errno('EEXIST', path);
    const file: FileNode = { kind: 'file', inode: this.#nextInode(), data: new Uint8Array(), durable: undefined, modifiedMillis: this.#tick() };
    parent.entries.set(name, file);
    return this.#openFile(file);
  }

  async open(path: string): Promise<OpenFile> {
    return this.#openFile(this.#find(path));
  }

  async stat(path: string): Promise<FileStat> {
    return statOf(this.#find(path));
  }

  async look(path: string): Promise<FileStat | undefined> {
    try {
      return await this.stat(path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async readDirectory(path: string): Promise<readonly DirectoryEntry[]> {
    return [...this.#directory(path).entries].map(([name, node]) => ({ name, kind: node.kind }));
  }

  async makeDirectory(path: string): Promise<void> {
    const { parent, name } = this.#place(path);
    if (parent.entries.has(name)) throw errno('EEXIST', path);
    parent.entries.set(name, directoryNode(this.#nextInode()));
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = this.#directory(path);
    directory.durable.clear();
    for (const [name, node] of directory.entries) directory.durable.set(name, node);
  }

  async link(from: string, to: string): Promise<void> {
    const node = this.#find(from);
    const { parent, name } = this.#place(to);
    if (parent.entries.has(name)) throw errno('EEXIST', to);
    parent.entries.set(name, node);
  }

  async rename(from: string, to: string): Promise<void> {
    const node = this.#find(from);
    const source = this.#place(from);
    const target = this.#place(to);
    if (target.parent.entries.get(target.name)?.kind === 'directory') throw errno('EISDIR', to);
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, node);
  }

  async unlink(path: string): Promise<void> {
    const node = this.#find(path);
    if (node.kind === 'directory') throw errno('EISDIR', path);
    const { parent, name } = this.#place(path);
    parent.entries.delete(name);
  }

  /** Names of all files, whole paths, temporary ones too. */
  files(): string[] {
    const found: string[] = [];
    const visit = (directory: DirectoryNode, path: string): void => {
      for (const [name, node] of directory.entries) {
        if (node.kind === 'directory') visit(node, `${path}/${name}`);
        else found.push(`${path}/${name}`);
      }
    };
    visit(this.#root, '');
    return found.sort();
  }

  passMinutes(minutes: number): void {
    this.#now += minutes * 60_000;
  }

  /** The machine as it comes up again; this one is left as it is. */
  afterPowerCut(cut: PowerCut): PageCacheFileSystem {
    const copy = new PageCacheFileSystem();
    copy.#now = this.#now;
    copy.#inodes = this.#inodes;
    const copies = new Map<Node, Node>();
    const revive = (node: Node): Node => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      if (node.kind === 'file') {
        const data = node.durable ?? (cut.keepsContents() ? node.data : node.data.slice(0, node.data.length >> 1));
        const file: FileNode = { kind: 'file', inode: node.inode, data, durable: data, modifiedMillis: node.modifiedMillis };
        copies.set(node, file);
        return file;
      }
      const directory = directoryNode(node.inode);
      copies.set(node, directory);
      for (const name of new Set([...node.durable.keys(), ...node.entries.keys()])) {
        const [before, after] = [node.durable.get(name), node.entries.get(name)];
        const survivor = before === after || cut.keepsName() ? after : before;
        if (survivor === undefined) continue;
        const revived = revive(survivor);
        directory.entries.set(name, revived);
        directory.durable.set(name, revived);
      }
      return directory;
    };
    const root = revive(this.#root);
    if (root.kind === 'directory') copy.#root = root;
    return copy;
  }

  #openFile(node: Node): OpenFile {
    const file = (): FileNode => {
      if (node.kind === 'directory') throw errno('EISDIR', 'an open file');
      return node;
    };
    return {
      stat: async () => statOf(node),
      write: async (bytes) => {
        const target = file();
        target.data = concatBytes([target.data, bytes]);
        target.modifiedMillis = this.#tick();
      },
      read: async (offset, length) => file().data.slice(offset, offset + length),
      sync: async () => {
        const target = file();
        target.durable = target.data;
      },
      close: async () => undefined,
    };
  }

  #find(path: string): Node {
    let node: Node = this.#root;
    for (const part of partsOf(path)) {
      if (node.kind === 'file') throw errno('ENOTDIR', path);
      const next = node.entries.get(part);
      if (next === undefined) throw errno('ENOENT', path);
      node = next;
    }
    return node;
  }

  #directory(path: string): DirectoryNode {
    const node = this.#find(path);
    if (node.kind === 'file') throw errno('ENOTDIR', path);
    return node;
  }

  #place(path: string): { readonly parent: DirectoryNode; readonly name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw errno('EEXIST', path);
    return { parent: this.#directory(parts.join('/')), name };
  }

  #nextInode(): number {
    this.#inodes += 1;
    return this.#inodes;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }
}

function directoryNode(inode: number): DirectoryNode {
  return { kind: 'directory', inode, entries: new Map(), durable: new Map() };
}

function statOf(node: Node): FileStat {
  const [sizeBytes, modifiedMillis] = node.kind === 'file' ? [node.data.length, node.modifiedMillis] : [0, 0];
  return { kind: node.kind, sizeBytes, modifiedMillis, tag: `${node.inode}-${modifiedMillis}` };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
