/** Control records in memory: for tests, simulation and throw-away work. */
import { compareUtf8 } from '../../core/bytes.ts';
import { checkRecord, checkRecordKey, holdsCondition } from '../../ports/control-rules.ts';
import type { Control, ControlCondition, ControlRecord, PutRecord } from '../../ports/control.ts';
import type { RequestOptions } from '../../ports/object-store.ts';

/** A `Control` whose every call is atomic; bytes are copied on the way in and out. */
export class MemoryControl implements Control {
  readonly #partitions = new Map<string, Map<string, ControlRecord>>();

  async get(partition: string, sort: string, options: RequestOptions = {}): Promise<ControlRecord | undefined> {
    options.signal?.throwIfAborted();
    checkRecordKey(partition, sort);
    const stored = this.#partitions.get(partition)?.get(sort);
    return stored === undefined ? undefined : copyRecord(stored);
  }

  async put(record: PutRecord, options: RequestOptions & { readonly condition?: ControlCondition } = {}): Promise<ControlRecord | undefined> {
    options.signal?.throwIfAborted();
    checkRecord(record);
    const { partition, sort, bytes } = record;
    const records = this.#partitions.get(partition) ?? new Map<string, ControlRecord>();
    const stored = records.get(sort);
    if (!holdsCondition(stored, options.condition)) return undefined;
    const next = { partition, sort, bytes: bytes.slice(), revision: (stored?.revision ?? 0) + 1 };
    this.#partitions.set(partition, records.set(sort, next));
    return copyRecord(next);
  }

  async delete(partition: string, sort: string, options: RequestOptions & { readonly condition?: ControlCondition } = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    checkRecordKey(partition, sort);
    const records = this.#partitions.get(partition);
    const stored = records?.get(sort);
    if (stored === undefined) return true;
    if (!holdsCondition(stored, options.condition)) return false;
    records?.delete(sort);
    return true;
  }

  async *query(partition: string, options: RequestOptions & { readonly after?: string; readonly prefix?: string } = {}): AsyncIterable<ControlRecord> {
    const { after, prefix = '' } = options;
    const records = [...(this.#partitions.get(partition)?.values() ?? [])];
    const wanted = records.filter(({ sort }) => sort.startsWith(prefix) && (after === undefined || compareUtf8(sort, after) > 0));
    for (const record of wanted.sort((a, b) => compareUtf8(a.sort, b.sort))) {
      options.signal?.throwIfAborted();
      yield copyRecord(record);
    }
  }

  async close(): Promise<void> {}
}

function copyRecord(record: ControlRecord): ControlRecord {
  return { ...record, bytes: record.bytes.slice() };
}
