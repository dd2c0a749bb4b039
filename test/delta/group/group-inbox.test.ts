/** Queued writes: staged, put into a table's inbox, drained by whoever holds the lease, many an entry. */
import { describe, expect, it } from 'vitest';
import { MemoryControl } from '../../../lib/adapters/memory/control.ts';
import { MemoryQueue } from '../../../lib/adapters/memory/queue.ts';
import { utf8 } from '../../../lib/core/bytes.ts';
import { LakefoldError } from '../../../lib/core/errors.ts';
import { PLAN_AGE_MAX_MILLIS, PROBE_BYTES_MAX } from '../../../lib/core/limits.ts';
import { joinPath } from '../../../lib/core/path.ts';
import { UlidSource } from '../../../lib/core/ulid.ts';
import { actionFields } from '../../../lib/delta/actions/action-fields.ts';
import { answerDoorbell, drainInbox } from '../../../lib/delta/group/group-drain.ts';
import { intentFate } from '../../../lib/delta/group/group-fate.ts';
import { enqueueWrite, findDead, forgetDead, inboxOf, type InboxDeps, listDead, type QueuedWrite, redrive } from '../../../lib/delta/group/group-inbox.ts';
import { IntentGatherer } from '../../../lib/delta/group/group-gather.ts';
import { encodeIntent, type Intent } from '../../../lib/delta/group/group-intent.ts';
import { releaseLease, takeLease } from '../../../lib/delta/group/group-lease.ts';
import type { TableDefinition } from '../../../lib/delta/write/create.ts';
import type { DeltaTable } from '../../../lib/delta/table.ts';
import type { Control } from '../../../lib/ports/control.ts';
import type { ObjectInfo, ObjectStore } from '../../../lib/ports/object-store.ts';
import { countingObjectStore } from '../../support/counting-store.ts';
import { rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const NAME = 'demo/t/1';
const R = 1_750_000_000_000_000n;
const HOUR = 3_600_000;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

interface World extends TableFixture {
  readonly inbox: InboxDeps;
  readonly errors: string[];
  readonly queued: () => Promise<number>;
  readonly enqueue: (write: QueuedWrite) => Promise<Intent>;
  readonly fate: (intent: Intent) => ReturnType<typeof intentFate>;
}

async function world(definition: Partial<TableDefinition> = {}): Promise<World> {
  const fixture = await tableFixture(definition);
  const errors: string[] = [];
  const log = { ...fixture.deps.log, error: (event: string, fields = {}) => void errors.push(`${event} ${JSON.stringify(fields)}`) };
  const inbox: InboxDeps = { ...fixture.deps, log, control: new MemoryControl(), queue: new MemoryQueue({ clock: fixture.clock }) };
  const ids = new UlidSource(fixture.deps);
  return {
    ...fixture,
    inbox,
    errors,
    queued: async () => (await collect(inbox.control.query(inboxOf(NAME)))).length,
    enqueue: (write) => enqueueWrite(inbox, { name: NAME, root: T_ROOT, snapshot: fixture.table.snapshot, ids }, write),
    fate: (intent) => intentFate(inbox, NAME, fixture.table, intent),
  };
}

const upsert = (k: string, v: number, r = R): QueuedWrite => ({ batch: rowsBatch([k, v, r]), what: { kind: 'upsert', keys: ['k'] } });
const append = (k: string, v: number): QueuedWrite => ({ batch: rowsBatch([k, v, R]), what: { kind: 'append' } });

describe('a drained inbox', () => {
  it('leaves one entry for all intents, with the rows and counts of committing them in order', async () => {
    const { enqueue, inbox, table, rows, queued, fate } = await world();
    const intents = [
      await enqueue(upsert('a', 1)),
      await enqueue(append('b', 2)),
      await enqueue(upsert('a', 3, R + 1n)),
      await enqueue(upsert('a', 4, R - 1n)),
    ];
    for (const intent of intents) expect(await fate(intent)).toEqual({ kind: 'waiting' });
    expect(await drainInbox(inbox, NAME, table)).toEqual({ kind: 'drained', versions: [1], landed: 4, repeated: 0, refused: 0 });
    expect(await rows()).toEqual([
      ['a', 3, R + 1n],
      ['b', 2, R],
    ]);
    expect(await queued()).toBe(0);
    const counts = { rowsInserted: 0, rowsUpdated: 0, rowsDeleted: 0, dedupedInBatch: 0, stale: 0 };
    const landed = { kind: 'committed', version: 1, committedAt: table.snapshot.committedAt, alreadyApplied: false };
    expect(await Promise.all(intents.map(fate))).toEqual([
      { ...landed, counts: { ...counts, rowsInserted: 1 } },
      { ...landed, counts: { ...counts, rowsInserted: 1 } },
      { ...landed, counts: { ...counts, rowsUpdated: 1 } },
      { ...landed, counts: { ...counts, stale: 1 } },
    ]);
  });

  it('is drained by another table handle whose snapshot is behind', async () => {
    const { enqueue, inbox, table, open, rows } = await world();
    const behind = await open();
    await table.upsert(rowsBatch(['a', 1, R]), { keys: ['k'] });
    await enqueue(upsert('a', 2, R + 1n));
    expect(await drainInbox(inbox, NAME, behind)).toMatchObject({ versions: [2], landed: 1 });
    expect(await rows()).toEqual([['a', 2, R + 1n]]);
  });

  it('lands a request once, whatever the number of its intents, and tells the repeats', async () => {
    const { enqueue, inbox, table, rows, fate } = await world();
    const idempotency = { kind: 'request', key: 'once', bodyHash: 'f00d', windowMillis: 10 ** 9 } as const;
    const [first, second] = [await enqueue({ ...append('a', 1), idempotency }), await enqueue({ ...append('a', 1), idempotency })];
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ versions: [1], landed: 1, repeated: 1 });
    const [third, other] = [
      await enqueue({ ...append('a', 1), idempotency }),
      await enqueue({ ...append('a', 1), idempotency: { ...idempotency, bodyHash: 'beef' } }),
    ];
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ versions: [], landed: 0, repeated: 2 });
    expect(await rows()).toEqual([['a', 1, R]]);
    expect((await Promise.all([first, second, third, other].map(fate))).map((fate) => (fate.kind === 'committed' ? fate.alreadyApplied : fate))).toEqual([
      false,
      true,
      true,
      { kind: 'refused', code: 'IDEMPOTENCY_MISMATCH', reason: 'the idempotency key "once" was first used for another request; version 1 holds it' },
    ]);
  });

  it('is cut where upserts know their rows by other columns', async () => {
    const { enqueue, inbox, table, rows } = await world();
    await enqueue(upsert('a', 1));
    await enqueue({ ...upsert('b', 1), what: { kind: 'upsert', keys: ['v'] } });
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ versions: [1, 2], landed: 2 });
    expect(await rows()).toEqual([['b', 1, R]]);
  });
});

describe('an intent that cannot land', () => {
  const cases: readonly { readonly name: string; readonly code: string; readonly poison: (world: World, intent: Intent) => Promise<unknown> }[] = [
    { name: 'its staged file is gone', code: 'FILE_MISSING', poison: ({ store }, { adds }) => store.delete(joinPath(T_ROOT, adds[0]?.path ?? '')) },
    {
      name: 'its staged file is cut short',
      code: 'FILE_CORRUPT',
      poison: ({ store }, { adds }) => store.overwrite(joinPath(T_ROOT, adds[0]?.path ?? ''), utf8('{')),
    },
    {
      name: 'its bytes are no intent',
      code: 'CORRUPT_STORE',
      poison: ({ inbox }, { id }) => inbox.control.put({ partition: inboxOf(NAME), sort: id, bytes: utf8('{"format":1,') }),
    },
    {
      name: 'a later layout wrote it',
      code: 'UNSUPPORTED_FORMAT',
      poison: ({ inbox }, { id }) => inbox.control.put({ partition: inboxOf(NAME), sort: id, bytes: utf8('{"format":2}') }),
    },
    {
      name: 'it lies under another key',
      code: 'CORRUPT_STORE',
      poison: async ({ inbox }, { id }) => {
        const record = await inbox.control.get(inboxOf(NAME), id);
        await inbox.control.put({
          partition: inboxOf(NAME),
          sort: id,
          bytes: utf8(new TextDecoder().decode(record?.bytes).replace(id, `${id.slice(0, -1)}Z`)),
        });
      },
    },
  ];

  for (const { name, code, poison } of cases) {
    it(`is refused alone, with ${code}, when ${name}`, async () => {
      const one = await world();
      await one.enqueue(upsert('a', 1));
      const bad = await one.enqueue(upsert('a', 2, R + 1n));
      await one.enqueue(upsert('b', 3));
      await one.enqueue(append('c', 4));
      await poison(one, bad);
      expect(await drainInbox(one.inbox, NAME, one.table)).toEqual({ kind: 'drained', versions: [1], landed: 3, repeated: 0, refused: 1 });
      expect(await one.rows()).toEqual([
        ['a', 1, R],
        ['b', 3, R],
        ['c', 4, R],
      ]);
      expect(await one.queued()).toBe(0);
      expect(await one.fate(bad)).toMatchObject({ kind: 'refused', code });
      expect(one.errors).toEqual([expect.stringContaining('group.intent_refused')]);
    });
  }

  it('is refused alone when the table has changed its shape since it was staged', async () => {
    const { enqueue, inbox, table, open, rows, fate } = await world();
    const other = await open();
    const bad = await enqueue(upsert('a', 1));
    await other.overwrite(rowsBatch(), {});
    const { metadata } = other.snapshot;
    await inbox.control.put({
      partition: inboxOf(NAME),
      sort: bad.id,
      bytes: utf8(new TextDecoder().decode((await inbox.control.get(inboxOf(NAME), bad.id))?.bytes).replace(metadata.id, 'another')),
    });
    await enqueue(append('b', 2));
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 1, refused: 1 });
    expect(await fate(bad)).toMatchObject({ kind: 'refused', code: 'SCHEMA_DRIFT', reason: 'the table was replaced by another' });
    expect(await rows()).toEqual([['b', 2, R]]);
  });

  it('is refused alone when its rows break a check constraint that was added since it was staged; the others land', async () => {
    const { enqueue, inbox, table, open, rows, fate } = await world();
    const other = await open();
    const [good, bad, alike] = [await enqueue(upsert('a', 1)), await enqueue(append('b', 9)), await enqueue(upsert('c', 2))];
    await other.alterConstraint({ name: 'small', expression: 'v < 5' });
    expect(await drainInbox(inbox, NAME, table)).toEqual({ kind: 'drained', versions: [2], landed: 2, repeated: 0, refused: 1 });
    expect((await Promise.all([good, bad, alike].map(fate))).map((one) => (one.kind === 'refused' ? one : one.kind))).toEqual([
      'committed',
      { kind: 'refused', code: 'CONSTRAINT_VIOLATED', reason: expect.stringMatching(/^expected small \(v < 5\) to be true, found false in row 0: .*9/) },
      'committed',
    ]);
    expect(await rows()).toEqual([
      ['a', 1, R],
      ['c', 2, R],
    ]);
  });

  it('is refused alone when its rows break a column invariant that was added since it was staged', async () => {
    const { enqueue, inbox, table, foreign, rows, fate } = await world();
    const intents = [await enqueue(append('a', 1)), await enqueue(append('b', 9))];
    const rule = JSON.stringify({ 'delta.invariants': JSON.stringify({ expression: { expression: 'v < 5' } }) });
    const { metadata } = table.snapshot;
    await foreign([{ metaData: { ...actionFields(metadata), schemaString: metadata.schemaString.replace(/("name":"v".*?"metadata":)\{\}/, `$1${rule}`) } }]);
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ versions: [2], landed: 1, refused: 1 });
    expect((await Promise.all(intents.map(fate))).map((one) => (one.kind === 'refused' ? one.code : one.kind))).toEqual(['committed', 'CONSTRAINT_VIOLATED']);
    expect(await rows()).toEqual([['a', 1, R]]);
  });

  it('is refused where such a constraint comes to null, also over a column that its rows do not have', async () => {
    const { enqueue, inbox, table, open, rows } = await world();
    const other = await open();
    await enqueue({ batch: rowsBatch(['a', null, R]), what: { kind: 'append' } });
    await enqueue(append('b', 1));
    await other.alterConstraint({ name: 'there', expression: 'v > 0' });
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 1, refused: 1 });
    await enqueue(append('c', 1));
    await other.alterSchema({ kind: 'addColumns', columns: [{ name: 'w', type: { kind: 'int' }, nullable: true }] });
    await other.overwrite(rowsBatch());
    await other.alterConstraint({ name: 'w', expression: 'w IS NOT NULL' });
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 0, refused: 1 });
    expect(await rows()).toEqual([]);
  });

  it('is refused alone when it would replace rows of a table that only grows', async () => {
    const { enqueue, inbox, table, rows, fate } = await world({ configuration: { 'delta.appendOnly': 'true' } });
    await enqueue(upsert('a', 1));
    const bad = await enqueue(upsert('a', 2, R + 1n));
    await enqueue(upsert('b', 3));
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ versions: [1], landed: 2, refused: 1 });
    expect(await fate(bad)).toMatchObject({ kind: 'refused', code: 'CONSTRAINT_VIOLATED' });
    expect(await rows()).toEqual([
      ['a', 1, R],
      ['b', 3, R],
    ]);
  });

  it('is refused alone when its plan is too large, and the others land in more than one entry', async () => {
    const { enqueue, inbox, table, foreign, file, rows, fate } = await world();
    const { path } = await file('huge', rowsBatch(['c', 0, R]));
    const stats = JSON.stringify({ numRecords: 1, minValues: { k: 'c' }, maxValues: { k: 'c' } });
    await foreign([{ add: { path, size: PROBE_BYTES_MAX + 1, stats, partitionValues: {}, modificationTime: 1, dataChange: true } }]);
    await table.refresh();
    const [, bad] = [await enqueue(upsert('a', 1)), await enqueue(upsert('c', 1, R + 1n)), await enqueue(upsert('d', 1)), await enqueue(append('e', 1))];
    expect(await drainInbox(inbox, NAME, table)).toEqual({ kind: 'drained', versions: [2, 3], landed: 3, repeated: 0, refused: 1 });
    expect(bad === undefined ? undefined : await fate(bad)).toMatchObject({ kind: 'refused', code: 'PLAN_TOO_LARGE' });
    expect((await rows()).map(([k, v]) => [k, v])).toEqual([
      ['a', 1],
      ['c', 0],
      ['d', 1],
      ['e', 1],
    ]);
  });

  it('lands after all when what stood in its way is mended and it is redriven', async () => {
    const { enqueue, inbox, store, table, rows, fate } = await world();
    const intent = await enqueue(append('a', 1));
    const path = joinPath(T_ROOT, intent.adds[0]?.path ?? '');
    const bytes = (await store.get(path))?.bytes ?? new Uint8Array();
    await store.delete(path);
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 0, refused: 1 });
    await store.overwrite(path, bytes);
    expect(await redrive(inbox, NAME, intent.id)).toBe(true);
    expect(await redrive(inbox, NAME, intent.id)).toBe(false);
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 1, refused: 0 });
    expect(await fate(intent)).toMatchObject({ kind: 'committed', version: 1, alreadyApplied: false });
    expect(await rows()).toEqual([['a', 1, R]]);
  });

  it('is forgotten after 14 days, no sooner', async () => {
    const { enqueue, inbox, store, clock, table } = await world();
    const intent = await enqueue(append('a', 1));
    await store.delete(joinPath(T_ROOT, intent.adds[0]?.path ?? ''));
    await drainInbox(inbox, NAME, table);
    const { refusedAt = 0 } = (await findDead(inbox.control, NAME, intent.id)) ?? {};
    await clock.advance(refusedAt + 14 * 86_400_000 - clock.now());
    expect(await forgetDead(inbox, NAME)).toBe(0);
    expect((await findDead(inbox.control, NAME, intent.id))?.code).toBe('FILE_MISSING');
    await clock.advance(1);
    expect(await forgetDead(inbox, NAME)).toBe(1);
    expect(await collect(listDead(inbox.control, NAME))).toEqual([]);
  });

  it.each([
    ['lands while no vacuum may take its files before its entry has landed', 0, { landed: 2, refused: 0 }],
    ['is refused alone from then on, whether its files are there or not', 1, { landed: 1, refused: 1 }],
  ])('%s', async (_, later, counts) => {
    const { enqueue, inbox, clock, table, fate } = await world();
    const old = await enqueue(append('a', 1));
    await clock.advance(15 * 86_400_000 - PLAN_AGE_MAX_MILLIS + later);
    await enqueue(append('b', 2));
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ kind: 'drained', ...counts });
    expect(await fate(old)).toMatchObject(counts.refused === 0 ? { kind: 'committed' } : { kind: 'refused', code: 'WRITER_FENCED' });
    // Redriven it is as old as before.
    expect(await redrive(inbox, NAME, old.id)).toBe(counts.refused === 1);
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 0, refused: counts.refused });
  });

  it('is known to have landed however old it is', async () => {
    const { enqueue, inbox, clock, table } = await world();
    const intent = await enqueue(append('a', 1));
    const record = await inbox.control.get(inboxOf(NAME), intent.id);
    await drainInbox(inbox, NAME, table);
    await clock.advance(16 * 86_400_000);
    await inbox.control.put({ partition: inboxOf(NAME), sort: intent.id, bytes: record?.bytes ?? new Uint8Array() });
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 0, repeated: 1, refused: 0 });
  });

  it.each([
    ['its own name', undefined],
    ['a key that is remembered for an hour', { kind: 'request', key: 'k', bodyHash: 'b', windowMillis: HOUR }],
  ] as const)('is known to have landed by %s, met long after its file has been replaced', async (_, idempotency) => {
    const { enqueue, inbox, clock, table, rows, open, fate } = await world();
    const intent = await enqueue({ ...append('a', 1), ...(idempotency === undefined ? {} : { idempotency }) });
    const record = await inbox.control.get(inboxOf(NAME), intent.id);
    await drainInbox(inbox, NAME, table);
    await table.overwrite(rowsBatch(['z', 9, R]), {});
    await clock.advance(14 * 24 * HOUR);
    await table.checkpoint();
    await inbox.control.put({ partition: inboxOf(NAME), sort: intent.id, bytes: record?.bytes ?? new Uint8Array() });
    expect(await drainInbox(inbox, NAME, await open())).toMatchObject({ landed: 0, repeated: 1, refused: 0 });
    expect(await rows()).toEqual([['z', 9, R]]);
    expect(await fate(intent)).toMatchObject({ kind: 'committed', version: 1, alreadyApplied: false });
  });

  it('repeats a key that was remembered when it was staged, whenever it is drained, and no other', async () => {
    const { enqueue, inbox, clock, table } = await world();
    const keyed = (): Promise<Intent> => enqueue({ ...append('a', 1), idempotency: { kind: 'request', key: 'k', bodyHash: 'b', windowMillis: HOUR } });
    await keyed();
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 1, repeated: 0 });
    await clock.advance(HOUR / 2);
    await keyed();
    await clock.advance(2 * HOUR);
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 0, repeated: 1 });
    await keyed();
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 1, repeated: 0 });
  });

  it('is never judged by its files once it has landed', async () => {
    const { enqueue, inbox, store, table, rows } = await world();
    const intent = await enqueue(append('a', 1));
    const record = await inbox.control.get(inboxOf(NAME), intent.id);
    await drainInbox(inbox, NAME, table);
    await table.overwrite(rowsBatch(['z', 9, R]), {});
    await store.delete(joinPath(T_ROOT, intent.adds[0]?.path ?? ''));
    await inbox.control.put({ partition: inboxOf(NAME), sort: intent.id, bytes: record?.bytes ?? new Uint8Array() });
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ landed: 0, repeated: 1, refused: 0 });
    expect(await rows()).toEqual([['z', 9, R]]);
  });
});

describe('a doorbell', () => {
  const ring = async ({
    inbox,
  }: World): Promise<{ readonly id: string; readonly body: string; readonly receiveCount: number; readonly receipt: string } | undefined> =>
    (await inbox.queue.receive({ countMax: 1, visibilitySeconds: 60 }))[0];

  it('is rung for an intent whose put was not answered too, so that it is decided now', async () => {
    const one = await world();
    const { inbox, table } = one;
    const put: Control['put'] = async (record) => {
      await inbox.control.put(record);
      throw new LakefoldError('STORE_UNAVAILABLE', 'expected an answer, found none');
    };
    const control = { ...inbox.control, put } as Control;
    const ids = new UlidSource(one.deps);
    const enqueued = enqueueWrite({ ...inbox, control }, { name: NAME, root: T_ROOT, snapshot: table.snapshot, ids }, append('a', 1));
    await expect(enqueued).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const bell = await ring(one);
    expect(bell === undefined ? undefined : await answerDoorbell(inbox, bell, async () => table)).toMatchObject({ kind: 'drained', landed: 1 });
  });

  it('is handed back for 5 s while another committer holds the lease, and gone once the table is drained', async () => {
    const one = await world();
    const { inbox, clock, table } = one;
    await one.enqueue(append('a', 1));
    const lease = await takeLease(inbox, NAME, 'another');
    const open = async (): Promise<DeltaTable> => table;
    const first = await ring(one);
    expect(first === undefined ? undefined : await answerDoorbell(inbox, first, open)).toMatchObject({ kind: 'taken', landed: 0 });
    expect(await ring(one)).toBeUndefined();
    await clock.advance(5000);
    if (lease !== undefined) await releaseLease(inbox, lease);
    const second = await ring(one);
    expect(second === undefined ? undefined : await answerDoorbell(inbox, second, open)).toMatchObject({ kind: 'drained', landed: 1 });
    await clock.advance(3_600_000);
    expect(await ring(one)).toBeUndefined();
  });

  it('replaces a committer that died holding the lease', async () => {
    const { inbox, clock, enqueue, table } = await world();
    await takeLease(inbox, NAME, 'dead');
    await enqueue(append('a', 1));
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ kind: 'taken' });
    await clock.advance(30_000);
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ kind: 'drained', landed: 1 });
  });
});

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('what is gathered while an entry is written', () => {
  const EARLY = ['a', 'b', 'c', 'd', 'f', 'g', 'h'];

  // The intent of `e` comes when the files of the others have been listed.
  const gathered = async (listed: readonly string[]): Promise<{ readonly taken: readonly string[]; readonly requests: readonly string[] }> => {
    const { inbox, enqueue, store, clock } = await world();
    const intents = new Map<string, Intent>();
    for (const letter of [...EARLY, 'e'].toSorted()) {
      await clock.advance(1);
      intents.set(letter, await enqueue(append(letter, 1)));
    }
    const late = intents.get('e');
    if (late === undefined) throw new Error('expected an intent of e');
    await inbox.control.delete(inboxOf(NAME), late.id);
    const paths = new Set(listed.flatMap((letter) => intents.get(letter)?.adds.map(({ path }) => joinPath(T_ROOT, path)) ?? []));
    const asking = deferred<void>();
    const counting = countingObjectStore(store);
    async function* list(...args: Parameters<ObjectStore['list']>): AsyncIterable<ObjectInfo> {
      for await (const info of counting.list(...args)) if (paths.has(info.path)) yield info;
      asking.resolve();
    }
    const entry = deferred<boolean>();
    const gatherer = new IntentGatherer({ ...inbox, store: { ...counting, list } }, { name: NAME, root: T_ROOT });
    const next = gatherer.next({ decided: new Set(), writes: 1, landed: entry.promise });
    await asking.promise;
    await gatherer.settle();
    await inbox.control.put({ partition: inboxOf(NAME), sort: late.id, bytes: encodeIntent(late) });
    entry.resolve(true);
    const taken = (await next).intents.map(({ id }) => [...intents].find(([, intent]) => intent.id === id)?.[0] ?? '');
    return { taken, requests: counting.requests.map(({ kind }) => kind) };
  };

  it('is joined by an intent put since whose files were listed with it, in the order of the inbox', async () => {
    expect(await gathered([...EARLY, 'e'])).toEqual({ taken: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], requests: ['LIST'] });
  });

  it('lets none pass an earlier one whose files were not listed', async () => {
    expect(await gathered(EARLY)).toEqual({ taken: ['a', 'b', 'c', 'd'], requests: ['LIST'] });
  });
});

describe('a committer that comes after another', () => {
  it('reads what was committed since, and tries for no version that is taken', async () => {
    const { inbox, store, table, open, enqueue } = await world();
    const counting = countingObjectStore(store);
    const behind = await open(counting);
    await enqueue(append('a', 1));
    await drainInbox(inbox, NAME, table);
    await enqueue(append('b', 2));
    counting.requests.length = 0;
    expect(await drainInbox({ ...inbox, store: counting }, NAME, behind)).toMatchObject({ versions: [2], landed: 1 });
    expect(counting.requests.filter(({ kind }) => kind === 'PUT IF ABSENT')).toHaveLength(1);
  });
});

describe('the requests of a drain', () => {
  it('are one listing and one log entry, whatever the number of upserts that meet nothing', async () => {
    const { inbox, clock, store, open, deps } = await world();
    const counting = countingObjectStore(store);
    const table = await open(counting);
    const counted = { ...inbox, store: counting };
    const ids = new UlidSource(deps);
    counting.requests.length = 0;
    for (let i = 0; i < 64; i += 1) {
      await clock.advance(7);
      await enqueueWrite(counted, { name: NAME, root: T_ROOT, snapshot: table.snapshot, ids }, upsert(`k${String(i).padStart(2, '0')}`, i));
    }
    expect(counting.requests.splice(0).map(({ kind }) => kind)).toEqual(Array.from({ length: 64 }, () => 'PUT IF ABSENT'));
    expect(await drainInbox(counted, NAME, table)).toMatchObject({ versions: [1], landed: 64 });
    expect(counting.requests.map(({ kind }) => kind)).toEqual(['LIST', 'PUT IF ABSENT']);
  });

  it('never ask for another file than those of the intents, however many lie between them', async () => {
    const { inbox, store, table, enqueue, rows } = await world();
    const intents = [await enqueue(append('a', 1)), await enqueue(append('b', 2)), await enqueue(append('c', 3))];
    const [first] = intents;
    for (let i = 0; i < 1200; i += 1) await store.createIfAbsent(joinPath(T_ROOT, `${first?.adds[0]?.path ?? ''}-${i}`), utf8('x'), { identity: `${i}` });
    expect(await drainInbox(inbox, NAME, table)).toMatchObject({ versions: [1], landed: 3, refused: 0 });
    expect(await rows()).toHaveLength(3);
  });
});
