/** The files of deletion vectors, each looked at once and whole: also at vectors that no live file refers to any more. */
import type { ObjectPath } from '../../core/path.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { DeletionVectorDescriptor } from '../actions/actions.ts';
import { deletionVectorFileFault, deletionVectorPath } from '../rows/deletion-vector.ts';
import { sourceOf } from './verify-bytes.ts';
import type { Findings } from './verify-findings.ts';

export class VectorFiles {
  readonly #store: ObjectStore;
  readonly #root: string;
  readonly #findings: Findings;
  readonly #seen = new Map<ObjectPath, Promise<boolean>>();

  constructor(store: ObjectStore, root: string, findings: Findings) {
    this.#store = store;
    this.#root = root;
    this.#findings = findings;
  }

  /**
   * Whether the file the vector lies in is whole; what is wrong is found once, for the version that asks first.
   * @throws LakefoldError as `deletionVectorPath`
   */
  async isWhole(descriptor: DeletionVectorDescriptor, version: number): Promise<boolean> {
    if (descriptor.storageType === 'i') return true;
    const path = deletionVectorPath(this.#root, descriptor, this.#store.location);
    const known = this.#seen.get(path);
    if (known !== undefined) return known;
    const checking = this.#check(path, version);
    this.#seen.set(path, checking);
    return checking;
  }

  async #check(path: ObjectPath, version: number): Promise<boolean> {
    const at = { path: this.#root === '' ? path : path.slice(this.#root.length + 1), version };
    const info = await this.#store.head(path);
    if (info === undefined) {
      this.#findings.add('MISSING_FILE', `expected the deletion vectors ${at.path}, found nothing there`, at);
      return false;
    }
    const fault = await deletionVectorFileFault(sourceOf(this.#store, path, info.sizeBytes));
    if (fault !== undefined) this.#findings.add('DELETION_VECTOR_CORRUPT', `${fault} (${at.path})`, at);
    return fault === undefined;
  }
}
