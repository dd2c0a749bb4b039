/** Files as columns: what a map of objects would say, without the objects. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../lib/core/bytes.ts';
import { objectPath } from '../../../lib/core/path.ts';
import type { AddFile, RemoveFile } from '../../../lib/delta/actions/actions.ts';
import { FileColumns } from '../../../lib/delta/snapshot/file-columns.ts';
import { ADD_FORM, REMOVE_FORM } from '../../../lib/delta/snapshot/file-forms.ts';
import { OverlayMap } from '../../../lib/delta/snapshot/overlay-map.ts';
import { tombstoneKey } from '../../../lib/delta/snapshot/replay.ts';
import { TextIndex } from '../../../lib/delta/snapshot/text-heap.ts';
import { add, remove, vector } from '../log-support.ts';

const partitionValues = fc.dictionary(fc.constantFrom('p', 'q', '__proto__', 'é'), fc.option(fc.constantFrom('', 'x', 'y\0', '😀'), { nil: null }), {
  maxKeys: 3,
});
const paths = fc.constantFrom('a', 'b', 'c/d', 'é', 'p=x%20/y', 'f'.repeat(300)).map((path) => objectPath(path));
const adds = fc
  .record({ path: paths, values: partitionValues, size: fc.maxSafeNat(), stats: fc.option(fc.string()), tagged: fc.boolean(), dv: fc.boolean() })
  .map(({ path, values, size, stats, tagged, dv }): AddFile =>
    add(path, {
      partitionValues: values,
      size,
      dataChange: size % 2 === 0,
      ...(stats === null ? {} : { stats }),
      ...(tagged ? { tags: { t: null, u: 'é' }, more: { later: { n: 9_007_199_254_740_993n, of: [null, 'é'] } } } : {}),
      ...(dv ? { deletionVector: vector('7', 3) } : {}),
    }),
  );

describe('file columns', () => {
  it('are what a map of the same files is, also with changes folded in', () => {
    fc.assert(
      fc.property(fc.array(adds, { maxLength: 12 }), fc.array(fc.tuple(paths, fc.option(adds)), { maxLength: 6 }), (files, changes) => {
        const columns = new FileColumns(ADD_FORM);
        const map = new Map<string, AddFile>();
        for (const file of files) {
          columns.setFile(file.path, file);
          map.set(file.path, file);
        }
        expect([columns.size, [...columns.keys()], [...columns.values()]]).toEqual([map.size, [...map.keys()], [...map.values()]]);
        for (const path of [...map.keys(), 'zz']) expect([columns.has(path), columns.get(path)]).toEqual([map.has(path), map.get(path)]);
        const edits = new Map(changes.map(([path, file]) => [path as string, file === null ? undefined : { ...file, path }]));
        const overlaid = OverlayMap.of(map).with(edits);
        expect([...columns.withChanges(edits)]).toEqual([...overlaid]);
        expect([...columns]).toEqual([...map]);
      }),
      { numRuns: 60 },
    );
  });

  it('keep removes apart by their deletion vectors, with all they may lack', () => {
    const removes: readonly RemoveFile[] = [
      remove('a'),
      remove('a', { deletionVector: vector('1') }),
      { kind: 'remove', path: objectPath('b'), dataChange: false },
      remove('c', { extendedFileMetadata: true, partitionValues: {}, size: 0 }),
    ];
    const columns = new FileColumns(REMOVE_FORM);
    for (const each of removes) columns.setFile(tombstoneKey(each), each);
    expect([...columns]).toEqual(removes.map((each) => [tombstoneKey(each), each]));
  });

  it('hand out the same object while it is remembered, so that what hangs on it is found again', () => {
    const columns = new FileColumns(ADD_FORM);
    columns.setFile('a', add('a'));
    expect(columns.get('a')).toBe([...columns.values()][0]);
  });
});

describe('an overlay on columns', () => {
  it('folds a large overlay into columns again and stays the same', () => {
    const columns = new FileColumns(ADD_FORM);
    for (let i = 0; i < 100; i += 1) columns.setFile(`base${i}`, add(`base${i}`));
    let map = OverlayMap.of<AddFile>(columns);
    const expected = new Map(columns);
    for (let i = 0; i < 1100; i += 1) {
      const gone = `base${i}`;
      map = map.with(
        new Map<string, AddFile | undefined>([
          [`f${i}`, add(`f${i}`)],
          [gone, undefined],
        ]),
      );
      expected.delete(gone);
      expected.set(`f${i}`, add(`f${i}`));
    }
    expect([map.base instanceof FileColumns, map.base === columns, map.overlay.size < 1100]).toEqual([true, false, true]);
    expect([...map]).toEqual([...expected]);
  });
});

describe('an index of texts', () => {
  it('numbers distinct texts in the order they came and finds them while it grows', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 6 }), { minLength: 60, maxLength: 200 }), (texts) => {
        const index = new TextIndex();
        const distinct = [...new Set(texts)];
        expect(texts.map((text) => index.addText(text))).toEqual(texts.map((text) => distinct.indexOf(text)));
        expect(distinct.map((_, i) => index.textAt(i))).toEqual(distinct);
        expect(distinct.map((text) => index.find(text))).toEqual(distinct.map((_, i) => i));
        expect([index.find('not there, for it is too long'), index.size, index.byteLength]).toEqual([
          -1,
          distinct.length,
          distinct.reduce((sum, text) => sum + utf8(text).length, 0),
        ]);
      }),
      { numRuns: 60 },
    );
  });
});
