/**
 * Control records on this machine: database `control` of `control.lmdb`, layout 1.
 *
 * Key: partition in UTF-8, `00`, sort key in UTF-8. Value: `01`, revision (8 bytes big-endian), the record's bytes.
 */
import { join } from 'node:path';
import { concatBytes, decodeUtf8, utf8 } from '../../core/bytes.ts';
import { checkRecord, checkRecordKey, holdsCondition } from '../../ports/control-rules.ts';
import type { Control, ControlCondition, ControlRecord, PutRecord } from '../../ports/control.ts';
import type { RequestOptions } from '../../ports/object-store.ts';
import { inWriteTransaction, plainBytes, readValue } from './environment.ts';
import type { BinaryDatabase } from './environment.ts';
import { checkLayout, corrupt, readInt64, writeInt64 } from './layout.ts';
import { QUEUE_DATABASE } from './queue.ts';
import { SharedEnvironment } from './shared-environment.ts';

const LAYOUT = 1;
const DATABASE = 'control';
/** All databases of `control.lmdb`: this one, and the queues'. */
const CONTROL_DATABASES = [DATABASE, QUEUE_DATABASE] as const;
const HEAD_BYTES = 9;
/** Records read in one go. */
const PAGE_RECORDS = 100;

/** Opens or creates `control.lmdb` in the folder `directory`. @throws LakefoldError STORE_UNAVAILABLE */
export function openLmdbControl(options: { readonly directory: string }): LmdbControl {
  return new LmdbControl(new SharedEnvironment(join(options.directory, 'control.lmdb')));
}

export function controlKey(partition: string, sort: string): Uint8Array {
  return concatBytes([utf8(partition), Uint8Array.of(0), utf8(sort)]);
}

export function encodeControlValue(revision: number, bytes: Uint8Array): Uint8Array {
  const value = new Uint8Array(HEAD_BYTES + bytes.length);
  value[0] = LAYOUT;
  writeInt64(value, 1, revision);
  value.set(bytes, HEAD_BYTES);
  return value;
}

/** @throws LakefoldError CORRUPT_STORE, UNSUPPORTED_FORMAT */
export function decodeControlValue(value: Uint8Array): { readonly revision: number; readonly bytes: Uint8Array } {
  checkLayout(value, LAYOUT);
  return { revision: readInt64(value, 1), bytes: plainBytes(value).subarray(HEAD_BYTES) };
}

/** A `Control` whose every write is one transaction, on disk before it is acknowledged. */
export class LmdbControl implements Control {
  readonly #environment: SharedEnvironment;

  constructor(environment: SharedEnvironment) {
    this.#environment = environment;
  }

  async get(partition: string, sort: string, options: RequestOptions = {}): Promise<ControlRecord | undefined> {
    options.signal?.throwIfAborted();
    checkRecordKey(partition, sort);
    this.#database.resetReadTxn();
    return this.#stored(partition, sort);
  }

  async put(record: PutRecord, options: RequestOptions & { readonly condition?: ControlCondition } = {}): Promise<ControlRecord | undefined> {
    options.signal?.throwIfAborted();
    checkRecord(record);
    const { partition, sort, bytes } = record;
    return inWriteTransaction(this.#database, () => {
      const stored = this.#stored(partition, sort);
      if (!holdsCondition(stored, options.condition)) return undefined;
      const revision = (stored?.revision ?? 0) + 1;
      this.#database.putSync(controlKey(partition, sort), encodeControlValue(revision, bytes));
      return { partition, sort, bytes: bytes.slice(), revision };
    });
  }

  async delete(partition: string, sort: string, options: RequestOptions & { readonly condition?: ControlCondition } = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    checkRecordKey(partition, sort);
    return inWriteTransaction(this.#database, () => {
      const stored = this.#stored(partition, sort);
      if (stored === undefined) return true;
      if (!holdsCondition(stored, options.condition)) return false;
      this.#database.removeSync(controlKey(partition, sort));
      return true;
    });
  }

  async *query(partition: string, options: RequestOptions & { readonly after?: string; readonly prefix?: string } = {}): AsyncIterable<ControlRecord> {
    const { after, prefix = '' } = options;
    const head = controlKey(partition, prefix);
    let start = after === undefined ? head : laterOf(head, justAbove(controlKey(partition, after)));
    for (;;) {
      options.signal?.throwIfAborted();
      this.#database.resetReadTxn();
      const page = Array.from(this.#database.getRange({ start: Buffer.from(start), limit: PAGE_RECORDS }), ({ key, value }) => ({
        key: plainBytes(key),
        value: plainBytes(value),
      }));
      for (const { key, value } of page) {
        if (Buffer.compare(key.subarray(0, head.length), head) !== 0) return;
        const sort = decodeUtf8(key.subarray(utf8(partition).length + 1));
        if (sort === undefined) throw corrupt('a sort key in UTF-8', 'other bytes');
        yield { partition, sort, ...decodeControlValue(value) };
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_RECORDS) return;
      start = justAbove(last.key);
    }
  }

  async scrub(): Promise<void> {
    await this.#environment.scrub(CONTROL_DATABASES);
  }

  async close(): Promise<void> {
    await this.#environment.close();
  }

  get #database(): BinaryDatabase {
    return this.#environment.database(DATABASE);
  }

  #stored(partition: string, sort: string): ControlRecord | undefined {
    const value = readValue(this.#database, controlKey(partition, sort));
    return value === undefined ? undefined : { partition, sort, ...decodeControlValue(value) };
  }
}

/** The least key greater than `key`. */
function justAbove(key: Uint8Array): Uint8Array {
  return concatBytes([key, Uint8Array.of(0)]);
}

function laterOf(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) < 0 ? b : a;
}
