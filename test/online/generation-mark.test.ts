import { describe, expect, it } from 'vitest';
import { MemoryOnlineStore } from '../../lib/adapters/memory/online-store.ts';
import { followMarks, formatMark, type GenerationMark, parseMark, putMark, readersGoTo } from '../../lib/online/generation-mark.ts';
import { tableOf, watermarkOf } from '../support/online-rows.ts';

const TABLE = tableOf('demo');
const mark = (kind: GenerationMark['kind'], generation: number): Omit<GenerationMark, 'tableId'> => ({ kind, generation, shards: 8 });

describe('a mark', () => {
  it('is told from the id of a table, whatever that is, and keeps it', () => {
    for (const tableId of ['', 'table-a', '/next/1/2/x', 'a/b\nc']) {
      const text = formatMark({ ...mark('moved', 12), tableId });
      expect(parseMark(text)).toEqual({ ...mark('moved', 12), tableId });
    }
    for (const id of ['', 'table-a', '0b1c7e52-0f4e-4a51-9d5b-0b2d7a0f7f11', '/next/x/2/a', '/other/1/2/a', 'next/1/2/a', '/gone/1/a'])
      expect(parseMark(id)).toBeUndefined();
  });

  it('takes the place of the id and leaves the position', async () => {
    const store = new MemoryOnlineStore();
    await store.moveWatermark(TABLE, { expected: undefined, next: watermarkOf(7, [9]) });
    expect(await putMark(store, TABLE, mark('next', 2))).toEqual({ ...mark('next', 2), tableId: 'table-a' });
    expect(await store.watermark(TABLE)).toEqual({ ...watermarkOf(7, [9]), tableId: '/next/2/8/table-a' });
  });

  it('stands where nothing is published, too', async () => {
    const store = new MemoryOnlineStore();
    await putMark(store, TABLE, mark('gone', 2));
    expect(await store.watermark(TABLE)).toEqual({ version: -1, ahead: [], committedAt: 0, tableId: '/gone/2/8/' });
  });

  it.each<[string, readonly (readonly [GenerationMark['kind'], number])[], readonly [GenerationMark['kind'], number]]>([
    [
      'from next to moved',
      [
        ['next', 2],
        ['moved', 2],
      ],
      ['moved', 2],
    ],
    [
      'not from moved back to next',
      [
        ['moved', 2],
        ['next', 2],
      ],
      ['moved', 2],
    ],
    [
      'to a later generation',
      [
        ['next', 2],
        ['next', 3],
      ],
      ['next', 3],
    ],
    [
      'from moved to a later one',
      [
        ['moved', 2],
        ['next', 3],
      ],
      ['next', 3],
    ],
    [
      'not to an earlier generation',
      [
        ['next', 3],
        ['moved', 2],
      ],
      ['next', 3],
    ],
    [
      'to gone from anything',
      [
        ['next', 3],
        ['gone', 2],
      ],
      ['gone', 2],
    ],
    [
      'not back from gone',
      [
        ['gone', 2],
        ['moved', 3],
      ],
      ['gone', 2],
    ],
  ])('goes on %s', async (_, puts, last) => {
    const store = new MemoryOnlineStore();
    for (const [kind, generation] of puts) await putMark(store, TABLE, mark(kind, generation));
    const [kind, generation] = last;
    expect((await store.watermark(TABLE))?.tableId).toBe(formatMark({ ...mark(kind, generation), tableId: '' }));
  });

  it('sends readers on only once the other generation has everything', () => {
    const at = (kind: GenerationMark['kind']) => readersGoTo(TABLE, { ...watermarkOf(7), tableId: formatMark({ ...mark(kind, 2), tableId: 'table-a' }) });
    expect([at('next'), at('moved'), at('gone')]).toEqual([undefined, { ...TABLE, generation: 2, shards: 8 }, { ...TABLE, generation: 2, shards: 8 }]);
    expect([readersGoTo(TABLE, watermarkOf(7)), readersGoTo(TABLE, undefined)]).toEqual([undefined, undefined]);
  });

  it('is followed from generation to generation to the one that is read', async () => {
    const store = new MemoryOnlineStore();
    await putMark(store, TABLE, mark('gone', 2));
    await putMark(store, { ...TABLE, generation: 2, shards: 8 }, mark('moved', 5));
    await store.moveWatermark({ ...TABLE, generation: 5 }, { expected: undefined, next: watermarkOf(7) });
    expect(await followMarks(store, TABLE)).toEqual({ table: { ...TABLE, generation: 5, shards: 8 }, watermark: watermarkOf(7) });
  });
});
