/** What every `Control` does, as data. */
import { expect } from 'vitest';
import { utf8 } from '../../lib/core/bytes.ts';
import { CONTROL_RECORD_BYTES_MAX } from '../../lib/core/limits.ts';
import type { Control, ControlRecord } from '../../lib/ports/control.ts';
import { describeContract } from '../support/contract-suite.ts';
import type { ContractCase, ContractSuite } from '../support/contract-suite.ts';

export interface ControlSubject {
  readonly control: Control;
  /** What every partition begins with; no other case uses it. */
  readonly scope: string;
}

const RACERS = 32;
/** More than a page of any store: a hundred records, a megabyte. */
const MANY = 120;
const MANY_BYTES = 12_000;

async function collect(records: AsyncIterable<ControlRecord>): Promise<ControlRecord[]> {
  const all: ControlRecord[] = [];
  for await (const record of records) all.push(record);
  return all;
}

async function putAll(control: Control, partition: string, sorts: readonly string[]): Promise<void> {
  for (const sort of sorts) await control.put({ partition, sort, bytes: utf8(sort) });
}

async function sortsOf(records: AsyncIterable<ControlRecord>): Promise<string[]> {
  return (await collect(records)).map(({ sort }) => sort);
}

const consistent = { consistent: true } as const;

export const controlCases: readonly ContractCase<ControlSubject>[] = [
  {
    name: 'gives a record back as it was put, its revision growing from 1',
    run: async ({ control, scope }) => {
      const partition = `${scope}/key`;
      expect(await control.get(partition, 'k', consistent)).toBeUndefined();
      expect(await control.put({ partition, sort: 'k', bytes: utf8('one') })).toEqual({ partition, sort: 'k', bytes: utf8('one'), revision: 1 });
      expect(await control.put({ partition, sort: 'k', bytes: utf8('two') })).toEqual({ partition, sort: 'k', bytes: utf8('two'), revision: 2 });
      expect(await control.get(partition, 'k', consistent)).toEqual({ partition, sort: 'k', bytes: utf8('two'), revision: 2 });
    },
  },
  {
    name: 'keeps bytes as they were when handed in or out',
    run: async ({ control, scope }) => {
      const record = { partition: scope, sort: 'k', bytes: utf8('kept') };
      const stored = await control.put(record);
      record.bytes.fill(0);
      stored?.bytes.fill(0);
      (await control.get(scope, 'k', consistent))?.bytes.fill(0);
      expect((await control.get(scope, 'k', consistent))?.bytes).toEqual(utf8('kept'));
    },
  },
  {
    name: 'puts under `absent` only where nothing is',
    run: async ({ control, scope }) => {
      const condition = { kind: 'absent' } as const;
      expect((await control.put({ partition: scope, sort: 'k', bytes: utf8('first') }, { condition }))?.revision).toBe(1);
      expect(await control.put({ partition: scope, sort: 'k', bytes: utf8('second') }, { condition })).toBeUndefined();
      expect(await control.get(scope, 'k', consistent)).toEqual({ partition: scope, sort: 'k', bytes: utf8('first'), revision: 1 });
    },
  },
  {
    name: 'puts under a revision only over that revision',
    run: async ({ control, scope }) => {
      const put = (text: string, revision: number): Promise<ControlRecord | undefined> =>
        control.put({ partition: scope, sort: 'k', bytes: utf8(text) }, { condition: { kind: 'revision', revision } });
      expect(await put('nothing there', 1)).toBeUndefined();
      expect(await control.get(scope, 'k', consistent)).toBeUndefined();
      await putAll(control, scope, ['k']);
      expect((await put('second', 1))?.revision).toBe(2);
      expect(await put('late', 1)).toBeUndefined();
      expect(await put('early', 3)).toBeUndefined();
      expect(await control.get(scope, 'k', consistent)).toEqual({ partition: scope, sort: 'k', bytes: utf8('second'), revision: 2 });
    },
  },
  {
    name: 'deletes under a revision only that revision, and what is not there with success',
    run: async ({ control, scope }) => {
      const revision = (value: number) => ({ condition: { kind: 'revision', revision: value } }) as const;
      expect(await control.delete(scope, 'k')).toBe(true);
      expect(await control.delete(scope, 'k', revision(4))).toBe(true);
      expect(await control.delete(scope, 'k', { condition: { kind: 'absent' } })).toBe(true);
      await putAll(control, scope, ['k', 'k']);
      expect(await control.delete(scope, 'k', revision(1))).toBe(false);
      expect(await control.delete(scope, 'k', { condition: { kind: 'absent' } })).toBe(false);
      expect((await control.get(scope, 'k', consistent))?.revision).toBe(2);
      expect(await control.delete(scope, 'k', revision(2))).toBe(true);
      expect(await control.get(scope, 'k', consistent)).toBeUndefined();
      await putAll(control, scope, ['k']);
      expect(await control.delete(scope, 'k')).toBe(true);
      expect(await control.get(scope, 'k', consistent)).toBeUndefined();
    },
  },
  {
    name: 'lists a partition in the order of UTF-8 bytes, and no other partition',
    run: async ({ control, scope }) => {
      const sorts = ['a', 'a b', 'a/b', 'aa', 'b', 'é', '\u{fffd}', '\u{1f600}'];
      await putAll(control, `${scope}/p`, [...sorts].reverse());
      await putAll(control, `${scope}/p/q`, ['a']);
      await putAll(control, `${scope}/pp`, ['a']);
      await putAll(control, scope, ['p']);
      expect(await sortsOf(control.query(`${scope}/p`))).toEqual(sorts);
      expect(await collect(control.query(`${scope}/pp`))).toEqual([{ partition: `${scope}/pp`, sort: 'a', bytes: utf8('a'), revision: 1 }]);
      expect(await collect(control.query(`${scope}/none`))).toEqual([]);
    },
  },
  {
    name: 'lists by prefix and from behind a sort key, there or not',
    run: async ({ control, scope }) => {
      await putAll(control, scope, ['a', 'job-1', 'job-2', 'job-3', 'k']);
      expect(await sortsOf(control.query(scope, { prefix: 'job-' }))).toEqual(['job-1', 'job-2', 'job-3']);
      expect(await sortsOf(control.query(scope, { after: 'job-2' }))).toEqual(['job-3', 'k']);
      expect(await sortsOf(control.query(scope, { after: 'b' }))).toEqual(['job-1', 'job-2', 'job-3', 'k']);
      expect(await sortsOf(control.query(scope, { prefix: 'job-', after: 'job-1' }))).toEqual(['job-2', 'job-3']);
      expect(await sortsOf(control.query(scope, { prefix: 'job-', after: 'job-10' }))).toEqual(['job-2', 'job-3']);
      expect(await sortsOf(control.query(scope, { prefix: 'job-', after: 'a' }))).toEqual(['job-1', 'job-2', 'job-3']);
      expect(await sortsOf(control.query(scope, { prefix: 'job-', after: 'k' }))).toEqual([]);
    },
  },
  {
    name: 'lists beyond a page',
    run: async ({ control, scope }) => {
      const sorts = Array.from({ length: MANY }, (_, i) => `s${String(i).padStart(4, '0')}`);
      await Promise.all(sorts.map((sort) => control.put({ partition: scope, sort, bytes: new Uint8Array(MANY_BYTES) })));
      expect(await sortsOf(control.query(scope))).toEqual(sorts);
      expect(await sortsOf(control.query(scope, { prefix: 's', after: 's0003' }))).toEqual(sorts.slice(4));
    },
  },
  {
    name: 'holds 350 KB and nothing more',
    run: async ({ control, scope }) => {
      const bytes = Uint8Array.from({ length: CONTROL_RECORD_BYTES_MAX }, (_, i) => i % 251);
      await control.put({ partition: scope, sort: 'big', bytes });
      await control.put({ partition: scope, sort: 'empty', bytes: new Uint8Array() });
      expect(Buffer.compare((await control.get(scope, 'big', consistent))?.bytes ?? new Uint8Array(), bytes)).toBe(0);
      expect((await control.get(scope, 'empty', consistent))?.bytes).toEqual(new Uint8Array());
      await expect(control.put({ partition: scope, sort: 'bigger', bytes: new Uint8Array(CONTROL_RECORD_BYTES_MAX + 1) })).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
      });
    },
  },
  {
    name: 'refuses keys that are empty or could be taken for others',
    run: async ({ control, scope }) => {
      await putAll(control, `${scope}/a`, ['b/c']);
      expect(await control.get(`${scope}/a/b`, 'c', consistent)).toBeUndefined();
      for (const [partition, sort] of [
        ['', 's'],
        [scope, ''],
        [`${scope}\0a`, 's'],
        [scope, 'a\0b'],
      ] as const) {
        await expect(control.put({ partition, sort, bytes: utf8('x') })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
    },
  },
  {
    name: 'lets one of many that put at once under a condition win',
    run: async ({ control, scope }) => {
      for (const condition of [{ kind: 'absent' }, { kind: 'revision', revision: 1 }] as const) {
        const puts = Array.from({ length: RACERS }, (_, i) =>
          control.put({ partition: scope, sort: 'k', bytes: utf8(`${condition.kind} ${i}`) }, { condition }),
        );
        const won = (await Promise.all(puts)).filter((record) => record !== undefined);
        expect(won).toHaveLength(1);
        expect(await control.get(scope, 'k', consistent)).toEqual(won[0]);
      }
    },
  },
  {
    name: 'gives each of many puts at once a revision of its own',
    run: async ({ control, scope }) => {
      const puts = Array.from({ length: RACERS }, (_, i) => control.put({ partition: scope, sort: 'k', bytes: utf8(String(i)) }));
      const revisions = (await Promise.all(puts)).map((record) => record?.revision ?? 0);
      expect(revisions.sort((a, b) => a - b)).toEqual(Array.from({ length: RACERS }, (_, i) => i + 1));
    },
  },
  {
    name: 'rejects with the reason of a signal that is aborted, and writes nothing',
    run: async ({ control, scope }) => {
      const reason = new Error('no longer wanted');
      const signal = AbortSignal.abort(reason);
      await expect(control.put({ partition: scope, sort: 'k', bytes: utf8('x') }, { signal })).rejects.toBe(reason);
      await expect(control.get(scope, 'k', { signal })).rejects.toBe(reason);
      await expect(control.delete(scope, 'k', { signal })).rejects.toBe(reason);
      expect(await control.get(scope, 'k', consistent)).toBeUndefined();
    },
  },
];

export function describeControl(suite: ContractSuite<ControlSubject>): void {
  describeContract('control', controlCases, suite);
}
