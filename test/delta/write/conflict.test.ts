/** Every cell of the conflict matrix: one operation loses to one kind of winner, and the table is what the two give in turn. */
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { stringifyJson } from '../../../lib/core/json.ts';
import { parseLogEntry } from '../../../lib/delta/actions/action-codec.ts';
import type { Action } from '../../../lib/delta/actions/actions.ts';
import { alterPlanner } from '../../../lib/delta/schema/alter.ts';
import { appendPlanner } from '../../../lib/delta/write/append.ts';
import type { PlannedWrite } from '../../../lib/delta/write/commit.ts';
import { OPERATIONS, type OperationKind, READS_NOTHING, winnerKinds, WINNERS, type WinnerKind } from '../../../lib/delta/write/conflict.ts';
import { deletePlanner } from '../../../lib/delta/write/delete-rows.ts';
import { commitPath } from '../../../lib/delta/snapshot/log-path.ts';
import { optimizePlanner } from '../../../lib/delta/maintain/optimize.ts';
import { planOptimize } from '../../../lib/delta/maintain/optimize-plan.ts';
import { overwritePlanner } from '../../../lib/delta/write/overwrite.ts';
import { restorePlanner } from '../../../lib/delta/write/restore.ts';
import { loadSnapshot } from '../../../lib/delta/snapshot/snapshot.ts';
import type { Snapshot } from '../../../lib/delta/snapshot/snapshot-state.ts';
import { updatePlanner } from '../../../lib/delta/write/update-rows.ts';
import { upsertPlanner } from '../../../lib/delta/write/upsert.ts';
import { NO_ROWS, type Idempotency } from '../../../lib/delta/write/write-outcome.ts';
import { commitAlone, contentOf, loseRace, type Write } from '../../support/lost-race.ts';
import { KEY, NUMBER, RECEIVED, rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const IS_A = { kind: 'compare', column: 'k', op: '=', value: 'a' } as const;
const target = (name: string): { readonly root: string; readonly txnId: string; readonly sortBy: readonly string[] } => ({
  root: T_ROOT,
  txnId: name,
  sortBy: ['k'],
});
const wide = (name: string) => ({ name, type: { kind: 'int' }, nullable: true }) as const;
const withFeature = ({ protocol }: Snapshot, feature: string): Action => ({
  ...protocol,
  readerFeatures: [...(protocol.readerFeatures ?? []), feature],
  writerFeatures: [...(protocol.writerFeatures ?? []), feature],
});

/** Files: a and b, c and d. Each operation that takes rows out wants a. */
const LOSERS: Readonly<Record<OperationKind, Write>> = {
  append: (deps) => appendPlanner(deps, target('loser'), rowsBatch(['a', 50, 5n])),
  upsert: (deps) => upsertPlanner(deps, target('loser'), { batch: rowsBatch(['a', 50, 5n], ['aa', 51, 5n]), keys: ['k'], eventTime: undefined }).plan,
  deleteKeys: (deps) => deletePlanner(deps, target('loser'), { kind: 'keys', sets: [{ columns: ['k'], rows: [['a']] }] }).plan,
  deleteWhere: (deps) => deletePlanner(deps, target('loser'), { kind: 'where', filter: IS_A }).plan,
  update: (deps) => updatePlanner(deps, target('loser'), { filter: IS_A, set: new Map([['v', 50]]) }),
  overwriteWhere: (deps) => overwritePlanner(deps, target('loser'), { batch: rowsBatch(['a', 50, 5n]), where: IS_A }),
  overwrite: (deps) => overwritePlanner(deps, target('loser'), { batch: rowsBatch(['z', 50, 5n]) }),
  restore: async (deps) => restorePlanner(deps, T_ROOT, await loadSnapshot(deps, T_ROOT, { version: 1 })),
  optimize: (deps, head) =>
    optimizePlanner(deps, { ...target('loser'), order: undefined, options: { sortBy: ['k'] } }, planOptimize(head, { sortBy: ['k'] }).bins),
  schema: () => alterPlanner({ columns: [KEY, NUMBER, RECEIVED, wide('x')], configuration: {} }),
  protocol: () => async (snapshot) => ({
    kind: 'write',
    actions: [withFeature(snapshot, 'columnMapping')],
    counts: NO_ROWS,
    fold: 'none',
    operation: 'UPGRADE PROTOCOL',
    operationParameters: {},
    isBlindAppend: false,
    basis: { kind: 'protocol', reads: READS_NOTHING },
  }),
};

type Win = (fixture: TableFixture) => Promise<unknown>;

async function foreign(fixture: TableFixture, actionsOf: (head: Snapshot) => Promise<readonly object[]> | readonly object[]): Promise<void> {
  await fixture.foreign(await actionsOf(await loadSnapshot(fixture.deps, T_ROOT)));
}

const fileOf = (snapshot: Snapshot, position: number): string => [...snapshot.files.keys()][position] ?? '';

/** Each but the last two meets the losers: it has a row `a`, or takes one out of a's file. */
const WINS: Readonly<Record<Exclude<WinnerKind, 'sameTransaction'>, Win>> = {
  blindAppend: async ({ open }) => (await open()).append(rowsBatch(['a', 7, 3n])),
  upsert: async ({ open }) => (await open()).upsert(rowsBatch(['b', 8, 3n], ['ab', 9, 3n]), { keys: ['k'] }),
  deletion: async ({ open }) => (await open()).delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['b']] }] }),
  rewrite: async (fixture) => {
    const data = await fixture.file('rewritten', rowsBatch(['a', 10, 1n], ['b', 11, 1n]));
    await foreign(fixture, (head) => [
      { remove: { path: fileOf(head, 0), dataChange: true, deletionTimestamp: fixture.clock.now() } },
      { add: { ...data, partitionValues: {}, modificationTime: 1, dataChange: true, stats: '{"numRecords":2}' } },
    ]);
  },
  overwrite: async ({ open }) => (await open()).overwrite(rowsBatch(['a', 12, 3n], ['q', 13, 3n])),
  compaction: async ({ open }) => (await open()).optimize(),
  additiveSchema: async ({ open }) => (await open()).alter({ columns: [KEY, NUMBER, RECEIVED, wide('y')], configuration: {} }),
  metadata: async ({ open }) => (await open()).alter({ columns: [], configuration: { 'delta.logRetentionDuration': 'interval 9 days' } }),
  protocol: (fixture) => foreign(fixture, (head) => [{ protocol: { ...withFeature(head, 'timestampNtz'), kind: undefined } }]),
  sameDomain: (fixture) => foreign(fixture, () => [{ domainMetadata: { domain: 'one', configuration: '{}', removed: false } }]),
};

const REQUEST: Idempotency = { kind: 'request', key: 'once', bodyHash: 'h', windowMillis: 1_000_000 };

async function fixtureWithRows(): Promise<TableFixture> {
  const fixture = await tableFixture();
  await fixture.table.append(rowsBatch(['a', 1, 1n], ['b', 2, 1n]));
  await fixture.table.append(rowsBatch(['c', 3, 1n], ['d', 4, 1n]));
  return fixture;
}

/** The write with an entry of a domain beside what it does. */
function inDomain(write: Write): Write {
  return async (deps, head) => {
    const plan = await write(deps, head);
    return async (snapshot, changed): Promise<PlannedWrite> => {
      const planned = await plan(snapshot, changed);
      if (planned.kind !== 'write') return planned;
      return { ...planned, actions: [...planned.actions, { kind: 'domainMetadata', domain: 'one', configuration: '{"a":1}', removed: false }] };
    };
  };
}

async function actionsOf({ store }: TableFixture, version: number): Promise<readonly Action[]> {
  const object = await store.get(commitPath(T_ROOT, version));
  return parseLogEntry(object?.bytes ?? new Uint8Array(), { path: '', version, tableLocation: '' });
}

/** What the table is beside its columns and rows. */
async function shapeOf({ deps }: TableFixture): Promise<object> {
  const { metadata, protocol } = await loadSnapshot(deps, T_ROOT);
  return { ...metadata, id: undefined, createdTime: undefined, protocol };
}

const addedBy = (actions: readonly Action[]): readonly string[] => actions.flatMap((action) => (action.kind === 'add' ? [`${T_ROOT}/${action.path}`] : []));
const isData = ({ path }: { readonly path: string }): boolean => path.endsWith('.ndjson') || path.endsWith('rewritten');

/**
 * What becomes of a loser, and which data files it may read for it: delta.md, "Conflicts", rule by rule, and not the
 * matrix read back. Whatever commits must leave what the two give in turn.
 */
function expectedOf(operation: OperationKind, winner: WinnerKind): { readonly isRefused: boolean; readonly reads: 'none' | 'files of the winner' | 'any' } {
  const isShape = winner === 'additiveSchema' || winner === 'metadata' || winner === 'protocol';
  // "metadata, protocol, domain and appId rules as in Spark": who upgrades the protocol has seen the one before it.
  if (operation === 'protocol' && isShape) return { isRefused: true, reads: 'none' };
  const takesRowsOut = ['upsert', 'deleteKeys', 'deleteWhere', 'update', 'overwriteWhere'].includes(operation);
  // "a blind append never conflicts with data changes": nor does what replaces all files, or packs those that are left.
  if (!takesRowsOut) return { isRefused: false, reads: 'none' };
  // "adopts": the table is another one now, and is looked at as such.
  if (isShape) return { isRefused: false, reads: 'any' };
  // "only if a winner's new rows may contain its keys"; after a packing "the probe is repeated on the files that replaced it"; rows once found are never looked for again.
  return { isRefused: false, reads: 'files of the winner' };
}

describe.each(OPERATIONS)('%s that loses', (operation) => {
  const loser = LOSERS[operation];

  it.each(WINNERS.filter((winner) => winner !== 'sameTransaction' && winner !== 'sameDomain'))(`to %s gives what the two give in turn`, async (winner) => {
    const expected = expectedOf(operation, winner);
    const win = WINS[winner];
    const raced = await fixtureWithRows();
    const { outcome, requests, before } = await loseRace(raced, loser, { win: () => win(raced) });
    const entry = { version: 3, actions: await actionsOf(raced, 3) };
    const after = await loadSnapshot(raced.deps, T_ROOT, { version: 3 });
    expect([...winnerKinds({ entry, before, after }, { domains: new Set(), appIds: new Set() })]).toEqual([winner]);

    if (expected.isRefused) {
      expect(outcome).toMatchObject({ kind: 'conflict', winner: 3, reason: expect.stringContaining('version 3') });
      return;
    }
    const serial = await fixtureWithRows();
    await win(serial);
    const alone = await commitAlone(serial, loser);
    // "Compaction that loses a file drops that bin", its only one here, where the next one would pack anew.
    const isDropped = operation === 'optimize' && ['upsert', 'deletion', 'rewrite', 'overwrite', 'compaction'].includes(winner);
    expect(outcome.kind).toBe(isDropped ? 'nothing' : alone.kind);
    if (outcome.kind === 'committed' && alone.kind === 'committed') {
      expect({ version: outcome.version, counts: outcome.counts, attempts: outcome.attempts }).toEqual({ version: 4, counts: alone.counts, attempts: 2 });
    }
    expect(await contentOf(raced)).toEqual(await contentOf(serial));
    expect(await shapeOf(raced)).toEqual(await shapeOf(serial));

    const reads = requests.filter((request) => request.kind === 'GET' && isData(request)).map(({ path }) => path);
    const puts = requests.filter(({ kind }) => kind === 'PUT IF ABSENT');
    // Only an update puts again what it put: where the rows it changes have changed.
    expect(puts.filter(isData).length).toBeLessThanOrEqual(operation === 'update' ? 1 : 0);
    expect(puts.length).toBeLessThanOrEqual(operation === 'update' ? 2 : 1);
    const known = new Set([...before.files.keys()].map((path) => `${T_ROOT}/${path}`));
    if (expected.reads === 'any') return;
    const fresh = expected.reads === 'none' ? [] : addedBy(entry.actions).filter((path) => !known.has(path));
    expect(reads.filter((path) => !fresh.includes(path))).toEqual([]);
  });

  it('to the same request answers that request (sameTransaction)', async () => {
    const raced = await fixtureWithRows();
    const options = { idempotency: REQUEST };
    const { outcome } = await loseRace(raced, loser, { win: () => commitAlone(raced, loser, options), options });
    expect(outcome).toEqual({ kind: 'alreadyApplied', version: 3 });
  });

  it('to an earlier part of the same stream follows it (sameTransaction)', async () => {
    const raced = await fixtureWithRows();
    const part = (sequence: number): { readonly idempotency: Idempotency } => ({ idempotency: { kind: 'stream', name: 'loader', sequence } });
    const earlier = (): Promise<unknown> => commitAlone(raced, () => appendPlanner(raced.deps, target('earlier'), rowsBatch(['z', 1, 1n])), part(3));
    const { outcome } = await loseRace(raced, loser, { win: earlier, options: part(4) });
    expect(outcome).toMatchObject({ kind: 'committed', version: 4 });
    const again = await commitAlone(raced, LOSERS.append, part(4));
    expect(again).toEqual({ kind: 'alreadyApplied', version: 4 });
  });

  it('to a writer of the same domain is refused (sameDomain)', async () => {
    const raced = await fixtureWithRows();
    const { outcome } = await loseRace(raced, inDomain(loser), { win: () => WINS.sameDomain(raced) });
    expect(outcome).toEqual({ kind: 'conflict', winner: 3, reason: 'version 3 wrote the same domain metadata' });
    const other = await fixtureWithRows();
    const free = await loseRace(other, loser, { win: () => WINS.sameDomain(other) });
    expect(free.outcome).toMatchObject({ kind: 'committed', version: 4 });
  });
});

describe('a plan that a winner does not meet', () => {
  const farAway: Readonly<Record<string, Win>> = {
    'an append of other keys': async ({ open }) => (await open()).append(rowsBatch(['x', 7, 3n])),
    'a delete in another file': async ({ open }) => (await open()).delete({ kind: 'keys', sets: [{ columns: ['k'], rows: [['c']] }] }),
    'an upsert into another file': async ({ open }) => (await open()).upsert(rowsBatch(['c', 8, 3n], ['cc', 9, 3n]), { keys: ['k'] }),
  };
  const finders = ['upsert', 'deleteKeys', 'deleteWhere', 'update', 'overwriteWhere'] as const;

  it.each(finders.flatMap((operation) => Object.keys(farAway).map((win) => ({ operation, win }))))(
    'stands without a request: $operation after $win',
    async ({ operation, win }) => {
      const raced = await fixtureWithRows();
      const { outcome, requests } = await loseRace(raced, LOSERS[operation], { win: async () => farAway[win]?.(raced) });
      expect(outcome).toMatchObject({ kind: 'committed', version: 4, attempts: 2 });
      expect(requests).toEqual([]);
    },
  );

  it('stands after a compaction of files it took no rows from', async () => {
    const raced = await fixtureWithRows();
    const one = await raced.file('small', rowsBatch(['y', 1, 1n]));
    const { outcome, requests } = await loseRace(raced, LOSERS.upsert, {
      win: () =>
        foreign(raced, (head) => [
          { remove: { path: fileOf(head, 1), dataChange: false, deletionTimestamp: raced.clock.now() } },
          { add: { ...one, partitionValues: {}, modificationTime: 1, dataChange: false } },
        ]),
    });
    expect(outcome).toMatchObject({ kind: 'committed', version: 4 });
    expect(requests).toEqual([]);
  });

  it('is made again on what a compaction did to the file that an earlier winner had added', async () => {
    const both: Win = async ({ open }) => {
      const table = await open();
      await table.append(rowsBatch(['a', 7, 3n]));
      await table.optimize();
    };
    const raced = await fixtureWithRows();
    await loseRace(raced, LOSERS.upsert, { win: () => both(raced) });
    const serial = await fixtureWithRows();
    await both(serial);
    await commitAlone(serial, LOSERS.upsert);
    expect(await contentOf(raced)).toEqual(await contentOf(serial));
  });
});

describe('metadata that forbids what is staged', () => {
  const changed =
    (change: (head: Snapshot) => object): Win =>
    (fixture) =>
      foreign(fixture, (head) => [{ metaData: { ...head.metadata, kind: undefined, ...change(head) } }]);
  const wins: readonly { readonly what: string; readonly win: Win; readonly reason: string }[] = [
    { what: 'other partitions', win: changed(() => ({ partitionColumns: ['k'] })), reason: 'the table is partitioned by other columns now' },
    { what: 'another table', win: changed(() => ({ id: 'another' })), reason: 'the table was replaced by another' },
    {
      what: 'a narrower column',
      win: changed(({ metadata }) => ({ schemaString: metadata.schemaString.replace('"integer"', '"string"') })),
      reason: 'column v was',
    },
    {
      what: 'a required column',
      win: changed(({ metadata }) => ({
        schemaString: metadata.schemaString.replace('"name":"v","type":"integer","nullable":true', '"name":"v","type":"integer","nullable":false'),
      })),
      reason: 'column v is required now',
    },
    {
      what: 'fewer features',
      win: (fixture) =>
        foreign(fixture, ({ protocol }) => [
          { protocol: { ...protocol, kind: undefined, writerFeatures: (protocol.writerFeatures ?? []).filter((name) => name !== 'invariants') } },
        ]),
      reason: 'the table no longer has the feature invariants',
    },
  ];

  it.each(wins)('refuses $what', async ({ win, reason }) => {
    const raced = await fixtureWithRows();
    const { outcome } = await loseRace(raced, LOSERS.append, { win: () => win(raced) });
    expect(outcome).toMatchObject({ kind: 'conflict', winner: 3, reason: expect.stringContaining(reason) });
  });

  const staging = OPERATIONS.filter((operation) => operation !== 'schema' && operation !== 'protocol');
  it.each(
    staging.flatMap((operation) => wins.filter(({ what }) => what === 'another table' || what === 'fewer features').map((win) => ({ operation, ...win }))),
  )('refuses $what to $operation', async ({ operation, win, reason }) => {
    const raced = await fixtureWithRows();
    const { outcome } = await loseRace(raced, LOSERS[operation], { win: () => win(raced) });
    expect(outcome).toMatchObject({ kind: 'conflict', winner: 3, reason: expect.stringContaining(reason) });
  });

  it('refuses nothing of an entry it cannot have staged against: unknown actions are let by', async () => {
    const raced = await fixtureWithRows();
    const win = async (): Promise<unknown> =>
      raced.store.createIfAbsent(commitPath(T_ROOT, 3), utf8(`${stringifyJson({ somethingNew: { a: 1 } })}\n`), { identity: 'new' });
    expect((await loseRace(raced, LOSERS.append, { win })).outcome).toMatchObject({ kind: 'committed', version: 4 });
  });
});
