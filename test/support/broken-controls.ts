/** Controls that are wrong on purpose: each is caught by a case of the contract. */
import { compareUtf8 } from '../../lib/core/bytes.ts';
import { MemoryControl } from '../../lib/adapters/memory/control.ts';
import type { ControlSubject } from '../contract/control.contract.ts';
import type { Control, ControlRecord } from '../../lib/ports/control.ts';
import type { BrokenAdapter } from './contract-suite.ts';

function broken(name: string, caughtBy: readonly string[], overrides: (good: Control) => Partial<Control>): BrokenAdapter<ControlSubject> {
  const make = (): ControlSubject => {
    const good = new MemoryControl();
    const control: Control = {
      get: (partition, sort, options) => good.get(partition, sort, options),
      put: (record, options) => good.put(record, options),
      delete: (partition, sort, options) => good.delete(partition, sort, options),
      query: (partition, options) => good.query(partition, options),
      close: () => good.close(),
      ...overrides(good),
    };
    return { control, scope: 'demo' };
  };
  return { name, caughtBy, make };
}

/** Gives way to others, as a call over a network does. */
function elsewhere(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const brokenControls: readonly BrokenAdapter<ControlSubject>[] = [
  broken('ignores conditions', ['puts under `absent`', 'puts under a revision', 'lets one of many'], (good) => ({ put: (record) => good.put(record) })),
  broken('takes any revision for the one asked for', ['puts under a revision'], (good) => ({
    put: async (record, options) =>
      good.put(
        record,
        options?.condition?.kind === 'revision'
          ? { condition: { kind: 'revision', revision: (await good.get(record.partition, record.sort))?.revision ?? 0 } }
          : options,
      ),
  })),
  broken('looks first and writes later', ['lets one of many'], (good) => ({
    put: async (record, options) => {
      const stored = await good.get(record.partition, record.sort);
      await elsewhere();
      const isHeld =
        options?.condition === undefined || (options.condition.kind === 'absent' ? stored === undefined : stored?.revision === options.condition.revision);
      return isHeld ? good.put(record) : undefined;
    },
  })),
  broken('counts revisions by looking first', ['gives each of many puts'], (good) => ({
    put: async (record) => {
      const revision = ((await good.get(record.partition, record.sort))?.revision ?? 0) + 1;
      await elsewhere();
      const stored = await good.put(record);
      return stored === undefined ? undefined : { ...stored, revision };
    },
  })),
  broken('starts revisions at 0', ['gives a record back as it was put'], (good) => ({
    put: async (record, options) => lowered(await good.put(record, options)),
  })),
  broken('loses the bytes', ['keeps bytes as they were'], (good) => ({
    put: async (record, options) => good.put({ ...record, bytes: new Uint8Array() }, options),
  })),
  broken('deletes whatever the condition', ['deletes under a revision'], (good) => ({ delete: (partition, sort) => good.delete(partition, sort) })),
  broken('calls it a failure to delete what is not there', ['deletes under a revision'], (good) => ({
    delete: async (partition, sort, options) => (await good.get(partition, sort)) !== undefined && good.delete(partition, sort, options),
  })),
  broken('lists in the order of UTF-16', ['lists a partition in the order'], (good) => ({
    query: async function* (partition, options) {
      const records = await collected(good.query(partition, options));
      yield* records.sort((a, b) => (a.sort < b.sort ? -1 : 1));
    },
  })),
  broken('includes the key it is to start behind', ['lists by prefix'], (good) => ({
    query: async function* (partition, options) {
      const { after, ...rest } = options ?? {};
      for await (const record of good.query(partition, rest)) if (after === undefined || compareUtf8(record.sort, after) >= 0) yield record;
    },
  })),
  broken('stops a list after a page', ['lists beyond a page'], (good) => ({
    query: async function* (partition, options) {
      yield* (await collected(good.query(partition, options))).slice(0, 100);
    },
  })),
  broken('cuts what is too long', ['holds 350 KB'], (good) => ({
    put: (record, options) => good.put({ ...record, bytes: record.bytes.slice(0, 350 * 1024) }, options),
  })),
  broken('joins partition and sort key', ['refuses keys that are empty'], (good) => ({
    get: (partition, sort, options) => good.get('all', `${partition}/${sort}`, options),
    put: (record, options) => good.put({ ...record, partition: 'all', sort: `${record.partition}/${record.sort}` }, options),
  })),
  broken('does not look at signals', ['rejects with the reason of a signal'], (good) => ({ put: (record) => good.put(record) })),
];

async function collected(records: AsyncIterable<ControlRecord>): Promise<ControlRecord[]> {
  const all: ControlRecord[] = [];
  for await (const record of records) all.push(record);
  return all;
}

function lowered(record: ControlRecord | undefined): ControlRecord | undefined {
  return record === undefined ? undefined : { ...record, revision: record.revision - 1 };
}
