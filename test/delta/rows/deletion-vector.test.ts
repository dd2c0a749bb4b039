import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { objectPath } from '../../../lib/core/path.ts';
import type { DeletionVectorDescriptor } from '../../../lib/delta/actions/actions.ts';
import { deletionVectorPath, descriptorFor, dvUniqueId, encodeDeletionVectorFile, readDeletionVector } from '../../../lib/delta/rows/deletion-vector.ts';
import { encodeRoaring } from '../../../lib/delta/rows/roaring.ts';
import { encodeZ85 } from '../../../lib/delta/rows/z85.ts';
import { emptyLog } from '../log-support.ts';

const UUID = 'd2c639aa-8816-431a-aaf6-d3fe2512ff61';
const PATH = objectPath(`t/_dv/deletion_vector_${UUID}.bin`);

async function stored(
  vectors: readonly (readonly number[])[],
): Promise<{ store: ReturnType<typeof emptyLog>['store']; descriptors: DeletionVectorDescriptor[]; bytes: Uint8Array }> {
  const { store } = emptyLog();
  const { bytes, offsets, sizes } = encodeDeletionVectorFile(vectors);
  await store.overwrite(PATH, bytes);
  const descriptors = vectors.map((positions, i) =>
    descriptorFor({ uuid: UUID, prefix: '_dv', offset: offsets[i] ?? 0, sizeInBytes: sizes[i] ?? 0, cardinality: positions.length }),
  );
  return { store, descriptors, bytes };
}

describe('deletion vectors', () => {
  it('lie in a file named by prefix and uuid', () => {
    const foreign: DeletionVectorDescriptor = { storageType: 'u', pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^', offset: 4, sizeInBytes: 40, cardinality: 6 };
    const own = descriptorFor({ uuid: UUID, prefix: '_dv', offset: 1, sizeInBytes: 34, cardinality: 2 });
    expect([
      deletionVectorPath('t', foreign),
      deletionVectorPath('', { ...foreign, pathOrInlineDv: '^-aqEH.-t@S}K{vb[*k^' }),
      deletionVectorPath('t', own),
    ]).toEqual([`t/ab/deletion_vector_${UUID}.bin`, `deletion_vector_${UUID}.bin`, PATH]);
    expect(own).toEqual({ storageType: 'u', pathOrInlineDv: '_dv^-aqEH.-t@S}K{vb[*k^', offset: 1, sizeInBytes: 34, cardinality: 2 });
  });

  it('are told apart by storage, path and offset', () => {
    expect([
      dvUniqueId(undefined),
      dvUniqueId({ storageType: 'u', pathOrInlineDv: 'x', offset: 4, sizeInBytes: 1, cardinality: 1 }),
      dvUniqueId({ storageType: 'i', pathOrInlineDv: 'y', sizeInBytes: 1, cardinality: 1 }),
    ]).toEqual(['', 'ux@4', 'iy']);
  });

  it('share a file, each read by its own range', async () => {
    const set = fc.uniqueArray(fc.nat(200_000), { maxLength: 300 }).map((list) => list.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(fc.array(set, { minLength: 1, maxLength: 5 }), async (vectors) => {
        const { store, descriptors } = await stored(vectors);
        const read = await Promise.all(descriptors.map((descriptor) => readDeletionVector({ store }, 't', descriptor)));
        expect(read.map((positions) => [...positions])).toEqual(vectors);
      }),
      { numRuns: 30 },
    );
  });

  it('may stand in the descriptor itself', async () => {
    const bitmap = encodeRoaring([1, 5, 9]);
    const descriptor: DeletionVectorDescriptor = { storageType: 'i', pathOrInlineDv: encodeZ85(bitmap), sizeInBytes: bitmap.length, cardinality: 3 };
    expect([...(await readDeletionVector(emptyLog(), 't', descriptor))]).toEqual([1, 5, 9]);
  });

  it('at absolute paths are read inside the table and refused outside', async () => {
    const {
      store,
      descriptors: [descriptor],
    } = await stored([[3, 4]]);
    const absolute: DeletionVectorDescriptor = {
      storageType: 'p',
      pathOrInlineDv: `memory://store/t/_dv/deletion_vector_${UUID}.bin`,
      offset: 1,
      sizeInBytes: descriptor?.sizeInBytes ?? 0,
      cardinality: 2,
    };
    expect([...(await readDeletionVector({ store }, 't', absolute))]).toEqual([3, 4]);
    await expect(readDeletionVector({ store }, 'u', absolute)).rejects.toMatchObject({ code: 'PATH_OUTSIDE_TABLE' });
  });

  it('that were changed on the way are corrupt, whatever byte it was', async () => {
    const {
      store,
      descriptors: [descriptor],
      bytes,
    } = await stored([[2, 3, 500]]);
    if (descriptor === undefined) throw new Error('no descriptor');
    for (let at = 1; at < bytes.length; at += 1) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      await store.overwrite(PATH, changed);
      await expect(readDeletionVector({ store }, 't', descriptor)).rejects.toMatchObject({ code: 'DELETION_VECTOR_CORRUPT' });
    }
  });

  it('of another size or count than the log says are corrupt, missing ones missing', async () => {
    const {
      store,
      descriptors: [descriptor],
    } = await stored([[2, 3, 500]]);
    if (descriptor === undefined) throw new Error('no descriptor');
    await expect(readDeletionVector({ store }, 't', { ...descriptor, cardinality: 2 })).rejects.toMatchObject({ code: 'DELETION_VECTOR_CORRUPT' });
    await expect(readDeletionVector({ store }, 't', { ...descriptor, sizeInBytes: 30 })).rejects.toMatchObject({ code: 'DELETION_VECTOR_CORRUPT' });
    await expect(readDeletionVector({ store }, 't', { ...descriptor, offset: 100 })).rejects.toMatchObject({ code: 'DELETION_VECTOR_CORRUPT' });
    await expect(readDeletionVector({ store }, 't', { ...descriptor, pathOrInlineDv: 'short' })).rejects.toMatchObject({ code: 'DELETION_VECTOR_CORRUPT' });
    await expect(readDeletionVector({ store }, 'elsewhere', descriptor)).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});
