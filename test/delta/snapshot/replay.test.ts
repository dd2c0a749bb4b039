import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Action, AddFile, DomainMetadata, LogEntry, RemoveFile, Txn } from '../../../lib/delta/actions/actions.ts';
import { dvUniqueId } from '../../../lib/delta/rows/deletion-vector.ts';
import { replay, tombstoneKey } from '../../../lib/delta/snapshot/replay.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { add, COLUMNS, METADATA, ownCommit, PROTOCOL, remove, vector } from '../log-support.ts';

const NO_TIMES: ReadonlyMap<number, number> = new Map();

/** A random legal commit: each path is touched once, a file may get, change and lose its deletion vector. */
const step = fc.record({
  files: fc.uniqueArray(
    fc.record({ path: fc.constantFrom(...'abcdef'), dv: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }), gone: fc.boolean() }),
    { maxLength: 4, selector: ({ path }) => path },
  ),
  txns: fc.uniqueArray(fc.record({ appId: fc.constantFrom('x', 'y'), version: fc.nat(9) }), { maxLength: 2, selector: ({ appId }) => appId }),
  domains: fc.uniqueArray(fc.record({ domain: fc.constantFrom('p', 'q'), configuration: fc.constantFrom('1', '2'), removed: fc.boolean() }), {
    maxLength: 2,
    selector: ({ domain }) => domain,
  }),
  order: fc.nat(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The naive model of PROTOCOL.md: files by path and vector, newest reference wins, removals of a commit first. */
class NaiveState {
  readonly files = new Map<string, AddFile>();
  readonly tombstones = new Map<string, RemoveFile>();
  readonly txns = new Map<string, Txn>();
  readonly domains = new Map<string, DomainMetadata>();

  apply(actions: readonly Action[]): void {
    for (const action of actions)
      if (action.kind === 'remove') {
        this.files.delete(tombstoneKey(action));
        this.tombstones.set(tombstoneKey(action), action);
      }
    for (const action of actions) {
      if (action.kind === 'add') {
        this.tombstones.delete(tombstoneKey(action));
        this.files.set(tombstoneKey(action), action);
      }
      if (action.kind === 'txn') this.txns.set(action.appId, action);
      if (action.kind === 'domainMetadata' && action.removed) this.domains.delete(action.domain);
      if (action.kind === 'domainMetadata' && !action.removed) this.domains.set(action.domain, action);
    }
  }
}

function entriesOf(steps: readonly Step[]): LogEntry[] {
  const live = new Map<string, AddFile>();
  return [
    { version: 0, actions: [ownCommit(100), PROTOCOL, METADATA] },
    ...steps.map(({ files, txns, domains, order }, i): LogEntry => {
      const actions: Action[] = [];
      for (const { path, dv, gone } of files) {
        const before = live.get(path);
        const deletionVector = dv === undefined ? {} : { deletionVector: vector(dv) };
        if (before !== undefined && (gone || dvUniqueId(before.deletionVector) !== (dv === undefined ? '' : dvUniqueId(vector(dv))))) {
          actions.push(remove(path, { deletionTimestamp: i, ...(before.deletionVector === undefined ? {} : { deletionVector: before.deletionVector }) }));
          live.delete(path);
        }
        if (gone) continue;
        const file = add(path, { modificationTime: i, ...deletionVector });
        live.set(path, file);
        actions.push(file);
      }
      actions.push(...txns.map((txn): Txn => ({ kind: 'txn', ...txn })), ...domains.map((domain): DomainMetadata => ({ kind: 'domainMetadata', ...domain })));
      const turn = actions.length === 0 ? 0 : order % actions.length;
      return { version: i + 1, actions: [...actions.slice(turn), ...actions.slice(0, turn)] };
    }),
  ];
}

const byKey = <V>(map: ReadonlyMap<string, V>): [string, V][] => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
const stateOf = ({ files, tombstones, txns, domains }: Pick<Snapshot, 'files' | 'tombstones' | 'txns' | 'domains'>): unknown => ({
  files: byKey(new Map([...files.values()].map((file) => [tombstoneKey(file), file]))),
  tombstones: byKey(tombstones),
  txns: byKey(txns),
  domains: byKey(domains),
});

describe('replay', () => {
  it('is the naive model, in one go and commit by commit, and leaves earlier snapshots alone', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const entries = entriesOf(steps);
        const naive = new NaiveState();
        let warm: Snapshot | undefined;
        const snapshots: Snapshot[] = [];
        const expected: unknown[] = [];
        for (const entry of entries) {
          naive.apply(entry.actions);
          warm = replay(warm, [entry], NO_TIMES);
          snapshots.push(warm);
          expected.push(stateOf({ ...naive }));
        }
        expect(snapshots.map(stateOf)).toEqual(expected);
        expect(stateOf(replay(undefined, entries, NO_TIMES))).toEqual(expected.at(-1));
      }),
      { numRuns: 60 },
    );
  });

  it('gives version, time, columns, protocol and metadata of the last entry', () => {
    const snapshot = replay(
      undefined,
      [
        { version: 0, actions: [ownCommit(100), PROTOCOL, METADATA] },
        { version: 1, actions: [ownCommit(90), add('a')] },
      ],
      NO_TIMES,
    );
    expect({ ...snapshot, files: [...snapshot.files], tombstones: [...snapshot.tombstones], txns: [...snapshot.txns], domains: [...snapshot.domains] }).toEqual(
      {
        version: 1,
        committedAt: 101,
        protocol: PROTOCOL,
        metadata: METADATA,
        columns: COLUMNS,
        files: [['a', add('a')]],
        tombstones: [],
        txns: [],
        domains: [],
        checkpointVersion: undefined,
      },
    );
  });

  it('keeps a file whose removal names another deletion vector', () => {
    const entries: LogEntry[] = [
      { version: 0, actions: [PROTOCOL, METADATA, add('a')] },
      { version: 1, actions: [remove('a'), add('a', { deletionVector: vector('1') })] },
      { version: 2, actions: [remove('a', { deletionVector: vector('9') })] },
    ];
    expect([...replay(undefined, entries, NO_TIMES).files.values()]).toEqual([add('a', { deletionVector: vector('1') })]);
  });

  it('reads the schema again only when it changed', () => {
    const base = replay(undefined, [{ version: 0, actions: [PROTOCOL, METADATA] }], NO_TIMES);
    const renamed = replay(base, [{ version: 1, actions: [{ ...METADATA, name: 'n' }] }], NO_TIMES);
    const widened = replay(base, [{ version: 1, actions: [{ ...METADATA, schemaString: METADATA.schemaString.replace('"v"', '"w"') }] }], NO_TIMES);
    expect([renamed.columns === base.columns, widened.columns.map(({ name }) => name)]).toEqual([true, ['k', 'w']]);
  });

  it('refuses gaps, also before the first version', () => {
    const first: LogEntry = { version: 0, actions: [PROTOCOL, METADATA] };
    expect(() => replay(undefined, [first, { version: 2, actions: [] }], NO_TIMES)).toThrow(
      expect.objectContaining({ code: 'LOG_GAP', context: { version: 1 } }),
    );
    expect(() => replay(undefined, [{ ...first, version: 1 }], NO_TIMES)).toThrow(expect.objectContaining({ code: 'LOG_GAP', context: { version: 0 } }));
  });

  it('refuses a log without protocol or metadata', () => {
    expect(() => replay(undefined, [{ version: 0, actions: [METADATA] }], NO_TIMES)).toThrow(expect.objectContaining({ code: 'LOG_MISSING_PROTOCOL' }));
    expect(() => replay(undefined, [{ version: 0, actions: [PROTOCOL] }], NO_TIMES)).toThrow(expect.objectContaining({ code: 'LOG_MISSING_METADATA' }));
  });

  it('names an unknown feature before it stumbles over a type only that feature knows', () => {
    const protocol = { ...PROTOCOL, minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['variantType'], writerFeatures: ['variantType'] };
    const metadata = { ...METADATA, schemaString: '{"type":"struct","fields":[{"name":"v","type":"variant","nullable":true,"metadata":{}}]}' };
    expect(() => replay(undefined, [{ version: 0, actions: [protocol, metadata] }], NO_TIMES)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_TABLE_FEATURE', context: { feature: 'variantType' } }),
    );
  });

  it('applies one commit to a table of 50,000 files without touching them all', () => {
    const files = Array.from({ length: 50_000 }, (_, i) => add(`f${i}`));
    let snapshot = replay(undefined, [{ version: 0, actions: [PROTOCOL, METADATA, ...files] }], NO_TIMES);
    let looked = 0;
    const watched = new Proxy(snapshot.files, {
      get: (target, name) => {
        looked += 1;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    snapshot = replay({ ...snapshot, files: watched }, [{ version: 1, actions: [remove('f7'), add('new')] }], NO_TIMES);
    expect([looked < 20, snapshot.files.size, snapshot.files.has('f7'), snapshot.files.get('new')]).toEqual([true, 50_000, false, add('new')]);
  });
});
