/** The same random writes as one group on one table, and one by one on its twin: what differs between the two. */
import { ManualClock } from '../../lib/adapters/memory/clock.ts';
import { MemoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { SeededRandom } from '../../lib/adapters/memory/random.ts';
import { silentLog } from '../../lib/adapters/system/log.ts';
import type { DeltaDeps } from '../../lib/delta/deps.ts';
import type { GroupWriteRequest } from '../../lib/delta/group/group-stage.ts';
import { stageMember } from '../../lib/delta/group/group-stage.ts';
import { readRows } from '../../lib/delta/rows/read.ts';
import { loadSnapshot } from '../../lib/delta/snapshot/snapshot.ts';
import { DeltaTable } from '../../lib/delta/table.ts';
import type { Idempotency, WriteOutcome } from '../../lib/delta/write/write-outcome.ts';
import { createNdjsonCodec } from '../../lib/parquet/ndjson-codec.ts';
import type { Random } from '../../lib/ports/random.ts';
import type { TableCodec } from '../../lib/ports/table-codec.ts';
import { batchOf, columnsOf, rowsOfBatch, textsOf, type ModelRow, type TableShape } from './table-model.ts';
import { randomRows } from './table-ops.ts';

const ROOT = 'demo/t';

export interface GroupRunOptions {
  readonly seed: number;
  readonly shape: TableShape;
  readonly codec?: TableCodec;
}

interface Twin {
  readonly deps: DeltaDeps;
  readonly table: DeltaTable;
}

/** What differs; nothing when all is well. */
export async function compareWithSerial(options: GroupRunOptions): Promise<readonly string[]> {
  const random = new SeededRandom(options.seed);
  const [grouped, serial] = [await twin(options), await twin(options)];
  for (let i = Math.floor(random.unit() * 4); i > 0; i -= 1) {
    const write = randomWrite(random, options.shape);
    await commitAlone(grouped, write);
    await commitAlone(serial, write);
  }
  const faults: string[] = [];
  for (let group = 0; group < 2; group += 1) {
    const writes = Array.from({ length: 1 + Math.floor(random.unit() * 7) }, () => randomWrite(random, options.shape));
    const members = [];
    for (const [i, write] of writes.entries())
      members.push(await stageMember(grouped.deps, { root: ROOT, snapshot: grouped.table.snapshot, id: `w${group}-${i}` }, write));
    const { outcome, verdicts, counts } = await grouped.table.commitGroup(members);
    const alone: WriteOutcome[] = [];
    for (const write of writes) alone.push(await commitAlone(serial, write));
    for (const [i, one] of alone.entries()) {
      const [verdict, count] = [verdicts[i], counts[i]];
      const [expected, found] =
        one.kind === 'committed'
          ? [`landed ${JSON.stringify(one.counts)}`, `${verdict?.kind} ${JSON.stringify(count)}`]
          : [one.kind, `already${capital(verdict?.kind)}`];
      if (expected !== found) faults.push(`write ${i} of group ${group}: alone ${expected}, in the group ${found}`);
    }
    if (outcome.kind !== 'committed' && alone.some(({ kind }) => kind === 'committed')) faults.push(`group ${group}: ${outcome.kind}`);
    const [expected, found] = [await textsOfTable(serial), await textsOfTable(grouped)];
    if (expected.join() !== found.join()) faults.push(`group ${group}: expected\n${expected.join('\n')}\nfound\n${found.join('\n')}`);
  }
  return faults;
}

function capital(text = ''): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function twin({ shape, codec }: GroupRunOptions): Promise<Twin> {
  const clock = new ManualClock({ sleeping: 'skip' });
  const store = new MemoryObjectStore({ clock });
  const deps: DeltaDeps = { store, codec: codec ?? createNdjsonCodec(), clock, random: new SeededRandom(7), log: silentLog, engineInfo: 'lakefold/test' };
  const { table } = await DeltaTable.create(deps, ROOT, {
    columns: columnsOf(shape),
    partitionBy: shape.partitionBy,
    profile: shape.profile,
    configuration: {},
  });
  return { deps, table };
}

function randomWrite(random: Random, shape: TableShape): GroupWriteRequest {
  const isUpsert = random.unit() < 0.7;
  const rows = randomRows(random, shape, { oneReceipt: random.unit() < 0.6 });
  // Writers that know no receipts, or no `v`.
  const unknown = random.unit() < 0.15 ? ['_ingested_at'] : random.unit() < 0.1 ? ['v'] : [];
  const columns = columnsOf(shape).filter(({ name }) => !unknown.includes(name));
  const luck = random.unit();
  const idempotency: Idempotency | undefined =
    luck < 0.3
      ? { kind: 'request', key: `k${Math.floor(random.unit() * 4)}`, bodyHash: 'same', windowMillis: 10 ** 12 }
      : luck < 0.5
        ? { kind: 'stream', name: 'feed', sequence: Math.floor(random.unit() * 5) }
        : undefined;
  return {
    batch: batchOf(columns, rows),
    what: isUpsert ? { kind: 'upsert', keys: ['k'], ...(shape.hasEventTime ? { eventTime: 'e' } : {}) } : { kind: 'append' },
    ...(idempotency === undefined ? {} : { idempotency }),
  };
}

async function commitAlone({ table }: Twin, { batch, what, idempotency }: GroupWriteRequest): Promise<WriteOutcome> {
  const options = idempotency === undefined ? {} : { idempotency };
  const { outcome } = what.kind === 'append' ? await table.append(batch, options) : await table.upsert(batch, { ...options, ...what });
  return outcome;
}

async function textsOfTable({ deps }: Twin): Promise<string[]> {
  const rows: ModelRow[] = [];
  const snapshot = await loadSnapshot(deps, ROOT);
  for await (const batch of readRows(deps, { root: ROOT, snapshot })) rows.push(...rowsOfBatch(batch));
  return textsOf(rows);
}
