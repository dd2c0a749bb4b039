/** Producers and committers that die at any request: what was acknowledged is in exactly one version, and what was not at most in one. */
import { describe, expect, it } from 'vitest';
import { MemoryControl } from '../../../lib/adapters/memory/control.ts';
import { MemoryQueue } from '../../../lib/adapters/memory/queue.ts';
import { joinPath } from '../../../lib/core/path.ts';
import { UlidSource } from '../../../lib/core/ulid.ts';
import { readEntry } from '../../../lib/delta/changes/changes.ts';
import { commitInfoOf } from '../../../lib/delta/actions/commit-info.ts';
import { answerDoorbell } from '../../../lib/delta/group/group-drain.ts';
import { intentFate } from '../../../lib/delta/group/group-fate.ts';
import { enqueueWrite, inboxOf, type InboxDeps, type QueuedWrite } from '../../../lib/delta/group/group-inbox.ts';
import type { Intent } from '../../../lib/delta/group/group-intent.ts';
import { DeltaTable } from '../../../lib/delta/table.ts';
import { Crashed, crashingPorts, type Crash } from '../../support/crashing-ports.ts';
import { rowsBatch, T_ROOT, tableFixture, type TableFixture } from '../../support/table-fixture.ts';

const NAME = 'demo/t/1';
const R = 1_750_000_000_000_000n;
const REQUESTS_MAX = 200;

/** Enough for the entry that the next intents are gathered while it is written. */
const MANY = Array.from({ length: 8 }, (_, i) => `m${i}`);

const WRITES: readonly QueuedWrite[] = [
  { batch: rowsBatch(['a', 1, R]), what: { kind: 'upsert', keys: ['k'] } },
  { batch: rowsBatch(['a', 2, R + 1n], ['b', 2, R]), what: { kind: 'upsert', keys: ['k'] } },
  { batch: rowsBatch(['c', 3, R]), what: { kind: 'append' } },
  { batch: rowsBatch(['lost', 4, R]), what: { kind: 'append' } },
  { batch: rowsBatch(['z', 9, R - 1n]), what: { kind: 'upsert', keys: ['k'] }, idempotency: { kind: 'stream', name: 'feed', sequence: 1 } },
  ...MANY.map((k): QueuedWrite => ({ batch: rowsBatch([k, 5, R]), what: { kind: 'append' } })),
  // Known by other columns: an entry of its own, gathered while the one before is written.
  { batch: rowsBatch(['q', 77, R]), what: { kind: 'upsert', keys: ['v'] } },
];

interface World {
  readonly fixture: TableFixture;
  readonly inbox: InboxDeps;
}

async function world(profile: 'merge-on-read' | 'compatible'): Promise<World> {
  const fixture = await tableFixture({ profile });
  await fixture.table.append(rowsBatch(['z', 0, R]));
  return { fixture, inbox: { ...fixture.deps, control: new MemoryControl(), queue: new MemoryQueue({ clock: fixture.clock }) } };
}

/** Enqueues what it lives to enqueue. */
async function produce({ fixture }: World, inbox: InboxDeps): Promise<Intent[]> {
  const ids = new UlidSource(inbox);
  const acknowledged: Intent[] = [];
  for (const write of WRITES) {
    const intent = await enqueueWrite(inbox, { name: NAME, root: T_ROOT, snapshot: fixture.table.snapshot, ids }, write).catch(ignoreCrash);
    if (intent !== undefined) acknowledged.push(intent);
  }
  return acknowledged;
}

function ignoreCrash(error: unknown): undefined {
  if (!(error instanceof Crashed)) throw error;
}

/** Serves doorbells, as processes started one after the other, until there are none. */
async function serveAll({ fixture, inbox }: World): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    await fixture.clock.advance(61_000);
    const [message] = await inbox.queue.receive({ countMax: 1, visibilitySeconds: 60 });
    if (message === undefined) return;
    await answerDoorbell(inbox, message, () => DeltaTable.open(inbox, T_ROOT));
  }
}

/** Ids of the writes each version answered. */
async function writesInLog({ fixture }: World): Promise<string[]> {
  const ids: string[] = [];
  const { version } = await fixture.table.refresh();
  for (let at = 0; at <= version; at += 1) {
    const tag = commitInfoOf((await readEntry(fixture.deps, T_ROOT, at))?.actions ?? [])?.tags?.['lakefold.requests'] ?? '[]';
    for (const { write } of JSON.parse(tag) as { readonly write: string }[]) ids.push(write);
  }
  return ids;
}

async function inboxSize({ inbox }: World): Promise<number> {
  let size = 0;
  for await (const _ of inbox.control.query(inboxOf(NAME))) size += 1;
  return size;
}

const ALL_ROWS = [['a', 2, R + 1n], ['b', 2, R], ['c', 3, R], ...MANY.map((k) => [k, 5, R]), ['q', 77, R], ['z', 0, R]];

for (const profile of ['merge-on-read', 'compatible'] as const) {
  for (const when of ['before', 'after'] as const) {
    describe(`a crash ${when} the effect of a request, on a ${profile} table`, () => {
      it('of the committer, at any request, is made good by the next one', async () => {
        let at = 1;
        for (; at < REQUESTS_MAX; at += 1) {
          const one = await world(profile);
          const intents = await produce(one, one.inbox);
          const [, , , lost] = intents;
          await one.fixture.store.delete(joinPath(T_ROOT, lost?.adds[0]?.path ?? ''));
          const dying = crashingPorts(one.inbox, { at, when } satisfies Crash);
          const [message] = await one.inbox.queue.receive({ countMax: 1, visibilitySeconds: 60 });
          const deps = { ...one.inbox, ...dying };
          if (message !== undefined) await answerDoorbell(deps, message, () => DeltaTable.open(deps, T_ROOT)).catch(ignoreCrash);
          await serveAll(one);
          const landed = intents.filter((intent) => intent !== lost);
          expect({ at, rows: await one.fixture.rows() }).toEqual({ at, rows: ALL_ROWS });
          expect((await writesInLog(one)).toSorted()).toEqual(landed.map(({ id }) => id).toSorted());
          expect(await inboxSize(one)).toBe(0);
          const fates = await Promise.all(intents.map((intent) => intentFate(one.inbox, NAME, one.fixture.table, intent)));
          expect(fates.map(({ kind }) => kind)).toEqual([
            'committed',
            'committed',
            'committed',
            'refused',
            'committed',
            ...MANY.map(() => 'committed'),
            'committed',
          ]);
          if (!dying.isDead()) break;
        }
        expect(at).toBeGreaterThan(10);
        expect(at).toBeLessThan(REQUESTS_MAX);
      });

      it('of the producer leaves what it acknowledged, and of the rest all or nothing', async () => {
        let at = 1;
        for (; at < REQUESTS_MAX; at += 1) {
          const one = await world(profile);
          const dying = crashingPorts(one.inbox, { at, when });
          const intents = await produce(one, { ...one.inbox, ...dying });
          // An intent whose doorbell was not rung waits for the next one.
          await one.inbox.queue.send(JSON.stringify({ format: 1, table: NAME }));
          await serveAll(one);
          const ids = await writesInLog(one);
          expect(new Set(ids).size).toBe(ids.length);
          expect(intents.filter(({ id }) => !ids.includes(id))).toEqual([]);
          expect(ids.length - intents.length).toBeLessThanOrEqual(1);
          if (!dying.isDead()) break;
        }
        expect(at).toBeGreaterThan(10);
        expect(at).toBeLessThan(REQUESTS_MAX);
      });
    });
  }
}
