import { describe, expect, it } from 'vitest';
import { type Batch, codedVector, concatBatches, sliceRows, takeRows, type Vector } from '../../lib/core/batch.ts';
import { concatBytes, toHex, utf8 } from '../../lib/core/bytes.ts';
import { indexIdentities, lastOfEachIdentity } from '../../lib/delta/snapshot/identity-index.ts';
import { extremes } from '../../lib/delta/statistics/extremes.ts';
import { sortRows } from '../../lib/delta/rows/row-order.ts';
import { StatisticsBuilder } from '../../lib/features/statistics/feature-statistics.ts';
import { arrowStreamOf } from '../../lib/parquet/arrow/arrow-encode.ts';
import { TextCoder } from '../../lib/parquet/text-coder.ts';

const TYPE = { kind: 'string' } as const;
const COLUMN = { name: 'c', type: TYPE, nullable: true } as const;
const ROWS = 5000;

function buffers(texts: readonly (string | null)[]): Parameters<TextCoder['code']>[0] {
  const pieces = texts.map((text) => utf8(text ?? ''));
  const offsets = new Int32Array(texts.length + 1);
  pieces.forEach((piece, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + piece.length;
  });
  return { offsets, bytes: concatBytes(pieces), nulls: Uint8Array.from(texts, (text) => (text === null ? 1 : 0)), length: texts.length };
}

function textsOf(seed: number, different: number): (string | null)[] {
  return Array.from({ length: ROWS }, (_, i) => {
    const n = (i * 7919 + seed) % different;
    return n === 3 ? null : n === 4 ? '😀' : n === 5 ? '\ufffd' : n === 6 ? '' : `word-${n}`;
  });
}

function batchOf(vector: Vector): Batch {
  return { columns: [COLUMN], vectors: [vector], rowCount: vector.length };
}

function codedBatch(coder: TextCoder, texts: readonly (string | null)[]): Batch {
  const coded = coder.code(buffers(texts));
  if (coded === undefined) throw new Error('expected texts to be coded');
  return batchOf(codedVector(TYPE, coded));
}

function plainBatch(texts: readonly (string | null)[]): Batch {
  return batchOf({ type: TYPE, length: texts.length, values: texts });
}

describe('coded texts', () => {
  const [first, second] = [textsOf(0, 700), textsOf(11, 900)];
  const coder = new TextCoder(2 * ROWS);
  const coded = concatBatches([COLUMN], [codedBatch(coder, first), codedBatch(coder, second)]);
  const plain = plainBatch([...first, ...second]);

  it('are the texts themselves, each different one once over all batches', () => {
    expect(coded.vectors[0]?.values).toEqual(plain.vectors[0]?.values);
    expect(coded.vectors[0]?.coded?.words.toSorted()).toEqual([...new Set([...first, ...second].filter((text) => text !== null))].toSorted());
  });

  it('stay coded where rows are taken and cut, and mean the same', () => {
    const rows = [9000, 3, 3, 17];
    const taken = takeRows(coded, rows).vectors[0];
    expect([taken?.coded?.codes.length, taken?.values]).toEqual([4, takeRows(plain, rows).vectors[0]?.values]);
    const cut = sliceRows(coded, 4998, 5003).vectors[0];
    expect([cut?.coded?.codes.length, cut?.values]).toEqual([5, sliceRows(plain, 4998, 5003).vectors[0]?.values]);
  });

  it('sort, bound, hash and encode as texts that are not coded', () => {
    const all = Uint32Array.from({ length: coded.rowCount }, (_, i) => i);
    expect(sortRows(coded, all, ['c']).join()).toBe(sortRows(plain, all, ['c']).join());
    const [own, other] = [coded.vectors[0], plain.vectors[0]];
    expect(own === undefined ? undefined : extremes(TYPE, own)).toEqual(other === undefined ? undefined : extremes(TYPE, other));
    expect(lastOfEachIdentity(coded, ['c']).join()).toBe(lastOfEachIdentity(plain, ['c']).join());
    const found = indexIdentities(plain, ['c'])(plain).join();
    expect([indexIdentities(coded, ['c'])(plain).join() === found, indexIdentities(plain, ['c'])(coded).join() === found]).toEqual([true, true]);
    expect(toHex(arrowStreamOf(coded))).toBe(toHex(arrowStreamOf(plain)));
  });

  it('bound only the words that have a row', () => {
    const some = takeRows(coded, [1, 2]);
    const [vector] = some.vectors;
    expect(vector === undefined ? undefined : extremes(TYPE, vector)).toEqual({ min: 'word-219', max: 'word-438', nullCount: 0 });
  });

  it('add up to the same statistics', () => {
    const [own, other] = [new StatisticsBuilder([COLUMN]), new StatisticsBuilder([COLUMN])];
    own.add(coded);
    other.add(plain);
    expect(own.features()).toEqual(other.features());
  });

  it('are given up once more than a twentieth of the rows of the file differ, and leave the others readable', () => {
    const unique = new TextCoder(40 * ROWS);
    const codedBatches = Array.from({ length: 40 }, (_, batch) => unique.code(buffers(Array.from({ length: ROWS }, (__, i) => `${batch}-${i}`))));
    expect(codedBatches.map((each) => each !== undefined).lastIndexOf(true)).toBe(1);
  });

  it('are not made of bytes that are not UTF-8', () => {
    const texts = buffers(first);
    texts.bytes[0] = 0xff;
    expect(new TextCoder(ROWS).code(texts)).toBeUndefined();
  });
});
