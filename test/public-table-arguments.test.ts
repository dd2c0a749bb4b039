/** Programs without types hand in anything: what makes no sense is refused as INVALID_ARGUMENT or its like, and nothing is committed. */
import { describe, expect, it } from 'vitest';
import { SystemClock } from '../lib/adapters/system/clock.ts';
import { MemoryObjectStore } from '../lib/adapters/memory/object-store.ts';
import { createTable, isLakefoldError, openTable, type Table } from '../lib/delta/index.ts';

const CYCLE: Record<string, unknown> = {};
CYCLE['self'] = CYCLE;

const ODD: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  1n,
  '',
  'x',
  Symbol('s'),
  () => 1,
  [],
  [null],
  [undefined],
  ['x'],
  [[]],
  [{}],
  [{ id: CYCLE }],
  [1n],
  {},
  { x: 1n },
  CYCLE,
  new Date(Number.NaN),
  new Map([[1, 2]]),
];

/** Members that options have, each odd. */
const oddMembers = (...names: readonly string[]): readonly unknown[] => names.flatMap((name) => ODD.slice(1).map((value) => ({ [name]: value })));

const rows = [{ id: 1n }];
const where = { column: 'id', op: '=', value: 1n };

type Call = (table: Table, odd: never) => unknown;
const writing: readonly (readonly [string, Call, ...string[]])[] = [
  ['append of odd rows', (table, odd) => table.append(odd)],
  ['append with odd options', (table, odd) => table.append(rows, odd), 'txn'],
  ['append with an odd txn', (table, odd) => table.append(rows, { txn: odd }), 'appId', 'version'],
  ['upsert of odd rows', (table, odd) => table.upsert(odd, { keys: ['id'] })],
  ['upsert with odd options', (table, odd) => table.upsert(rows, odd), 'keys', 'txn'],
  ['overwrite with odd rows', (table, odd) => table.overwrite(odd)],
  ['overwrite with odd options', (table, odd) => table.overwrite(rows, odd), 'where', 'txn', 'allowEmpty'],
  ['overwrite of an odd filter', (table, odd) => table.overwrite(rows, { where: odd }), 'and', 'or', 'not', 'column', 'op'],
  ['update of something odd', (table, odd) => table.update(odd), 'set', 'where'],
  ['update to odd values', (table, odd) => table.update({ where: where as never, set: odd }), 'id', 'text'],
  ['update with odd options', (table, odd) => table.update({ where: where as never, set: { text: 'x' } }, odd), 'txn'],
  ['delete of something odd', (table, odd) => table.delete(odd), 'where', 'keys'],
  ['delete of odd keys', (table, odd) => table.delete({ keys: odd }), 'id'],
  ['delete by an odd value', (table, odd) => table.delete({ where: { column: 'id', op: '=', value: odd } })],
  ['delete by odd values', (table, odd) => table.delete({ where: { column: 'id', op: 'in', value: odd } })],
  ['delete by an odd operator', (table, odd) => table.delete({ where: { column: 'id', op: odd, value: 1n } as never })],
  ['restore to something odd', (table, odd) => table.restore(odd), 'version', 'instant'],
  ['restore with odd options', (table, odd) => table.restore({ version: 1 }, odd), 'txn'],
  ['adding odd columns', (table, odd) => table.addColumns(odd), 'name', 'type'],
  ['adding a column of odd parts', (table, odd) => table.addColumns([odd]), 'name', 'type', 'nullable'],
  ['adding a column with odd options', (table, odd) => table.addColumns([{ name: 'more', type: 'int' }], odd)],
  ['making something odd nullable', (table, odd) => table.makeNullable(odd)],
  ['commenting on something odd', (table, odd) => table.commentOn(odd, 'x')],
  ['commenting with something odd', (table, odd) => table.commentOn('id', odd)],
  ['setting odd properties', (table, odd) => table.setProperties(odd), 'delta.appendOnly', 'delta.logRetentionDuration', 'x'],
  ['renaming something odd', (table, odd) => table.renameColumn(odd, 'y')],
  ['renaming to something odd', (table, odd) => table.renameColumn('text', odd)],
  ['dropping something odd', (table, odd) => table.dropColumn(odd)],
  ['an odd name of a constraint', (table, odd) => table.addConstraint(odd, 'id > 0')],
  ['an odd constraint', (table, odd) => table.addConstraint('c', odd)],
  ['dropping an odd constraint', (table, odd) => table.dropConstraint(odd)],
  ['a group of odd rows', (table, odd) => table.groupCommitter().append(odd)],
  ['a group of odd options', (table, odd) => table.groupCommitter().upsert(rows, odd), 'keys', 'txn'],
  ['optimizing by odd options', (table, odd) => table.optimize(odd), 'targetBytes', 'clusterBy', 'zOrder', 'where', 'timeMillisMax'],
];
const reading: readonly (readonly [string, Call, ...string[]])[] = [
  ['a read with odd options', (table, odd) => table.read(odd), 'asOf', 'columns', 'where', 'limit'],
  ['a read as of something odd', (table, odd) => table.read({ asOf: odd }), 'version', 'instant'],
  ['changes with odd options', (table, odd) => table.changes(odd), 'fromVersion', 'toVersion', 'keys', 'columns'],
  ['a plan by odd options', (table, odd) => table.planOptimize(odd), 'targetBytes', 'clusterBy', 'zOrder', 'where', 'timeMillisMax'],
  ['a vacuum by odd options', (table, odd) => table.vacuum(odd), 'retentionHours', 'force', 'scope', 'timeMillisMax', 'dryRun'],
];

async function drained(result: unknown): Promise<void> {
  if (typeof result === 'object' && result !== null && Symbol.asyncIterator in result) for await (const _ of result as AsyncIterable<unknown>) void _;
  else await result;
}

async function newTable(): Promise<{ readonly table: Table; readonly store: MemoryObjectStore }> {
  const store = new MemoryObjectStore({ clock: new SystemClock() });
  const schema = [
    { name: 'id', type: 'bigint' },
    { name: 'text', type: 'string', nullable: true },
  ];
  const table = await createTable('t', { store, schema, columnMapping: 'name' });
  await table.append([{ id: 1n, text: 'a' }]);
  return { table, store };
}

/** What came of every odd argument that was neither taken nor refused by a code that says to mend it. */
async function faultsOf(call: Call, names: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const { table } = await newTable();
  for (const odd of [...ODD, ...oddMembers(...names)]) {
    const before = table.version;
    try {
      await drained(call(table, odd as never));
    } catch (error) {
      const kind = isLakefoldError(error) ? error.kind : 'raw';
      if (!['invalid', 'not_found', 'unsupported', 'expired', 'conflict'].includes(kind)) faults.push(`${describeOdd(odd)}: ${String(error)}`);
      if ((await table.refresh()) !== before) faults.push(`${describeOdd(odd)}: committed and refused`);
    }
  }
  return faults;
}

function describeOdd(odd: unknown): string {
  if (typeof odd === 'object' && odd !== null)
    return `${odd.constructor.name} ${Object.entries(odd)
      .map(([name, value]) => `${name}: ${Array.isArray(value) ? `[${value.map((x) => typeof x).join()}]` : value === CYCLE ? 'cycle' : String(value)}`)
      .join()}`;
  return String(odd);
}

describe('an argument that makes no sense', () => {
  it('is refused by a code: opening and creating', async () => {
    const faults: string[] = [];
    const schema = [{ name: 'id', type: 'bigint' }];
    const options = ['profile', 'changeFeed', 'inCommitTimestamp', 'columnMapping', 'constraints', 'properties', 'name', 'description', 'partitionBy'];
    for (const [i, odd] of [...ODD, ...oddMembers('schema', 'asOf', ...options)].entries()) {
      const store = new MemoryObjectStore({ clock: new SystemClock() });
      const calls: readonly (() => Promise<unknown>)[] = [
        () => openTable(odd as never, { store }),
        () => openTable(`t${i}`, { store, ...(odd as object) }),
        () => createTable(odd as never, { store, schema }),
        () => createTable(`s${i}`, { store, schema: odd as never }),
        () => createTable(`s${i}`, { store, schema: [odd as never] }),
        () => createTable(`u${i}`, { store, schema, ...(odd as object) }),
      ];
      for (const [at, call] of calls.entries())
        await call().catch((error: unknown) => {
          if (!isLakefoldError(error) || !['invalid', 'not_found'].includes(error.kind)) faults.push(`${at} ${describeOdd(odd)}: ${String(error)}`);
        });
    }
    expect(faults).toEqual([]);
  });

  for (const [name, call, ...members] of [...writing, ...reading])
    it(`is refused by a code: ${name}`, async () => {
      expect(await faultsOf(call, members)).toEqual([]);
    });

  it('is named: upsert without options, delete by nothing and by both, a retention that is no number', async () => {
    const { table } = await newTable();
    const refusals = [
      [() => table.upsert(rows, undefined as never), 'expected an object as options, found nothing'],
      [() => table.upsert(rows, {} as never), 'expected a list of texts as keys, found nothing'],
      [() => table.delete({} as never), 'expected either where or keys to delete by, found neither'],
      [() => table.delete({ where, keys: rows } as never), 'expected either where or keys to delete by, found both'],
      [() => table.vacuum({ retentionHours: Number.NaN }), 'expected a number from 0 on as retentionHours, found NaN'],
      [() => table.setProperties({ x: 1 as never }), 'expected an object of text or null as properties, found an object'],
    ] as const;
    for (const [call, message] of refusals) await expect(call()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
    expect(await table.refresh()).toBe(1);
  });
});
