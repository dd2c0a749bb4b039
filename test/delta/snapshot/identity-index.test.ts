import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../lib/adapters/memory/random.ts';
import { batchOfRows, type Row } from '../../../lib/core/batch.ts';
import type { Column, ColumnType, Value } from '../../../lib/core/types.ts';
import { indexIdentities, lastOfEachIdentity } from '../../../lib/delta/snapshot/identity-index.ts';
import { identityOver } from '../../../lib/delta/rows/row-identity.ts';

const TYPES: readonly { readonly type: ColumnType; readonly values: readonly Value[] }[] = [
  { type: { kind: 'string' }, values: ['', 'a', 'aa', 'é', '\u{1f600}', '1:a', null] },
  { type: { kind: 'bigint' }, values: [0n, -1n, 1n, 2n ** 62n, -(2n ** 63n), 4_294_967_296n, null] },
  { type: { kind: 'int' }, values: [0, -1, 1, 2_147_483_647, null] },
  { type: { kind: 'boolean' }, values: [true, false, null] },
  { type: { kind: 'double' }, values: [0, -0, Number.NaN, 1.5, Number.POSITIVE_INFINITY] },
  { type: { kind: 'binary' }, values: [new Uint8Array([1]), new Uint8Array([]), new Uint8Array([1, 2]), null] },
  { type: { kind: 'decimal', precision: 20, scale: 2 }, values: [100n, 1n, -100n, null] },
];

describe('rows by identity', () => {
  it('are found iff their values are equal by text, whatever the types, and never through a null', () => {
    const random = new SeededRandom(5);
    for (let round = 0; round < 200; round += 1) {
      const picked = Array.from({ length: 1 + Math.floor(random.unit() * 3) }, () => TYPES[Math.floor(random.unit() * TYPES.length)] ?? TYPES[0]);
      const columns = picked.map((of, i): Column => ({ name: `c${i}`, type: of?.type ?? { kind: 'void' }, nullable: true }));
      const rowsOf = (count: number): Row[] =>
        Array.from({ length: count }, () => picked.map((of) => of?.values[Math.floor(random.unit() * of.values.length)] ?? null));
      const names = columns.map(({ name }) => name);
      const all = batchOfRows(columns, rowsOf(40));
      const kept = lastOfEachIdentity(all, names);
      const textOf = identityOver(all, names);
      const last = new Map(Array.from({ length: all.rowCount }, (_, i) => [textOf(i) ?? `null ${i}`, i]));
      expect([...kept]).toEqual([...last.values()].toSorted((a, b) => a - b));

      const asked = batchOfRows(columns, rowsOf(40));
      const askedText = identityOver(asked, names);
      const found = indexIdentities(all, names)(asked);
      for (const [i, row] of found.entries()) {
        const text = askedText(i);
        expect(row === -1 ? undefined : textOf(row)).toEqual(text !== undefined && last.has(text) ? text : undefined);
      }
    }
  });
});
